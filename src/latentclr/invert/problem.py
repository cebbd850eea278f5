"""The objective of an inversion as a function of where the latents are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.generators import Generator, Latents
from latentclr.invert.drawing import draw
from latentclr.invert.objective import Target, Weights
from latentclr.invert.prior import Prior
from latentclr.invert.settings import Space as Space

Guess = Callable[[Float[Tensor, "n 3 h w"]], Latents]
"""An encoder: latents of pictures, with gradients."""
Places = Float[Tensor, "m s dim"]
"""Latents in units of their scale, around their mean; s is 1 where one latent is for all slots."""


@dataclass(frozen=True)
class Problem:
    """What is made small.

    Attributes:
        generator: draws.
        weights: of the terms.
        prior: of the generator's latents.
        space: whether all slots share one latent.
        encoder: for the term "domain".
    """

    generator: Generator
    weights: Weights
    prior: Prior
    space: Space
    encoder: Guess | None = None

    def places(self, latents: Float[Tensor, "*n slots dim"]) -> Float[Tensor, "*n s dim"]:
        """Where latents are."""
        free = latents if self.space == "slots" else latents.mean(-2, keepdim=True)
        return (free - self.prior.mean) / self.prior.scale

    def latents(self, places: Places) -> Latents:
        """The latents at places."""
        return (self.prior.mean + self.prior.scale * places).expand(-1, self.generator.num_slots, -1)

    def values(self, places: Places, labels: Sequence[int | None], target: Target) -> Float[Tensor, "m 3"]:
        """The objective at m places, with gradients, and both differences."""
        weights, latents = self.weights, self.latents(places)
        pictures = draw(self.generator, latents, labels)
        found = target.differences(pictures)
        total = found.weighted(weights)
        if weights.prior:
            total = total + weights.prior * self.prior.unusual(latents)
        if weights.spread and self.space == "slots":
            total = total + weights.spread * self.prior.spread(latents)
        if weights.domain and self.encoder is not None:
            total = total + weights.domain * self.prior.apart(latents, self.encoder(pictures))
        return torch.stack([total, found.pixel, found.lpips], 1)

    def residuals(
        self, places: Float[Tensor, "m dim"], label: int | None, target: Target
    ) -> Float[Tensor, "m r"]:
        """Numbers whose squares add up to the objective of one photo, where one latent is for all slots."""
        weights, latents = self.weights, self.latents(places.unsqueeze(1))
        pictures = draw(self.generator, latents, [label] * len(latents))
        parts = [target.residuals(pictures, weights)]
        if weights.prior:
            parts.append(self.prior.residuals(latents) * weights.prior**0.5)
        if weights.domain and self.encoder is not None:
            apart = ((latents - self.encoder(pictures)) / self.prior.scale).flatten(1)
            parts.append(apart * (weights.domain / apart.shape[1]) ** 0.5)
        return torch.cat(parts, 1)
