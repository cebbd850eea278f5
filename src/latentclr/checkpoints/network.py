"""The generator of a file before its architecture is known, and the layouts by which it is recognised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from latentclr.generators import Generator


@dataclass(frozen=True)
class Network:
    """The generator of a file, by the file's own names.

    Attributes:
        container: kind of the file, for people ("torch file (zip)", "NVIDIA TensorFlow pickle").
        tensors: of the generator's network only, by name.
        config: plain values beside them (constructor arguments, layer attributes).
        notes: about its training, for people.
    """

    container: str
    tensors: Mapping[str, Tensor]
    config: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """One published layout of one architecture.

    Attributes:
        name: for people.
        recognize: whether a network is of this layout; looks at names only, and cannot fail.
        build: gives the generator and the names of the tensors without use. Raises InputError for a network
            that is damaged or a variant that cannot be run.
    """

    name: str
    recognize: Callable[[Network], bool]
    build: Callable[[Network], tuple[Generator, list[str]]]


def has(*names: str) -> Callable[[Network], bool]:
    """A function for `Layout.recognize`: whether a network has tensors of all these names."""
    return lambda network: network.tensors.keys() >= set(names)
