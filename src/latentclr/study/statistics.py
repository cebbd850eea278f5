"""Statistics of answers about directions, and the summary that the paper has, computed properly.

The paper (section 4.1) gives to how many of 32 directions its 100 participants answered Yes, Maybe and No on
average. Each of the percentages that it makes of them belongs to the other question (docs/study.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentclr.evaluate.intervals import Bootstrap, Interval, weighted_means
from latentclr.study.questions import MEANINGFUL, OBVIOUS
from latentclr.study.responses import MISSING, Responses

K = 32
PEOPLE = 100
PAPER = {OBVIOUS: (17.43, 7.43, 5.75), MEANINGFUL: (14.37, 10.03, 6.21)}
"""Directions answered with Yes, Maybe and No, in the mean over the paper's participants."""


@dataclass(frozen=True)
class Line:
    """One question about one run, as the paper summarises it.

    Attributes:
        k: directions of the run.
        people: participants who were shown any of them.
        yes: directions answered with Yes, in the mean over participants.
        maybe: the same for Maybe.
        no: the same for No.
        missing: directions that were not answered, in the mean over participants.
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
        value, low, high = (end * (1 / self.k) for end in (self.yes.value, self.yes.low, self.yes.high))
        return Interval(value, low, high, self.yes.level)

    @property
    def not_no(self) -> Interval:
        """Share of directions that were not answered with No: the paper's percentages."""
        value, low, high = (1 - end * (1 / self.k) for end in (self.no.value, self.no.high, self.no.low))
        return Interval(value, low, high, self.no.level)


@dataclass(frozen=True)
class Grade:
    """One question about one direction.

    Attributes:
        yes: number of these answers.
        maybe: number of these answers.
        no: number of these answers.
        missing: how often it was asked and not answered.
        share_yes: of those who answered.
        share_not_no: share of Yes or Maybe, of those who answered.
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
    return Line(K, PEOPLE, *(Interval(value, nan, nan) for value in known))


def line(
    counts: Float[np.ndarray, "people directions 4"],
    of_run: Bool[np.ndarray, " directions"],
    bootstrap: Bootstrap,
) -> Line:
    """The summary of one run, with intervals over participants.

    A participant who was shown only some of the k directions counts for all: their shares are of k. So the
    four numbers of each sum to k. Where items are pictures, a direction's answer is a share of its pictures.

    Args:
        counts: of one question (`Responses.counts`).
        of_run: which directions are of the run.
        bootstrap: resamples participants.
    """
    k = int(of_run.sum())
    asked = counts[:, of_run].sum(2)  # (people, k)
    shown = asked > 0
    took_part = shown.any(1)
    shares = counts[:, of_run] / np.maximum(asked, 1)[:, :, None]
    per_person = shares.sum(1)[took_part] / shown.sum(1)[took_part][:, None] * k
    return Line(k, int(took_part.sum()), *(mean(column, bootstrap) for column in per_person.T))


def grade(counts: Float[np.ndarray, "people 4"], bootstrap: Bootstrap) -> Grade:
    """The answers about one direction.

    Intervals are Wilson's where each participant answered once. Where they answered about several pictures,
    and their answers are not independent, participants are resampled instead.

    Args:
        counts: of one question and direction.
        bootstrap: resamples participants.
    """
    yes, maybe, no, missing = (int(total) for total in counts.sum(0))
    answered = counts[:, :MISSING].sum(1)
    parts = (counts[:, 0], counts[:, 0] + counts[:, 1])
    if answered.max(initial=0) <= 1:
        shares = (wilson(int(part.sum()), int(answered.sum()), bootstrap.level) for part in parts)
    else:
        shares = (ratio(part, answered, bootstrap) for part in parts)
    return Grade(yes, maybe, no, missing, *shares)


def mean(values: Float[np.ndarray, " people"], bootstrap: Bootstrap) -> Interval:
    """A mean over participants.

    Args:
        values: one for each participant.
        bootstrap: resamples participants.
    """
    known = torch.from_numpy(values.astype(float))
    return _over_people(lambda weights: weighted_means(known, weights), len(values), bootstrap)


def ratio(
    part: Float[np.ndarray, " people"], whole: Float[np.ndarray, " people"], bootstrap: Bootstrap
) -> Interval:
    """A share of answers, of which a participant may give several.

    Args:
        part: number of these answers of each participant.
        whole: number of all answers of each participant.
        bootstrap: resamples participants.
    """
    asked = whole > 0
    parts, wholes = (torch.from_numpy(values[asked].astype(float)) for values in (part, whole))
    return _over_people(lambda weights: (weights @ parts) / (weights @ wholes), int(asked.sum()), bootstrap)


def _over_people(statistic: Callable[[Tensor], Tensor], people: int, bootstrap: Bootstrap) -> Interval:
    """A statistic of participants with its interval; one alone has no interval, nobody has no value.

    Args:
        statistic: gives its value for each row of weights (resamples, people).
        people: number of participants.
        bootstrap: resamples participants.
    """
    if people == 0:
        return Interval(nan, nan, nan, bootstrap.level)
    if people == 1:
        return Interval(float(statistic(torch.ones(1, 1, dtype=torch.float64))[0]), nan, nan, bootstrap.level)
    return bootstrap.of(statistic, people).at()


def by_run(responses: Responses) -> list[Bool[np.ndarray, " directions"]]:
    """Which directions are of each run."""
    runs = np.array([place.run for place in responses.study.places])
    return [runs == run for run in range(len(responses.study.runs))]


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """A share with its score interval (Wilson 1927): honest for few answers and for shares of 0 and 1.

    >>> str(wilson(0, 10))
    '.00 [.00, .28]'

    Args:
        successes: of n.
        n: independent answers; 0: nothing is known.
        level: confidence level.
    """
    if n == 0:
        return Interval(nan, nan, nan, level)
    from scipy.stats import binomtest  # takes a while to load

    found = binomtest(successes, n).proportion_ci(level, method="wilson")
    return Interval(successes / n, float(found.low), float(found.high), level)


def sign_test(first: int, second: int) -> float:
    """The exact two-sided p of a sign test.

    >>> sign_test(5, 0), sign_test(0, 0)
    (0.0625, 1.0)

    Args:
        first: number of cases for the first.
        second: number of cases for the second; ties are in neither.
    """
    if first + second == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(first, first + second, 0.5).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Values p of several tests, corrected so that together they err as rarely as one should (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    corrected, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        corrected[i] = largest
    return corrected
