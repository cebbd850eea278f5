"""Edits along k directions, each with its own length: what measurements of directions apply to latents."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import DirectionModel, Directions
from latentclr.directions.edits import moved, read
from latentclr.generators import Latents, check_slots


@dataclass(frozen=True)
class Edits:
    """Edits along k directions.

    Attributes:
        model: gives the k directions at a latent; on the device of the latents.
        lengths: (k,), length in latent space of each edit with multiple 1.
        slots: slots of the latent that the edits move.
    """

    model: DirectionModel
    lengths: Float[Tensor, " k"]
    slots: Sequence[int]

    @classmethod
    def along(cls, directions: Directions, device: torch.device) -> "Edits":
        """Edits along all of some directions, in their slots, with their scales as lengths.

        Args:
            directions: k directions; their own model stays on its device.
            device: where the latents are.

        Raises:
            InputError: a slot does not exist.
        """
        model = directions.model.select(range(directions.k)).to(device)  # `to` would move the caller's own
        return cls(model, directions.scale, check_slots(directions.slots, directions.num_slots))

    def select(self, which: Sequence[int], lengths: Float[Tensor, " m"]) -> "Edits":
        """Edits along some of the directions, with other lengths.

        Args:
            which: numbers of the m directions.
            lengths: (m,), in latent space.
        """
        return Edits(self.model.select(which), lengths, self.slots)

    def vectors(self, latents: Latents) -> Float[Tensor, "k n dim"]:
        """The unit directions at each latent."""
        vectors: Tensor = self.model(read(latents, self.slots))
        return vectors

    def apply(self, latents: Latents, multiples: Sequence[float]) -> Float[Tensor, "s k n slots dim"]:
        """Edited latents, for every multiple and direction.

        Args:
            latents: n latents.
            multiples: s multiples of the lengths.
        """
        shift = self.lengths.to(latents.device).view(-1, 1, 1) * self.vectors(latents)
        stride = torch.tensor(multiples, dtype=shift.dtype, device=shift.device).view(-1, 1, 1, 1)
        return moved(latents, stride * shift, self.slots)
