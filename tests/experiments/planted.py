"""A linear generator with classes whose latents are its attributes: every effect is known in closed form."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from tests.report.linear import VALUES, Flat, planted
from torch import Tensor

from latentclr import Directions
from latentclr.artefacts import Origin
from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.intervals import Bootstrap
from latentclr.evaluate.reading import Reading
from latentclr.experiments.bench import Bench
from latentclr.experiments.settings import Settings
from latentclr.generators import Latents

STRENGTHS = (1.0, 0.5, 2.0, 1.5)
NAMES = ("a", "b", "c", "d")
LATE = ("e", "f", "g", "h")


class Classes(Flat):
    """Each of three classes adds a picture of its own, and moves along the axes as its gains say.

    With gains of 1 the class does not interact with the axes.
    """

    def __init__(self, gains: Float[Tensor, "classes dim"] | None = None) -> None:
        super().__init__(STRENGTHS)
        self.name = "planted"
        self.num_classes = 3
        self.gains = torch.nn.Parameter(torch.ones(3, len(STRENGTHS)) if gains is None else gains)
        rng = torch.Generator().manual_seed(3)
        self.offsets = torch.nn.Parameter(torch.randn(3, 3, 4, 4, generator=rng))
        self.freeze()

    def run(self, latents: Latents) -> Iterator[tuple[str, Float[Tensor, "n c h w"]]]:
        label = int(self.chosen().argmax())
        for name, output in super().run(latents * self.gains[label]):
            yield name, output + self.offsets[label]


class Axes:
    """Reads latents off pictures: of slot 0 as a to d, of slot 1 as e to h (half as strong there)."""

    def __init__(self, generator: Flat) -> None:
        self.patterns = generator.patterns

    def __call__(self, pictures: Float[Tensor, "n 3 h w"]) -> Mapping[str, Float[Tensor, " n"]]:
        squares = self.patterns.square().sum(1)
        values = pictures.flatten(1) @ self.patterns.T / squares
        return dict(zip((*NAMES, *LATE), values.unbind(1), strict=True))


SETTINGS = Settings(
    seeds=(0, 1),
    k=3,
    latents=24,
    population=4000,
    matching=4,
    steps=3,
    samples=4096,
    pictures=(0,),
    bootstrap=Bootstrap(draws=60),
)


def bench(generator: Flat, *, late: bool = False, **changes: Any) -> Bench:
    """A bench in class 0, on which attributes are latents."""
    place = generator.for_class(0) if generator.num_classes else generator
    scales = tuple(Scale(name) for name in ((*NAMES, *LATE) if late else NAMES))
    return Bench(place, Reading(Axes(generator), scales), replace(SETTINGS, **changes))


def axes(
    generator: Flat, *numbers: int, slots: tuple[int, ...] = (0,), method: str = "latentclr", seed: int = 0
) -> Directions:
    """Directions along axes of these numbers, as a method would have found them."""
    return told(planted(generator, torch.eye(len(STRENGTHS))[list(numbers)], slots=slots), method, seed)


def told(directions: Directions, method: str, seed: int = 0, **more: Any) -> Directions:
    """The same directions, with another record of how they were found."""
    origin = {
        **directions.origin,
        "method": method,
        "hyperparameters": {"seed": seed, "k": directions.k, **more},
    }
    return replace(directions, origin=Origin(origin))


assert 2 * len(STRENGTHS) <= VALUES
