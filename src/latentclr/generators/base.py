"""The interface of every generator."""

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from latentclr.errors import InputError
from latentclr.files import tensors_sha256
from latentclr.generators.classes import find_class
from latentclr.generators.resample import Maps

Latents = Float[Tensor, "n slots dim"]
"""Latents of n pictures: a vector of length dim for every slot of the generator."""
Outputs = Iterator[tuple[str, Maps]]
"""Names and outputs of layers, in running order."""

Kind = TypeVar("Kind", bound="Generator")

IMAGE = "image"
"""The name of the last layer of every generator: the picture itself."""


@dataclass(frozen=True)
class Layer:
    """One named output of a generator.

    Attributes:
        name: exact and unique within its generator.
        slot: index of the latent that this layer reads, or of the last one read before it: moving only later
            slots changes nothing here.
        channels: number of channels of the output.
        resolution: height of the output in pixels.
        aliases: names that papers and other code bases use for the same output.
    """

    name: str
    slot: int
    channels: int
    resolution: int
    aliases: tuple[str, ...] = ()


class Folded(ABC):
    """A part of a network that keeps tensors which follow from its weights alone."""

    @abstractmethod
    def fold(self) -> None:
        """Compute them, once the weights are fixed."""


class Generator(nn.Module, ABC):
    """A pretrained generator: latents in, named layer outputs and a picture out.

    A subclass says what its latents are (`space`, `latent_dim`, `num_slots`, `z_dim`), lists its `layers`
    in running order (the last is called "image"), keeps its constructor's arguments in `_settings` and
    implements `run` and `style_weight`. The rest means the same for every architecture.

    Same latents, same picture: nothing is random (per-pixel noise is a fixed buffer) and each picture of a
    batch depends on its own latents only.

    A generator at another truncation (`at`) or for another class (`for_class`) is a *view*: a new object
    that shares all weights with the old one and costs nothing.

    Attributes:
        name: the user's name for it ("faces", a path); kept in artefacts for people to read.
        space: "z", the space that is sampled, or "w", the output of a mapping network.
        z_dim: length of the sampled vector.
        latent_dim: length of one latent.
        num_slots: number of latents per picture; 1 for a generator that reads its latent once.
        layers: every named output, in running order.
        truncation: in (0, 1]; smaller values trade variety for quality (psi of StyleGAN; a factor of z where
            there is no mapping network).
        num_classes: number of classes; 0 for an unconditional generator.
        class_names: names of class 0, 1, ...; empty where they are not known.
        label: weights of the classes that a conditional generator draws; None: none is chosen yet.
        channels_last: whether `fold` brings convolutions' weights into this memory format, in which they take
            0.6 to 0.95 of the time (CPU, float32).
    """

    name: str = ""
    space: Literal["z", "w"]
    z_dim: int
    latent_dim: int
    num_slots: int
    layers: tuple[Layer, ...]
    truncation: float = 1.0
    num_classes: int = 0
    class_names: tuple[str, ...] = ()
    label: Float[Tensor, " classes"] | None = None
    channels_last: bool = False
    _settings: Mapping[str, Any]

    def map(self, z: Float[Tensor, "n z_dim"]) -> Latents:
        """Turn samples of the prior (standard normal) into latents, at this generator's truncation.

        Here: z times the truncation, in every slot. Generators with a mapping network have another one.
        """
        return (z * self.truncation).unsqueeze(1).repeat(1, self.num_slots, 1)

    @abstractmethod
    def run(self, latents: Latents) -> Outputs:
        """Yield (layer name, output) for every layer in running order, from 4 x 4 upwards, last the picture.

        Later layers are not computed if the iteration stops before them.
        """

    @abstractmethod
    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        """The matrix by which the named layer reads its latent (what SeFa factorises).

        Raises:
            InputError: this layer reads no latent.
        """

    def settings(self) -> dict[str, Any]:
        """The arguments of the constructor that build a generator of this shape, as JSON values."""
        return dict(self._settings)

    def fold(self) -> None:
        """Compute what follows from the weights alone, once. Called by `freeze`."""
        if self.channels_last:
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for part in self.modules():
            if isinstance(part, Folded):
                part.fold()

    def at(self: Kind, truncation: float) -> Kind:
        """This generator with another truncation; shares the weights.

        Raises:
            InputError: the truncation is outside (0, 1].
        """
        return self.view(truncation=check_truncation(truncation))

    def in_space(self: Kind, space: str) -> Kind:
        """This generator with its latents in another space ("z" before, "w" after the mapping network).

        Raises:
            InputError: it has no such space.
        """
        if space != self.space:
            raise InputError(
                f"space={space!r}: a {type(self).__name__} has its latents in {self.space} only."
            )
        return self

    def preview(self, latents: Latents, pixels: int) -> Float[Tensor, "n 3 h w"]:
        """Small pictures; a subclass may have something cheaper that looks the same.

        Args:
            latents: as of `map`.
            pixels: larger pictures are scaled down so that neither side is above it.
        """
        return shrink(self(latents), pixels)

    @final
    def for_class(self: Kind, which: int | str | Float[Tensor, " classes"]) -> Kind:
        """This generator for one class; shares the weights, so directions found in one class fit the others.

        Args:
            which: the number of the class, its name, or a weight for every class (a mixture).

        Raises:
            InputError: there are no classes, or not this one.
        """
        if not self.num_classes:
            raise InputError(f"{self.name or 'this generator'} has no classes.")
        if isinstance(which, Tensor):
            if which.shape != (self.num_classes,):
                raise InputError(
                    f"class weights {tuple(which.shape)}: give one for each of {self.num_classes} classes."
                )
            return self.view(label=which)
        number = find_class(which, self.class_names, self.num_classes)
        return self.view(label=torch.eye(self.num_classes)[number])

    @final
    def chosen(self) -> Float[Tensor, " classes"]:
        """The weights of the classes to draw.

        Raises:
            InputError: none is chosen yet.
        """
        if self.label is None:
            raise InputError(
                f"{self.name or 'this generator'} draws {self.num_classes} classes: choose one with "
                "for_class(number or name), on the command line with --class."
            )
        return self.label.to(self.device)

    @final
    def settled(self: Kind) -> Kind:
        """This generator with the weights of its class where its own weights are: no copy at each call."""
        return self if self.label is None else self.view(label=self.label.to(self.device))

    @property
    def label_number(self) -> int | None:
        """The number of the chosen class; None where none is chosen, or a mixture."""
        if self.label is None or int((self.label != 0).sum()) != 1 or float(self.label.max()) != 1:
            return None
        return int(self.label.argmax())

    @final
    def view(self: Kind, **changes: Any) -> Kind:
        """A new object with the same weights and some other attributes."""
        view = copy.copy(self)
        for name, value in changes.items():
            setattr(view, name, value)
        return view

    @final  # type: ignore[misc]
    def forward(self, latents: Latents) -> Float[Tensor, "n 3 h w"]:
        """Pictures: white is 1, black is -1; networks without a last tanh may go a little beyond."""
        return self.features(latents, IMAGE)

    @final
    def features(self, latents: Latents, layer: str) -> Maps:
        """Output of one layer; later layers are not computed.

        Args:
            latents: as of `map`.
            layer: a name or an alias.

        Raises:
            InputError: there is no such layer.
        """
        return self.outputs(latents, (layer,))[0]

    @final
    def outputs(self, latents: Latents, layers: Sequence[str]) -> tuple[Maps, ...]:
        """Outputs of several layers from one pass, in the order of their names.

        Args:
            latents: as of `map`.
            layers: names or aliases.

        Raises:
            InputError: there is no such layer.
        """
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
            InputError: there is none; the message lists all layers.
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
    def sample(self, n: int, *, rng: torch.Generator) -> Latents:
        """Latents of random pictures.

        Args:
            n: number of pictures.
            rng: a generator on the CPU, so that samples are the same on every device.
        """
        return self.map(torch.randn(n, self.z_dim, generator=rng).to(self.device))

    @final
    def from_seeds(self, seeds: Sequence[int]) -> Latents:
        """Latents of numbered pictures: z is numpy's RandomState(seed).randn, as in NVIDIA's tools.

        One seed is one picture, whatever other seeds are in the list.

        Raises:
            InputError: there is no seed, or one outside 0 .. 2^32 - 1.
        """
        if not seeds or any(not 0 <= seed < 2**32 for seed in seeds):
            raise InputError(f"seeds={list(seeds)}: give one or more whole numbers in 0 .. 2^32 - 1.")
        rows = [np.random.RandomState(seed).randn(1, self.z_dim) for seed in seeds]
        return self.map(torch.from_numpy(np.concatenate(rows)).to(self.device, torch.float32))

    @final
    def freeze(self: Kind) -> Kind:
        """Evaluation mode, no gradient for any parameter, everything folded. Returns the generator itself.

        Call it again after changing weights in place.
        """
        self.eval().requires_grad_(False)
        if self.device.type != "meta":  # no values yet, nothing to fold
            with torch.no_grad():
                self.fold()
        return self

    @final
    def fingerprint(self) -> str:
        """SHA-256 over the architecture, its settings and every weight: the identity of this generator."""
        settings = json.dumps(self.settings(), sort_keys=True)
        return tensors_sha256(self.state_dict(), start=f"{type(self).__name__}{settings}")

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    @property
    def resolution(self) -> int:
        """Height of the picture in pixels."""
        return self.layers[-1].resolution


