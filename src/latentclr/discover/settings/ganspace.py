"""What can be chosen of `discover.ganspace`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from latentclr.discover.settings.base import MethodSettings

PRESETS: dict[str, Mapping[str, Any]] = {
    "paper": {"k": 80, "samples": 1_000_000, "regression_samples": 1_000_000}
}
"""What the paper's figures were made with."""


@dataclass(frozen=True)
class GANSpaceSettings(MethodSettings):
    """Principal components of w, or of a layer's activations."""

    method: ClassVar[str] = "ganspace"
    strong: ClassVar[float] = 4.0
    paper: ClassVar[str] = "Härkönen et al., GANSpace, NeurIPS 2020"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    layer: str | None = None
    """Layer whose activations are analysed, by name or alias; none: w itself, and where latents are z, the
    first layer (as the authors do for BigGAN)."""
    samples: int = 100_000
    """Latents to analyse. (The paper's figures have 1,000,000, the authors' code 300,000.)"""
    regression_samples: int = 10_000
    """Fresh latents for the regression from activations to latents. (The authors' code draws as many as
    samples, but at least 10,000.)"""
    truncation: float = 1.0
    """Of the generator whose latents are analysed. (The authors analyse w before truncation, which only
    changes its scale, and z of BigGAN with the truncation that is set.)"""
    slots: tuple[int, ...] | None = None
    """Slots of the generator that edits move; none: all."""
