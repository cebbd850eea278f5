"""What answers say of directions, and the summary that the paper has, computed properly.

The paper (section 4.1) tells to how many of 32 directions its 100 participants answered Yes, Maybe and No on
average. The averages of both questions sum to 30.61: 1.39 directions per participant were not answered. Its
"82 % semantically meaningful, 80.59 % obvious" are 1 - No / 32 with the two questions exchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentclr.evaluate.intervals import Bootstrap, Interval, weighted_means
from latentclr.study.questions import MEANINGFUL, OBVIOUS
from latentclr.study.responses import GRADED, MISSING, Responses
from latentclr.study.shares import wilson

Counts = Float[np.ndarray, "people directions 4"]

K = 32
PEOPLE = 100
PAPER = {OBVIOUS: (17.43, 7.43, 5.75), MEANINGFUL: (14.37, 10.03, 6.21)}
"""Directions answered with Yes, Maybe and No, in the mean over the paper's participants."""


@dataclass(frozen=True)
class Line:
    """One question about one method, as the paper summarises it.

    Attributes:
        k: directions of the method.
        people: participants who were shown any of them.
        yes: directions answered so, in the mean over participants.
        maybe: the same.
        no: the same.
        missing: that were not answered.
    """

    k: int
    people: int
    yes: Interval
    maybe: Interval
    no: Interval
    missing: Interval

    @property
    def strict(self) -> Interval:
        """Share of directions that were answered with Yes."""
        return _scaled(self.yes, 1 / self.k)

    @property
    def not_no(self) -> Interval:
        """Share of directions that were not answered with No: what the paper's percentages are."""
        share = _scaled(self.no, 1 / self.k)
        return Interval(1 - share.value, 1 - share.high, 1 - share.low, share.level)


@dataclass(frozen=True)
class Grade:
    """One question about one direction.

    Attributes:
        yes: answers.
        maybe: answers.
        no: answers.
        missing: asked and not answered.
        share_yes: of those who answered.
        share_not_no: Yes or Maybe, of those who answered.
    """

    yes: int
    maybe: int
    no: int
    missing: int
    share_yes: Interval
    share_not_no: Interval


def paper(question: str) -> Line:
    """The paper's own line; it has no intervals."""
    known = (*PAPER[question], round(K - sum(PAPER[question]), 2))
    yes, maybe, no, missing = (Interval(value, float("nan"), float("nan")) for value in known)
    return Line(K, PEOPLE, yes, maybe, no, missing)


def line(counts: Counts, of_method: Bool[np.ndarray, " directions"], bootstrap: Bootstrap) -> Line:
    """The summary of one method, with intervals over participants.

    A participant who was shown some of the k directions only counts for all: their shares are of k. So the
    four numbers of each sum to k. Where items are pictures, a direction's answer is a share of its pictures.

    Args:
        counts: of one question (`Responses.counts`).
        of_method: which directions are the method's.
        bootstrap: draws participants.
    """
    k = int(of_method.sum())
    asked = counts[:, of_method].sum(2)  # (people, k)
    shown = asked > 0
    took_part = shown.any(1)
    shares = counts[:, of_method] / np.maximum(asked, 1)[:, :, None]
    per_person = shares.sum(1)[took_part] / shown.sum(1)[took_part][:, None] * k
    yes, maybe, no, missing = (_mean(per_person[:, column], bootstrap) for column in range(MISSING + 1))
    return Line(k, int(took_part.sum()), yes, maybe, no, missing)


def grade(counts: Float[np.ndarray, "people 4"], bootstrap: Bootstrap) -> Grade:
    """What was answered about one direction.

    Intervals are Wilson's where each participant answered once. Where they answered about several pictures,
    whose answers are not independent, participants are drawn instead.

    Args:
        counts: of one question and direction.
        bootstrap: draws participants.
    """
    total = [int(value) for value in counts.sum(0)]
    answered = counts[:, :MISSING].sum(1)
    yes, not_no = counts[:, 0], counts[:, 0] + counts[:, 1]
    if answered.max(initial=0) <= 1:
        n = int(answered.sum())
        shares = [wilson(int(part.sum()), n, bootstrap.level) for part in (yes, not_no)]
    else:
        shares = [ratio(part, answered, bootstrap) for part in (yes, not_no)]
    return Grade(total[0], total[1], total[2], total[MISSING], shares[0], shares[1])


def ratio(
    part: Float[np.ndarray, " people"], whole: Float[np.ndarray, " people"], bootstrap: Bootstrap
) -> Interval:
    """A share of answers, of which a participant may give several; participants are drawn."""
    asked = whole > 0
    parts, wholes = (torch.from_numpy(values[asked].astype(float)) for values in (part, whole))
    return drawn(lambda weights: (weights @ parts) / (weights @ wholes), int(asked.sum()), bootstrap)


def drawn(statistic: Callable[[Tensor], Tensor], people: int, bootstrap: Bootstrap) -> Interval:
    """A statistic of participants with its interval; of one alone there is none, of nobody no value."""
    nan = float("nan")
    if people == 0:
        return Interval(nan, nan, nan, bootstrap.level)
    if people == 1:
        return Interval(float(statistic(torch.ones(1, 1, dtype=torch.float64))[0]), nan, nan, bootstrap.level)
    return bootstrap.of(statistic, people).at()


def by_run(responses: Responses) -> list[Bool[np.ndarray, " directions"]]:
    """Which directions are of each run."""
    runs = np.array([place.run for place in responses.study.places])
    return [runs == run for run in range(len(responses.study.runs))]


def told(line: Line) -> dict[str, float]:
    """The values alone.

    >>> told(paper("obvious"))
    {'yes': 17.43, 'maybe': 7.43, 'no': 5.75, 'missing': 1.39, 'strict': 0.5446875, 'not_no': 0.8203125}
    """
    names = (*GRADED, "missing", "strict", "not_no")
    return {name: getattr(line, name).value for name in names}


def _mean(values: Float[np.ndarray, " people"], bootstrap: Bootstrap) -> Interval:
    per_person = torch.from_numpy(values.astype(float))
    return drawn(lambda weights: weighted_means(per_person, weights), len(values), bootstrap)


def _scaled(interval: Interval, factor: float) -> Interval:
    low, value, high = (factor * end for end in (interval.low, interval.value, interval.high))
    return Interval(value, low, high, interval.level)