def arguments(names: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor as JSON values, from the `locals()` at its start."""
    return json.loads(json.dumps({k: v for k, v in names.items() if k not in ("self", "__class__")}))


def check_slots(slots: Sequence[int] | None, num_slots: int) -> tuple[int, ...]:
    """The slots as a sorted tuple without repeats; None means all of them.

    >>> check_slots(None, 3), check_slots([2, 0], 3)
    ((0, 1, 2), (0, 2))

    Args:
        slots: indices in any order; None: all.
        num_slots: number of slots of the generator.

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
    """The truncation itself, if it is possible.

    Raises:
        InputError: it is outside (0, 1].
    """
    if not 0 < truncation <= 1:
        raise InputError(f"truncation={truncation} must be above 0 and at most 1.")
    return truncation


def shrink(pictures: Float[Tensor, "n c h w"], pixels: int) -> Float[Tensor, "n c h2 w2"]:
    """Pictures averaged down so that neither side is above a limit; smaller ones stay as they are.

    Args:
        pictures: or maps of any kind.
        pixels: the limit.
    """
    height, width = pictures.shape[-2:]
    scale = pixels / max(height, width)
    if scale >= 1:
        return pictures
    return adaptive_avg_pool2d(pictures, (max(1, round(height * scale)), max(1, round(width * scale))))
