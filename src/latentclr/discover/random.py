"""Random orthonormal directions: the baseline that a method has to beat."""

from dataclasses import dataclass

import torch

from latentclr.directions import DirectionModel, Directions, Global
from latentclr.discover.base import Discoverer, Setup
from latentclr.discover.ordering import visible_first
from latentclr.discover.settings.random import RandomSettings
from latentclr.errors import InputError


@dataclass(frozen=True)
class Random(RandomSettings, Discoverer):
    """Directions of a random orthonormal basis: what LatentCLR's global model starts from."""

    def find(self, setup: Setup) -> Directions:
        """Draw k directions; sorted by visible effect, positive alpha the brighter side.

        Raises:
            InputError: k is more than the latent space has dimensions, or an unknown slot.
        """
        dim = setup.generator.latent_dim
        if not 1 <= self.k <= dim:
            raise InputError(f"k={self.k} must be in 1 .. {dim}, the dimensions of this latent space.")
        model: DirectionModel = Global(self.k, dim, rng=setup.rng).to(setup.device)
        latents = setup.generator.sample(32, rng=setup.rng)
        model, effects, record = visible_first(
            setup.generator, model, latents, shift=self.alpha, slots=setup.slots
        )
        return self.result(setup, model, scale=torch.ones(self.k), scores=effects, **record)
