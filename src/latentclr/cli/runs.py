"""Options of commands that use runs, and how runs and their generator are opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentclr.cli.options import ClassName, DeviceOption, open_generator, pick_device
from latentclr.errors import InputError
from latentclr.ranges import numbers

if TYPE_CHECKING:
    from latentclr.directions import Directions
    from latentclr.generators import Generator
    from latentclr.runs.discovery import Run


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of commands that draw with the generator of a run."""

    slots: str | None = None
    """Slots of the generator to move, such as 0-7 (default: those of each run)."""
    truncation: float | None = None
    """Truncation of the latents (default: that of the run; of several, of the first)."""
    generator: str | None = None
    """Name or file of the generator (default: the one that the run names)."""
    label: ClassName = None
    """Class to draw, by number or name (default: that of the run; of several, of the first). Directions of
    one class may fit another."""

    @property
    def moved(self) -> list[int] | None:
        """Slots that --slots lists; None: each run's own."""
        return None if self.slots is None else numbers(self.slots, int, "--slots")

    def truncation_for(self, directions: Directions) -> float:
        """The truncation that is asked for, or the one that the directions were found with."""
        return directions.origin.truncation if self.truncation is None else self.truncation

    def open_run(self, run: Path) -> tuple[Directions, Generator]:
        """Load the directions of a run, and the generator that they belong to.

        Raises:
            InputError: no run there, no such generator or class, or another generator than the run's.
        """
        from latentclr.directions import Directions
        from latentclr.runs.discovery import directions_file

        directions = Directions.load(directions_file(run))
        return directions, self.generator_of(run, directions)

    def generator_of(self, run: Path, directions: Directions, device: str = "cpu") -> Generator:
        """Load the generator that directions belong to, in the class that is drawn.

        Args:
            run: where the directions come from, for the error.
            directions: of the run.
            device: where the generator's weights go.

        Raises:
            InputError: no such generator or class, or another generator than the run's.
        """
        recorded = directions.origin.generator
        name = self.generator or recorded.name
        if not name:
            raise InputError(f"{run} does not say which generator it belongs to; add --generator.")
        label = recorded.label if self.label is None else self.label
        generator = open_generator(name, device=device, label=label, space=directions.space)
        directions.require(generator)
        return generator


@dataclass(frozen=True, kw_only=True)
class SeveralRunsOptions(RunOptions, DeviceOption):
    """Options of commands that put runs of one generator beside each other."""

    def open(self, runs: Sequence[Path]) -> tuple[tuple[Run, ...], Generator]:
        """Read the runs, and load their generator at the truncation and of the class that is drawn.

        Raises:
            InputError: a run that cannot be read, runs of several generators or spaces, no such generator,
                class or slot.
        """
        from latentclr.directions import Directions
        from latentclr.runs.discovery import Run, directions_file, run_names, run_seconds

        names, found = run_names(runs), [Directions.load(directions_file(run)) for run in runs]
        _check_same_generator(names, found)
        generator = self.generator_of(runs[0], found[0], pick_device(self.device))
        for directions in found[1:]:
            directions.require(generator)
        generator = generator.at(self.truncation_for(found[0])).settled()
        slots = None if self.moved is None else generator.check_slots(self.moved)
        opened = tuple(
            Run(name, directions, slots or directions.slots, run_seconds(path))
            for path, name, directions in zip(runs, names, found, strict=True)
        )
        return opened, generator


def _check_same_generator(names: Sequence[str], found: Sequence[Directions]) -> None:
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
