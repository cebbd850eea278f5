"""Which method people prefer: tests between every two, whose unit is the participant.

A participant gives many answers, and their answers are alike; a test over answers would count one opinion
many times. So a participant is one vote: for the method that they preferred more often.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from latentclr.evaluate.intervals import Bootstrap, Interval
from latentclr.study.questions import CLEARER
from latentclr.study.responses import Response, Responses
from latentclr.study.statistics import by_run, holm, mean, ratio, sign_test, wilson

FIRST, SECOND, NEITHER = "first", "second", "neither"


@dataclass(frozen=True)
class Preference:
    """Two methods beside each other.

    Attributes:
        first: number of the method.
        second: number of the other one.
        wins: answers for the first.
        losses: answers for the second.
        ties: "neither".
        missing: asked and not answered.
        share: of the first among the answers that decide, with an interval over participants.
        independent: the same with Wilson's interval, which holds if no participant answered twice.
        people: participants who preferred the first more often, the second more often, and neither.
        p: exact, two-sided, of these participants without those who preferred neither (sign test).
        corrected: p by Holm, over all pairs of methods.
        p_answers: of a sign test over answers, which holds if no participant answered twice.
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
    """One graded question about the directions of two methods, rated by the same participants.

    Attributes:
        first: number of the method.
        second: number of the other one.
        question: id.
        difference: share of directions answered Yes, first minus second, in the mean over participants.
        people: participants who said Yes to a larger share of the first, of the second, and to equal shares.
        p: see `Preference`.
        corrected: p by Holm, over all pairs of methods and questions.
    """

    first: int
    second: int
    question: str
    difference: Interval
    people: tuple[int, int, int]
    p: float
    corrected: float


def preferred(row: Response) -> str | None:
    """Which method of a pair an answer is for, whichever side it was on; None: it was not answered."""
    if row.value is None:
        return None
    if row.value not in ("left", "right"):
        return NEITHER
    return FIRST if (row.value == "left") != row.step.swapped else SECOND


def preferences(responses: Responses, bootstrap: Bootstrap) -> list[Preference]:
    """Every two methods that were shown beside each other."""
    asked: dict[tuple[int, int], list[Response]] = {}
    for row in responses.rows:
        if row.question == CLEARER and row.step.pair is not None:
            pair = responses.study.pairs[row.step.pair]
            asked.setdefault((pair.first[0], pair.second[0]), []).append(row)
    found = [_preference(methods, rows, bootstrap) for methods, rows in sorted(asked.items())]
    corrected = holm([one.p for one in found])
    return [replace(one, corrected=p) for one, p in zip(found, corrected, strict=True)]


def contrasts(responses: Responses, bootstrap: Bootstrap) -> list[Contrast]:
    """Every two methods and graded question, over the participants who rated directions of both."""
    found, methods = [], by_run(responses)
    for question in responses.graded:
        counts = responses.counts(question)
        asked = counts.sum(2) > 0
        yes = counts[:, :, 0] / np.maximum(counts.sum(2), 1)
        shown = np.stack([asked[:, of].sum(1) for of in methods])
        shares = np.stack([yes[:, of].sum(1) for of in methods]) / np.maximum(shown, 1)
        for a in range(len(methods)):
            for b in range(a + 1, len(methods)):
                both = (shown[a] > 0) & (shown[b] > 0)
                found.append(_contrast((a, b), question, (shares[a] - shares[b])[both], bootstrap))
    corrected = holm([one.p for one in found])
    return [replace(one, corrected=p) for one, p in zip(found, corrected, strict=True)]


def _preference(methods: tuple[int, int], rows: Sequence[Response], bootstrap: Bootstrap) -> Preference:
    people = {number: i for i, number in enumerate(dict.fromkeys(row.participant for row in rows))}
    columns = {FIRST: 0, SECOND: 1, NEITHER: 2, None: 3}
    counts = np.zeros((len(people), len(columns)))
    for row in rows:
        counts[people[row.participant], columns[preferred(row)]] += 1
    wins, losses, ties, missing = (int(total) for total in counts.sum(0))
    votes = _votes(counts[:, 0] - counts[:, 1])
    return Preference(
        *methods,
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
    methods: tuple[int, int],
    question: str,
    differences: Float[np.ndarray, " people"],
    bootstrap: Bootstrap,
) -> Contrast:
    # Shares that are equal but for rounding are equal.
    votes = _votes(np.where(np.abs(differences) < 1e-9, 0.0, differences))
    difference = mean(differences, bootstrap)
    return Contrast(*methods, question, difference, votes, p=sign_test(*votes[:2]), corrected=1.0)


def _votes(differences: Float[np.ndarray, " people"]) -> tuple[int, int, int]:
    return tuple(int(part.sum()) for part in (differences > 0, differences < 0, differences == 0))  # type: ignore[return-value]
