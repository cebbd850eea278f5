"""A direction and a growing function along it, fitted to where trajectories went.

The model of Plumerault, Le Borgne, Hudelot (ICLR 2020): t = g(<u, z_t>) - g(<u, z_0>), where t is how much
a factor changed between two latents. `plumerault` finds the trajectories.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.linalg import unit

KNOTS = 101
"""Of g, which is linear between two neighbours (the authors' code)."""
REACH = 5.0
"""The knots are in [-5, 5], in standard deviations of a latent's entry; beyond, g goes on straight."""
FIT_STEPS = 60
"""Of L-BFGS, at most."""


@dataclass(frozen=True)
class Axis:
    """t = slope * (g(<u, x_t>) - g(<u, x_0>)), fitted. All in float64.

    Attributes:
        direction: u, of length one.
        slope: what t grows by from the first knot to the last, for each unit of x.
        slopes: of g between its knots, above 0, with mean 1.
    """

    direction: Float[Tensor, " dim"]
    slope: float
    slopes: Float[Tensor, " pieces"]

    def amounts(self, ends: Float[Tensor, "m dim"], starts: Float[Tensor, "m dim"]) -> Float[Tensor, " m"]:
        """The predicted t from one point to another.

        Args:
            ends: points after an edit.
            starts: the points before it.
        """
        to, since = (_bent(x @ self.direction, self.slopes) for x in (ends, starts))
        return self.slope * (to - since)

    def slope_at(self, points: Float[Tensor, "m dim"]) -> float:
        """Mean growth of t for each unit along u."""
        piece = ((points @ self.direction + REACH) / (2 * REACH) * len(self.slopes)).long()
        return self.slope * float(self.slopes[piece.clamp(0, len(self.slopes) - 1)].mean())


def _bent(x: Float[Tensor, " m"], slopes: Float[Tensor, " pieces"]) -> Float[Tensor, " m"]:
    """The piecewise linear g with g(-5) = 0, equidistant knots in [-5, 5], and straight ends beyond."""
    pieces = len(slopes)
    width = 2 * REACH / pieces
    knots = torch.arange(pieces, dtype=x.dtype) * width - REACH
    inside = (x.unsqueeze(1) - knots).clamp(0, width) @ slopes
    return inside + (x + REACH).clamp(max=0) * slopes[0] + (x - REACH).clamp(min=0) * slopes[-1]


def fit_axis(
    ends: Float[Tensor, "m dim"],
    starts: Float[Tensor, "m dim"],
    amounts: Float[Tensor, " m"],
    *,
    ridge: float,
    smoothness: float,
) -> Axis:
    """Fit t = g(<v, x_t>) - g(<v, x_0>), with the length of v as g's mean slope and u = v / |v|.

    Minimises the mean squared error + ridge |v|^2 + smoothness * the squared differences between neighbouring
    slopes of g (which has slopes above 0, of mean 1). It starts from the straight g, where v is that of
    ridge regression, and goes on by L-BFGS. All in float64.

    Args:
        ends: x_t, in standard deviations of an entry.
        starts: the x_0 of each.
        amounts: the t of each.
        ridge: weight.
        smoothness: weight.
    """
    moves = ends - starts
    gram = moves.T @ moves / len(moves)
    # With ridge 0 there may be fewer points than entries: the least ridge that keeps this solvable.
    least = 1e-9 * float(gram.diagonal().mean()) + 1e-30
    eye = torch.eye(len(gram), dtype=gram.dtype)
    v = torch.linalg.solve(gram + max(ridge, least) * eye, moves.T @ amounts / len(moves))
    length = float(v.norm())
    vector = (v / length).requires_grad_()  # of order 1, like the others
    logits = torch.zeros(KNOTS - 1, dtype=v.dtype, requires_grad=True)
    search = torch.optim.LBFGS([vector, logits], max_iter=FIT_STEPS, line_search_fn="strong_wolfe")

    def axis() -> tuple[Tensor, Tensor, Tensor]:
        size = vector.norm()
        return vector / size, length * size, len(logits) * logits.softmax(0)

    def closure() -> Tensor:
        search.zero_grad()
        u, slope, slopes = axis()
        predicted = slope * (_bent(ends @ u, slopes) - _bent(starts @ u, slopes))
        loss = (amounts - predicted).square().mean() + ridge * slope.square()
        loss = loss + smoothness * slopes.diff().square().sum() * length**2
        # Divided by what it can be at most, so that the search's own tolerances mean something.
        loss = loss / amounts.square().mean()
        loss.backward()
        return loss

    search.step(closure)
    with torch.no_grad():
        u, slope, slopes = axis()
    return Axis(unit(u), float(slope), slopes)
