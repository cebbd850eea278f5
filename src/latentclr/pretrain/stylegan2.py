"""Training of a small StyleGAN2.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila: Analyzing and Improving the Image Quality of StyleGAN (CVPR
2020), without path length regularisation. There is no noise: our generators add a fixed one, with which there
is nothing to learn but a pattern on every picture.
"""

import copy
from collections.abc import Mapping

import torch
from jaxtyping import Bool
from torch import Tensor

from latentclr.generators import StyleGAN2
from latentclr.pretrain.average import update_average
from latentclr.pretrain.discriminators import StyleGAN2Discriminator
from latentclr.pretrain.game import Game, Labels, Pictures
from latentclr.pretrain.settings import StyleGAN2Settings as StyleGAN2Settings

W_AVG_DECAY = 0.995
"""Decay of the running mean of w, at each step (as published)."""


class StyleGAN2Game(Game):
    """A StyleGAN2 and its discriminator."""

    generator: StyleGAN2
    average: StyleGAN2

    def __init__(self, settings: StyleGAN2Settings, rng: torch.Generator) -> None:
        channels = settings.channels[: settings.resolution.bit_length() - 2]
        mapping = (settings.w_dim,) * settings.mapping_layers
        generator = StyleGAN2(
            settings.resolution, channels, z_dim=settings.z_dim, mapping=mapping, noise=False
        )
        generator.initialize(rng)
        discriminator = StyleGAN2Discriminator(channels)
        discriminator.initialize(rng)
        self.average = copy.deepcopy(generator).freeze()
        self.generator = generator.train().requires_grad_(True)
        self.discriminator = discriminator.train()
        self.mixing = settings.mixing

    def generate(self, labels: Labels, n: int, rng: torch.Generator) -> Pictures:
        """See `Game.generate`; some pictures are of two w ("style mixing"), and the mean of w is updated."""
        generator = self.generator
        z = torch.randn(2 * n if self.mixing else n, generator.z_dim, generator=rng).to(generator.device)
        w = generator.mapped(z)
        with torch.no_grad():
            generator.mapping.w_avg.lerp_(w.mean(0).to(torch.float32), 1 - W_AVG_DECAY)
        latents = w[:n].unsqueeze(1).expand(-1, generator.num_slots, -1)
        if self.mixing:
            second = _style_mixing(n, generator.num_slots, self.mixing, rng).to(generator.device)
            latents = torch.where(second.unsqueeze(2), w[n:].unsqueeze(1), latents)
        pictures: Tensor = generator(latents)
        return pictures

    def update_average(self, decay: float) -> None:
        """Average all weights; the mean of w is an average already and is copied."""
        update_average(list(self.average.parameters()), list(self.generator.parameters()), decay)
        self.average.mapping.w_avg.copy_(self.generator.mapping.w_avg)

    def exported(self, seed: int) -> StyleGAN2:
        """A frozen copy of the average; the seed is not used."""
        return copy.deepcopy(self.average).freeze()

    def grown(self, before: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Game.grown`; new are the generator's last block, which adds nothing yet, and D's first."""
        begin = {}
        last = f"synthesis.b{self.generator.resolution}."
        for name, own in self.tensors().items():
            network, _, rest = name.partition(".")
            if network != "discriminator" and rest == f"{last}torgb.weight":
                begin[name] = torch.zeros_like(own)
            elif network != "discriminator" and not rest.startswith(last):
                begin[name] = before[name]
            elif rest.startswith("blocks.") and not rest.startswith("blocks.0."):
                _, number, rest = rest.split(".", 2)
                begin[name] = before[f"{network}.blocks.{int(number) - 1}.{rest}"]
            elif rest.startswith(("conv.", "hidden.", "out.")):
                begin[name] = before[name]
        return begin


def _style_mixing(n: int, slots: int, probability: float, rng: torch.Generator) -> Bool[Tensor, "n slots"]:
    """Whether each slot of a picture reads its second w: from a random slot on, never the first."""
    first = torch.randint(1, slots, (n,), generator=rng)
    mixed = torch.rand(n, generator=rng) < probability
    return mixed.unsqueeze(1) & (torch.arange(slots) >= first.unsqueeze(1))
