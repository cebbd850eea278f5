"""The runs of an experiment: those that are given, those that were kept, or new ones."""

from collections.abc import Callable, Sequence
from pathlib import Path

from latentclr.directions import Directions
from latentclr.discover.base import no_log
from latentclr.engine.training import Log
from latentclr.errors import InputError
from latentclr.experiments.base import Run, Wanted
from latentclr.files import make_folder
from latentclr.generators import Generator
from latentclr.runs.discovery import DIRECTIONS, directions_file

Say = Callable[[str], None]


def find(
    wanted: Sequence[Wanted],
    generator: Generator,
    folder: Path | None = None,
    *,
    say: Say = lambda _: None,
    log: Log = no_log,
) -> tuple[Run, ...]:
    """Look for directions; what a folder keeps of the same method, settings and generator is taken from it.

    Args:
        wanted: methods with their settings and classes; each once.
        generator: to look in.
        folder: where directions are kept, a file each; None: nowhere.
        say: told what is being done.
        log: of the methods.

    Raises:
        InputError: settings that this generator cannot serve, or a folder that cannot be written.
    """
    return tuple(Run(one.name, _found(one, generator, folder, say, log)) for one in wanted)


def load(runs: Sequence[Path], generator: Generator) -> tuple[Run, ...]:
    """Runs that are there already.

    Raises:
        InputError: there is none, one is given twice, or it is another generator's.
    """
    found: list[Run] = []
    for run in runs:
        path = directions_file(run)
        directions = Directions.load(path)
        directions.require(generator)
        # A folder is called by its name, and so is a file that has one of its own.
        name = path.parent.name if path.name == DIRECTIONS else path.stem
        if name in {one.name for one in found}:
            raise InputError(f"two runs are called {name!r}: give each once, under names that differ.")
        found.append(Run(name, directions))
    return tuple(found)


def _found(one: Wanted, generator: Generator, folder: Path | None, say: Say, log: Log) -> Directions:
    place = generator if one.label is None else generator.for_class(one.label)
    path = None if folder is None else folder / f"{one.name}.safetensors"
    if path is not None and path.is_file():
        kept = Directions.load(path)
        if _same(kept, one, place):
            return kept
    say(f"looking for directions: {one.name}")
    directions = one.method.fit(place, log=log)
    if path is not None:
        make_folder(path.parent)
        directions.save(path)
    return directions


def _same(kept: Directions, one: Wanted, generator: Generator) -> bool:
    """Whether a file holds what this method would find here."""
    origin = kept.origin
    return (
        origin.method == one.method.method
        and origin.hyperparameters == one.method.hyperparameters()
        and origin.generator.sha256 == generator.fingerprint()
        and origin.generator.label == generator.label_number
    )
