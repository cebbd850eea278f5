"""Small StyleGAN and ProGAN generators with random weights."""

from typing import TypeVar

import torch

from latentclr.generators.base import Generator
from latentclr.generators.progan import ProGAN
from latentclr.generators.stylegan import StyleGAN

Kind = TypeVar("Kind", bound=Generator)


def small_stylegan(
    channels: tuple[int, ...] = (12, 10, 8), *, num_classes: int = 0, height: int | None = None
) -> StyleGAN:
    """A StyleGAN of 16 x 16; nothing in it is zero, and no two sizes are equal."""
    generator = StyleGAN(
        2 << len(channels),
        channels,
        z_dim=9,
        mapping=(11, 13, 7),
        mapping_lr=0.02,
        num_classes=num_classes,
        height=height,
    )
    return randomize(generator)


def small_progan(channels: tuple[int, ...] = (12, 10, 8)) -> ProGAN:
    """A ProGAN of 16 x 16; nothing in it is zero, and no two sizes are equal."""
    return randomize(ProGAN(channels, z_dim=9))


def randomize(generator: Kind) -> Kind:
    """Every parameter and buffer drawn at the scale that training gives it."""
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in generator.state_dict().items():
            scale = 50.0 if name.startswith("mapping.dense") else 1.0
            value.copy_(torch.randn(value.shape, generator=rng) * scale)
    generator.name = "small"
    return generator.freeze()
