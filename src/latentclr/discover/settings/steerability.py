"""What can be chosen of `discover.steerability`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from latentclr.discover.settings.base import check_count
from latentclr.discover.settings.trained import TrainedSettings
from latentclr.limits import POSITIVE, Limits, at_least

PAPER: Mapping[str, Any] = {
    "transforms": ("zoom", "shift_x", "shift_y", "rotate", "red", "green", "blue"),
    "reach": 1.0,
    "batch": 4,
    "steps": 5000,
    "learning_rate": 1e-3,
    "validate_every": 250,
}
"""The released configurations of BigGAN: 20,000 samples in batches of 4. (Zoom alone had a rate of 1e-4, and
nonlinear walks a perceptual loss.)"""


@dataclass(frozen=True)
class SteerabilitySettings(TrainedSettings):
    """Walks that zoom, shift, turn or recolour pictures, learnt from edited pictures."""

    method: ClassVar[str] = "steerability"
    strong: ClassVar[float] = 1.0
    paper: ClassVar[str] = (
        'Jahanian et al., On the "Steerability" of Generative Adversarial Networks, ICLR 2020'
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": PAPER,
        "paper-nonlinear": {**PAPER, "model": "nonlinear", "walk_steps": 5},
    }
    limits: ClassVar[Limits] = {
        "walk_steps": at_least(1),
        "reach": POSITIVE,
    }

    k: int = 0
    """Number of transforms; 0: all that are given."""
    transforms: tuple[str, ...] = ("zoom", "shift_x", "rotate", "brightness")
    """Edits of pictures, of zoom, shift_x, shift_y, rotate, brightness, red, green and blue: each gives one
    direction, which has its name."""
    model: Literal["linear", "nonlinear"] = "linear"
    """One vector each, or a network that is asked anew at each of `walk_steps` (the paper's two kinds)."""
    walk_steps: int = 5
    """Steps of a nonlinear walk from alpha 0 to its end, in training; use as many in edits. (The authors'
    code takes up to 5.)"""
    loss: Literal["l2", "pyramid"] = "l2"
    """Mean square of the difference, or the mean of that at every size down to 4 pixels. (The authors' other
    loss, of a perceptual network, needs weights that are not here.)"""
    reach: float = 0.5
    """Largest edit in training, and what alpha = 1 does, as a share of the published one (zoom by 4, shift by
    half a side, turn by 45 degrees, half a colour's distance to grey). The paper has 1; generators of few
    pixels and little variety follow only a part of that."""
    slots: tuple[int, ...] | None = None
    """Slots of the generator that walks move; none: all."""
    steps: int = 300
    """Training steps. (The authors' code: 500 to 15000.)"""
    batch: int = 4
    """Latents a step; each is edited by all transforms. (The authors' code: 4, and one transform for each
    training.)"""
    learning_rate: float = 0.1
    """Of Adam at the start, in standard deviations of a latent's entries; falls linearly to 0. (The authors'
    code: 0.001 or 0.0001, and it does not fall.)"""
    held_out: int = 32
    """Latents kept out of training; the walks of the step that does best on them are returned."""

    def __post_init__(self) -> None:
        """Refuse a k that is not the number of transforms, and what all methods refuse."""
        super().__post_init__()
        check_count(self.k, self.transforms, "transforms")
