"""What an inversion minimises: the difference of two pictures, and how unusual their latents are."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import interpolate

from latentclr.generators import Generator, Latents
from latentclr.generators.base import shrink
from latentclr.invert.drawing import draw
from latentclr.invert.prior import Prior
from latentclr.invert.settings import Space, Weights
from latentclr.scorers.lpips import LPIPS, SMALLEST

Pictures = Float[Tensor, "n 3 h w"]
Each = Float[Tensor, " n"]
Encode = Callable[[Pictures], Latents]
"""Gives latents of pictures, with gradients."""

LPIPS_PIXELS = 256
"""Larger pictures are compared by LPIPS at this size, as in StyleGAN2's projector."""


@dataclass(frozen=True)
class Differences:
    """Between pictures and their targets.

    Attributes:
        pixel: mean squared difference of each.
        lpips: perceptual distance of each; 0 where it is not asked for.
    """

    pixel: Each
    lpips: Each

    def weighted(self, weights: Weights) -> Each:
        """Their part of the objective."""
        return weights.pixel * self.pixel + weights.lpips * self.lpips


class Target:
    """The pictures to be found. Their features of LPIPS are computed once.

    Args:
        pictures: in [-1, 1]; values beyond are clamped.
        metric: the perceptual distance; None: only pixels count.
    """

    def __init__(self, pictures: Pictures, metric: LPIPS | None) -> None:
        self.pictures, self.metric = pictures.clamp(-1, 1), metric
        with torch.no_grad():
            self.features = None if metric is None else metric.features(_resized(self.pictures))

    def __len__(self) -> int:
        return len(self.pictures)

    def rows(self, rows: Int[Tensor, " m"]) -> "Target":
        """The pictures at `rows`, in that order; nothing is computed anew."""
        part = object.__new__(Target)
        part.pictures, part.metric = self.pictures[rows], self.metric
        part.features = None if self.features is None else self.features[rows]
        return part

    def differences(self, pictures: Pictures) -> Differences:
        """The differences of as many pictures from the targets, with gradients."""
        shown = _saturated(pictures)
        pixel = (shown - self.pictures).square().mean((1, 2, 3))
        if self.metric is None or self.features is None:
            return Differences(pixel, torch.zeros_like(pixel))
        lpips = (self.metric.features(_resized(shown)) - self.features).square().sum(1)
        return Differences(pixel, lpips)

    def residuals(self, pictures: Pictures, weights: Weights) -> Float[Tensor, "n r"]:
        """Numbers whose squares add up to the weighted differences.

        Args:
            pictures: as many as targets, or any number for one target.
            weights: of both differences.
        """
        shown = pictures.clamp(-1, 1)
        errors = (shown - self.pictures.expand_as(pictures)).flatten(1)
        parts = [errors * (weights.pixel / errors.shape[1]) ** 0.5]
        if self.metric is not None and self.features is not None and weights.lpips:
            parts.append((self.metric.features(_resized(shown)) - self.features) * weights.lpips**0.5)
        return torch.cat(parts, 1)


