"""Generators: one file per architecture, all behind one contract."""

from latentclr.generators.base import IMAGE, Generator, Latents, Layer, check_slots
from latentclr.generators.dcgan import DCGAN

ARCHITECTURES: dict[str, type[Generator]] = {kind.__name__: kind for kind in (DCGAN,)}
"""Every architecture by its name."""

__all__ = ["ARCHITECTURES", "DCGAN", "IMAGE", "Generator", "Latents", "Layer", "check_slots"]
