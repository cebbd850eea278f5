"""Result folders: written under a hidden name and then moved to their place, so whole or not there."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from latentclr.engine.checkpoint import CHECKPOINTS, has_state, read_state, remove_state, write_state
from latentclr.errors import InputError
from latentclr.files import make_folder, sync_folder

LOCK = ".lock"


@dataclass(frozen=True)
class FolderKind:
    """A kind of result folder.

    Attributes:
        name: with its article, for messages ("a comparison").
        mark: the file by which such a folder is recognised. A folder without it is never replaced.
        checkpoints: subfolders that may hold the checkpoint of a training ("" is the folder itself); empty:
            folders of this kind cannot be resumed.
    """

    name: str
    mark: str
    checkpoints: tuple[str, ...] = ()

    def has_checkpoint(self, folder: Path) -> bool:
        """Whether a folder holds a checkpoint to resume from."""
        return any(has_state(folder / part) for part in self.checkpoints)

    def remove_checkpoints(self, folder: Path) -> None:
        """Remove the checkpoints of a finished folder, and the subfolders that held them."""
        for part in self.checkpoints:
            remove_state(folder / part)
            if part:
                shutil.rmtree(folder / part, ignore_errors=True)

    def is_finished(self, folder: Path) -> bool:
        """Whether the results are there and nothing is left to resume."""
        return (
            (folder / self.mark).is_file()
            and not self.has_checkpoint(folder)
            and not self.has_checkpoint(unfinished(folder))
        )

    def check_place(self, folder: Path, *, overwrite: bool, resume: bool = False) -> None:
        """Refuse a place that cannot be used.

        Args:
            folder: the place.
            overwrite: results of this kind may be replaced, and unfinished ones started anew.
            resume: results that have a checkpoint may be continued.

        Raises:
            InputError: the place holds something else, or results that may not be replaced.
        """
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; choose another folder.")
        taken = folder.is_dir() and any(folder.iterdir())
        stopped, killed = self.has_checkpoint(folder), self.has_checkpoint(unfinished(folder))
        if taken and not (folder / self.mark).is_file():
            raise InputError(
                f"{folder} is not the folder of {self.name} and is not replaced; choose another one."
            )
        if taken and not (overwrite or (resume and (stopped or killed))):
            hint = "--resume goes on with it, " if stopped or killed else ""
            raise InputError(
                f"{folder} exists; {hint}choose another folder, or add --overwrite to replace it."
            )
        if killed and not (overwrite or resume):
            raise InputError(
                f"{self.name} to {folder} was begun and not finished: add --resume to go on with it, or "
                "--overwrite to begin anew."
            )

    @contextmanager
    def new(self, folder: Path, *, overwrite: bool, resume: bool = False) -> Iterator[Path]:
        """Give a folder to write results into; it becomes `folder` once the block ends without an error.

        A failed or killed process leaves nothing behind, except a folder with a checkpoint, for `resume`.

        Args:
            folder: where the results go.
            overwrite: replace results that are there, or start unfinished ones anew. Old results stay until
                the new ones are whole.
            resume: continue from the checkpoints of a stopped or killed process, if there are any.

        Raises:
            InputError: see `check_place`; or another process writes there, or the place cannot be written.
        """

        def check() -> None:
            self.check_place(folder, overwrite=overwrite, resume=resume)

        check()
        with staged(folder, check, keep=self.has_checkpoint) as staging:
            self._prepare(staging, folder, resume=resume)
            yield staging
            if not self.checkpoints:
                check()  # another process may have written there meanwhile

    def _prepare(self, staging: Path, folder: Path, *, resume: bool) -> None:
        """Leave in the staging folder only the checkpoints to resume from, if any."""
        kept = (LOCK, *CHECKPOINTS, *self.checkpoints) if resume else (LOCK,)
        for path in staging.iterdir():
            if path.name in kept:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        if resume and not self.has_checkpoint(staging):  # stopped results are already in their place
            for part in self.checkpoints:
                found = read_state(folder / part)
                if found is not None:
                    (staging / part).mkdir(exist_ok=True)
                    write_state(staging / part, *found)


COMPARISON = FolderKind("a comparison", "comparison.json")
EVALUATION = FolderKind("an evaluation", "metrics.json")


def unfinished(folder: Path) -> Path:
    """The hidden folder beside `folder` that results are written into."""
    return folder.absolute().parent / f".{folder.name}-unfinished"


@contextmanager
def staged(folder: Path, check: Callable[[], None], *, keep: Callable[[Path], bool]) -> Iterator[Path]:
    """Lock and give the hidden folder beside `folder`; it takes its place at the end.

    Args:
        folder: the place.
        check: raises an error where the place is taken; called once the lock is held.
        keep: whether an unfinished folder is kept after a failure.

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
    """Hold the lock, which the operating system releases however the process ends."""
    lock = FileLock(staging / LOCK)
    try:
        lock.acquire(timeout=0)
    except (Timeout, FileNotFoundError) as error:  # not there: the other process has just moved it away
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
    """Where a folder is moved for the moment in which it is replaced."""
    return folder.absolute().parent / f".{folder.name}-replaced"


def _put_back(folder: Path) -> None:
    """Restore a folder after a process was killed while it replaced it."""
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
