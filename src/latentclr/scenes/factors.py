"""The factors of a scene: names, kinds, ranges, and random values.

The first six are those of 3D Shapes (Burgess and Kim 2018), with its numbers of values; the others are ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError

SHAPES = ("cube", "cylinder", "sphere", "capsule", "cone", "torus", "octahedron", "cross")
"""The shapes by number; the first four are those of 3D Shapes."""

Factors = Mapping[str, Float[Tensor, " n"]]
"""For every factor by name, its value in each of n scenes. (The value of a shape is its number.)"""


@dataclass(frozen=True)
class Factor:
    """One cause of variation between scenes.

    Attributes:
        name: its key in `Factors`.
        kind: "circular" values start again at `high`; "category" values are whole numbers below `high`.
        low: smallest value.
        high: largest value.
        unit: in words.
        steps: number of values that it has in 3D Shapes; 0: it has no such factor.
        usual: value where it does not vary.
    """

    name: str
    kind: Literal["interval", "circular", "category"]
    low: float
    high: float
    unit: str
    steps: int
    usual: float

    def values(self, steps: int) -> Float[Tensor, " steps"]:
        """Equidistant values from the smallest to the largest; of a category, its first ones."""
        if self.kind == "category":
            return torch.arange(min(steps, int(self.high)), dtype=torch.float32)
        if self.kind == "circular":
            return self.low + (self.high - self.low) * torch.arange(steps) / steps
        return torch.linspace(self.low, self.high, steps)


FACTORS: tuple[Factor, ...] = (
    Factor("floor_hue", "circular", 0.0, 1.0, "turns of the colour wheel", 10, 0.1),
    Factor("wall_hue", "circular", 0.0, 1.0, "turns of the colour wheel", 10, 0.55),
    Factor("object_hue", "circular", 0.0, 1.0, "turns of the colour wheel", 10, 0.0),
    Factor("scale", "interval", 0.75, 1.25, "times the usual size", 8, 1.0),
    Factor("shape", "category", 0.0, 8.0, ", ".join(SHAPES), 4, 0.0),
    Factor("orientation", "interval", -30.0, 30.0, "degrees to the right", 15, 0.0),
    Factor("light", "interval", -60.0, 60.0, "degrees to the right", 0, 25.0),
    Factor("position", "interval", -1.0, 1.0, "from left to right", 0, 0.0),
)
"""All factors, in a fixed order."""
BY_NAME = {factor.name: factor for factor in FACTORS}
SHAPES_3D = tuple(factor.name for factor in FACTORS if factor.steps)
"""Names of the factors of 3D Shapes."""


@dataclass(frozen=True)
class World:
    """A set of scenes.

    Attributes:
        free: names of the factors that vary.
        shapes: number of shapes that occur, the first of `SHAPES`.
    """

    free: tuple[str, ...]
    shapes: int


WORLDS: dict[str, World] = {
    "scenes": World(SHAPES_3D, 4),
    "scenes-biggan": World(tuple(BY_NAME), len(SHAPES)),
}
"""By the name of the generator that is trained on it: the six factors of 3D Shapes, or all eight."""


def draw(
    n: int,
    rng: torch.Generator,
    *,
    free: Sequence[str] = tuple(BY_NAME),
    shapes: int = len(SHAPES),
    stepped: bool = False,
) -> dict[str, Float[Tensor, " n"]]:
    """Independent, uniformly distributed factors.

    Args:
        n: number of scenes.
        rng: a generator on the CPU.
        free: names of the factors that vary; the others have their usual values.
        shapes: number of shapes that occur, the first of `SHAPES`.
        stepped: draw from the values of 3D Shapes instead of the whole range.

    Raises:
        InputError: there is no factor of that name, or no such number of shapes.
    """
    _check_names(free)
    if not 1 <= shapes <= len(SHAPES):
        raise InputError(f"shapes={shapes}: give 1 to {len(SHAPES)}.")
    found = {}
    for factor in FACTORS:
        chance = torch.rand(n, generator=rng)
        if factor.name not in free:
            found[factor.name] = torch.full((n,), factor.usual)
        elif factor.kind == "category":
            found[factor.name] = (chance * shapes).floor()
        elif stepped and factor.steps:
            values = factor.values(factor.steps)
            found[factor.name] = values[(chance * factor.steps).long()]
        else:
            found[factor.name] = factor.low + (factor.high - factor.low) * chance
    return found


def usual(n: int = 1, **changes: float | Tensor) -> dict[str, Float[Tensor, " n"]]:
    """Factors at their usual values, except for some.

    >>> usual(2, scale=1.25)["scale"].tolist()
    [1.25, 1.25]

    Args:
        n: number of scenes.
        **changes: other values by the name of the factor: a number, or one for each scene.

    Raises:
        InputError: there is no factor of that name.
    """
    _check_names(changes)
    return {
        factor.name: torch.as_tensor(changes.get(factor.name, factor.usual), dtype=torch.float32).expand(n)
        for factor in FACTORS
    }


def _check_names(names: Iterable[str]) -> None:
    if unknown := [name for name in names if name not in BY_NAME]:
        raise InputError(f"there is no factor {unknown[0]!r}; factors are {', '.join(BY_NAME)}.")
