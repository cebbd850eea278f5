"""Several runs of one generator, as commands that put them side by side need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentclr.cli.options import ClassName, open_generator, pick_device, run_truncation
from latentclr.errors import InputError
from latentclr.ranges import numbers

if TYPE_CHECKING:
    from latentclr.directions import Directions
    from latentclr.generators import Generator


@dataclass(frozen=True)
class Opened:
    """One of several runs.

    Attributes:
        path: its folder, or its directions file.
        name: no other of them has it.
        directions: that it found.
        slots: that edits move.
    """

    path: Path
    name: str
    directions: Directions
    slots: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class OfRuns:
    """Options of the commands that put runs of one generator beside each other."""

    out: Path
    """Folder for what is found."""
    slots: str | None = None
    """Slots of the generator to move in all runs; none: each run's own."""
    truncation: float | None = None
    """Of the latents; none: as in the first run."""
    generator: str | None = None
    """Name or file of the generator; none: the one that the runs name."""
    label: ClassName = None
    """Class to draw, by number or name; none: the first run's. Directions of one class may fit another."""
    device: str = "auto"
    """cpu, cuda, or auto: a GPU if there is one."""

    def open(self, runs: Sequence[Path]) -> tuple[tuple[Opened, ...], Generator]:
        """Read the runs, and open their generator at the truncation and of the class that is drawn.

        Raises:
            InputError: a run that cannot be read, runs of several generators or spaces, no such generator,
                class or slot.
        """
        from latentclr.directions import Directions
        from latentclr.runs.discovery import directions_file, run_names

        names, found = run_names(runs), [Directions.load(directions_file(run)) for run in runs]
        _one_generator(names, found)
        generator = self._open_for(runs, found)
        slots = None if self.slots is None else generator.check_slots(numbers(self.slots, int, "--slots"))
        opened = tuple(
            Opened(path, name, directions, directions.slots if slots is None else slots)
            for path, name, directions in zip(runs, names, found, strict=True)
        )
        return opened, generator

    def _open_for(self, runs: Sequence[Path], found: Sequence[Directions]) -> Generator:
        recorded = found[0].origin.generator
        called = self.generator or recorded.name
        if not called:
            raise InputError(f"{runs[0]} does not say which generator it belongs to; add --generator.")
        generator = open_generator(
            called,
            device=pick_device(self.device),
            label=recorded.label if self.label is None else self.label,
            space=found[0].space,
        )
        for directions in found:
            directions.require(generator)
        return generator.at(run_truncation(found[0], self.truncation)).settled()


def _one_generator(names: Sequence[str], found: Sequence[Directions]) -> None:
    """Make sure that runs belong to one generator and one of its spaces, as far as they say.

    Raises:
        InputError: they do not.
    """

    def home(directions: Directions) -> tuple[object, ...]:
        return directions.origin.generator.sha256, directions.space, directions.num_slots, directions.dim

    for name, directions in zip(names, found, strict=True):
        if home(directions) != home(found[0]):
            first, other = (
                f"{one.origin.generator.name or 'a generator'!r} (space {one.space})"
                for one in (found[0], directions)
            )
            raise InputError(
                f"{names[0]} was found in {first} and {name} in {other}: only runs of the same generator and "
                "space can be compared."
            )
