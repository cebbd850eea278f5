"""The contrastive loss of changes that lie on several processes, or of too many to hold all similarities."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.discover.contrastive import (
    Negatives,
    Similarity,
    contrastive_loss,
    identification_accuracy,
    same_latent_loss,
)
from latentclr.discover.tiled import tiled_loss
from latentclr.engine.world import ALONE, World


@dataclass(frozen=True)
class Contrast:
    """The loss with its settings, and where its parts are.

    Attributes:
        temperature: see `contrastive_loss`.
        similarity: see `contrastive_loss`.
        world: each process has the changes of its own latents.
        tile: rows of the similarity matrix at a time; None: all.
        negatives: "all" other directions on all latents (LatentCLR), or on the "same-latent" (NoiseCLR).
    """

    temperature: float
    similarity: Similarity
    world: World = ALONE
    tile: int | None = None
    negatives: Negatives = "all"

    def loss(self, changes: Float[Tensor, "k n f"]) -> Float[Tensor, ""]:
        """This process's part of the loss: the parts add up to the loss of all changes, and so do gradients.

        Each process gets all rows, and answers for its own.
        """
        if self.negatives == "same-latent":
            return self._same_latent(changes)
        if self.world.size == 1 and self.tile is None:
            return contrastive_loss(changes, temperature=self.temperature, similarity=self.similarity)
        k, n, _ = changes.shape
        mine = changes.flatten(0, 1)
        rows = self.world.gather(mine)
        start = self.world.rank * len(mine)
        return tiled_loss(
            rows,
            torch.arange(len(rows), device=rows.device) // n % k,
            temperature=self.temperature,
            similarity=self.similarity,
            own=slice(start, start + len(mine)),
            tile=self.tile or len(mine),
        )

    def _same_latent(self, changes: Float[Tensor, "k n f"]) -> Float[Tensor, ""]:
        return same_latent_loss(
            changes,
            temperature=self.temperature,
            similarity=self.similarity,
            everyone=None if self.world.size == 1 else self._all(changes),
            start=self.world.rank * changes.shape[1],
        )

    @torch.no_grad()
    def total(self, changes: Float[Tensor, "k n f"]) -> float:
        """The loss of all changes; no gradient."""
        value = self.loss(changes)
        self.world.sum([value])
        return float(value)

    @torch.no_grad()
    def accuracy(self, changes: Float[Tensor, "k n f"]) -> float:
        """Identification accuracy over all changes."""
        return float(identification_accuracy(self._all(changes), similarity=self.similarity))

    def _all(self, changes: Float[Tensor, "k n f"]) -> Float[Tensor, "k all f"]:
        """The changes of the latents of all processes."""
        if self.world.size == 1:
            return changes
        return self.world.gather(changes.transpose(0, 1).contiguous()).transpose(0, 1)
