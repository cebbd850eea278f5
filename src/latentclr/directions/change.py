"""Changing an artefact in its place: names and marks, by several people or programs at a time."""

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from latentclr.directions.artefact import Directions
from latentclr.errors import InputError

PATIENCE = 10.0
"""Seconds to wait for another program that changes the same file."""


def change(path: Path, how: Callable[[Directions], Directions], *, patience: float = PATIENCE) -> Directions:
    """Read an artefact, change it, write it back whole; nobody else's change between the two is lost.

    Args:
        path: of the file; a link to it stays a link.
        how: from what is in the file to what shall be.
        patience: seconds to wait for another program that changes the same file.

    Returns:
        What is in the file now.

    Raises:
        InputError: see `Directions.load`; whatever `how` raises; the place cannot be written, or another
            program keeps the file locked.
    """
    path = path.resolve()
    how(Directions.load(path))  # what cannot be done leaves nothing behind, not even a lock
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise InputError(f"another program is changing {path}; try again once it is done.") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot write {path}: {reason}; copy the run to a place of your own.") from error
    try:
        before = Directions.load(path)
        after = how(before)
        if after is not before:
            after.save(path)
        return after
    finally:
        lock.release()
