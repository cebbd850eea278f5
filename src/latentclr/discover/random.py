"""Random orthonormal directions: the baseline that a method has to beat."""

from dataclasses import dataclass

import torch

from latentclr.directions import DirectionModel, Directions, Global
from latentclr.discover.base import Discoverer, never, no_log
from latentclr.discover.ordering import visible_first
from latentclr.discover.settings.random import RandomSettings
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Log, Stop
from latentclr.engine.world import ALONE, World
from latentclr.errors import InputError
from latentclr.generators import Generator


@dataclass(frozen=True)
class Random(RandomSettings, Discoverer):
    """Directions of a random orthonormal basis: what LatentCLR's global model starts from."""

    def fit(
        self,
        generator: Generator,
        *,
        log: Log = no_log,
        stop: Stop = never,
        keep: Keeper | None = None,
        world: World = ALONE,
    ) -> Directions:
        """Draw k directions; sorted by visible effect, positive alpha the brighter side.

        Raises:
            InputError: k is more than the latent space has dimensions, or an unknown slot.
        """
        dim = generator.latent_dim
        if not 1 <= self.k <= dim:
            raise InputError(f"k={self.k} must be in 1 .. {dim}, the dimensions of this latent space.")
        slots = generator.check_slots(self.slots)
        rng = torch.Generator().manual_seed(self.seed)
        model: DirectionModel = Global(self.k, dim, rng=rng).to(generator.device)
        latents = generator.sample(32, rng=rng)
        model, effects, seen = visible_first(generator, model, latents, shift=self.alpha, slots=slots)
        return self.result(generator, model, slots=slots, scale=torch.ones(self.k), scores=effects, **seen)
