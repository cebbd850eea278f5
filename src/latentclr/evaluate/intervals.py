"""Intervals for numbers that are measured on some latents: how much would other latents change them?

Most are bootstrap intervals (Efron 1979) over latents: a resample is a row of weights, how often each latent
was drawn, so that means over all resamples are one product of matrices. A statistic is any function of such
weights. Results are reproducible: a `Bootstrap` has a seed, and equal values have equal intervals.
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
"""From weights to the value of a statistic for each row of them."""
Method = Literal["percentile", "bca"]


def two_decimals(value: float, *, sign: bool = False) -> str:
    """A number with two decimals, without the zero before the point.

    Args:
        value: NaN gives "?".
        sign: write "+" before positive numbers.

    >>> [two_decimals(value) for value in (0.412, -0.051, 1.5, math.nan)], two_decimals(0.412, sign=True)
    (['.41', '-.05', '1.50', '?'], '+.41')
    """
    if math.isnan(value):
        return "?"
    text = f"{value:{'+' if sign else ''}z.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text


@dataclass(frozen=True)
class Interval:
    """A value with a confidence interval.

    >>> str(Interval(0.41, 0.35, 0.47))
    '.41 [.35, .47]'

    Attributes:
        value: the measured value; NaN: not measured.
        low: lower end.
        high: upper end.
        level: confidence level: the share of such intervals that hold the true value.
        dropped: number of samples without a value.
    """

    value: float
    low: float
    high: float
    level: float = 0.95
    dropped: int = 0

    def __str__(self) -> str:
        return f"{two_decimals(self.value)} {self.ends}"

    @property
    def ends(self) -> str:
        """Both ends as text."""
        return f"[{two_decimals(self.low)}, {two_decimals(self.high)}]"

    @property
    def holds_zero(self) -> bool:
        """Whether 0 is inside, or the ends are not known."""
        return not (self.low > 0 or self.high < 0)


def over_runs(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """The mean of a few independent runs (of several seeds, for example), with Student's interval.

    For few runs, of whose variance a bootstrap sees too little. One run alone has no interval.

    Args:
        values: one for each run.
        level: confidence level.

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
    """A tensor of values with a confidence interval for each.

    Attributes:
        value: the measured values.
        low: lower ends.
        high: upper ends.
        level: confidence level, see `Interval`.
        dropped: number of samples without a value, for each.
    """

    value: Float[Tensor, "*shape"]
    low: Float[Tensor, "*shape"]
    high: Float[Tensor, "*shape"]
    level: float
    dropped: Int[Tensor, "*shape"]

    def at(self, *index: int) -> Interval:
        """The value with its interval at an index of the tensor; without an index, of a scalar."""
        value, low, high = (float(part[index]) for part in (self.value, self.low, self.high))
        return Interval(value, low, high, self.level, int(self.dropped[index]))

    def absolute(self) -> "Intervals":
        """Intervals of the absolute values: one that holds 0 begins there."""
        ends = torch.stack([self.low.abs(), self.high.abs()])
        low = torch.where((self.low <= 0) & (self.high >= 0), torch.zeros_like(self.low), ends.amin(0))
        return Intervals(self.value.abs(), low, ends.amax(0), self.level, self.dropped)


