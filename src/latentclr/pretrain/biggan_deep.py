"""Training of a small BigGAN-deep.

Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis (ICLR 2019), with
spectral norm in both networks and hinge losses; a smaller discriminator, of BigGAN's kind, is enough here.
"""

import copy
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from latentclr.errors import InputError
from latentclr.generators import BigGANDeep
from latentclr.generators.biggan_deep import Statistics
from latentclr.pretrain.average import update_average
from latentclr.pretrain.discriminators import ProjectionDiscriminator
from latentclr.pretrain.losses import hinge_discriminator, hinge_generator
from latentclr.pretrain.settings import Game, Labels, Pictures, Settings
from latentclr.pretrain.spectral import (
    layers_with_weights,
    normalize_spectrally,
    orthogonal,
    weights_in_use,
)


class BigGANDeepGame(Game):
    """A BigGAN-deep and its discriminator.

    The generator in training has spectral norm as a parametrisation; the average is a plain BigGAN-deep and
    averages the weights as they are used, after the division.

    Args:
        generator: of the shape to train; is given weights and put into training mode.
        discriminator: with its weights.
        rng: for the weights.
        standing: pictures for the statistics of each truncation.
    """

    generator: BigGANDeep
    average: BigGANDeep

    def __init__(
        self,
        generator: BigGANDeep,
        discriminator: ProjectionDiscriminator,
        rng: torch.Generator,
        *,
        standing: int,
    ) -> None:
        orthogonal(generator, rng)
        self.average = copy.deepcopy(generator).freeze()
        self.generator = generator.train().requires_grad_(True)
        classes: nn.Module = generator.classes  # the shared embedding alone is left as it is, as published
        normalize_spectrally([layer for layer in layers_with_weights(generator) if layer is not classes], rng)
        self.discriminator = discriminator.train()
        self.standing = standing
        self.names = [name for name, _ in self.average.named_parameters()]
        self.update_average(0.0)

    def generate(self, labels: Labels, n: int, rng: torch.Generator) -> Pictures:
        """Pictures of those classes."""
        z = torch.randn(n, self.generator.z_dim, generator=rng).to(self.generator.device)
        return pictures_of(self.generator, z, labels)

    def discriminator_loss(self, real: Pictures, fake: Pictures, labels: Labels) -> Float[Tensor, ""]:
        """Hinge; real and generated pictures go through in one batch."""
        labels = needed(labels)
        verdicts = self.discriminator(torch.cat([real, fake]), labels.repeat(2))
        return hinge_discriminator(verdicts[: len(real)], verdicts[len(real) :])

    def generator_loss(self, fake: Pictures, labels: Labels) -> Float[Tensor, ""]:
        """Hinge."""
        return hinge_generator(self.discriminator(fake, needed(labels)))

    def update_average(self, kept: float) -> None:
        """Average the weights as they are used."""
        update_average(list(self.average.parameters()), weights_in_use(self.generator, self.names), kept)

    def exported(self, seed: int) -> BigGANDeep:
        """A copy with statistics."""
        generator = copy.deepcopy(self.average).freeze()
        rng = torch.Generator().manual_seed(seed)
        fill_statistics(generator, self.standing, rng)
        return generator


def pictures_of(generator: BigGANDeep, z: Float[Tensor, "n z_dim"], labels: Labels) -> Pictures:
    """Pictures of those classes, one for each z."""
    embedding = generator.classes.weight.T[needed(labels)]
    *_, (_, pictures) = generator.run_embedded(generator.map(z), embedding)
    return pictures


def needed(labels: Labels) -> Int[Tensor, " n"]:
    """The labels themselves.

    Raises:
        InputError: there are none.
    """
    if labels is None:
        raise InputError("the data have no classes, which a BigGAN-deep needs; one class will do.")
    return labels


