"""What can be chosen of `discover.latentclr`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from latentclr.discover.settings.trained import TrainedSettings
from latentclr.engine.settings import Precision
from latentclr.errors import InputError
from latentclr.limits import POSITIVE, Limits, at_least

Similarity = Literal["absolute", "cosine"]
Negatives = Literal["all", "same-latent"]
Compare = Literal["difference", "unit-features"]

PRESETS: dict[str, Mapping[str, Any]] = {
    "quick": {},
    "paper-stylegan2": {
        "k": 100,
        "batch": 8,
        "layer": "conv1",
        "truncation": 0.7,
        "model": "nonlinear",
        "similarity": "cosine",
        "temperature": 2.0,
        "alpha": 7.0,
        "alpha_per": "direction",
        "steps": 50_000,
        "learning_rate": 1e-3,
        "validate_every": 1000,
    },
    "paper-biggan": {
        "k": 32,
        "batch": 16,
        "layer": "generator.layers.4",
        "truncation": 0.4,
        "model": "nonlinear",
        "similarity": "cosine",
        "temperature": 2.0,
        "alpha": 7.0,
        "alpha_per": "direction",
        "steps": 300_000,
        "learning_rate": 1e-3,
        "validate_every": 1000,
    },
    "noiseclr": {"negatives": "same-latent", "similarity": "cosine", "temperature": 0.5},
    "released": {
        "k": 100,
        "batch": 8,
        "layer": "conv1",
        "truncation": 0.7,
        "model": "linear",
        "bias": True,
        "similarity": "absolute",
        "temperature": 2.0,
        "alpha": 7.0,
        "alpha_per": "direction",
        "compare": "unit-features",
        "steps": 10_000,
        "learning_rate": 1e-3,
        "weight_decay": 1e-3,
        "drops": (1000, 5000),
        "validate_every": 1000,
    },
}
"""Settings by name.

- "quick": the defaults, tuned on small face GANs.
- "paper-stylegan2", "paper-biggan": section 4.3 of the paper, and its equation. What the paper leaves out
  (temperature, alpha, optimiser, learning rate) is the authors' released code's.
- "noiseclr": the loss of a later method of the same group, on a GAN's features.
- "released": what the authors' released StyleGAN2 models were trained with; their networks of depth 1 are
  the linear model with a bias.
"""


@dataclass(frozen=True)
class LatentCLRSettings(TrainedSettings):
    """Contrastive learning on the feature changes that edits cause."""

    method: ClassVar[str] = "latentclr"
    paper: ClassVar[str] = "Yuksel et al., LatentCLR, ICCV 2021"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    limits: ClassVar[Limits] = {
        "k": at_least(2),
        "depth": at_least(2),
        "temperature": POSITIVE,
        "alpha": POSITIVE,
        "batch": at_least(2),
        "weight_decay": at_least(0),
        "held_out": at_least(2),
    }

    layer: str | None = None
    """Layer whose features are compared, by name or alias; none: the first of at least 8 x 8 pixels."""
    model: Literal["global", "linear", "nonlinear"] = "global"
    """One fixed direction each, or one that depends on the latent by a matrix or by a network."""
    depth: int = 2
    """Linear layers of the nonlinear model. (The paper gives no figure.)"""
    width: int | None = None
    """Hidden units of the nonlinear model; none: the length of a latent. (Not in the paper.)"""
    normalization: Literal["none", "layer"] = "none"
    """Of the nonlinear model's hidden units."""
    bias: bool = False
    """Give the linear model a bias: M z + b, as the authors' released models have."""
    candidates: int = 0
    """Directions to train, of which the k are kept whose effects are consistent and unlike each other; 0: k,
    as in the paper."""
    unlike: Literal["where", "what"] = "where"
    """In what the kept candidates are unlike each other: in where the picture changes, so that of two that
    recolour the same thing one is kept, or in what changes in the layer."""
    slots: tuple[int, ...] | None = None
    """Slots of the generator that edits move, in training and in use (the paper's layer-wise styles);
    none: all."""
    similarity: Similarity = "absolute"
    """Of feature changes: cosine (the paper) or its absolute value (the authors' released code)."""
    negatives: Negatives = "all"
    """Edits that an edit is told from: other directions on all latents (the paper), or on the same one alone
    (NoiseCLR, a later method of the same group)."""
    temperature: float = 0.2
    """tau, a divisor. (Not in the paper; the released code multiplies by 0.5, which is tau = 2.)"""
    alpha: float = 3.0
    """Largest edit in training, as a length in latent space; either sign. (Not in the paper.)"""
    alpha_per: Literal["direction", "sample"] = "sample"
    """Each step draws an alpha for each direction (as the released code does), or for each edit."""
    compare: Compare = "difference"
    """Feature change: h' - h (the paper), or h'/|h'| - h/|h| (the authors' released code)."""
    batch: int = 8
    """Latents a step (N); each is edited along all k directions."""
    learning_rate: float = 0.02
    """Of Adam. (Not in the paper; the released code has 0.001.)"""
    weight_decay: float = 0.0
    """Of Adam. (The released code has 0.001. The length of theta means nothing to the direction.)"""
    drops: tuple[int, ...] = ()
    """Steps at which the learning rate is multiplied by 0.2."""

    precision: Precision = "float32"
    """Of products on a GPU; tf32 and bfloat16 are faster and sum in float32. bfloat16 (for a CPU too) is that
    of the generator's activations."""
    memory: str | None = None
    """What the process may take, such as 2GB (on a GPU: its tensors): edits then go through the generator in
    chunks, with the same result in up to twice the time. None: all at once."""
    graph: bool = True
    """On a GPU, launch each step as one CUDA graph. (One process only.)"""
    fuse: bool = False
    """Compile the step first, in up to a minute: worth it on a GPU for more than some ten thousand steps.
    (One process only.)"""

    def __post_init__(self) -> None:
        """Refuse fewer candidates than directions, and what all methods refuse."""
        super().__post_init__()
        if self.candidates and self.candidates < self.k:
            raise InputError(f"candidates={self.candidates} must be 0, or at least k={self.k}.")