@dataclass(frozen=True)
class Objective:
    """The objective as a function of normalised latents: in units of the prior's scale, around its mean.

    Normalised latents have the shape (m, s, dim), where s is 1 if all slots share one latent.

    Attributes:
        generator: draws the pictures; frozen.
        target: the n photos.
        weights: of the terms.
        prior: of the generator's latents.
        space: whether all slots share one latent.
        encoder: for the term "domain"; None: there is no such term.
        batch: pictures drawn at a time. Changes memory, not the result.
    """

    generator: Generator
    target: Target
    weights: Weights
    prior: Prior
    space: Space = "shared"
    encoder: Encode | None = None
    batch: int = 32

    def normalize(self, latents: Float[Tensor, "*n slots dim"]) -> Float[Tensor, "*n s dim"]:
        """Normalised latents; where all slots share one, of the mean over slots."""
        free = latents if self.space == "slots" else latents.mean(-2, keepdim=True)
        return (free - self.prior.mean) / self.prior.scale

    def latents(self, normalized: Float[Tensor, "m s dim"]) -> Latents:
        """The latents of every slot, from normalised ones."""
        return (self.prior.mean + self.prior.scale * normalized).expand(-1, self.generator.num_slots, -1)

    def values(
        self, normalized: Float[Tensor, "m s dim"], labels: Sequence[int | None], rows: Int[Tensor, " m"]
    ) -> Float[Tensor, "m 3"]:
        """The objective, the pixel difference and LPIPS, with gradients.

        Args:
            normalized: latents.
            labels: the class of each.
            rows: number of the photo that each is compared with.
        """
        weights, latents = self.weights, self.latents(normalized)
        pictures = draw(self.generator, latents, labels)
        found = self.target.rows(rows).differences(pictures)
        total = found.weighted(weights)
        if weights.prior:
            total = total + weights.prior * self.prior.unusual(latents)
        if weights.spread and self.space == "slots":
            total = total + weights.spread * self.prior.spread(latents)
        if weights.domain and self.encoder is not None:
            total = total + weights.domain * self.prior.distance(latents, self.encoder(pictures))
        return torch.stack([total, found.pixel, found.lpips], 1)

    def residuals(
        self, normalized: Float[Tensor, "m dim"], label: int | None, row: int
    ) -> Float[Tensor, "m r"]:
        """Numbers whose squares add up to the objective of one photo, where all slots share one latent.

        Args:
            normalized: latents, all for the same photo.
            label: their class.
            row: number of the photo.
        """
        weights, latents = self.weights, self.latents(normalized.unsqueeze(1))
        pictures = draw(self.generator, latents, [label] * len(latents))
        parts = [self.target.rows(torch.tensor([row])).residuals(pictures, weights)]
        if weights.prior:
            parts.append(self.prior.residuals(latents) * weights.prior**0.5)
        if weights.domain and self.encoder is not None:
            apart = ((latents - self.encoder(pictures)) / self.prior.scale).flatten(1)
            parts.append(apart * (weights.domain / apart.shape[1]) ** 0.5)
        return torch.cat(parts, 1)

    @torch.no_grad()
    def differences(self, latents: Latents, labels: Sequence[int | None]) -> Differences:
        """The differences of the photos from the pictures of as many latents.

        Args:
            latents: one for each photo.
            labels: their classes.
        """
        found = []
        for rows in torch.arange(len(latents)).split(self.batch):
            pictures = draw(self.generator, latents[rows], [labels[i] for i in rows.tolist()])
            found.append(self.target.rows(rows).differences(pictures))
        return Differences(torch.cat([one.pixel for one in found]), torch.cat([one.lpips for one in found]))


def picture_size(generator: Generator) -> tuple[int, int]:
    """Height and width of a generator's pictures."""
    return generator.resolution, generator.settings().get("resolution", generator.resolution)


def _saturated(pictures: Pictures) -> Pictures:
    """Pictures clamped to [-1, 1], as they are shown; gradients pass as if they were not clamped.

    So a pixel that is too bright for the screen can still be made darker.
    """
    return pictures + (pictures.clamp(-1, 1) - pictures).detach()


def psnr(pixel: Each) -> Each:
    """Decibels of a mean squared difference in [-1, 1].

    >>> psnr(torch.tensor([0.04])).tolist()
    [20.0]
    """
    return 10 * torch.log10(4 / pixel.clamp(min=1e-12))


def _resized(pictures: Pictures) -> Float[Tensor, "n 3 h2 w2"]:
    """Pictures not below the least size that LPIPS reads, and not above `LPIPS_PIXELS`."""
    least = min(pictures.shape[-2:])
    if least < SMALLEST:
        return interpolate(pictures, scale_factor=float(math.ceil(2 * SMALLEST / least)))
    return shrink(pictures, LPIPS_PIXELS)
