"""Run folders: what `latentclr discover` leaves on the disk."""

import json
from collections.abc import Sequence
from pathlib import Path

from latentclr.errors import InputError
from latentclr.runs.folders import FolderKind

DIRECTIONS = "directions.safetensors"
SHEET = "sheet.png"
RECORD = "run.json"
LOG = "log.jsonl"
RUN = FolderKind("a run", RECORD, checkpoints=("",))


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
