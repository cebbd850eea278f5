"""What can be chosen when a study is created."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

STRONG = 2.0
"""Default multiple of the matched strength: as far as evaluations go."""

Unit = Literal["direction", "picture"]
"""An item is one direction on several pictures, answered as a whole, as in the paper; or on one picture."""
Sides = Literal["random", "fixed"]
"""-alpha is on a side that is random for each participant and item; or always left, as in the paper."""


@dataclass(frozen=True)
class Checks:
    """How many attention checks each participant gets.

    Attributes:
        same: items with three equal pictures: the answer to "obvious" must be "no".
        drastic: items whose outer pictures are wholly different ones: the answer must be "yes".
        repeated: items that are shown a second time, for self-consistency.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}  # when read from study.json

    same: int = 1
    drastic: int = 1
    repeated: int = 2


@dataclass(frozen=True)
class Options:
    """The choices, with the paper's numbers where it gives any.

    Attributes:
        title: shown to participants.
        pictures: number of pictures, sampled at random from the generator.
        per_direction: how many of these a participant sees of each direction.
        unit: what an item is.
        per_participant: number of directions that one participant sees; None: all.
        sides: where -alpha is.
        alpha: length of all edits in each run's own units; None: matched strength.
        multiple: multiple of the matched strength.
        names: whether to ask for a name of each direction.
        preference: pairs of directions of every two runs, of which the clearer one is asked for; 0: none.
        checks: attention checks.
        size: height of the pictures in pixels; None: the generator's resolution.
        seed: of everything random.
    """

    title: str = "What changes in these pictures?"
    pictures: int = 100
    per_direction: int = 10
    unit: Unit = "direction"
    per_participant: int | None = None
    sides: Sides = "random"
    alpha: float | None = None
    multiple: float = STRONG
    names: bool = False
    preference: int = 0
    checks: Checks = field(default_factory=Checks)
    size: int | None = None
    seed: int = 0


DEFAULT = Options()
