"""What every trained method lets choose."""

from dataclasses import dataclass
from typing import ClassVar

from latentclr.discover.settings.base import MethodSettings
from latentclr.limits import POSITIVE, Limits, at_least


@dataclass(frozen=True)
class TrainedSettings(MethodSettings):
    """The hyperparameters that trained methods share."""

    limits: ClassVar[Limits] = {
        "steps": at_least(1),
        "batch": at_least(1),
        "learning_rate": POSITIVE,
        "held_out": at_least(1),
        "validate_every": at_least(1),
    }

    slots: tuple[int, ...] | None = None
    """Slots of the generator that edits move, in training and in use; none: all."""
    steps: int = 300
    """Training steps."""
    batch: int = 8
    """Latents a step."""
    learning_rate: float = 0.02
    """Of Adam."""
    truncation: float = 1.0
    """Of the generator, in training and in validation."""
    held_out: int = 32
    """Latents kept out of training; the directions of the step that does best on them are returned."""
    validate_every: int = 25
    """Steps between two validations."""
