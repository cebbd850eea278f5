"""Run folders: what a discovery leaves on the disk."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from latentclr.errors import InputError
from latentclr.files import make_folder

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


def sheet_file(run: Path) -> Path:
    """Where the contact sheet of a run goes: into its folder, or beside its file."""
    return (run if run.is_dir() else run.parent) / SHEET


@contextmanager
def new_run(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give an empty folder to write a run into; it becomes `folder` when all went well, else nothing is left.

    Args:
        folder: where the run goes.
        overwrite: replace a run that is there. It stays until the new one is whole. A folder that holds
            other things than a run is never replaced.

    Raises:
        InputError: the folder is taken, or its place cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another folder.")
    taken = folder.is_dir() and any(folder.iterdir())
    if taken and not overwrite:
        raise InputError(f"{folder} exists; choose another folder, or add --overwrite to replace it.")
    if taken and not (folder / RECORD).is_file():
        raise InputError(f"{folder} is not the folder of a run and is not replaced; choose another one.")
    parent = folder.absolute().parent
    missing = [above for above in (parent, *parent.parents) if not above.exists()]
    make_folder(parent)
    try:
        staging = Path(tempfile.mkdtemp(dir=parent, prefix=f".{folder.name}-"))
    except OSError as error:
        raise InputError(f"cannot write into {parent}: {error.strerror}.") from error
    try:
        staging.chmod(0o755)
        yield staging
        if folder.is_dir():
            retired = Path(tempfile.mkdtemp(dir=parent, prefix=f".{folder.name}-"))
            folder.rename(retired)
            staging.rename(folder)
            shutil.rmtree(retired)
        else:
            staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        for above in missing:  # innermost first; those that hold the run stay
            with suppress(OSError):
                above.rmdir()
