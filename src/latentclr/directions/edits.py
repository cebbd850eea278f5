"""What it means to move some slots of some latents: said once, for training and for use."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def read(latents: Float[Tensor, "n slots dim"], slots: Sequence[int]) -> Float[Tensor, "n dim"]:
    """The latent at which a conditional direction is asked: the mean of the slots that will move.

    For the usual latents, which are the same in every slot, this is the latent itself.
    """
    run = _run(slots)
    moving = latents[:, run] if run else torch.stack([latents[:, slot] for slot in slots], dim=1)
    return moving.mean(1)


def moved(
    latents: Float[Tensor, "n slots dim"], shift: Float[Tensor, "*k n dim"], slots: Sequence[int]
) -> Float[Tensor, "*k n slots dim"]:
    """Latents with the shift added in the given slots, the others as they are; new tensors."""
    edited = latents.expand(*shift.shape[:-1], *latents.shape[1:]).clone()
    run = _run(slots)
    if run:
        edited[..., run, :] += shift.unsqueeze(-2)
    else:
        for slot in slots:
            edited[..., slot, :] += shift
    return edited


def _run(slots: Sequence[int]) -> slice | None:
    # Neighbours are a slice, others are taken one by one: indexing by a list would wait for a GPU.
    if slots and list(slots) == list(range(slots[0], slots[-1] + 1)):
        return slice(slots[0], slots[-1] + 1)
    return None
