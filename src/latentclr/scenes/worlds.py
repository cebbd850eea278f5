"""The sets of scenes that our small GANs are trained on."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.scenes.factors import FACTORS, SHAPES, SHAPES_3D, draw
from latentclr.scenes.render import render


@dataclass(frozen=True)
class World:
    """What varies in a set of scenes.

    Attributes:
        free: names of the factors that vary.
        shapes: how many of `SHAPES` occur.
    """

    free: tuple[str, ...]
    shapes: int


WORLDS: dict[str, World] = {
    "scenes": World(SHAPES_3D, 4),
    "scenes-biggan": World(tuple(factor.name for factor in FACTORS), len(SHAPES)),
}
"""By the name of the generator that is trained on it: the six factors of 3D Shapes, or all eight."""


def sample(
    n: int, rng: torch.Generator, *, world: str = "scenes", size: int = 64
) -> tuple[Float[Tensor, "n 3 size size"], dict[str, Float[Tensor, " n"]]]:
    """Pictures of random scenes, in [-1, 1], and their factors.

    Raises:
        InputError: there is no such world.
    """
    if world not in WORLDS:
        raise InputError(f"there is no world {world!r}; there are {', '.join(WORLDS)}.")
    factors = draw(n, rng, free=WORLDS[world].free, shapes=WORLDS[world].shapes)
    return render(factors, size=size), factors
