"""Run folders: what a discovery leaves on the disk."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from latentclr.engine.checkpoint import CHECKPOINTS, has_state, read_state, write_state
from latentclr.errors import InputError
from latentclr.runs.folders import LOCK, staged, unfinished

DIRECTIONS = "directions.safetensors"
SHEET = "sheet.png"
RECORD = "run.json"
LOG = "log.jsonl"


def directions_file(run: Path) -> Path:
    """The directions of a run folder, or the file itself.

    Raises:
        InputError: there is neither.
    """
    path = run / DIRECTIONS if run.is_dir() else run
    if not path.is_file():
        raise InputError(f"there is no run at {run}: give a run folder or its {DIRECTIONS}.")
    return path


def run_names(runs: Sequence[Path]) -> list[str]:
    """What to call runs: the names of their folders, with the folders above where these are the same.

    A file that is no run's own is called by its own name.

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
    """Where the contact sheet of a run goes: into its folder, or beside its file."""
    return _folder(run) / SHEET


def _folder(run: Path) -> Path:
    return run if run.is_dir() else run.parent


def run_seconds(run: Path) -> float | None:
    """How long the search of a run took; None where its record does not say."""
    try:
        return float(json.loads((_folder(run) / RECORD).read_bytes())["seconds"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def is_finished(folder: Path) -> bool:
    """Whether a run is there from which nothing is left to go on with."""
    return (folder / RECORD).is_file() and not has_state(folder) and not has_state(unfinished(folder))


@contextmanager
def new_run(folder: Path, *, overwrite: bool, resume: bool = False) -> Iterator[Path]:
    """Give a folder to write a run into; it becomes `folder` when all went well.

    What failed or was killed leaves nothing, unless there is a checkpoint in it: that is kept, for `resume`.

    Args:
        folder: where the run goes.
        overwrite: replace a run that is there, or begin anew one that was not finished. It stays until the
            new one is whole. A folder that holds other things than a run is never replaced.
        resume: go on from the checkpoint of a run that was stopped or killed, if there is one.

    Raises:
        InputError: the folder is taken, another process writes this run, or its place cannot be written.
    """

    def check() -> None:
        _check_place(folder, overwrite=overwrite, resume=resume)

    check()
    with staged(folder, check, keep=has_state) as staging:
        _prepare(staging, folder, keep=resume)
        yield staging


def _check_place(folder: Path, *, overwrite: bool, resume: bool) -> None:
    """Refuse a place that is taken."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another folder.")
    taken = folder.is_dir() and any(folder.iterdir())
    begun = has_state(folder) or has_state(unfinished(folder))
    if taken and not (overwrite or (resume and begun)):
        also = "--resume goes on with it, " if begun else ""
        raise InputError(f"{folder} exists; {also}choose another folder, or add --overwrite to replace it.")
    if taken and not (folder / RECORD).is_file():
        raise InputError(f"{folder} is not the folder of a run and is not replaced; choose another one.")
    if has_state(unfinished(folder)) and not (overwrite or resume):
        raise InputError(
            f"a run to {folder} was begun and not finished: add --resume to go on with it, or --overwrite to "
            "begin anew."
        )


def _prepare(staging: Path, folder: Path, *, keep: bool) -> None:
    """Leave in the staging folder only the checkpoints to go on from, if any."""
    kept = CHECKPOINTS if keep else ()
    for path in staging.iterdir():
        if path.name not in (LOCK, *kept):
            path.unlink()
    if keep and not has_state(staging):  # a run that was stopped stands in its place, with its checkpoint
        found = read_state(folder)
        if found is not None:
            write_state(staging, *found)
