"""GANSpace: the axes along which a generator's latents or activations vary most.

Härkönen, Hertzmann, Lehtinen, Paris: GANSpace: Discovering Interpretable GAN Controls (NeurIPS 2020). Where
there is a mapping network, the principal components of w are the directions (the paper's
StyleGANs). Elsewhere those of a layer's activations are, brought back to the latent by least squares (its
BigGAN).

Samples are a stream: they are drawn, mapped, summed into moments and forgotten, a chunk at a time. Each chunk
has random numbers of its own, from the seed and the chunk's number, so that any number of processes can share
the chunks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from latentclr.directions import Directions, Global
from latentclr.discover.base import Discoverer, Setup
from latentclr.discover.moments import Axes, Moments, Sketch, basis_of, signed
from latentclr.discover.settings.ganspace import GANSpaceSettings
from latentclr.engine.precision import products
from latentclr.engine.training import Log
from latentclr.engine.world import World
from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.linalg import unit

CHUNK = 4096
"""Latents that are drawn at once. A constant of the method: another one means other random numbers."""
EXACT = 2048
"""Longest features whose whole covariance is summed; of longer ones, its products with a basis (`Sketch`)."""
SPARE = 16
"""The basis has this many dimensions more than twice k."""
WARM_UP, WARM_UP_NUMBERS = 1024, 2**25
"""The basis is computed from this many samples, or from fewer if they would have more numbers than this."""
ACTIVATIONS = 2**24
"""Numbers in the largest activation that is computed at once."""
STILL = 1e-10
"""A component with this share of the largest variance, or less, is still but for rounding."""
UNSEEN = 1e-6
"""A coordinate of the latent that changes features by this share of their largest, or less, is not read."""
SAMPLING, REGRESSION, PROBE = range(3)
"""Streams of random numbers under one seed."""


@dataclass(frozen=True)
class GANSpace(GANSpaceSettings, Discoverer):
    """Principal components of w, or of a layer's activations."""

    @property
    def steps(self) -> int:
        """Chunks of samples: what `log` counts."""
        return -(-self.samples // CHUNK)

    def find(self, setup: Setup) -> Directions:
        """Find the components; sorted by the variance that they explain, signs by `moments.signed`.

        alpha counts standard deviations of w along its direction, as the authors' sigmas do; in z it is a
        length (the authors' standard deviation of z is 1 whatever the truncation). Latents are drawn at
        `truncation`, and so is that standard deviation: at 0.7 alpha = 1 is 0.7 times as long in w. The
        record has "explained_variance" of each component and, in w, "mean_coordinate": of the mean latent
        along each direction (the authors' centred edits start from there).

        `log` gets the number of chunks that are done. Processes share the chunks; their number changes the
        result by no more than the rounding of float64 sums.

        Raises:
            InputError: a field out of range, an unknown layer or slot, or a layer that does not vary in k
                dimensions.
        """
        generator, world = setup.generator, setup.world
        self._check(generator)
        if self.layer is None and generator.space == "w":
            layer = None
        else:
            layer = generator.layer(self.layer or generator.layers[0].name).name

        with torch.no_grad(), products("float32"):
            stream = _Stream(generator, layer, self.samples, self.seed, world)
            moments = stream.moments(self.k, setup.log)
            axes = moments.axes(self.k)
            self._check_variances(axes, layer)
            if layer is None:
                directions, scale, mean = axes.rows, axes.variances.sqrt(), moments.mean
            else:
                fresh = _Stream(generator, layer, self.regression_samples, self.seed, world)
                directions, scale, mean = fresh.regressed(axes, moments.mean)
        origin: dict[str, Any] = {"layer": layer, "explained_variance": axes.variances.tolist()}
        if generator.space == "w":
            origin["mean_coordinate"] = (directions @ mean).tolist()
        else:
            scale = torch.ones_like(scale)
        what = "w" if layer is None else f"the activations of {layer}"
        return self.result(
            setup,
            Global.from_state({"theta": directions}, k=self.k, dim=generator.latent_dim),
            scale=scale.float(),
            scores=(axes.variances / moments.variance).float(),
            sorted_by=f"explained variance: share of that of {what}",
            **origin,
        )

    def _check(self, generator: Generator) -> None:
        dim = generator.latent_dim
        if not 1 <= self.k <= dim:
            raise InputError(f"k={self.k} must be in 1 .. {dim}, the dimensions of this latent space.")
        for name in ("samples", "regression_samples"):
            if getattr(self, name) <= self.k + dim:
                raise InputError(
                    f"{name}={getattr(self, name)} must be more than {self.k + dim}, the sum of k and the "
                    "dimensions of this latent space; the default is far more."
                )

    def _check_variances(self, axes: Axes, layer: str | None) -> None:
        variances = axes.variances
        moving = int((variances > STILL * variances[0]).sum())
        if moving < self.k:
            what = "w" if layer is None else f"layer {layer!r}"
            raise InputError(
                f"k={self.k} is too many: {what} varies in {moving} dimensions only; choose a smaller k or "
                "another layer."
            )


@dataclass(frozen=True)
class _Stream:
    """Samples of a generator's latents, or of a layer's activations, in chunks that processes share.

    Attributes:
        generator: at the truncation that is meant.
        layer: whose activations; None: the latents themselves.
        samples: how many, of all processes.
        seed: of the random numbers.
        world: the processes.
    """

    generator: Generator
    layer: str | None
    samples: int
    seed: int
    world: World

    def latents(self, stream: int, chunk: int) -> Float[Tensor, "n dim"]:
        """The latents of one chunk, each once instead of once for every slot."""
        n = min(CHUNK, self.samples - chunk * CHUNK)
        z = torch.randn(n, self.generator.z_dim, generator=_chunk_rng(self.seed, stream, chunk))
        return self.generator.view(num_slots=1).map(z.to(self.generator.device))[:, 0]

    def features(self, latents: Float[Tensor, "n dim"]) -> Iterator[Float[Tensor, "m f"]]:
        """What is analysed, in batches that fit into memory, for all latents in order."""
        if self.layer is None:
            yield latents
            return
        whole = latents.unsqueeze(1).expand(-1, self.generator.num_slots, -1)
        for part in whole.split(self._batch()):
            maps = self.generator.features(part, self.layer)
            yield maps.permute(0, 2, 3, 1).flatten(1)  # as they lie in memory: channels last

    def moments(self, k: int, log: Log) -> Moments | Sketch:
        """Mean and covariance of all samples, from which k components will be asked for."""
        first = self.latents(SAMPLING, 0)  # in every process: where sums start must be the same in all
        length = next(self.features(first[:1])).shape[1]
        if length < k:
            raise InputError(f"k={k} must be at most {length}, the numbers in an activation of this layer.")
        moments: Moments | Sketch
        if length <= EXACT:
            moments = Moments(_mean(self.features(first)))
        else:
            rank = min(2 * k + SPARE, length, len(first))
            few = first[: max(rank, min(WARM_UP, WARM_UP_NUMBERS // length))]
            moments = Sketch(_mean(self.features(few)), basis_of(torch.cat(list(self.features(few))), rank))
        for done, chunk in enumerate(self._mine(), start=1):
            for rows in self.features(self.latents(SAMPLING, chunk)):
                moments.add(rows)
            log(min(done * self.world.size, self._chunks()), {})
        self.world.sum(moments.parts)
        return moments

    def regressed(
        self, axes: Axes, mean: Float64[Tensor, " f"]
    ) -> tuple[Float64[Tensor, "k dim"], Float64[Tensor, " k"], Float64[Tensor, " dim"]]:
        """The latent directions whose least squares fit the components.

        a = (activation - mean) along the axes, in standard deviations; M minimises |(a M) - latent|^2, both
        less their means, over fresh samples. Row k of M is what the latent moves by, on average, where
        component k moves by one standard deviation. It is solved by the joint covariance of a and the
        latent: a's coordinates hardly correlate, so the equations are as good as their squares' are. A
        coordinate of the latent that the layer does not read (BigGAN's pieces of z) gets exactly zero, for
        which sampling alone would give noise.

        Returns:
            Unit directions, signed; the latents' standard deviation along each; the latents' mean.
        """
        assert self.layer is not None
        deviations = axes.variances.sqrt()
        to_coordinates = axes.rows.T / deviations  # (f, k)
        k, dim = len(axes.rows), self.generator.latent_dim
        moments = Moments(mean.new_zeros(k + dim))  # around zero: coordinates are, and latents nearly
        for chunk in self._mine():
            latents = self.latents(REGRESSION, chunk)
            coordinates = [(rows - mean) @ to_coordinates for rows in self.features(latents)]
            moments.add(torch.cat([torch.cat(coordinates), latents.double()], 1))
        self.world.sum(moments.parts)
        covariance = moments.covariance
        fitted = torch.linalg.solve(covariance[:k, :k], covariance[:k, k:])
        directions = signed(unit(fitted * self._seen()))
        along = torch.einsum("kd,de,ke->k", directions, covariance[k:, k:], directions)
        return directions, along.clamp(min=0).sqrt(), moments.mean[k:]

    def _seen(self) -> Float64[Tensor, " dim"]:
        """1 for each coordinate of the latent that the layer reads, 0 for the others."""
        dim = self.generator.latent_dim
        start = self.latents(PROBE, 0)[:1]
        moved = torch.cat([start, start + torch.eye(dim, device=start.device)])
        before: Tensor | None = None
        changes = []
        for rows in self.features(moved):
            before = rows[:1] if before is None else before
            changes.append((rows - before).abs().amax(1))
        assert before is not None
        return (torch.cat(changes)[1:] > UNSEEN * before.abs().max()).double()

    def _batch(self) -> int:
        assert self.layer is not None
        until = [layer.name for layer in self.generator.layers].index(self.layer)
        largest = max(layer.channels * layer.resolution**2 for layer in self.generator.layers[: until + 1])
        return max(1, min(CHUNK, ACTIVATIONS // largest))

    def _chunks(self) -> int:
        return -(-self.samples // CHUNK)

    def _mine(self) -> range:
        share = self.world.share(self._chunks())
        return range(share.start, share.stop)


def _chunk_rng(seed: int, stream: int, chunk: int) -> torch.Generator:
    """Random numbers of one chunk, unlike those of all others.

    The three are mixed (by numpy's SeedSequence), since torch uses but 32 bits of a seed. They are always
    four words: a longer seed would otherwise take the place of the stream.
    """
    words = [seed % 2**32, seed // 2**32 % 2**32, stream, chunk]
    mixed = np.random.SeedSequence(words).generate_state(1, np.uint32)
    return torch.Generator().manual_seed(int(mixed[0]))


def _mean(parts: Iterator[Tensor]) -> Float64[Tensor, " d"]:
    total: Tensor | None = None
    count = 0
    for rows in parts:
        summed = rows.double().sum(0)
        total = summed if total is None else total + summed
        count += len(rows)
    assert total is not None
    return total / count
