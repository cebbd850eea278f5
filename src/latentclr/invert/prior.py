"""Where a generator's latents are: mean, scale and covariance of their distribution."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.generators import Generator, Latents

SAMPLES = 4096
"""Number of latents on which the distribution is measured."""
THINNEST = 1e-3
"""The least variance along an axis, as a share of the mean variance; smaller ones are raised to it."""


@dataclass(frozen=True)
class Prior:
    """The distribution of a generator's latents.

    Attributes:
        mean: of the latents.
        scale: root of the mean variance over the axes, the unit of steps and distances.
        whiten: a matrix; (latent - mean) @ whiten has unit variance along every axis.
        shell: whether a latent too near to the mean is as unusual as one too far away. It is in z, where
            samples of a normal distribution lie on a shell; in w the mean is a good picture.
    """

    mean: Float[Tensor, " dim"]
    scale: float
    whiten: Float[Tensor, "dim dim"]
    shell: bool

    @classmethod
    def of(cls, generator: Generator, *, samples: int = SAMPLES) -> "Prior":
        """The distribution as measured on samples, which are the same each time.

        Args:
            generator: frozen.
            samples: number of samples.
        """
        with torch.no_grad():
            latents = generator.sample(samples, rng=torch.Generator().manual_seed(0))[:, 0]
            mean = latents.mean(0)
            values, axes = torch.linalg.eigh((latents - mean).T @ (latents - mean) / (len(latents) - 1))
            average = float(values.mean())
            thick = values.clamp(min=THINNEST * average)
            return cls(mean, average**0.5, axes / thick.sqrt() @ axes.T, generator.space == "z")

    def residuals(self, latents: Latents) -> Float[Tensor, "n slots"]:
        """Numbers whose squares add up to `unusual`."""
        found: Tensor = self._excess(latents) / latents.shape[1] ** 0.5
        return found

    def unusual(self, latents: Latents) -> Float[Tensor, " n"]:
        """(|u|^2 / dim - 1)^2 of the whitened latents u, averaged over slots: 0 for a usual one."""
        return self._excess(latents).square().mean(1)

    def _excess(self, latents: Latents) -> Float[Tensor, "n slots"]:
        excess: Tensor = ((latents - self.mean) @ self.whiten).square().mean(2) - 1
        return excess if self.shell else excess.clamp(min=0)

    def spread(self, latents: Latents) -> Float[Tensor, " n"]:
        """Mean squared distance of the slots' latents from their mean, in units of `scale`."""
        return ((latents - latents.mean(1, keepdim=True)) / self.scale).square().mean((1, 2))

    def distance(self, a: Latents, b: Latents) -> Float[Tensor, " n"]:
        """Mean squared distance of two latents, in units of `scale`, for each of n pairs.

        Args:
            a: the first of each pair.
            b: the second of each pair.
        """
        return ((a - b) / self.scale).square().mean((1, 2))
