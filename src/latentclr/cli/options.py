"""From dataclasses to options, and what several commands ask for."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tyro

from latentclr.cli.console import say
from latentclr.errors import InputError
from latentclr.ranges import numbers

if TYPE_CHECKING:
    from latentclr.directions import Directions
    from latentclr.generators import Generator

Options = TypeVar("Options")

Run = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
"""A run folder, or a directions file."""


def parse(
    options: Callable[..., Options], arguments: Sequence[str], *, prog: str, about: str, **more: Any
) -> Options:
    """Fill a dataclass from the command line; a bad value or `--help` ends the program (2 or 0).

    Args:
        options: the dataclass.
        arguments: words of the command line after the command's name.
        prog: name of the command.
        about: the sentence on top of its help.
        more: other arguments of `tyro.cli`.

    Raises:
        InputError: the dataclass refused a value.
    """
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff)
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            filled: Options = tyro.cli(
                options,
                args=list(arguments),
                prog=f"latentclr {prog}".strip(),
                description=about,
                config=config,
                **more,
            )
    except SystemExit as ended:
        # tyro prints a dataclass's InputError in a box of its own; `main` prints it as a sentence.
        error: BaseException | None = ended
        while error is not None and not isinstance(error, InputError):
            error = error.__context__
        if error is not None:
            raise error from None
        sys.stderr.write(complaint.getvalue())
        raise
    return filled


ClassName = Annotated[str | None, tyro.conf.arg(name="class")]
"""The option --class."""


def open_generator(
    name: str, *, device: str = "cpu", label: str | int | Sequence[float] | None, space: str | None
) -> Generator:
    """The generator of that name or file, ready to draw.

    Args:
        name: of the zoo, of an import, or of a file.
        device: where its weights go.
        label: number, name or weights of the class; None where there are none.
        space: of its latents; None is its own.

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


def open_run(run: Path, generator: str | None, label: str | None = None) -> tuple[Directions, Generator]:
    """The directions of a run and the generator that they belong to.

    Args:
        run: a run folder or a directions file.
        generator: name or file of the generator; None is the one that the run names.
        label: number or name of the class to draw; None is the run's.

    Raises:
        InputError: no run there, no such generator, or another than the run's.
    """
    from latentclr.directions import Directions
    from latentclr.runs.discovery import directions_file

    directions = Directions.load(directions_file(run))
    recorded = directions.origin.generator
    name = generator or recorded.name
    if not name:
        raise InputError(f"{run} does not say which generator it belongs to; add --generator.")
    chosen = recorded.label if label is None else label
    found = open_generator(name, label=chosen, space=directions.space)
    directions.require(found)
    return directions, found


def run_truncation(directions: Directions, truncation: float | None) -> float:
    """The given truncation, or the one that the directions were found with."""
    return directions.origin.truncation if truncation is None else truncation


def pick_device(device: str) -> str:
    """The device itself; "auto" is a GPU if there is one."""
    import torch

    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def which(directions: Directions, text: str) -> list[int]:
    """Directions from a list of numbers, ranges and names ("0,3,smile", "0-7").

    Raises:
        InputError: one that there is not.
    """
    found: list[int] = []
    for part in (part.strip() for part in text.split(",")):
        known = [part] if part in directions.names else numbers(part, int, "direction")
        found += [directions.index(one) for one in known]
    return found
