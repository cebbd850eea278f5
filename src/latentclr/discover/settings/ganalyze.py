"""What can be chosen of `discover.ganalyze`."""

from dataclasses import dataclass
from typing import ClassVar

from latentclr.discover.settings.base import check_count
from latentclr.discover.settings.trained import TrainedSettings
from latentclr.limits import POSITIVE, Limits, at_least


@dataclass(frozen=True)
class GANalyzeSettings(TrainedSettings):
    """Directions along which attributes of the picture change by as much as is asked."""

    method: ClassVar[str] = "ganalyze"
    strong: ClassVar[float] = 2.0
    paper: ClassVar[str] = "Goetschalckx et al., GANalyze, ICCV 2019"
    limits: ClassVar[Limits] = {
        "alpha": POSITIVE,
        "measured": at_least(8),
        "held_out": at_least(4),
    }

    k: int = 0
    """Number of attributes; 0: all that are given. (Each attribute has one direction.)"""
    attributes: tuple[str, ...] = ("brightness", "contrast", "saturation", "warmth")
    """What directions change: brightness, contrast, saturation, warmth, sharpness, foreground; for pictures
    of scenes also scale, orientation, light, position."""
    alpha: float = 2.0
    """Largest change that is asked for in training, either way, in standard deviations of the attribute.
    (The authors: 0.5, in units of their assessors, whose scores are in 0 to 1.)"""
    norm_preserving: bool = True
    """In the space z, scale an edited latent back to the length that it had, as the paper does. In training
    only: edits with the directions that are found add and do not scale. (Never in w.)"""
    batch: int = 4
    """Latents a step; each is edited once for every attribute (authors' code)."""
    steps: int = 200
    """Training steps. (The authors: 100,000, from a random start.)"""
    learning_rate: float = 0.02
    """Of Adam, at the start; it falls to 0 in a line. In lengths of the first w. (The authors: 0.0002,
    constant.)"""
    measured: int = 256
    """Latents on which, before training, each attribute's standard deviation and mean gradient are measured;
    the gradient is what training starts from. (Not in the paper.)"""
    held_out: int = 64
    """Latents kept out of training; the directions of the step that does best on them are returned."""

    def __post_init__(self) -> None:
        """Refuse a k that is not the number of attributes, and what all methods refuse."""
        super().__post_init__()
        check_count(self.k, self.attributes, "attributes")
