"""Run folders: what `latentclr discover` leaves on the disk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from latentclr.directions import Directions
from latentclr.discover import DISCOVERERS
from latentclr.errors import InputError
from latentclr.runs.folders import FolderKind

DIRECTIONS = "directions.safetensors"
SHEET = "sheet.png"
RECORD = "run.json"
LOG = "log.jsonl"
RUN = FolderKind("a run", RECORD, checkpoints=("",))


@dataclass(frozen=True)
class Run:
    """One of several runs of a generator.

    Attributes:
        name: unique among the runs.
        directions: that it found.
        slots: of the generator that edits move.
        seconds: how long the search took; None: not known.
    """

    name: str
    directions: Directions
    slots: tuple[int, ...]
    seconds: float | None = None


def directions_file(run: Path) -> Path:
    """The directions file of a run, which may be given as its folder or as this file.

    Raises:
        InputError: there is no such file.
    """
    path = run / DIRECTIONS if run.is_dir() else run
    if not path.is_file():
        raise InputError(f"there is no run at {run}: give a run folder or its {DIRECTIONS}.")
    return path


def run_names(runs: Sequence[Path]) -> list[str]:
    """Names that tell runs apart: of their folders, with as many parent folders as needed.

    A directions file that was renamed is called by its own name.

    Raises:
        InputError: a run is given twice.
    """
    places = [directions_file(run).resolve() for run in runs]
    for i, place in enumerate(places):
        if place in places[:i]:
            raise InputError(f"the run {runs[i]} is given twice; compare it with another one.")
    parts = [
        place.parent.parts if place.name == DIRECTIONS else (*place.parent.parts, place.stem)
        for place in places
    ]
    if len(set(parts)) < len(parts):  # x/directions.safetensors beside x.safetensors
        parts = [place.parts for place in places]
    depth = 1
    while len({part[-depth:] for part in parts}) < len(parts):
        depth += 1
    return ["/".join(part[-depth:]) for part in parts]


def sheet_file(run: Path) -> Path:
    """Path of the contact sheet of a run: in its folder, or beside its directions file."""
    return _folder(run) / SHEET


def _folder(run: Path) -> Path:
    return run if run.is_dir() else run.parent


def run_seconds(run: Path) -> float | None:
    """How long the search of a run took; None where its record does not say."""
    try:
        return float(json.loads((_folder(run) / RECORD).read_bytes())["seconds"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def settings_text(directions: Directions) -> str:
    """The seed, and the hyperparameters that differ from the method's defaults, in one line."""
    method = DISCOVERERS.get(directions.origin.method)
    defaults = {field.name: field.default for field in fields(method)} if method else {}
    changed = {
        name: value
        for name, value in directions.origin.hyperparameters.items()
        if name not in ("k", "slots")
        and (name == "seed" or (tuple(value) if isinstance(value, list) else value) != defaults.get(name))
    }
    return ", ".join(f"{name} {_as_text(value)}" for name, value in changed.items())


def _as_text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "+".join(map(_as_text, value)) or "none"
    return str(value)
