"""What an inversion makes small: the difference of two pictures, in pixels and to the eye."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from latentclr.generators.base import shrink
from latentclr.invert.settings import Weights as Weights
from latentclr.scorers.lpips import LPIPS, SMALLEST

Pictures = Float[Tensor, "n 3 h w"]
Each = Float[Tensor, " n"]

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
    """Pictures to be found. What LPIPS sees of them is computed once.

    Args:
        pictures: in [-1, 1]; beyond that they are cut off.
        metric: the perceptual distance; None: only pixels count.
    """

    def __init__(self, pictures: Pictures, metric: LPIPS | None) -> None:
        self.pictures, self.metric = pictures.clamp(-1, 1), metric
        with torch.no_grad():
            self.features = None if metric is None else metric.features(_sized(self.pictures))

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.pictures)

    def rows(self, rows: Tensor) -> "Target":
        """Some of them, in that order; nothing is computed anew."""
        part = object.__new__(Target)
        part.pictures, part.metric = self.pictures[rows], self.metric
        part.features = None if self.features is None else self.features[rows]
        return part

    def differences(self, pictures: Pictures) -> Differences:
        """Of as many drawn pictures, with gradients."""
        shown = saturated(pictures)
        pixel = (shown - self.pictures).square().mean((1, 2, 3))
        if self.metric is None or self.features is None:
            return Differences(pixel, torch.zeros_like(pixel))
        seen = (self.metric.features(_sized(shown)) - self.features).square().sum(1)
        return Differences(pixel, seen)

    def residuals(self, pictures: Pictures, weights: Weights) -> Float[Tensor, "n r"]:
        """Numbers whose squares add up to the weighted differences; no gradients.

        Args:
            pictures: as many as targets, or any number of one target.
            weights: of both differences.
        """
        wanted = self.pictures.expand_as(pictures)
        errors = (pictures.clamp(-1, 1) - wanted).flatten(1)
        parts = [errors * (weights.pixel / errors.shape[1]) ** 0.5]
        if self.metric is not None and self.features is not None and weights.lpips:
            parts.append(
                (self.metric.features(_sized(pictures.clamp(-1, 1))) - self.features) * weights.lpips**0.5
            )
        return torch.cat(parts, 1)


def saturated(pictures: Pictures) -> Pictures:
    """Pictures as they are shown, cut off at -1 and 1; the gradient passes as if they were not.

    So a pixel that is too bright for the screen can still be made darker.
    """
    return pictures + (pictures.clamp(-1, 1) - pictures).detach()


def psnr(pixel: Each) -> Each:
    """Decibels of a mean squared difference in [-1, 1].

    >>> psnr(torch.tensor([0.04])).tolist()
    [20.0]
    """
    return 10 * torch.log10(4 / pixel.clamp(min=1e-12))


def _sized(pictures: Pictures) -> Float[Tensor, "n 3 h2 w2"]:
    """As LPIPS wants them: not below its least size, not above ours."""
    least = min(pictures.shape[-2:])
    if least < SMALLEST:
        return interpolate(pictures, scale_factor=float(math.ceil(2 * SMALLEST / least)))
    return shrink(pictures, LPIPS_PIXELS)
