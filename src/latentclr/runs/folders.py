"""Folders that are there whole or not at all."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from latentclr.errors import InputError
from latentclr.files import make_folder, sync_folder

LOCK = ".lock"
Check = Callable[[], None]


def unfinished(folder: Path) -> Path:
    """Where a folder is until it is whole: hidden, beside its place."""
    return folder.absolute().parent / f".{folder.name}-unfinished"


@contextmanager
def new_folder(folder: Path, *, mark: str, kind: str, overwrite: bool) -> Iterator[Path]:
    """Give a folder to write results into; it becomes `folder` when all went well.

    What failed or was killed leaves nothing; what is replaced stays until the new one is whole.

    Args:
        folder: where it goes.
        mark: a file by which such a folder is known. A folder without it is never replaced.
        kind: what it is, for people ("a comparison").
        overwrite: replace one that is there.

    Raises:
        InputError: the place is taken or cannot be written, or another process writes there.
    """

    def check() -> None:
        check_place(folder, mark=mark, kind=kind, overwrite=overwrite)

    check()
    with staged(folder, check, keep=lambda _: False) as staging:
        for left in staging.iterdir():  # killed while it wrote
            if left.is_dir():
                shutil.rmtree(left)
            elif left.name != LOCK:
                left.unlink()
        yield staging
        check()  # another process may have written there meanwhile


def check_place(folder: Path, *, mark: str, kind: str, overwrite: bool) -> None:
    """Refuse a place that is taken, by anything but a folder of this kind that may be replaced.

    Raises:
        InputError: it is taken.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another folder.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / mark).is_file():
        raise InputError(f"{folder} is not the folder of {kind} and is not replaced; choose another one.")
    if not overwrite:
        raise InputError(f"{folder} exists; choose another folder, or add --overwrite to replace it.")


@contextmanager
def staged(folder: Path, check: Check, *, keep: Callable[[Path], bool]) -> Iterator[Path]:
    """A locked folder beside `folder`, which takes its place at the end.

    Args:
        folder: the place.
        check: raises where the place is taken; asked once the lock is held.
        keep: whether what was written so far is of use although it failed.

    Raises:
        InputError: another process writes there, or its place cannot be written.
    """
    staging = unfinished(folder)
    missing = [above for above in (staging.parent, *staging.parent.parents) if not above.exists()]
    try:
        make_folder(staging)
        with _locked(staging, folder, keep):
            _put_back(folder)
            check()
            yield staging
            _replace(folder, staging)
    finally:
        for above in missing:  # innermost first; those that hold something stay
            with suppress(OSError):
                above.rmdir()


@contextmanager
def _locked(staging: Path, folder: Path, keep: Callable[[Path], bool]) -> Iterator[None]:
    """One process at a time; the lock goes with the process, however it ends."""
    lock = FileLock(staging / LOCK)
    try:
        lock.acquire(timeout=0)
    except (Timeout, FileNotFoundError) as error:  # not there: the other one has just moved it away
        raise InputError(f"another process is writing {folder}.") from error
    try:
        yield
    except BaseException:
        if not keep(staging):  # only now: without the lock, it may be another process's
            shutil.rmtree(staging, ignore_errors=True)
        raise
    finally:
        lock.release()


def _retired(folder: Path) -> Path:
    """Where what is replaced stands for a moment."""
    return folder.absolute().parent / f".{folder.name}-replaced"


def _put_back(folder: Path) -> None:
    """Mend what a process left that was killed while it replaced a folder."""
    if not folder.exists() and _retired(folder).exists():
        _retired(folder).rename(folder)
    shutil.rmtree(_retired(folder), ignore_errors=True)


def _replace(folder: Path, staging: Path) -> None:
    if folder.is_dir():
        folder.rename(_retired(folder))
    staging.rename(folder)
    (folder / LOCK).unlink()
    sync_folder(folder.absolute().parent)
    shutil.rmtree(_retired(folder), ignore_errors=True)
