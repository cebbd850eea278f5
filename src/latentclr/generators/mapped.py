"""Generators with a mapping network: two latent spaces, and truncation towards the mean w."""

from abc import abstractmethod
from typing import TypeVar, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.errors import InputError
from latentclr.generators.base import Generator, Latents

Kind = TypeVar("Kind", bound="MappedGenerator")


class MappedGenerator(Generator):
    """A generator whose latents are w, one for each slot; in space z, each slot's z is mapped on its way.

    Args:
        z_dim: length of z.
        w_dim: length of w.
        num_slots: number of latents per picture.
        num_classes: number of classes; 0 for an unconditional generator.

    Attributes:
        w_dim: length of w.
        cutoff: number of slots, the first ones, that are truncated; None: all.
        mapping: the network from z, and the weights of the classes or None, to w.
    """

    cutoff: int | None = None
    mapping: nn.Module

    def __init__(self, z_dim: int, w_dim: int, num_slots: int, num_classes: int) -> None:
        super().__init__()
        self.space = "w"
        self.z_dim, self.w_dim, self.num_slots, self.num_classes = z_dim, w_dim, num_slots, num_classes
        self.latent_dim = w_dim

    @property
    @abstractmethod
    def average(self) -> Float[Tensor, " w_dim"]:
        """The mean w, towards which latents are truncated."""

    @final
    def mapped(self, z: Float[Tensor, "n z_dim"]) -> Float[Tensor, "n w_dim"]:
        """The w of each z, for the chosen class; not truncated."""
        return self.mapping(z, self.chosen() if self.num_classes else None)

    @final
    def at(self: Kind, truncation: float, *, cutoff: int | None = None) -> Kind:
        """This generator with another truncation psi: w becomes w_avg + psi (w - w_avg).

        Args:
            truncation: psi, in (0, 1].
            cutoff: number of slots, the first ones, to truncate; None: all.

        Raises:
            InputError: psi is outside (0, 1], or the cutoff is no number of slots.
        """
        if cutoff is not None and not 0 <= cutoff <= self.num_slots:
            raise InputError(f"cutoff={cutoff}: give a number of slots, 0 to {self.num_slots}.")
        return super().at(truncation).view(cutoff=cutoff)

    @final
    def in_space(self: Kind, space: str) -> Kind:
        """A view whose latents are w, or z (each slot's z is mapped, with its truncation, on its way).

        Raises:
            InputError: it is another space.
        """
        if space not in ("w", "z"):
            raise InputError(f"space={space!r}: a {type(self).__name__} has its latents in w or z.")
        return self.view(space=space, latent_dim=self.w_dim if space == "w" else self.z_dim)

    @final
    def map(self, z: Float[Tensor, "n z_dim"]) -> Latents:
        """The mapped w on every slot, truncated; in space z, z itself."""
        if self.space == "z":
            return z.unsqueeze(1).repeat(1, self.num_slots, 1)
        w = self.mapped(z)
        near = self._truncated(w, 0)  # as the slots before the cutoff are
        cutoff = self.num_slots if self.cutoff is None else self.cutoff
        return torch.stack([near if slot < cutoff else w for slot in range(self.num_slots)], dim=1)

    @final
    def style(self, latents: Latents, slot: int) -> Float[Tensor, "n w_dim"]:
        """The w of one slot; in space z, each slot is mapped when its layer needs it.

        Args:
            latents: as of `map`.
            slot: index of the slot.
        """
        if self.space == "w":
            return latents[:, slot]
        return self._truncated(self.mapped(latents[:, slot]), slot)

    def _truncated(self, w: Float[Tensor, "n w_dim"], slot: int) -> Float[Tensor, "n w_dim"]:
        if self.truncation == 1 or (self.cutoff is not None and slot >= self.cutoff):
            return w
        return torch.lerp(self.average, w, self.truncation)
