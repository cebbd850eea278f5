"""Which of many directions to keep: those that are consistent, and unlike each other.

The contrastive loss asks for both, but with many directions it is cheap to repeat some of them. So train more
than are wanted, and keep the subset that spans the most: the mode of a determinantal point process (Kulesza
and Taskar, "Determinantal Point Processes for Machine Learning", 2012) whose kernel is the product of how
like two directions' effects are and how consistent each one's is, found greedily.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import DirectionModel
from latentclr.discover.ordering import changed_pictures
from latentclr.generators import Generator, Latents
from latentclr.linalg import unit

NOTHING = 1e-9
"""Squared length of what is new in a direction below which nothing is."""


@torch.no_grad()
def places(
    generator: Generator,
    model: DirectionModel,
    latents: Latents,
    *,
    shift: float,
    slots: Sequence[int],
) -> Float[Tensor, "k m p"]:
    """Where edits change the picture: absolute changes of the pixels of small pictures, summed over colours.

    Two directions that turn one wall blue and yellow differ in what they do and not in where, and for the one
    who edits they are one attribute: a hue has two dimensions.

    Args:
        generator: draws the pictures.
        model: k directions.
        latents: that are edited (of many, the first ones).
        shift: length of the edits; both ways are summed.
        slots: that they move.
    """
    _, plus, minus = changed_pictures(generator, model, latents, shift=shift, slots=slots)
    both: Tensor = plus.unflatten(-1, (3, -1)).abs().sum(-2) + minus.unflatten(-1, (3, -1)).abs().sum(-2)
    return both


def likeness(changes: Float[Tensor, "k n f"]) -> Float[Tensor, "k k"]:
    """Mean over latents of cos^2 between the effects of every two directions.

    Positive semi-definite (squares of a Gram matrix's entries are, and so is their mean), with ones on the
    diagonal.
    """
    total = changes.new_zeros(len(changes), len(changes))
    for rows in unit(changes).unbind(1):
        total += (rows @ rows.T).square()
    return total / changes.shape[1]


def consistency(changes: Float[Tensor, "k n f"]) -> Float[Tensor, " k"]:
    """Mean |cos| between the effects of one direction at every two latents: 1 is one effect everywhere."""
    n = changes.shape[1]
    cosines = [(rows @ rows.T).abs() for rows in unit(changes)]
    return torch.stack([(c.sum() - c.diagonal().sum()) / (n * (n - 1)) for c in cosines])


def most_distinct(
    alike: Float[Tensor, "m m"], quality: Float[Tensor, " m"], k: int
) -> tuple[list[int], list[float]]:
    """The subset that spans the most, chosen greedily: of all det(q_i S_ij q_j), each time the largest step.

    By an incremental Cholesky factorisation (Chen, Zhang, Zhou: "Fast Greedy MAP Inference for Determinantal
    Point Process", NeurIPS 2018).

    Args:
        alike: S, positive semi-definite, with ones on the diagonal.
        quality: q, above 0.
        k: how many, from 1 to m.

    Returns:
        The numbers of the chosen, in the order in which they were chosen; and for each how much of it was new
        then: 1 is unlike all before it, 0 is a combination of them.
    """
    kernel = (quality.unsqueeze(1) * alike * quality).double()
    left = kernel.diagonal().clone()
    factors = kernel.new_zeros(k, len(kernel))
    chosen: list[int] = []
    new: list[float] = []
    for step in range(k):
        best = int(left.argmax())
        chosen.append(best)
        new.append(float(left[best] / kernel[best, best]))
        row = kernel[best] - factors[:step].T @ factors[:step, best]
        factors[step] = row / left[best].clamp_min(NOTHING).sqrt()
        left = (left - factors[step].square()).clamp_min(NOTHING)
        left[chosen] = -1.0
    return chosen, new
