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
"""Prefixes of the names of A, B and of the change of a vector."""


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
        """Names of the weights that are changed, sorted."""
        return sorted({name.split(".", 1)[1] for name in self.tensors})

    def apply(self, generator: Generator) -> Generator:
        """A tuned copy of the generator; it draws the same latents, and directions fit it.

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
        tuned = copy.deepcopy(generator)
        weights = dict(tuned.named_parameters())
        with torch.no_grad():
            for name in self.names:
                if name not in weights:
                    raise InputError(f"the tuning changes {name}, which this generator does not have.")
                weights[name].add_(change_of(weights[name], name, self.tensors))
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


def change_of(weight: Tensor, name: str, tensors: Mapping[str, Tensor]) -> Tensor:
    """What is added to a weight, with gradients to the tensors.

    Args:
        weight: as it is before.
        name: of the weight.
        tensors: see `Difference`.

    Raises:
        InputError: the tensors are missing or of another shape.
    """
    change = tensors.get(f"{WHOLE}{name}")
    if change is None:
        left, right = tensors.get(f"{LEFT}{name}"), tensors.get(f"{RIGHT}{name}")
        if left is None or right is None or left.ndim != 2 or right.ndim != 2:
            raise InputError(f"the tuning has no matrices for {name}.")
        if left.shape[1] != right.shape[0] or len(left) * right.shape[1] != weight.numel():
            raise InputError(f"the tuning of {name} has another shape than {tuple(weight.shape)}.")
        change = (left.to(weight) @ right.to(weight)).reshape(weight.shape)
    if change.shape != weight.shape:
        raise InputError(f"the tuning of {name} has another shape than {tuple(weight.shape)}.")
    return change.to(weight)