@torch.no_grad()
def fill_statistics(generator: BigGANDeep, n: int, rng: torch.Generator) -> None:
    """Fill the tables of statistics ("standing statistics"): each row by a batch at its truncation.

    Every row sees the same z and the same classes, in equal parts, so that neighbouring rows differ little.
    Brock and others (ICLR 2019), appendix C.

    Args:
        generator: frozen; stays so.
        n: pictures of the batch.
        rng: for z.
    """
    z = torch.randn(n, generator.z_dim, generator=rng).to(generator.device)
    labels = (torch.arange(n) % generator.num_classes).to(generator.device)
    tables = [module for module in generator.modules() if isinstance(module, Statistics)]
    generator.train()
    for row in range(generator.n_stats):
        # Truncation 0 is no truncation that one may ask for, but has a row.
        at = generator.view(truncation=row / (generator.n_stats - 1))
        with ExitStack() as hooks:
            for table in tables:
                hook = table.register_forward_pre_hook(partial(_keep, row))
                hooks.callback(hook.remove)
            pictures_of(at, z, labels)
    generator.freeze()


def _keep(row: int, table: nn.Module, inputs: tuple[Any, ...]) -> None:
    assert isinstance(table, Statistics)
    x: Tensor = inputs[0]
    # As running statistics with momentum 1: ten times faster than torch.var_mean with channels last.
    batch_norm(x, table.means[row], table.variances[row], training=True, momentum=1.0)
    count = x.numel() // x.shape[1]
    table.variances[row] *= (count - 1) / count  # it divides by n - 1 here, by n where it normalises


@dataclass(frozen=True)
class BigGANDeepSettings(Settings):
    """A small BigGAN-deep (Brock and others, ICLR 2019)."""

    kind: ClassVar[str] = "biggan-deep"

    num_classes: int = 0
    """Classes of the pictures, at least 1."""
    batch: int = 32
    """Pictures of a step."""
    lr_g: float = 2e-4
    """Adam's step of the generator."""
    lr_d: float = 4e-4
    """Adam's step of the discriminator."""
    betas: tuple[float, float] = (0.0, 0.999)
    """How long Adam remembers gradients and their squares."""
    width: int = 32
    """Channels before the picture, a multiple of 4; eight times as many at 4 x 4."""
    d_channels: tuple[int, ...] = (128, 128, 64, 32, 16)
    """Of the discriminator, for 4, 8, ... pixels, as many as the resolution needs."""
    z_dim: int = 64
    """Length of z."""
    class_dim: int = 32
    """Length of the class embedding."""
    standing: int = 128
    """Pictures for the batch statistics of each truncation, in the exported generator."""

    def check(self) -> None:
        """Refuse what cannot be trained."""
        super().check()
        if self.num_classes < 1:
            raise InputError(f"num_classes={self.num_classes}: a BigGAN-deep needs classes; one will do.")
        if self.width < 4 or self.width % 4:
            raise InputError(f"width={self.width}: give a multiple of 4.")
        if 4 << (len(self.d_channels) - 1) < self.resolution:
            raise InputError(
                f"d_channels={self.d_channels}: give one for each of 4, 8, ... {self.resolution}."
            )
        for name in ("z_dim", "class_dim", "standing"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} must be at least 1.")

    def blocks(self) -> Iterator[tuple[bool, int, int]]:
        """For each doubling, a block that keeps the resolution and one that doubles it."""
        doublings = self.resolution.bit_length() - 3
        multiples = [min(8, 1 << max(0, doublings - 1 - i)) for i in range(-1, doublings)]
        for n_in, n_out in pairwise(multiples):
            yield False, n_in, n_in
            yield True, n_in, n_out

    def start(self, rng: torch.Generator) -> BigGANDeepGame:
        """Both networks with random weights."""
        generator = BigGANDeep(
            self.z_dim, self.class_dim, self.width, self.num_classes, list(self.blocks()), attention=None
        )
        channels = self.d_channels[: self.resolution.bit_length() - 2]
        discriminator = ProjectionDiscriminator(channels, self.num_classes)
        discriminator.initialize(rng)
        return BigGANDeepGame(generator, discriminator, rng, standing=self.standing)
