"""What can be chosen of `discover.voynov`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from latentclr.discover.settings.trained import TrainedSettings
from latentclr.errors import InputError
from latentclr.limits import NOT_NEGATIVE, POSITIVE, Limits, at_least

Kind = Literal["orthonormal", "projective", "linear", "random", "identity"]
"""What the matrix is restricted to; `make_deformator` says more of each."""
Network = Literal["lenet", "resnet"]
"""Names of the reconstructors."""

PRESETS: dict[str, Mapping[str, Any]] = {
    "quick": {},
    "paper": {
        "k": 128,
        "deformator": "orthonormal",
        "reconstructor": "resnet",
        "pixels": 128,
        "steps": 100_000,
        "batch": 32,
        "learning_rate": 1e-4,
        "reconstructor_learning_rate": 1e-4,
        "max_shift": 6.0,
        "min_shift": 0.5,
        "shift_weight": 0.25,
        "validate_every": 1000,
    },
}
"""Settings by name.

- "quick": the defaults, tuned on small GANs for a few minutes of one CPU core.
- "paper": the values of the paper and the authors' released code. There an orthonormal deformator has as
  many directions as the latent space has dimensions: give that as k (128 is that of their smallest GANs).
"""


@dataclass(frozen=True)
class VoynovSettings(TrainedSettings):
    """Directions learnt together with a network that recognises them in pairs of pictures."""

    method: ClassVar[str] = "voynov"
    paper: ClassVar[str] = "Voynov and Babenko, Unsupervised Discovery of Interpretable Directions, ICML 2020"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    limits: ClassVar[Limits] = {
        "k": at_least(2),
        "pixels": at_least(8),
        "max_shift": POSITIVE,
        "shift_weight": NOT_NEGATIVE,
        "reconstructor_learning_rate": POSITIVE,
    }

    deformator: Kind = "orthonormal"
    """What the directions may be: an orthonormal frame (the authors' default), any of length one
    (projective), any (linear), or fixed ones for comparison (random, identity): then only the network
    learns."""
    bias: bool = False
    """Give the linear deformator a bias, as the authors' released code has; it is in no direction."""
    reconstructor: Network = "lenet"
    """What recognises them. (The authors: lenet for MNIST and Anime, resnet for the rest. Here lenet is the
    default because it costs little beside the generator.)"""
    pixels: int = 32
    """Side to which the network's pictures are scaled down."""
    slots: tuple[int, ...] | None = None
    """Slots of the generator that edits move, in training and in use; none: all, as in the paper."""
    max_shift: float = 6.0
    """Largest edit in training, as a length in latent space; either sign. (The paper's.)"""
    min_shift: float = 0.5
    """Smaller edits than this are made this long, so that there is something to see. (The paper's.)"""
    shift_weight: float = 0.25
    """Weight of the mean absolute error of the shift beside the cross-entropy. (The paper's lambda.)"""
    batch: int = 32
    """Edits a step, each of a latent of its own. (The authors' code.)"""
    steps: int = 300
    """Training steps. (The authors' code has 100,000.)"""
    learning_rate: float = 0.003
    """Of Adam, for the directions. (The paper has 0.0001, for its many more steps.)"""
    reconstructor_learning_rate: float = 0.002
    """Of Adam, for the network. (The paper has 0.0001.)"""
    held_out: int = 16
    """Latents kept out of training, each edited along all k directions; the directions of the step that does
    best on them are returned."""
    validate_every: int = 50
    """Steps between two validations."""

    def __post_init__(self) -> None:
        """Refuse a least shift above the largest, and what all methods refuse."""
        super().__post_init__()
        if not 0 <= self.min_shift <= self.max_shift:
            raise InputError(f"min_shift={self.min_shift} must be from 0 to max_shift={self.max_shift}.")
