"""What it means to move some slots of some latents: said once, for training and for use."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor


def read(latents: Float[Tensor, "n slots dim"], slots: Sequence[int]) -> Float[Tensor, "n dim"]:
    """The latent at which a conditional direction is asked: the mean of the slots that will move.

    For the usual latents, which are the same in every slot, this is the latent itself.
    """
    return latents[:, list(slots)].mean(1)


def moved(
    latents: Float[Tensor, "n slots dim"], shift: Float[Tensor, "*k n dim"], slots: Sequence[int]
) -> Float[Tensor, "*k n slots dim"]:
    """Latents with the shift added in the given slots, the others as they are; new tensors."""
    edited = latents.expand(*shift.shape[:-1], *latents.shape[1:]).clone()
    edited[..., list(slots), :] += shift.unsqueeze(-2)
    return edited
