"""The encoders that are part of this package, and those that the user trained."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from latentclr.checkpoints.cache import Shipped
from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.invert.encoder import LatentEncoder

NAMES = ("scenes", "scenes-biggan", "faces", "celebs")
"""Generators whose encoders are part of this package."""


def shipped(name: str) -> Shipped:
    """The file of the encoder of the generator of that name."""
    return Shipped(f"encoder-{name}.safetensors")


def card(name: str) -> dict[str, Any]:
    """The record of how a shipped encoder was trained and what it reaches.

    Raises:
        InputError: none ships for a generator of that name.
    """
    path = shipped(name).path.with_suffix(".json")
    if name not in NAMES or not path.is_file():
        raise InputError(f"no encoder of {name!r} is part of this package; there are {', '.join(NAMES)}.")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def load_encoder(generator: Generator, path: Path | None = None) -> LatentEncoder:
    """The encoder of a generator.

    Args:
        generator: that the encoder must have been trained for.
        path: of its file; None: the encoder that is part of this package.

    Raises:
        InputError: there is none, or it was trained for another generator.
    """
    if path is None and (generator.name not in NAMES or not shipped(generator.name).path.is_file()):
        raise InputError(
            f"there is no encoder of {generator.name or 'this generator'!r}: train one with `latentclr "
            f"encoder`, or use the method optimise; encoders of {', '.join(NAMES)} are part "
            "of this package."
        )
    encoder = _read(shipped(generator.name).path) if path is None else LatentEncoder.load(path)
    encoder.require(generator)
    return encoder.to(generator.device)


def find_encoder(generator: Generator) -> LatentEncoder | None:
    """The encoder that is part of this package for this generator; None: there is none.

    A generator of the same name and other weights has none.
    """
    try:
        return load_encoder(generator)
    except InputError:
        return None


@cache
def _read(path: Path) -> LatentEncoder:
    return LatentEncoder.load(path)
