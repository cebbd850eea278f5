"""Generators: one file per architecture, all behind one contract."""

from latentclr.generators.base import IMAGE, Generator, Latents, Layer, check_slots
from latentclr.generators.dcgan import DCGAN

__all__ = ["DCGAN", "IMAGE", "Generator", "Latents", "Layer", "check_slots"]
