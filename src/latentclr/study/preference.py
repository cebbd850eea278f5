"""Which run people prefer: tests between every two, whose unit is the participant.

A participant gives many answers, and their answers are alike; a test over answers would count one opinion
many times. So each participant has one vote: for the run that they preferred more often.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

from latentclr.evaluate.intervals import Bootstrap, Interval
from latentclr.study.questions import CLEARER
from latentclr.study.responses import Response, Responses
from latentclr.study.statistics import by_run, holm, mean, ratio, sign_test, wilson

FIRST, SECOND, NEITHER = "first", "second", "neither"


@dataclass(frozen=True)
class Preference:
    """Answers to which of two runs is clearer.

    Attributes:
        first: number of the first run.
        second: number of the second run.
        wins: answers for the first.
        losses: answers for the second.
        ties: answers "neither".
        missing: how often it was asked and not answered.
        share: of the first among the answers that decide, with an interval over participants.
        independent: the same with Wilson's interval, which holds if no participant answered twice.
        people: participants who preferred the first more often, the second more often, and neither.
        p: two-sided p of a sign test over the participants who preferred one of the two.
        corrected: p by Holm, over all pairs of runs.
        p_answers: p of a sign test over answers, which holds if no participant answered twice.
    """

    first: int
    second: int
    wins: int
    losses: int
    ties: int
    missing: int
    share: Interval
    independent: Interval
    people: tuple[int, int, int]
    p: float
    corrected: float
    p_answers: float


@dataclass(frozen=True)
class Contrast:
    """One graded question about the directions of two runs, rated by the same participants.

    Attributes:
        first: number of the first run.
        second: number of the second run.
        question: id of the question.
        difference: share of directions answered Yes, first minus second, in the mean over participants.
        people: participants who said Yes to a larger share of the first, of the second, and to equal shares.
        p: two-sided p of a sign test over these participants.
        corrected: p by Holm, over all pairs of runs and questions.
    """

    first: int
    second: int
    question: str
    difference: Interval
    people: tuple[int, int, int]
    p: float
    corrected: float


def preferred(row: Response) -> str | None:
    """Which run of a pair an answer is for, whichever side it was on; None: it was not answered."""
    if row.value is None:
        return None
    if row.value not in ("left", "right"):
        return NEITHER
    return FIRST if (row.value == "left") != row.step.swapped else SECOND


def preferences(responses: Responses, bootstrap: Bootstrap) -> list[Preference]:
    """The preference between every two runs that were shown beside each other.

    Args:
        responses: of some participants.
        bootstrap: resamples participants.
    """
    asked: dict[tuple[int, int], list[Response]] = {}
    for row in responses.rows:
        if row.question == CLEARER and row.step.pair is not None:
            pair = responses.study.pairs[row.step.pair]
            asked.setdefault((pair.first.run, pair.second.run), []).append(row)
    found = [_preference(runs, rows, bootstrap) for runs, rows in sorted(asked.items())]
    corrected = holm([one.p for one in found])
    return [replace(one, corrected=p) for one, p in zip(found, corrected, strict=True)]


def contrasts(responses: Responses, bootstrap: Bootstrap) -> list[Contrast]:
    """The contrast of every two runs and graded question, over participants who rated directions of both.

    Args:
        responses: of some participants.
        bootstrap: resamples participants.
    """
    found, runs = [], by_run(responses)
    for question in responses.graded:
        counts = responses.counts(question)
        asked = counts.sum(2) > 0
        yes = counts[:, :, 0] / np.maximum(counts.sum(2), 1)
        shown = np.stack([asked[:, of].sum(1) for of in runs])
        shares = np.stack([yes[:, of].sum(1) for of in runs]) / np.maximum(shown, 1)
        for a, b in combinations(range(len(runs)), 2):
            both = (shown[a] > 0) & (shown[b] > 0)
            found.append(_contrast((a, b), question, (shares[a] - shares[b])[both], bootstrap))
    corrected = holm([one.p for one in found])
    return [replace(one, corrected=p) for one, p in zip(found, corrected, strict=True)]


def _preference(runs: tuple[int, int], rows: Sequence[Response], bootstrap: Bootstrap) -> Preference:
    people = {number: i for i, number in enumerate(dict.fromkeys(row.participant for row in rows))}
    columns = {FIRST: 0, SECOND: 1, NEITHER: 2, None: 3}
    counts = np.zeros((len(people), len(columns)))
    for row in rows:
        counts[people[row.participant], columns[preferred(row)]] += 1
    wins, losses, ties, missing = (int(total) for total in counts.sum(0))
    votes = _votes(counts[:, 0] - counts[:, 1])
    return Preference(
        *runs,
        wins,
        losses,
        ties,
        missing,
        share=ratio(counts[:, 0], counts[:, 0] + counts[:, 1], bootstrap),
        independent=wilson(wins, wins + losses, bootstrap.level),
        people=votes,
        p=sign_test(*votes[:2]),
        corrected=1.0,
        p_answers=sign_test(wins, losses),
    )


def _contrast(
    runs: tuple[int, int],
    question: str,
    differences: Float[np.ndarray, " people"],
    bootstrap: Bootstrap,
) -> Contrast:
    # Shares that are equal but for rounding are equal.
    votes = _votes(np.where(np.abs(differences) < 1e-9, 0.0, differences))
    difference = mean(differences, bootstrap)
    return Contrast(*runs, question, difference, votes, p=sign_test(*votes[:2]), corrected=1.0)


def _votes(differences: Float[np.ndarray, " people"]) -> tuple[int, int, int]:
    return tuple(int(part.sum()) for part in (differences > 0, differences < 0, differences == 0))  # type: ignore[return-value]
