"""Several runs of one generator, as commands that put them side by side need them."""

import json
from collections.abc import Sequence
from pathlib import Path

from latentclr.cli.options import open_generator, pick_device, run_truncation
from latentclr.directions import Directions
from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.report.runs import RECORD


def one_generator(names: Sequence[str], found: Sequence[Directions]) -> None:
    """Make sure that runs belong to one generator and one of its spaces, as far as they say.

    Raises:
        InputError: they do not.
    """

    def home(directions: Directions) -> tuple[object, ...]:
        sha = directions.origin.get("generator", {}).get("sha256")
        return sha, directions.space, directions.num_slots, directions.dim

    for name, directions in zip(names, found, strict=True):
        if home(directions) != home(found[0]):
            first, other = (
                f"{one.origin.get('generator', {}).get('name') or 'a generator'!r} (space {one.space})"
                for one in (found[0], directions)
            )
            raise InputError(
                f"{names[0]} was found in {first} and {name} in {other}: only runs of the same generator and "
                "space can be compared."
            )


def run_seconds(run: Path) -> float | None:
    """How long the search of a run took, where its record says it."""
    try:
        seconds = json.loads(((run if run.is_dir() else run.parent) / RECORD).read_bytes())["seconds"]
        return float(seconds)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def open_for(
    runs: Sequence[Path],
    found: Sequence[Directions],
    *,
    name: str | None,
    label: str | None,
    truncation: float | None,
    device: str,
) -> Generator:
    """The generator of all runs, at one truncation and of one class.

    Args:
        runs: their folders, for messages.
        found: their directions.
        name: name or file of the generator; None: the one that the first run names.
        label: of the class to draw; None: the first run's.
        truncation: of the latents; None: the one that the first run was found with.
        device: cpu, cuda or auto.

    Raises:
        InputError: no such generator, or another than a run's.
    """
    origin = found[0].origin.get("generator", {})
    called = name or origin.get("name")
    if not called:
        raise InputError(f"{runs[0]} does not say which generator it belongs to; add --generator.")
    generator = open_generator(
        called,
        device=pick_device(device),
        label=origin.get("class") if label is None else label,
        space=found[0].space,
    )
    for directions in found:
        directions.require(generator)
    return generator.at(run_truncation(found[0], truncation)).settled()
