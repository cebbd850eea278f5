"""What can be chosen of `discover.plumerault`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from latentclr.discover.settings.base import MethodSettings, check_count
from latentclr.errors import InputError
from latentclr.limits import POSITIVE, Limit, Limits, at_least


@dataclass(frozen=True)
class PlumeraultSettings(MethodSettings):
    """Directions that zoom, shift or brighten, from latents that were fitted to edited pictures."""

    method: ClassVar[str] = "plumerault"
    strong: ClassVar[float] = 1.0
    paper: ClassVar[str] = (
        "Plumerault et al., Controlling Generative Models with Continuous Factors of Variations, ICLR 2020"
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "transforms": ("shift_x", "shift_y", "zoom", "brightness"),
            "largest": 0.5,
            "points": 5,
            "trajectories": 40,
            "held_out": 10,
            "steps": 250,
            "learning_rate": 0.01,
        },
    }
    limits: ClassVar[Limits] = {
        "largest": POSITIVE,
        "points": at_least(1),
        "trajectories": at_least(2),
        "held_out": at_least(2),
        "steps": at_least(1),
        "learning_rate": POSITIVE,
        "blur": POSITIVE,
        "drop": Limit(least=0, below=1),
        "ridge": at_least(0),
        "smoothness": at_least(0),
    }

    k: int = 0
    """Number of transforms; 0: all that are given."""
    transforms: tuple[str, ...] = ("shift_x", "zoom", "brightness")
    """Edits of pictures, of zoom, shift_x, shift_y, rotate, brightness, red, green and blue: each gives one
    direction, which has its name. (The paper: shift_x, shift_y, zoom and brightness.)"""
    largest: float = 0.3
    """Largest amount |t| on a trajectory: of a side, a quarter turn, the log of a factor, or a colour, where
    black to white is 2. Alpha = 1 moves by so much. (The paper: 0.5.)"""
    points: int = 3
    """Amounts on the way to the largest, at equal distances. (The paper: 5.)"""
    trajectories: int = 12
    """Start latents that directions are fitted to; from each, both signs. (The authors' example: 50.)"""
    held_out: int = 4
    """More start latents, on which the directions are judged."""
    steps: int = 60
    """Steps of all descents together, shared equally by the points. (The authors' example: 50 for each of
    5.)"""
    learning_rate: float = 0.05
    """Of Adam, in standard deviations of a latent's entries. (The authors' code: 0.01.)"""
    blur: float = 3 / 128
    """Standard deviation of the blur under which pictures are compared, in heights of the picture. (The
    authors' code: 3 pixels; of 128.)"""
    drop: float = 0.1
    """Share of the points, those whose pictures are furthest from their targets, that the fit leaves out."""
    ridge: float = 0.1
    """Weight of the square of the length of u (before it is scaled to one). (The authors' code.)"""
    smoothness: float = 1.0
    """Weight of the squared differences between neighbouring slopes of g. (The authors' code.)"""
    slots: tuple[int, ...] | None = None
    """Slots of the generator that trajectories and edits move; none: all."""
    truncation: float = 1.0
    """Of the generator; latents are kept where this one's are typical."""

    def __post_init__(self) -> None:
        """Refuse a k that is not the number of transforms, and what all methods refuse."""
        super().__post_init__()
        check_count(self.k, self.transforms, "transforms")
        if self.steps % self.points:
            raise InputError(
                f"steps={self.steps} cannot be shared equally by points={self.points}; a multiple can."
            )
