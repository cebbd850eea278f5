"""The contract that every generator keeps."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.errors import InputError

Latents = Float[Tensor, "n slots dim"]
"""Where a picture comes from: n pictures, one latent of length dim for every slot of the generator."""

Kind = TypeVar("Kind", bound="Generator")

IMAGE = "image"
"""The name of the last layer of every generator: the picture itself."""


@dataclass(frozen=True)
class Layer:
    """One named output of a generator.

    Attributes:
        name: exact and unique within its generator.
        slot: the latent that this layer reads, or the last one read before it: moving only later slots
            changes nothing here.
        channels: of the output.
        resolution: height of the output in pixels.
        aliases: names that papers and other code bases use for the same output.
    """

    name: str
    slot: int
    channels: int
    resolution: int
    aliases: tuple[str, ...] = ()


class Generator(nn.Module, ABC):
    """A pretrained generator: latents in, named layer outputs and a picture out.

    A subclass says what its latents are (`space`, `latent_dim`, `num_slots`, `z_dim`), lists its `layers`
    in running order (the last is called "image") and implements `map`, `run` and `style_weight`. The rest
    is final, so that it means the same for every architecture.

    Same latents, same picture: a generator draws nothing (per-pixel noise is a fixed buffer) and each
    picture of a batch depends on its own latents only.

    Attributes:
        name: what the user called it ("faces", a path); kept in artefacts for people to read.
        space: "z", the space that is sampled, or "w", the output of a mapping network.
        z_dim: length of the sampled vector.
        latent_dim: length of one latent.
        num_slots: latents per picture; 1 for a generator that reads its latent once.
        layers: every named output, in running order.
    """

    name: str = ""
    space: Literal["z", "w"]
    z_dim: int
    latent_dim: int
    num_slots: int
    layers: tuple[Layer, ...]

    @abstractmethod
    def map(self, z: Float[Tensor, "n z_dim"], *, truncation: float = 1.0) -> Latents:
        """Turn samples of the prior into latents.

        Args:
            z: standard normal samples.
            truncation: in (0, 1]; smaller values trade variety for quality (psi of StyleGAN). Where there
                is no mapping network, z is scaled by it.
        """

    @abstractmethod
    def run(self, latents: Latents) -> Iterator[tuple[str, Float[Tensor, "n c h w"]]]:
        """Yield (layer name, output) for every layer in running order, last the picture in [-1, 1].

        What is not asked for is not computed: stop iterating after the layer that you need.
        """

    @abstractmethod
    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        """Return the matrix by which the named layer reads its latent (what SeFa factorises).

        Raises:
            InputError: this layer reads no latent.
        """

    @final  # type: ignore[misc]
    def forward(self, latents: Latents) -> Float[Tensor, "n 3 h w"]:
        """Pictures, in [-1, 1]."""
        return self.features(latents, IMAGE)

    @final
    def features(self, latents: Latents, layer: str) -> Float[Tensor, "n c h w"]:
        """Output of one layer; later layers are not computed.

        Raises:
            InputError: there is no such layer.
        """
        return self.outputs(latents, (layer,))[0]

    @final
    def outputs(self, latents: Latents, layers: Sequence[str]) -> tuple[Float[Tensor, "n c h w"], ...]:
        """Outputs of several layers from one pass, in the order asked for."""
        wanted = [self.layer(name).name for name in layers]
        found: dict[str, Tensor] = {}
        for name, output in self.run(latents):
            if name in wanted:
                found[name] = output
            if len(found) == len(set(wanted)):
                break
        return tuple(found[name] for name in wanted)

    @final
    def layer(self, name: str) -> Layer:
        """The layer of that name or alias.

        Raises:
            InputError: there is none; the message lists those that there are.
        """
        for layer in self.layers:
            if name == layer.name or name in layer.aliases:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise InputError(f"no layer {name!r} in this generator; its layers are {known}.")

    @final
    def check_slots(self, slots: Sequence[int] | None) -> tuple[int, ...]:
        """The slots as a sorted tuple; None means all of them.

        Raises:
            InputError: one is out of range, or none is given.
        """
        return check_slots(slots, self.num_slots)

    @final
    def sample(self, n: int, *, rng: torch.Generator, truncation: float = 1.0) -> Latents:
        """Latents of n random pictures. `rng` is a generator on the CPU: the same on every device."""
        z = torch.randn(n, self.z_dim, generator=rng)
        return self.map(z.to(self.device), truncation=truncation)

    @final
    def from_seeds(self, seeds: Sequence[int], *, truncation: float = 1.0) -> Latents:
        """Latents of numbered pictures: z is numpy's RandomState(seed).randn, as in NVIDIA's tools.

        One seed is one picture, whatever stands beside it in the list.

        Raises:
            InputError: no seed, or one outside 0 .. 2^32 - 1.
        """
        if not seeds or any(not 0 <= seed < 2**32 for seed in seeds):
            raise InputError(f"seeds={list(seeds)}: give one or more whole numbers in 0 .. 2^32 - 1.")
        rows = [np.random.RandomState(seed).randn(1, self.z_dim) for seed in seeds]
        z = torch.from_numpy(np.concatenate(rows)).to(self.device, torch.float32)
        return self.map(z, truncation=truncation)

    @final
    def freeze(self: Kind) -> Kind:
        """Evaluation mode, and no gradient for any parameter. Returns the generator itself."""
        return self.eval().requires_grad_(False)

    @final
    def fingerprint(self) -> str:
        """SHA-256 over the architecture's name and every weight: the identity of this generator."""
        digest = hashlib.sha256(type(self).__name__.encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(f"|{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def resolution(self) -> int:
        """Height of the picture in pixels."""
        return self.layers[-1].resolution


def check_slots(slots: Sequence[int] | None, num_slots: int) -> tuple[int, ...]:
    """The slots as a sorted tuple without repeats; None means all of them.

    >>> check_slots(None, 3), check_slots([2, 0], 3)
    ((0, 1, 2), (0, 2))

    Raises:
        InputError: one is out of range, or none is given.
    """
    if slots is None:
        return tuple(range(num_slots))
    if not slots or any(not 0 <= slot < num_slots for slot in slots):
        allowed = "slot 0 only" if num_slots == 1 else f"slots 0 to {num_slots - 1}"
        raise InputError(f"slots {list(slots)} are not possible: this generator has {allowed}.")
    return tuple(sorted(set(slots)))


def check_truncation(truncation: float) -> float:
    """The value itself.

    Raises:
        InputError: outside (0, 1].
    """
    if not 0 < truncation <= 1:
        raise InputError(f"truncation={truncation} must be above 0 and at most 1.")
    return truncation
