"""Generator files of this program: safetensors with the constructor's settings in the header."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from latentclr.checkpoints.renaming import Source, fill
from latentclr.errors import InputError
from latentclr.files import read_tensors, write_tensors
from latentclr.generators import ARCHITECTURES, Generator

FORMAT = 1
KIND = "a generator file of this program"
HEADER_LIMIT = 100_000_000
"""Largest header of a safetensors file in bytes, by its specification."""


def is_safetensors(start: bytes) -> bool:
    """Whether a file starts like a safetensors file: with the length of its JSON header, then the JSON."""
    return len(start) > 8 and int.from_bytes(start[:8], "little") <= HEADER_LIMIT and start[8:9] == b"{"


def save_generator(generator: Generator, path: Path, *, source: Mapping[str, Any]) -> None:
    """Write a generator; equal generators give equal bytes.

    Args:
        generator: of any architecture.
        path: to write.
        source: JSON values about its origin, for people.

    Raises:
        InputError: the file cannot be written.
    """
    header = {
        "format": FORMAT,
        "architecture": type(generator).__name__,
        "settings": generator.settings(),
        "source": dict(source),
    }
    if generator.class_names:
        header["class_names"] = list(generator.class_names)
    write_tensors(path, generator.state_dict(), header)


def read_native(path: Path) -> tuple[Generator, dict[str, str]]:
    """The generator of a file, and the notes about its origin.

    Raises:
        InputError: the file is damaged, of another program, or of a newer version of this one.
    """
    tensors, header = read_tensors(path, kind=KIND)
    if header.get("format") != FORMAT:
        raise InputError(f"{path} has format {header.get('format')!r}; this version reads format {FORMAT}.")
    kind = header.get("architecture")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        raise InputError(f"{path} holds a {kind!r}; known are {', '.join(ARCHITECTURES)}.")
    try:
        with torch.device("meta"):
            generator = ARCHITECTURES[kind](**header["settings"])
    except (TypeError, ValueError, LookupError, RuntimeError, AssertionError, OverflowError) as error:
        raise InputError(f"{path} has settings that describe no {kind}.") from error
    names: dict[str, Source] = {name: name for name in generator.state_dict()}
    try:
        fill(generator, tensors, names)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    classes = header.get("class_names", generator.class_names)
    texts = isinstance(classes, list | tuple) and all(isinstance(name, str) for name in classes)
    if not texts or len(classes) not in (0, generator.num_classes):
        raise InputError(f"{path} has class names that are not one text for each class.")
    generator.class_names = tuple(classes)
    source = header.get("source")
    notes = source if isinstance(source, dict) else {}
    return generator.freeze(), {str(name): str(value) for name, value in notes.items()}
