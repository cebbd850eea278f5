"""Folders of inverted photos."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latentclr.engine.checkpoint import CHECKPOINTS, has_state, read_state, remove_state, write_state
from latentclr.errors import InputError
from latentclr.invert.artefact import Inversion
from latentclr.invert.difference import Difference
from latentclr.runs.folders import LOCK, check_place, staged, unfinished

LATENTS = "latents.safetensors"
TUNING = "tuning.safetensors"
SHEET = "sheet.png"
FIGURES = "figures.json"
"""The record, by which such a folder is known."""
LOG = "log.jsonl"
TUNING_STATE = "tuning"
"""Folder of the checkpoints of a tuning; those of the search lie beside the record."""
KIND = "an inversion"


def is_finished(folder: Path) -> bool:
    """Whether photos are there and nothing is left to go on with."""
    return (folder / FIGURES).is_file() and not _begun(folder) and not _begun(unfinished(folder))


def read_inversions(path: Path) -> tuple[Inversion, Difference | None]:
    """Inverted photos, and what tuned the generator to them, if that lies beside them.

    Args:
        path: of the file of latents, or of its folder.

    Raises:
        InputError: no such files, or damaged ones.
    """
    file = path / LATENTS if path.is_dir() else path
    tuning = file.with_name(TUNING)
    return Inversion.load(file), Difference.load(tuning) if tuning.is_file() else None


@contextmanager
def new_inversions(folder: Path, *, overwrite: bool, resume: bool) -> Iterator[Path]:
    """Give a folder to write inverted photos into; it becomes `folder` when all went well.

    What failed or was killed leaves nothing, unless there is a checkpoint in it: that is kept, for `resume`.

    Args:
        folder: where it goes.
        overwrite: replace inverted photos that are there, or begin anew what was not finished. They stay
            until the new ones are whole. A folder that holds other things is never replaced.
        resume: go on from the checkpoints of what was stopped or killed, if there are any.

    Raises:
        InputError: the folder is taken, another process writes there, or its place cannot be written.
    """

    def check() -> None:
        if _begun(unfinished(folder)) and not (overwrite or resume):
            raise InputError(
                f"an inversion to {folder} was begun and not finished: add --resume to go on with it, or "
                "--overwrite to begin anew."
            )
        goes_on = resume and (_begun(folder) or _begun(unfinished(folder)))
        check_place(folder, mark=FIGURES, kind=KIND, overwrite=overwrite or goes_on)

    check()
    with staged(folder, check, keep=_begun) as staging:
        _prepare(staging, folder, keep=resume)
        yield staging


def finish(folder: Path) -> None:
    """Remove the checkpoints of what is done and in its place."""
    remove_state(folder)
    shutil.rmtree(folder / TUNING_STATE, ignore_errors=True)


def _begun(folder: Path) -> bool:
    return has_state(folder) or has_state(folder / TUNING_STATE)


def _prepare(staging: Path, folder: Path, *, keep: bool) -> None:
    """Leave in the staging folder only the checkpoints to go on from, if any."""
    for path in staging.iterdir():
        if path.name == TUNING_STATE and not keep:
            shutil.rmtree(path)
        elif path.name not in (LOCK, TUNING_STATE, *(CHECKPOINTS if keep else ())):
            path.unlink()
    if keep and not _begun(staging):  # what was stopped stands in its place, with its checkpoints
        for source, target in ((folder, staging), (folder / TUNING_STATE, staging / TUNING_STATE)):
            found = read_state(source)
            if found is not None:
                target.mkdir(exist_ok=True)
                write_state(target, *found)