@dataclass(frozen=True)
class Bootstrap:
    """Settings of bootstrap intervals.

    Attributes:
        draws: number of resamples.
        level: confidence level.
        seed: of the resampling; equal seeds draw the same resamples.
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
        """(draws, n): how often each of n samples is in each resample."""
        return resamples(n, self.draws, self._rng())

    def of(self, statistic: Statistic, n: int, *, weights: Weights | None = None) -> Intervals:
        """Intervals for a statistic of n samples.

        Args:
            statistic: gives its value for each row of weights.
            n: number of samples.
            weights: resamples; None: of independent samples (see `nested` and `crossed` for others).

        Raises:
            InputError: method "bca" with given resamples.
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
        """Intervals for means over samples; NaN is left out, and counted in `dropped`."""
        found = self.of(lambda weights: weighted_means(values, weights), len(values))
        dropped = values.isnan().sum(0)
        return Intervals(found.value, found.low, found.high, found.level, dropped)

    def seeds(self, values: Float[Tensor, "seeds n ..."], *, shared: bool) -> Intervals:
        """Intervals for means over several seeds of a method, each measured on n latents.

        With few seeds they are too short: of three, a bootstrap sees 2/3 of the variance.

        Args:
            values: of each seed and latent.
            shared: every seed was measured on the same latents, so that resamples draw these for all seeds.
        """
        seeds, n = values.shape[:2]
        flat = values.flatten(0, 1)
        rng = self._rng()
        weights = crossed(seeds, n, self.draws, rng) if shared else nested([n] * seeds, self.draws, rng)
        found = self.of(lambda rows: weighted_means(flat, rows), len(flat), weights=weights)
        return Intervals(found.value, found.low, found.high, found.level, flat.isnan().sum(0))

    def _rng(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)


BOOTSTRAP = Bootstrap()
"""The usual settings."""


def resamples(n: int, draws: int, rng: torch.Generator) -> Weights:
    """Draw n of n samples with replacement: how often each was drawn.

    Args:
        n: number of samples.
        draws: number of resamples.
        rng: on the CPU.
    """
    return _counts(torch.randint(n, (draws, n), generator=rng), n)


def nested(sizes: Sequence[int], draws: int, rng: torch.Generator) -> Float[Tensor, "b total"]:
    """Draw groups with replacement, and from each as many samples as it has (Davison and Hinkley 1997).

    Args:
        sizes: number of samples of each group; the weights of a group follow those of the one before.
        draws: number of resamples.
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

    Args:
        seeds: number of seeds.
        n: number of latents; the weights of the first seed's n latents come first.
        draws: number of resamples.
        rng: on the CPU.
    """
    first, second = resamples(seeds, draws, rng), resamples(n, draws, rng)
    return (first.unsqueeze(2) * second.unsqueeze(1)).flatten(1)


def means(values: Float[Tensor, "n ..."]) -> Float[Tensor, "..."]:
    """Means over samples; NaN is left out."""
    return weighted_means(values, torch.ones(1, len(values), dtype=torch.float64))[0]


def weighted_means(values: Float[Tensor, "n ..."], weights: Weights) -> Float[Tensor, "b ..."]:
    """Means over samples in every resample; NaN has no weight.

    Args:
        values: of n samples.
        weights: how often each sample counts, in each of b resamples.
    """
    flat = values.flatten(1).double() if values.ndim > 1 else values.unsqueeze(1).double()
    missing = flat.isnan()
    total = weights @ flat.masked_fill(missing, 0.0)
    found = total / (weights @ (~missing).double() if bool(missing.any()) else weights.sum(1, keepdim=True))
    return found.view(len(weights), *values.shape[1:])


def quantile(drawn: Float[Tensor, "b ..."], share: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The value below which a share of the draws lies, interpolated linearly; NaN where a draw is NaN.

    Args:
        drawn: b values of each statistic.
        share: in [0, 1], one for each statistic.

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
    """The share of draws at which the corrected interval ends (Efron 1987, equations 2.3 and 6.6).

    Args:
        value: of all samples.
        drawn: of b resamples.
        without: of all samples but one, for each of n.
        share: the share at which the percentile interval ends.
    """
    below = (drawn < value).double().mean(0) + 0.5 * (drawn == value).double().mean(0)
    edge = 0.5 / len(drawn)
    bias = torch.special.ndtri(below.clamp(edge, 1 - edge))
    off = without.mean(0) - without
    spread = off.square().sum(0).pow(1.5)
    skew = torch.where(spread > 0, off.pow(3).sum(0) / (6 * spread), torch.zeros_like(spread))
    z = bias + torch.special.ndtri(share)
    end: Float[Tensor, "*shape"] = torch.special.ndtr(bias + z / (1 - skew * z))
    return end
