"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from latentclr.cli.console import say
from latentclr.engine.settings import SAVE_EVERY
from latentclr.ranges import numbers

if TYPE_CHECKING:
    from latentclr.directions import Directions
    from latentclr.generators import Generator

Run = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
"""A run folder, or a directions file."""
Runs = Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")]
"""Run folders, or directions files."""
Folder = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
"""A folder that another command has written."""
ClassName = Annotated[str | None, tyro.conf.arg(name="class")]
"""The option --class."""
GeneratorName = Annotated[
    str,
    tyro.conf.arg(
        help="A name of the zoo (see `latentclr generators list`), or the path of a checkpoint file."
    ),
]
"""The option --generator of commands that need no run."""


@dataclass(frozen=True, kw_only=True)
class DeviceOption:
    """The option of commands that choose where they compute."""

    device: str = "auto"
    """cpu, cuda, or auto: a GPU if there is one."""


@dataclass(frozen=True, kw_only=True)
class ResumeOptions:
    """Options of commands that can be stopped and resumed."""

    resume: bool = False
    """Continue what was stopped or killed, if anything was; the other options must be the same."""
    save_every: float = SAVE_EVERY
    """Seconds from one checkpoint to the next."""


@dataclass(frozen=True, kw_only=True)
class OverwriteOption:
    """The option of commands that write a folder."""

    overwrite: bool = False
    """Replace the results of an earlier command in the folder."""


def open_generator(
    name: str, *, device: str = "cpu", label: str | int | Sequence[float] | None, space: str | None
) -> Generator:
    """Load a generator that is ready to draw.

    Args:
        name: of the zoo, of an import, or of a file.
        device: where its weights go.
        label: number, name or weights of the class; None for a generator without classes.
        space: of its latents; None: its own.

    Raises:
        InputError: no such generator, class or space, or a class is needed and missing.
    """
    import torch

    from latentclr.checkpoints import load_generator

    generator = load_generator(name, device=device, log=say)
    if label is not None:
        generator = generator.for_class(label if isinstance(label, str | int) else torch.tensor(label))
    if generator.num_classes:
        generator.chosen()
    return generator.in_space(space or generator.space)


def pick_device(device: str) -> str:
    """The given device; for "auto", a GPU if there is one."""
    import torch

    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def find_directions(directions: Directions, text: str) -> list[int]:
    """Indices of directions from a list of numbers, ranges and names ("0,3,smile", "0-7").

    Args:
        directions: that are named or numbered.
        text: the list.

    Raises:
        InputError: one of them does not exist.
    """
    found: list[int] = []
    for part in (part.strip() for part in text.split(",")):
        known = [part] if part in directions.names else numbers(part, int, "direction")
        found += [directions.index(one) for one in known]
    return found
