"""Tables of scores with planted effects: what metrics are tested on."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.measuring import MULTIPLES
from latentclr.evaluate.scored import Scored

ROUNDED = 1e-6
"""Bound on effects in a table: all is float64 but slopes and multiples; these are rounded to 6e-8 of their
size, and an effect has a handful of them."""


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear_table(
    slopes: Float[Tensor, "k a"],
    *,
    n: int = 40,
    noise: float = 0.0,
    seed: int = 0,
    multiples: Sequence[float] = MULTIPLES,
    scales: Sequence[Scale] | None = None,
    units: Float[Tensor, " a"] | None = None,
) -> Scored:
    """An edit by a multiple m of direction k adds m * slopes[k, i] to attribute i, and noise.

    In float64, so that what is off by more than the slopes' own rounding (6e-8) is wrong.
    """
    k, a = slopes.shape
    steps = torch.tensor(sorted(multiples))
    base = torch.randn(n, a, generator=rng(seed)).double()
    edited = base + steps.view(1, -1, 1, 1) * slopes.view(k, 1, 1, a).double()
    edited = edited + noise * torch.randn(edited.shape, generator=rng(seed + 1)).double()
    return table(base, edited, multiples=tuple(steps.tolist()), scales=scales, units=units)


def table(
    base: Float[Tensor, "n a"],
    edited: Float[Tensor, "k s n a"],
    *,
    multiples: Sequence[float],
    scales: Sequence[Scale] | None = None,
    units: Float[Tensor, " a"] | None = None,
) -> Scored:
    """Scores as they are given; units of 1."""
    k, a = len(edited), base.shape[1]
    return Scored(
        tuple(scales) if scales else tuple(Scale(name) for name in "abcdefgh"[:a]),
        tuple(str(i) for i in range(k)),
        tuple(multiples),
        torch.ones(k),
        torch.ones(a) if units is None else units,
        base,
        edited,
    )
