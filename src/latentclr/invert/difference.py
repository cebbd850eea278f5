"""A small change of a generator's weights, in a file of its own.

Each matrix of weights W (a convolution's: its first axis against the others) becomes W + A B with thin A and
B, so a change of millions of weights is some ten thousand numbers; a vector's change is kept whole.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from latentclr.artefacts import Artefact, GeneratorRecord, Origin
from latentclr.errors import InputError
from latentclr.generators import Generator

LEFT, RIGHT, WHOLE = "left.", "right.", "whole."


@dataclass(frozen=True)
class Difference(Artefact):
    """What tuning changed in the weights of a generator. A value: never changed in place.

    Attributes:
        tensors: "left.NAME" (rows, rank) and "right.NAME" (rank, columns), whose product is added to the
            matrix NAME; "whole.NAME" is added as it is.
        generator: that was tuned.
        origin: how: "method", "settings", "steps" and "figures". JSON values only.
    """

    KIND: ClassVar[str] = "a tuning of a generator (tuning.safetensors of `latentclr invert`)"
    MARK: ClassVar[Mapping[str, Any]] = {"format": 1, "kind": "tuning"}

    tensors: Mapping[str, Tensor]
    generator: GeneratorRecord
    origin: Origin = field(default_factory=Origin)

    @property
    def names(self) -> list[str]:
        """Weights that are changed."""
        return sorted(
            name.removeprefix(LEFT).removeprefix(WHOLE) for name in self.tensors if not name.startswith(RIGHT)
        )

    def added(self, name: str, weight: Tensor) -> Tensor:
        """What is added to a weight.

        Raises:
            InputError: it has another shape.
        """
        if f"{WHOLE}{name}" in self.tensors:
            change = self.tensors[f"{WHOLE}{name}"]
        else:
            left, right = self.tensors.get(f"{LEFT}{name}"), self.tensors.get(f"{RIGHT}{name}")
            if left is None or right is None or left.ndim != 2 or right.ndim != 2:
                raise InputError(f"the tuning has no matrices for {name}.")
            if left.shape[1] != right.shape[0] or len(left) * right.shape[1] != weight.numel():
                raise InputError(f"the tuning of {name} has another shape than {tuple(weight.shape)}.")
            change = product(left.to(weight), right.to(weight), weight)
        if change.shape != weight.shape:
            raise InputError(f"the tuning of {name} has another shape than {tuple(weight.shape)}.")
        return change.to(weight)

    def apply(self, generator: Generator) -> Generator:
        """A tuned copy of the generator; it draws the latents of the old one, and directions fit it.

        The copy's fingerprint is another one, and its name says that it is tuned. Check directions and
        latents against the generator, and draw with the copy.

        Raises:
            InputError: another generator was tuned.
        """
        if self.generator.sha256 != generator.fingerprint():
            raise InputError(
                f"this tuning is of {self.generator.name or 'another generator'!r} and does not fit "
                f"{generator.name or 'this generator'!r}."
            )
        weights = dict(generator.named_parameters())
        if unknown := [name for name in self.names if name not in weights]:
            raise InputError(f"the tuning changes {unknown[0]}, which this generator does not have.")
        tuned = copy.deepcopy(generator)
        with torch.no_grad():
            for name, weight in tuned.named_parameters():
                if name in self.names:
                    weight.add_(self.added(name, weight))
        tuned.name = f"{generator.name} (tuned)"
        return tuned.freeze()

    def _contents(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        return self.tensors, {"generator": self.generator.to_json(), "origin": dict(self.origin)}

    @classmethod
    def _from_contents(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> "Difference":
        if any(not name.startswith((LEFT, RIGHT, WHOLE)) for name in tensors):
            raise InputError("it holds other tensors.")
        generator = header.get("generator")
        if not isinstance(generator, dict):
            raise InputError("it does not say what was tuned.")
        return cls(tensors, GeneratorRecord.from_json(generator), Origin(header.get("origin")))


def product(left: Tensor, right: Tensor, like: Tensor) -> Tensor:
    """A B in the shape of a weight."""
    return (left @ right).reshape(like.shape)
