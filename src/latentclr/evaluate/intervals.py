"""Intervals for what is measured on some latents: how much would other latents have changed it?

Everything is a bootstrap (Efron 1979) over latents: a resample is a row of weights, how often each latent
was drawn, so that means over all resamples are one product of matrices. A statistic is any function of such
weights. Nothing here is random: a `Bootstrap` has its seed, and equal values have equal intervals.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentclr.errors import InputError

Weights = Float[Tensor, "b n"]
"""How often each of n samples counts, in each of b resamples."""
Statistic = Callable[[Weights], Float[Tensor, "b ..."]]
"""What is asked of the samples, for each row of weights by itself."""
Method = Literal["percentile", "bca"]


def told(value: float, *, sign: bool = False) -> str:
    """A number with two decimals, without the zero before the point.

    >>> told(0.412), told(-0.051), told(1.5), told(0.412, sign=True), told(float("nan"))
    ('.41', '-.05', '1.50', '+.41', '?')
    """
    if math.isnan(value):
        return "?"
    text = f"{value:{'+' if sign else ''}z.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text


@dataclass(frozen=True)
class Interval:
    """A value and how sure it is.

    >>> str(Interval(0.41, 0.35, 0.47))
    '.41 [.35, .47]'

    Attributes:
        value: that was measured; NaN: nothing was.
        low: lower end.
        high: upper end.
        level: share of such intervals that hold the true value.
        dropped: samples that had no value.
    """

    value: float
    low: float
    high: float
    level: float = 0.95
    dropped: int = 0

    def __str__(self) -> str:
        return f"{told(self.value)} [{told(self.low)}, {told(self.high)}]"

    @property
    def holds_zero(self) -> bool:
        """Whether 0 is inside, or nothing is known."""
        return not (self.low > 0 or self.high < 0)


def over_runs(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """The mean of a few independent runs (seeds of a method, say), with Student's interval.

    For a handful of runs, where a bootstrap sees too little of their variance. One run alone has no interval.

    >>> str(over_runs([0.2, 0.3, 0.25])), str(over_runs([0.2]))
    ('.25 [.13, .37]', '.20 [?, ?]')

    Raises:
        InputError: no runs.
    """
    if not values:
        raise InputError("there are no runs to take the mean of.")
    mean = fmean(values)
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan, level)
    from scipy.stats import t  # half a second that others need not have

    half = float(t.ppf((1 + level) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half, level)


@dataclass(frozen=True)
class Intervals:
    """A tensor of values with an interval for each.

    Attributes:
        value: that were measured.
        low: lower ends.
        high: upper ends.
        level: see `Interval`.
        dropped: samples without a value, of each.
    """

    value: Float[Tensor, "*shape"]
    low: Float[Tensor, "*shape"]
    high: Float[Tensor, "*shape"]
    level: float
    dropped: Int[Tensor, "*shape"]

    def at(self, *index: int) -> Interval:
        """One of them."""
        low, value, high = (float(part[index]) for part in (self.low, self.value, self.high))
        return Interval(value, low, high, self.level, int(self.dropped[index]))

    def absolute(self) -> "Intervals":
        """Of the absolute values: an interval that holds 0 begins there."""
        ends = torch.stack([self.low.abs(), self.high.abs()])
        low = torch.where((self.low <= 0) & (self.high >= 0), torch.zeros_like(self.low), ends.amin(0))
        return Intervals(self.value.abs(), low, ends.amax(0), self.level, self.dropped)


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are found.

    Attributes:
        draws: resamples.
        level: share of such intervals that shall hold the true value.
        seed: of the resampling; equal seeds draw the same.
        method: "percentile", or "bca": corrected for bias and for a variance that changes with the value
            (Efron 1987), which skewed statistics of few samples need.
    """

    draws: int = 1000
    level: float = 0.95
    seed: int = 0
    method: Method = "percentile"

    def __post_init__(self) -> None:
        if self.draws < 2 or not 0 < self.level < 1:
            raise InputError(
                f"draws={self.draws}, level={self.level:g}: an interval needs two or more draws and a level "
                "between 0 and 1."
            )

    def weights(self, n: int) -> Weights:
        """Resamples of n samples."""
        return resamples(n, self.draws, self._rng())

    def of(self, statistic: Statistic, n: int, *, weights: Weights | None = None) -> Intervals:
        """Intervals for a statistic of n samples.

        Args:
            statistic: gives its value for each row of weights.
            n: samples.
            weights: resamples; None: each sample by itself (see `nested` and `crossed` for others).

        Raises:
            InputError: method "bca" with resamples of its caller's.
        """
        if weights is not None and self.method == "bca":
            raise InputError("method 'bca' is for samples of one level; use 'percentile' for two.")
        value = statistic(torch.ones(1, n, dtype=torch.float64))[0]
        drawn = statistic(self.weights(n) if weights is None else weights)
        low, high = (torch.full_like(value, p) for p in ((1 - self.level) / 2, (1 + self.level) / 2))
        if self.method == "bca":
            without = statistic(1 - torch.eye(n, dtype=torch.float64))
            low, high = (_bca(value, drawn, without, p) for p in (low, high))
        zero = torch.zeros(value.shape, dtype=torch.int64)
        return Intervals(value, quantile(drawn, low), quantile(drawn, high), self.level, zero)

    def means(self, values: Float[Tensor, "n ..."]) -> Intervals:
        """Intervals for means over samples; NaN is left out, and counted."""
        found = self.of(lambda weights: weighted_means(values, weights), len(values))
        dropped = values.isnan().sum(0)
        return Intervals(found.value, found.low, found.high, found.level, dropped)

    def seeds(self, values: Float[Tensor, "seeds n ..."], *, shared: bool) -> Intervals:
        """Intervals for means over several seeds of a method, each measured on n latents.

        With few seeds they are too short: of three, the variance that a bootstrap sees is 2/3 of theirs.

        Args:
            values: of each seed and latent.
            shared: every seed was measured on the same latents, so that these are drawn for all at once.
        """
        seeds, n = values.shape[:2]
        flat = values.flatten(0, 1)
        rng = self._rng()
        weights = crossed(seeds, n, self.draws, rng) if shared else nested([n] * seeds, self.draws, rng)
        found = self.of(lambda rows: weighted_means(flat, rows), len(flat), weights=weights)
        return Intervals(found.value, found.low, found.high, found.level, flat.isnan().sum(0))

    def _rng(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)


