"""The change matrix: what every direction does to every attribute, and how much of it is a side effect.

An effect is what lies between the edits by -multiple and by +multiple, in population deviations, in the mean
over latents. Its size forgets the sign: of an attribute with more and less it is the absolute value of the
mean, so that what goes up in one picture and down in the next cancels out. A hue goes to another place rather
than up, and a category becomes another one: their sizes are means of the absolute change.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.intervals import BOOTSTRAP, Bootstrap, Interval, Intervals, Weights, weighted_means
from latentclr.evaluate.scored import Scored

Pairs = tuple[tuple[int, int], ...]
"""(direction, attribute)."""


@dataclass(frozen=True)
class ChangeMatrix:
    """Effects of k directions on a attributes.

    Attributes:
        labels: of the directions.
        scales: of the attributes.
        multiple: of each direction's length, both ways.
        effects: (k, a), mean signed change; of categories the share of pictures in which it changed.
        sizes: (k, a), see above.
        selectivity: (k,), largest size as a share of the sum of sizes: 1 is one attribute alone, 1 / a all
            of them alike.
        mean_selectivity: over directions.
        pairs: the one-to-one assignment of directions and attributes with the largest sum of sizes.
        diagonal: mean size of the assigned pairs.
        leakage: mean size of the assigned directions' other effects.
        ratio: leakage / diagonal; 0: each moves what it is assigned to and nothing else.
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
        """For each attribute by name, the direction that moves it most, and the size of that."""
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
    """What every direction does to every attribute.

    The assignment, and which effect of a direction is its largest, are those of all latents and are held in
    the intervals: these say how sure the sizes are, not how sure the choice.

    Args:
        scored: with edits by -multiple and +multiple.
        multiple: of each direction's length.
        bootstrap: of the intervals; the unit of effects is held as it is.

    Raises:
        InputError: these edits were not measured.
    """
    changes = scored.effects(multiple).transpose(0, 1)  # (n, k, a)
    signed = [scale.signed for scale in scored.scales]
    magnitudes = changes if all(signed) else torch.where(torch.tensor(signed), changes, changes.abs())
    effects, raw = bootstrap.means(changes), bootstrap.means(magnitudes)
    pairs = assigned(raw.value.abs())
    mask = _mask(pairs, raw.value.shape)
    largest = raw.value.abs().nan_to_num(0.0).argmax(1)

    def summary(weights: Weights) -> Float[Tensor, "b m"]:
        sizes = weighted_means(magnitudes, weights).abs()
        shares = selectivity(sizes, largest)
        diagonal = _mean_where(sizes, mask)
        others = torch.zeros_like(mask)
        others[[k for k, _ in pairs]] = True
        leakage = _mean_where(sizes, others & ~mask)
        totals = torch.stack([shares.nanmean(1), diagonal, leakage, leakage / diagonal], dim=1)
        return torch.cat([totals, shares], dim=1)

    found = bootstrap.of(summary, scored.n)
    each = Intervals(
        found.value[4:], found.low[4:], found.high[4:], found.level, effects.dropped.amax(1, keepdim=False)
    )
    return ChangeMatrix(
        scored.labels,
        scored.scales,
        multiple,
        effects,
        raw.absolute(),
        each,
        found.at(0),
        pairs,
        found.at(1),
        found.at(2),
        found.at(3),
    )


def selectivity(
    sizes: Float[Tensor, "*b k a"], largest: Int[Tensor, " k"] | None = None
) -> Float[Tensor, "*b k"]:
    """Largest size as a share of the sum, of each direction; NaN where nothing moves.

    >>> selectivity(torch.tensor([[0.6, 0.2, 0.2], [0.0, 0.0, 0.0]]))
    tensor([0.6000,    nan])

    Args:
        sizes: of effects; NaN counts as none.
        largest: the attribute whose share it is, of each direction; None: the largest in these sizes. (In
            resamples it is held: the largest of noisy sizes would be too large.)
    """
    known = sizes.nan_to_num(0.0)
    if largest is None:
        top: Tensor = known.amax(-1)
    else:
        top = known.gather(-1, largest.expand(known.shape[:-1]).unsqueeze(-1))[..., 0]
    share: Float[Tensor, "*b k"] = top / known.sum(-1)
    return share


def assigned(sizes: Float[Tensor, "k a"]) -> Pairs:
    """The one-to-one assignment of directions and attributes with the largest sum; none of size 0 or NaN.

    >>> assigned(torch.tensor([[0.9, 0.8], [0.8, 0.1], [0.0, 0.0]]))
    ((0, 1), (1, 0))
    """
    from scipy.optimize import linear_sum_assignment  # half a second and 30 MB that others need not have

    known = sizes.double().nan_to_num(0.0)
    rows, columns = linear_sum_assignment(known.numpy(), maximize=True)
    return tuple((int(k), int(i)) for k, i in zip(rows, columns, strict=True) if known[k, i] > 0)


def _mask(pairs: Pairs, shape: Sequence[int]) -> Tensor:
    mask = torch.zeros(tuple(shape), dtype=torch.bool)
    for k, i in pairs:
        mask[k, i] = True
    return mask


def _mean_where(sizes: Float[Tensor, "b k a"], mask: Tensor) -> Float[Tensor, " b"]:
    return sizes.masked_fill(~mask, torch.nan).flatten(1).nanmean(1)
