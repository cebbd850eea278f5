"""What can be chosen of `discover.random`."""

from dataclasses import dataclass
from typing import ClassVar

from latentclr.discover.settings.base import MethodSettings


@dataclass(frozen=True)
class RandomSettings(MethodSettings):
    """Directions of a random orthonormal basis: what LatentCLR's global model starts from."""

    method: ClassVar[str] = "random"
    paper: ClassVar[str] = "the baseline of every comparison"

    slots: tuple[int, ...] | None = None
    """Slots of the generator that edits move; none: all."""
    alpha: float = 3.0
    """Length of the edits by whose visible effect the directions are sorted."""
