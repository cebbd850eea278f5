"""Names that the user gave to generator files."""

import json
import re
from functools import partial
from pathlib import Path

from latentclr.checkpoints.cache import cache_folder
from latentclr.checkpoints.downloads import sha256
from latentclr.checkpoints.zoo import ZOO
from latentclr.errors import InputError
from latentclr.files import make_folder, write_json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def give_name(name: str, path: Path) -> None:
    """Give a name to a generator file; an earlier file of that name loses it.

    Args:
        name: letters, digits, ".", "_" and "-", 64 at most.
        path: of the file, which must not move or change.

    Raises:
        InputError: the name is the zoo's, or not allowed.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"name {name!r}: use letters, digits, '.', '_' and '-', 64 at most.")
    if name in ZOO:
        raise InputError(f"{name!r} is a generator of the zoo; choose another name.")
    record = {"path": str(path.resolve()), "sha256": sha256(path)}
    write_json(make_folder(_folder()) / f"{name}.json", record)


def imported_names() -> list[str]:
    """All names that were given, sorted."""
    return sorted(path.stem for path in _folder().glob("*.json"))


def imported(name: str) -> Path:
    """The file that has this name.

    Raises:
        InputError: the file was moved, deleted or changed since.
    """
    try:
        record = json.loads((_folder() / f"{name}.json").read_text())
        path, expected = Path(record["path"]), record["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"the record of {name!r} is damaged; import the file again.") from error
    again = partial("{} {}; import it again with `latentclr generators import`.".format, path)
    if not path.is_file():
        raise InputError(f"{name!r}: {again('is no longer there')}")
    if sha256(path) != expected:
        raise InputError(f"{name!r}: {again('has changed since it was named')}")
    return path


def _folder() -> Path:
    return cache_folder() / "names"
