"""Generators: one module per architecture, all with one interface."""

from latentclr.generators.base import IMAGE, Generator, Latents, Layer, check_slots
from latentclr.generators.biggan import BigGAN
from latentclr.generators.biggan_deep import BigGANDeep
from latentclr.generators.dcgan import DCGAN
from latentclr.generators.progan import ProGAN
from latentclr.generators.stylegan import StyleGAN
from latentclr.generators.stylegan2 import StyleGAN2

ARCHITECTURES: dict[str, type[Generator]] = {
    kind.__name__: kind for kind in (BigGAN, BigGANDeep, DCGAN, ProGAN, StyleGAN, StyleGAN2)
}
"""Every architecture by its name."""

__all__ = [
    "ARCHITECTURES",
    "DCGAN",
    "IMAGE",
    "BigGAN",
    "BigGANDeep",
    "Generator",
    "Latents",
    "Layer",
    "ProGAN",
    "StyleGAN",
    "StyleGAN2",
    "check_slots",
]
