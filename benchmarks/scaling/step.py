"""One training step of a StyleGAN2 of middle size, and its parts."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentclr.directions import Nonlinear
from latentclr.discover.contrast import Contrast
from latentclr.discover.effects import Effects
from latentclr.engine.training import adam
from latentclr.engine.world import ALONE, World
from latentclr.generators import StyleGAN2

CHANNELS = (128, 128, 128, 128, 128, 32, 16)
DIM = 256
REPEATS = 2
PARTS = ("networks", "generator", "similarities", "step")
"""Of a step; networks with Adam."""


@dataclass(frozen=True)
class Size:
    """What a step works on.

    Attributes:
        k: directions.
        n: latents, of all processes.
        resolution: of the layer that is compared.
    """

    k: int
    n: int
    resolution: int

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return f"b{self.resolution}.conv1"


def made_generator(device: torch.device) -> StyleGAN2:
    """A generator of middle size with random weights."""
    generator = StyleGAN2(4 << (len(CHANNELS) - 1), CHANNELS, z_dim=DIM, mapping=(DIM,) * 2)
    generator.initialize(torch.Generator().manual_seed(0))
    return generator.freeze().to(device)


def step_parts(generator: StyleGAN2, size: Size, world: World = ALONE) -> dict[str, Callable[[], Tensor]]:
    """One step and its parts, each forward and backward."""
    mine = world.even_share(size.n)
    model = Nonlinear(size.k, DIM, rng=torch.Generator().manual_seed(2)).to(generator.device)
    optimizer = adam(model.parameters(), 1e-3, 0.0, generator.device)
    effects = Effects(generator, size.layer, generator.check_slots(None))
    contrast = Contrast(2.0, "cosine", world)
    latents = generator.sample(size.n, rng=torch.Generator().manual_seed(1))[mine]
    alphas = torch.full((size.k, len(latents)), 3.0, device=generator.device)
    ones = torch.ones(size.k, len(latents), DIM, device=generator.device)
    edited = latents.repeat(size.k, 1, 1).requires_grad_()
    with torch.no_grad():
        changes = effects.changes(model, latents, alphas)
    leaf = torch.randn_like(changes).requires_grad_()

    def networks() -> Tensor:
        optimizer.zero_grad()
        found: Tensor = model(latents[:, 0])
        found.backward(ones)
        optimizer.step()
        return found.detach()

    def features() -> Tensor:
        edited.grad = None
        found = effects.features(edited)
        found.backward(leaf.detach().flatten(0, 1))
        return found.detach()

    def similarities() -> Tensor:
        leaf.grad = None
        loss = contrast.loss(leaf)
        loss.backward()
        return loss.detach()

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = effects.backward(model, latents, alphas, contrast.loss)
        world.sum([loss, *(p.grad for p in model.parameters() if p.grad is not None)])
        optimizer.step()
        return loss

    return dict(zip(PARTS, (networks, features, similarities, step), strict=True))
