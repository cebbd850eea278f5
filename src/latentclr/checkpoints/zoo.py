"""Generators by name: where they come from, what they are, and where they are kept."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

from latentclr.checkpoints.wheels import WheelFile, sha256
from latentclr.errors import InputError
from latentclr.files import make_folder

CACHE_VARIABLE = "LATENTCLR_CACHE"
"""Environment variable that moves the cache."""


@dataclass(frozen=True)
class Entry:
    """One generator of the zoo.

    Attributes:
        name: by which it is loaded.
        about: one line of description.
        licence: of the weights.
        source: where the file comes from.
    """

    name: str
    about: str
    licence: str
    source: WheelFile

    @property
    def path(self) -> Path:
        """Where the file is kept once it is here."""
        return cache_folder() / "generators" / f"{self.name}.pt"

    @property
    def is_here(self) -> bool:
        """Whether the file is in the cache, whole."""
        return self.path.is_file() and sha256(self.path) == self.source.sha256


ZOO: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            name="faces",
            about="DCGAN, 64 x 64 faces (DigiFace-1M): pose, light, hair, hats and glasses vary",
            licence="MIT",
            source=WheelFile(
                requirement="gan-face-generate==1.1.1",
                wheel_sha256="24102f4be41d164e44251168ede0458a45e498a888c81493e2aea48529640569",
                member="gan_face_generate/weights.tar",
                sha256="0c3b90b138cfc4e8a73310b9fd5ce2a8f1f3a542a037de277412307fcd28771f",
            ),
        ),
        Entry(
            name="celebs",
            about="DCGAN, 64 x 64 faces of the celebrity kind: hair, smile, light, background vary",
            licence="MIT",
            source=WheelFile(
                requirement="generateme==0.1.2",
                wheel_sha256="3b8cdc677ebfd903905f2d806984b657fba368b429d3302fbb7810c8dfe4475b",
                member="generateme/static/Models/dcGanGeneratorModel.pt",
                sha256="9837db49baa6f8ab5c36b138278218603ece4c0e69ea7202fb730834dd0992e8",
            ),
        ),
    )
}
"""Every generator by its name. None is part of this package: each is fetched when first asked for."""


def cache_folder() -> Path:
    """Where fetched files are kept: $LATENTCLR_CACHE, or the system's place for caches."""
    moved = os.environ.get(CACHE_VARIABLE)
    return Path(moved).expanduser() if moved else platformdirs.user_cache_path("latentclr")


def pull(entry: Entry, *, log: Callable[[str], None] = lambda _: None) -> Path:
    """Make sure that a generator's file is in the cache, and return its path.

    Safe beside other processes that do the same, and after any interruption: the file is there whole and
    with the right content, or not at all.

    Args:
        entry: of the zoo.
        log: told in a sentence when something is fetched.

    Raises:
        InputError: it cannot be fetched or kept; the message says why.
    """
    if entry.is_here:
        return entry.path
    folder = make_folder(entry.path.parent)
    try:
        lock = FileLock(folder / f".{entry.name}.lock")
        with lock:
            if not entry.is_here:  # another process may have fetched it while this one waited
                log(f"fetching {entry.name} from {entry.source.address}")
                entry.source.fetch(entry.path)
    except OSError as error:
        raise InputError(f"cannot keep {entry.name} in {folder}: {error}.") from error
    return entry.path
