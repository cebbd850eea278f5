"""What an edit is: how some slots of latents are read and moved. Training and use call the same functions."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def read(latents: Float[Tensor, "n slots dim"], slots: Sequence[int]) -> Float[Tensor, "n dim"]:
    """The latent at which a conditional direction is evaluated: the mean of the slots that an edit moves.

    For the usual latents, which are the same in every slot, this is the latent itself.

    Args:
        latents: n latents.
        slots: that the edit moves.
    """
    together = _as_slice(slots)
    moving = latents[:, together] if together else torch.stack([latents[:, slot] for slot in slots], dim=1)
    return moving.mean(1)


def moved(
    latents: Float[Tensor, "n slots dim"], shift: Float[Tensor, "*k n dim"], slots: Sequence[int]
) -> Float[Tensor, "*k n slots dim"]:
    """Edited latents: the shift is added in some slots, the others stay as they are.

    Args:
        latents: n latents; they are not changed.
        shift: what is added to each, for any number of edits (leading dimensions) at once.
        slots: that the edit moves.
    """
    edited = latents.expand(*shift.shape[:-1], *latents.shape[1:]).clone()
    together = _as_slice(slots)
    if together:
        edited[..., together, :] += shift.unsqueeze(-2)
    else:
        for slot in slots:
            edited[..., slot, :] += shift
    return edited


def _as_slice(slots: Sequence[int]) -> slice | None:
    # Neighbours are a slice, others are taken one by one: indexing by a list would wait for a GPU.
    if slots and list(slots) == list(range(slots[0], slots[-1] + 1)):
        return slice(slots[0], slots[-1] + 1)
    return None
