"""What can be chosen of a study."""

from dataclasses import dataclass, field

from latentclr.study.plan import Checks, Sides, Unit

STRONG = 2.0
"""Multiple of the matched strength that is shown unless another is asked for: as far as evaluations go."""


@dataclass(frozen=True)
class Options:
    """What can be chosen. The numbers are the paper's where it has any.

    Attributes:
        title: shown to participants.
        pictures: of the study, drawn at random by the generator.
        per_direction: of these that a participant sees of each direction.
        unit: what an item is (`plan.Study`).
        per_participant: directions that one participant sees; None: all.
        sides: "fixed" as in the paper, or "random".
        alpha: of all edits, in each run's own units; None: matched strength.
        multiple: of the matched strength.
        names: ask for a name of each direction.
        preference: pairs of directions of every two runs, of which the clearer one is asked for; 0: none.
        checks: attention checks.
        size: height of the pictures in pixels; None: the generator's own.
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
