"""Training of a small BigGAN-deep.

Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis (ICLR 2019), with
spectral norm in both networks and hinge losses; a smaller discriminator, of BigGAN's kind, is enough here.
"""

import copy
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from latentclr.errors import InputError
from latentclr.generators import BigGANDeep
from latentclr.generators.biggan_deep import StatisticsTable
from latentclr.pretrain.average import update_average
from latentclr.pretrain.discriminators import ProjectionDiscriminator
from latentclr.pretrain.game import Game, Labels, Pictures
from latentclr.pretrain.losses import hinge_discriminator, hinge_generator
from latentclr.pretrain.settings import BigGANDeepSettings as BigGANDeepSettings
from latentclr.pretrain.spectral import (
    initialize_orthogonally,
    layers_with_weights,
    normalize_spectrally,
    normalized_weights,
)


class BigGANDeepGame(Game):
    """A BigGAN-deep and its discriminator, with hinge losses.

    The generator in training has spectral norm as a parametrisation; the average is a plain BigGAN-deep and
    averages the weights after their division.
    """

    generator: BigGANDeep
    average: BigGANDeep

    def __init__(self, settings: BigGANDeepSettings, rng: torch.Generator) -> None:
        classes, blocks = settings.num_classes, list(settings.blocks())
        generator = BigGANDeep(
            settings.z_dim, settings.class_dim, settings.width, classes, blocks, attention=None
        )
        channels = settings.d_channels[: settings.resolution.bit_length() - 2]
        discriminator = ProjectionDiscriminator(channels, classes)
        discriminator.initialize(rng)
        initialize_orthogonally(generator, rng)
        self.average = copy.deepcopy(generator).freeze()
        self.generator = generator.train().requires_grad_(True)
        embedding: nn.Module = generator.classes  # left as it is, as published
        normalize_spectrally(
            [layer for layer in layers_with_weights(generator) if layer is not embedding], rng
        )
        self.discriminator = discriminator.train()
        self.standing = settings.standing
        self.names = [name for name, _ in self.average.named_parameters()]
        self.update_average(0.0)

    def generate(self, labels: Labels, n: int, rng: torch.Generator) -> Pictures:
        """See `Game.generate`; z is not truncated."""
        z = torch.randn(n, self.generator.z_dim, generator=rng).to(self.generator.device)
        return _generate_from(self.generator, z, labels)

    def discriminator_loss(self, real: Pictures, fake: Pictures, labels: Labels) -> Float[Tensor, ""]:
        """See `Game.discriminator_loss`; all pictures go through the discriminator in one batch."""
        logits = self.discriminator(torch.cat([real, fake]), _require_labels(labels).repeat(2))
        return hinge_discriminator(logits[: len(real)], logits[len(real) :])

    def generator_loss(self, fake: Pictures, labels: Labels) -> Float[Tensor, ""]:
        """See `Game.generator_loss`; a hinge loss."""
        return hinge_generator(self.discriminator(fake, labels))

    def update_average(self, decay: float) -> None:
        """Average the weights after their division by spectral norms."""
        update_average(list(self.average.parameters()), normalized_weights(self.generator, self.names), decay)

    def exported(self, seed: int) -> BigGANDeep:
        """A copy of the average with batch statistics for each truncation."""
        generator = copy.deepcopy(self.average).freeze()
        rng = torch.Generator().manual_seed(seed)
        _fill_statistics(generator, self.standing, rng)
        return generator


def _generate_from(generator: BigGANDeep, z: Float[Tensor, "n z_dim"], labels: Labels) -> Pictures:
    """Pictures of latents z, as `map` takes them, in the generator's own mode, training or not."""
    embedding = generator.classes.weight.T[_require_labels(labels)]
    *_, (_, pictures) = generator.run_embedded(generator.map(z), embedding)
    return pictures


def _require_labels(labels: Labels) -> Int[Tensor, " n"]:
    """The labels, if there are any; otherwise InputError."""
    if labels is None:
        raise InputError("the data have no classes, which a BigGAN-deep needs; one class will do.")
    return labels


@torch.no_grad()
def _fill_statistics(generator: BigGANDeep, n: int, rng: torch.Generator) -> None:
    """Fill the tables of batch statistics ("standing statistics"): each row by a batch at its truncation.

    Every row sees the same n latents z and the same classes, in equal parts, so that neighbouring rows differ
    little. Brock and others (ICLR 2019), appendix C.
    """
    z = torch.randn(n, generator.z_dim, generator=rng).to(generator.device)
    labels = (torch.arange(n) % generator.num_classes).to(generator.device)
    tables = [module for module in generator.modules() if isinstance(module, StatisticsTable)]
    generator.train()
    for row in range(generator.n_stats):
        # Truncation 0 is no truncation that one may ask for, but has a row.
        at = generator.view(truncation=row / (generator.n_stats - 1))
        with ExitStack() as hooks:
            for table in tables:
                hook = table.register_forward_pre_hook(partial(_keep_statistics, row))
                hooks.callback(hook.remove)
            _generate_from(at, z, labels)
    generator.freeze()


def _keep_statistics(row: int, table: nn.Module, inputs: tuple[Any, ...]) -> None:
    assert isinstance(table, StatisticsTable)
    x: Tensor = inputs[0]
    # As running statistics with momentum 1: ten times faster than torch.var_mean with channels last.
    batch_norm(x, table.means[row], table.variances[row], training=True, momentum=1.0)
    count = x.numel() // x.shape[1]
    table.variances[row] *= (count - 1) / count  # it divides by n - 1 here, by n where it normalises
