"""The runs of an experiment: given ones, those in its folder, or new ones."""

from collections.abc import Callable, Sequence
from pathlib import Path

from latentclr.directions import Directions
from latentclr.discover.base import no_log
from latentclr.engine.training import Log
from latentclr.errors import InputError
from latentclr.experiments.settings import Run, Wanted
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
    """Run methods; results of the same method, settings and generator in a folder are taken from there.

    Args:
        wanted: methods with their settings and classes; each once.
        generator: in which directions are looked for.
        folder: keeps directions, a file for each run; None: they are not kept.
        say: receives messages about the progress.
        log: of the methods.

    Raises:
        InputError: settings that do not fit this generator, or a folder that cannot be written.
    """
    return tuple(Run(one.name, _found(one, generator, folder, say, log)) for one in wanted)


def load(runs: Sequence[Path], generator: Generator) -> tuple[Run, ...]:
    """Load runs of earlier commands.

    Args:
        runs: run folders or directions files.
        generator: of all runs.

    Raises:
        InputError: a run does not exist, is given twice, or is of another generator.
    """
    found: list[Run] = []
    for run in runs:
        path = directions_file(run)
        directions = Directions.load(path)
        directions.require(generator)
        # Named after the folder, unless the file has a name of its own.
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
    """Whether these directions are what this method would find here."""
    origin = kept.origin
    return (
        origin.method == one.method.method
        and origin.hyperparameters == one.method.hyperparameters()
        and origin.generator.sha256 == generator.fingerprint()
        and origin.generator.label == generator.label_number
    )
