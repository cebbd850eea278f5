"""What can vary in a scene: names, kinds, ranges, and how factors are drawn.

The first six are those of 3D Shapes (Burgess and Kim 2018), with its numbers of values; the others are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError

SHAPES = ("cube", "cylinder", "sphere", "capsule", "cone", "torus", "octahedron", "cross")
"""The shapes by number; the first four are those of 3D Shapes."""

Factors = Mapping[str, Float[Tensor, " n"]]
"""For every factor by name, its value in each of n scenes. (A shape is its number.)"""


@dataclass(frozen=True)
class Factor:
    """One thing that varies.

    Attributes:
        name: in `Factors`.
        kind: "circular" values start again at `high`; "category" values are whole numbers below `high`.
        low: smallest value.
        high: largest value.
        unit: for people.
        steps: how many values it has in 3D Shapes; 0: it is not in it.
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
        """Values from one end to the other, equally far apart."""
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
"""Every factor, in a fixed order."""

BY_NAME = {factor.name: factor for factor in FACTORS}
SHAPES_3D = tuple(factor.name for factor in FACTORS if factor.steps)
"""The factors of 3D Shapes."""


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
        n: scenes.
        rng: on the CPU.
        free: names of the factors that vary; the others have their usual values.
        shapes: how many of `SHAPES` occur.
        stepped: draw from the values of 3D Shapes instead of the whole range.

    Raises:
        InputError: there is no factor of that name, or no such number of shapes.
    """
    if unknown := [name for name in free if name not in BY_NAME]:
        raise InputError(f"there is no factor {unknown[0]!r}; factors are {', '.join(BY_NAME)}.")
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
    """N scenes with every factor at its usual value, but for the changes (a number, or one for each scene).

    >>> {name: values.tolist() for name, values in usual(2, scale=1.25).items()}["scale"]
    [1.25, 1.25]

    Raises:
        InputError: there is no factor of that name.
    """
    if unknown := [name for name in changes if name not in BY_NAME]:
        raise InputError(f"there is no factor {unknown[0]!r}; factors are {', '.join(BY_NAME)}.")
    return {
        factor.name: torch.as_tensor(changes.get(factor.name, factor.usual), dtype=torch.float32).expand(n)
        for factor in FACTORS
    }
