"""What encoders learn from: a generator's own pictures, and some that no GAN made."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.generators import Generator, Latents
from latentclr.invert.drawing import draw
from latentclr.invert.encoder import Shape
from latentclr.pretrain.data import Pool, pool
from latentclr.scenes import sample


@dataclass(frozen=True)
class Samples:
    """Pictures of a generator, with what they came from."""

    pictures: Float[Tensor, "n 3 h w"]
    latents: Latents
    labels: tuple[int | None, ...]


def draw_samples(generator: Generator, n: int, rng: torch.Generator) -> Samples:
    """Random pictures of a generator, of all its classes, cut off at -1 and 1."""
    with torch.no_grad():
        latents = generator.sample(n, rng=rng)
        labels: tuple[int | None, ...] = (None,) * n
        if Shape.of(generator).num_classes:
            labels = tuple(torch.randint(generator.num_classes, (n,), generator=rng).tolist())
        return Samples(draw(generator, latents, labels).clamp(-1, 1), latents, labels)


def outside_scenes(world: str, n: int, *, seed: int = 0, log: Callable[[str], None] = lambda _: None) -> Pool:
    """Renders of a world of scenes, with their shapes as classes: pictures that no GAN made.

    Args:
        world: its name.
        n: renders.
        seed: of the scenes; those of tests and benchmarks have others.
        log: told in a sentence.
    """
    log(f"drawing {n} scenes")

    def source(count: int, rng: torch.Generator) -> tuple[Tensor, Tensor | None]:
        pictures, factors = sample(count, rng, world=world)
        return pictures, factors["shape"].long()

    return pool(source, n, torch.Generator().manual_seed(seed))
