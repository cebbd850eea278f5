"""A small change of a generator's weights, in a file of its own.

Each matrix of weights W (a convolution's: its first axis against the others) becomes W + A B with thin A and
B, so a change of millions of weights is some ten thousand numbers; a vector's change is kept whole.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latentclr.errors import InputError
from latentclr.files import not_finite, read_tensors, tensors_bytes, write_tensors
from latentclr.generators import Generator

FORMAT = 1
KIND = "a tuning of a generator (tuning.safetensors of `latentclr invert`)"
LEFT, RIGHT, WHOLE = "left.", "right.", "whole."


@dataclass(frozen=True)
class Difference:
    """What tuning changed. A value.

    Attributes:
        tensors: "left.NAME" (rows, rank) and "right.NAME" (rank, columns), whose product is added to the
            matrix NAME; "whole.NAME" is added as it is.
        generator: name and sha256 of the generator that was tuned.
        origin: how: settings and figures. JSON values only.
    """

    tensors: Mapping[str, Tensor]
    generator: Mapping[str, Any]
    origin: Mapping[str, Any] = field(default_factory=dict)

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
        if self.generator.get("sha256") != generator.fingerprint():
            raise InputError(
                f"this tuning is of {self.generator.get('name') or 'another generator'!r} and does not fit "
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

    def save(self, path: Path | str) -> None:
        """Write one safetensors file; equal differences give equal bytes.

        Raises:
            InputError: the place cannot be written.
        """
        write_tensors(Path(path), self.tensors, self._header())

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        return tensors_bytes(self.tensors, self._header())

    def _header(self) -> dict[str, Any]:
        about = {"generator": dict(self.generator), "origin": dict(self.origin)}
        return {"format": FORMAT, "kind": "tuning", **about}

    @classmethod
    def load(cls, path: Path | str) -> "Difference":
        """Read what `save` wrote. No code in the file can run.

        Raises:
            InputError: not such a file, of another format, damaged, or with values that are not finite.
        """
        path = Path(path)
        tensors, header = read_tensors(path, kind=KIND)
        if header.get("format") != FORMAT or header.get("kind") != "tuning":
            raise InputError(f"{path} is not {KIND}, or of another version.")
        if broken := not_finite(tensors):
            raise InputError(f"{path} holds values that are not finite, in {', '.join(broken)}.")
        if any(not name.startswith((LEFT, RIGHT, WHOLE)) for name in tensors):
            raise InputError(f"{path} is not {KIND}: it holds other tensors.")
        generator, origin = header.get("generator"), header.get("origin", {})
        if not isinstance(generator, dict) or not isinstance(origin, dict):
            raise InputError(f"{path} is not {KIND}: it does not say what was tuned.")
        return cls(tensors, generator, origin)


def product(left: Tensor, right: Tensor, like: Tensor) -> Tensor:
    """A B in the shape of a weight."""
    return (left @ right).reshape(like.shape)
