"""What can be chosen when a study is created."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Unit = Literal["direction", "picture"]
"""An item is one direction on several pictures, answered as a whole, as in the paper; or on one picture."""
Sides = Literal["random", "fixed"]
"""-alpha is on a side that is random for each participant and item; or always left, as in the paper."""


@dataclass(frozen=True)
class Checks:
    """How many attention checks each participant gets."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}  # when read from study.json

    same: int = 1
    """Attention checks with three equal pictures."""
    drastic: int = 1
    """Attention checks with three entirely different pictures."""
    repeated: int = 2
    """Items that are asked again later, to measure how consistent answers are."""


@dataclass(frozen=True)
class Options:
    """The choices, with the paper's numbers where it gives any."""

    title: str = "What changes in these pictures?"
    """Title of all pages."""
    pictures: int = 100
    """Random pictures of the generator in the study."""
    per_direction: int = 10
    """Of these, how many one participant sees edited along each direction."""
    unit: Unit = "direction"
    """What one answer is about: a direction on all its pictures, as in the paper, or each picture."""
    per_participant: int | None = None
    """Directions that one participant sees (default: all)."""
    sides: Sides = "random"
    """Where -alpha is shown: on a random side, or always on the left, as in the paper."""
    names: bool = False
    """Also ask for a name of each direction (free text)."""
    preference: int = 0
    """Pairs of directions, for every two runs, of which participants choose the clearer one; 0: none."""
    checks: Checks = field(default_factory=Checks)
    """Attention checks."""
    alpha: float | None = None
    """Alpha of all edits, in the units of each run (default: all directions at equal visible change)."""
    multiple: float = 2.0
    """How much of that change is shown, as a multiple."""
    size: int | None = None
    """Height of the pictures in pixels (default: that of the generator)."""
    seed: int = 0
    """Seed of everything random: pictures, orders, sides."""


DEFAULT = Options()
