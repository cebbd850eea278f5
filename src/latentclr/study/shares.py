"""Shares and how sure they are; tests that need no assumption."""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

from latentclr.evaluate.intervals import Interval

LEVEL = 0.95


def wilson(successes: int, n: int, level: float = LEVEL) -> Interval:
    """A share with its score interval (Wilson 1927): honest for few answers and for shares of 0 and 1.

    >>> str(wilson(0, 10))
    '.00 [.00, .28]'

    Args:
        successes: of n.
        n: independent answers; 0: nothing is known.
        level: share of such intervals that hold the true share.
    """
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    share, z = successes / n, NormalDist().inv_cdf((1 + level) / 2)
    centre = share + z * z / (2 * n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * reach) / (1 + z * z / n) for sign in (-1, 1))
    # Rounding must not leave the share outside its own interval.
    return Interval(share, min(max(low, 0.0), share), max(min(high, 1.0), share), level)


def sign_test(first: int, second: int) -> float:
    """The exact two-sided p of so many against so many, were both equally likely; ties are in neither.

    >>> sign_test(5, 0), sign_test(0, 0)
    (0.0625, 1.0)
    """
    if first + second == 0:
        return 1.0
    from scipy.stats import binomtest  # takes a while to load

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
