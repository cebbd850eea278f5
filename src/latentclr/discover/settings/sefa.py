"""What can be chosen of `discover.sefa`."""

from dataclasses import dataclass
from typing import ClassVar

from latentclr.discover.settings.base import MethodSettings


@dataclass(frozen=True)
class SeFaSettings(MethodSettings):
    """Eigenvectors of the weights by which layers read their latent: exact and at once, without samples."""

    method: ClassVar[str] = "sefa"
    paper: ClassVar[str] = "Shen and Zhou, Closed-Form Factorization of Latent Semantics in GANs, CVPR 2021"

    layers: tuple[str, ...] | None = None
    """Layers whose weights are factorised, by name or alias; none: all that read a latent, but of a
    StyleGAN2's toRGBs only the last (as in the authors' code)."""
    normalize: bool = True
    """Bring the weights of every output unit to length one first, as the authors' code does: units that
    respond strongly to everything then count no more than others."""
    slots: tuple[int, ...] | None = None
    """Slots of the generator that edits move; none: those that the layers read (as the authors do)."""
