"""Steps of Levenberg and Marquardt: an objective that is a sum of squares, solved as such.

Near a solution they converge quadratically, where Adam creeps: a picture that the generator can draw is found
to the last bit in a few of them. A step asks for as many pictures as a latent has numbers, so they are for
latents of a few hundred numbers and pictures that are drawn in milliseconds.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Residuals = Callable[[Float[Tensor, "m dim"]], Float[Tensor, "m r"]]
"""What is made small, at m places: the objective of each is the sum of its squares."""

STEP = 0.01
"""Of the differences that stand for derivatives; places are in standard deviations."""
DAMPINGS = (0.1, 1.0, 10.0, 100.0)
"""Tried at once, as multiples of the damping of the step before."""
LEAST, MOST = 1e-6, 1e6


@torch.no_grad()
def newton_step(
    residuals: Residuals, place: Float[Tensor, " dim"], damping: float, *, batch: int
) -> tuple[Float[Tensor, " dim"], float]:
    """One step: of those with several dampings the best, if it is one.

    Args:
        residuals: of the objective; its columns are the same for all calls.
        place: where to begin.
        damping: the share of the diagonal that is added to J^T J: small is Newton's step, large is a short
            one along the gradient.
        batch: places that are asked about at a time.

    Returns:
        The new place, or the old one where no damping helps; and the damping for the next step.
    """
    here = residuals(place.unsqueeze(0))[0]
    axes = STEP * torch.eye(len(place), device=place.device, dtype=place.dtype)
    rows = [(residuals(place + some) - here) / STEP for some in axes.split(batch)]
    jacobian = torch.cat(rows)  # (dim, r)
    product, gradient = jacobian @ jacobian.T, jacobian @ here
    diagonal = product.diagonal() + 1e-6 * product.diagonal().mean() + 1e-12
    dampings = [min(max(damping * factor, LEAST), MOST) for factor in DAMPINGS]
    tried = torch.stack(
        [place - torch.linalg.solve(product + one * diagonal.diag(), gradient) for one in dampings]
    )
    objectives = residuals(tried).square().sum(1).nan_to_num(float("inf"))
    best = int(objectives.argmin())
    if objectives[best] < here.square().sum():
        return tried[best], dampings[best]
    return place, min(damping * DAMPINGS[-1], MOST)
