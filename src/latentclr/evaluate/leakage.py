"""The change matrix: effects of every direction on every attribute, and the share of side effects.

An effect is the difference between the edits by -multiple and by +multiple, in population deviations, in the
mean over latents. Its size has no sign: for an attribute with more and less it is the absolute value of the
mean, so that a rise in one picture and a fall in another cancel out. For hues and categories, which have no
more and less, it is the mean of the absolute change.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.intervals import BOOTSTRAP, Bootstrap, Interval, Intervals, Weights, weighted_means
from latentclr.evaluate.scored import Scored
from latentclr.linalg import best_pairs

Pairs = tuple[tuple[int, int], ...]
"""(direction, attribute)."""


@dataclass(frozen=True)
class ChangeMatrix:
    """Effects of k directions on a attributes.

    Attributes:
        labels: of the directions.
        scales: of the attributes.
        multiple: of each direction's length, both ways.
        effects: (k, a), mean signed change; for categories the share of pictures in which it changed.
        sizes: (k, a), of the effects, without sign.
        selectivity: (k,), largest size as a share of the sum of sizes: 1 where one attribute changes, 1 / a
            where all change equally.
        mean_selectivity: over directions.
        pairs: the one-to-one assignment of directions and attributes with the largest sum of sizes.
        diagonal: mean size of the assigned pairs.
        leakage: mean size of the assigned directions' other effects.
        ratio: leakage / diagonal; 0: each assigned direction changes its attribute and no other.
    """

    labels: tuple[str, ...]
    scales: tuple[Scale, ...]
    multiple: float
    effects: Intervals
    sizes: Intervals
    selectivity: Intervals
    mean_selectivity: Interval
    pairs: Pairs
    diagonal: Interval
    leakage: Interval
    ratio: Interval

    @property
    def best(self) -> dict[str, tuple[int, Interval]]:
        """For each attribute by name, the direction that changes it most, and the size of this effect."""
        strongest = self.sizes.value.nan_to_num(-1.0).argmax(0).tolist()
        return {
            scale.name: (k, self.sizes.at(k, i))
            for i, (scale, k) in enumerate(zip(self.scales, strongest, strict=True))
        }


def change_matrix(
    scored: Scored,
    *,
    multiple: float = 1.0,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> ChangeMatrix:
    """Effects of every direction on every attribute.

    The assignment, and which effect of a direction is its largest, are found on all latents and are the same
    in all resamples: intervals show the uncertainty of the sizes, not that of the choice.

    Args:
        scored: with edits by -multiple and +multiple.
        multiple: of each direction's length.
        bootstrap: of the intervals; the unit of effects is the same in all resamples.

    Raises:
        InputError: these edits were not measured.
    """
    changes = scored.effects(multiple).transpose(0, 1)  # (n, k, a)
    magnitudes = unsigned_where_unordered(changes, scored.scales)
    effects, raw = bootstrap.means(changes), bootstrap.means(magnitudes)
    pairs = assigned(raw.value.abs())
    mask, rows = torch.zeros_like(raw.value, dtype=torch.bool), torch.zeros(scored.k, 1, dtype=torch.bool)
    for direction, attribute in pairs:
        mask[direction, attribute] = rows[direction] = True
    largest = largest_effects(raw.value)

    def summary(weights: Weights) -> Float[Tensor, "b m"]:
        sizes = weighted_means(magnitudes, weights).abs()
        shares = selectivity(sizes, largest)
        diagonal, leakage = (_mean_where(sizes, where) for where in (mask, rows & ~mask))
        totals = torch.stack([shares.nanmean(1), diagonal, leakage, leakage / diagonal], dim=1)
        return torch.cat([totals, shares], dim=1)

    found = bootstrap.of(summary, scored.n)
    return ChangeMatrix(
        scored.labels,
        scored.scales,
        multiple,
        effects,
        raw.absolute(),
        Intervals(found.value[4:], found.low[4:], found.high[4:], found.level, effects.dropped.amax(1)),
        found.at(0),
        pairs,
        *(found.at(i) for i in (1, 2, 3)),
    )


def unsigned_where_unordered(
    changes: Float[Tensor, "*n a"], scales: Sequence[Scale]
) -> Float[Tensor, "*n a"]:
    """Changes of attributes; without sign where an attribute has no more and less.

    Args:
        changes: of a attributes.
        scales: of these.
    """
    return torch.where(torch.tensor([scale.signed for scale in scales]), changes, changes.abs())


def largest_effects(effects: Float[Tensor, "k a"]) -> Int[Tensor, " k"]:
    """The attribute with the largest effect, for each direction; NaN counts as 0."""
    return effects.abs().nan_to_num(0.0).argmax(1)


def selectivity(
    sizes: Float[Tensor, "*b k a"], largest: Int[Tensor, " k"] | None = None
) -> Float[Tensor, "*b k"]:
    """Largest size of each direction as a share of the sum; NaN where nothing changes.

    >>> selectivity(torch.tensor([[0.6, 0.2, 0.2], [0.0, 0.0, 0.0]]))
    tensor([0.6000,    nan])

    Args:
        sizes: of effects; NaN counts as 0.
        largest: for each direction the attribute whose share is given; None: the largest in these sizes. (In
            resamples it is fixed: the largest of noisy sizes is biased upwards.)
    """
    known = sizes.nan_to_num(0.0)
    if largest is None:
        top: Tensor = known.amax(-1)
    else:
        top = known.gather(-1, largest.expand(known.shape[:-1]).unsqueeze(-1))[..., 0]
    share: Float[Tensor, "*b k"] = top / known.sum(-1)
    return share


def assigned(sizes: Float[Tensor, "k a"]) -> Pairs:
    """The one-to-one assignment of directions and attributes with the largest sum; without sizes of 0 or NaN.

    >>> assigned(torch.tensor([[0.9, 0.8], [0.8, 0.1], [0.0, 0.0]]))
    ((0, 1), (1, 0))
    """
    known = sizes.nan_to_num(0.0)
    return tuple((k, i) for k, i in best_pairs(known) if known[k, i] > 0)


def _mean_where(sizes: Float[Tensor, "b k a"], mask: Tensor) -> Float[Tensor, " b"]:
    return sizes.masked_fill(~mask, torch.nan).flatten(1).nanmean(1)