def resamples(n: int, draws: int, rng: torch.Generator) -> Weights:
    """Draw n of n samples with replacement, many times: how often each was drawn."""
    return _counts(torch.randint(n, (draws, n), generator=rng), n)


def nested(sizes: Sequence[int], draws: int, rng: torch.Generator) -> Float[Tensor, "b total"]:
    """Draw groups with replacement, and from each as many samples as it has (Davison and Hinkley 1997).

    Args:
        sizes: samples of each group; their weights follow each other.
        draws: resamples.
        rng: on the CPU.
    """
    size, total = torch.tensor(sizes), sum(sizes)
    starts = size.cumsum(0) - size
    group = torch.randint(len(sizes), (draws, len(sizes)), generator=rng)
    chance = torch.rand(draws, len(sizes), max(sizes), generator=rng, dtype=torch.float64)
    places = starts[group].unsqueeze(-1) + (chance * size[group].unsqueeze(-1)).long()
    # A group draws as many samples as it has: the places beyond go to a column that is cut off.
    beyond = torch.arange(max(sizes)) >= size[group].unsqueeze(-1)
    return _counts(places.masked_fill(beyond, total).flatten(1), total + 1)[:, :-1]


def crossed(seeds: int, n: int, draws: int, rng: torch.Generator) -> Float[Tensor, "b total"]:
    """Draw seeds and latents, each with replacement, where every seed has the same latents (Owen 2007).

    Weights of the first seed's n latents come first.
    """
    first, second = resamples(seeds, draws, rng), resamples(n, draws, rng)
    return (first.unsqueeze(2) * second.unsqueeze(1)).flatten(1)


def weighted_means(values: Float[Tensor, "n ..."], weights: Weights) -> Float[Tensor, "b ..."]:
    """Means over samples in every resample; what is NaN has no weight."""
    flat = values.flatten(1).double() if values.ndim > 1 else values.unsqueeze(1).double()
    missing = flat.isnan()
    total = weights @ flat.masked_fill(missing, 0.0)
    found = total / (weights @ (~missing).double() if bool(missing.any()) else weights.sum(1, keepdim=True))
    return found.view(len(weights), *values.shape[1:])


def quantile(drawn: Float[Tensor, "b ..."], share: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The value below which a share of the draws lies, on a line between neighbours; NaN where a draw is.

    >>> quantile(torch.tensor([3.0, 1.0, 2.0]), torch.tensor(0.25))
    tensor(1.5000)
    """
    ordered = drawn.sort(dim=0).values  # NaN comes last
    place = share.nan_to_num(0.0) * (len(drawn) - 1)
    below, above = (ordered.gather(0, p.long().unsqueeze(0))[0] for p in (place.floor(), place.ceil()))
    found = below + (above - below) * (place - place.floor())
    return torch.where(ordered[-1].isnan() | share.isnan(), torch.nan, found)


def _counts(which: Int[Tensor, "b m"], n: int) -> Weights:
    zeros = torch.zeros(len(which), n, dtype=torch.float64)
    return zeros.scatter_add_(1, which, torch.ones(which.shape, dtype=torch.float64))


def _bca(
    value: Float[Tensor, "*shape"],
    drawn: Float[Tensor, "b ..."],
    without: Float[Tensor, "n ..."],
    share: Float[Tensor, "*shape"],
) -> Float[Tensor, "*shape"]:
    """The share of draws at which the corrected interval ends (Efron 1987, equations 2.3 and 6.6)."""
    below = (drawn < value).double().mean(0) + 0.5 * (drawn == value).double().mean(0)
    edge = 0.5 / len(drawn)
    bias = torch.special.ndtri(below.clamp(edge, 1 - edge))
    off = without.mean(0) - without
    spread = off.square().sum(0).pow(1.5)
    skew = torch.where(spread > 0, off.pow(3).sum(0) / (6 * spread), torch.zeros_like(spread))
    z = bias + torch.special.ndtri(share)
    end: Float[Tensor, "*shape"] = torch.special.ndtr(bias + z / (1 - skew * z))
    return end
