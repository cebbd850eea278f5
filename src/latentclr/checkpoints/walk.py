"""Walks through the content of a file, which collect plain values and tensors by name.

The same part may be in many places of a file, so that a small file can describe a large tree. Every walk
counts its steps.
"""

from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

from torch import Tensor

from latentclr.checkpoints.arrays import Scalar, StoredTensor
from latentclr.checkpoints.inert import SMALL, Namespace, described, shown, unneeded
from latentclr.errors import InputError, UnsafeFileError

MAX_TENSORS = 20_000
"""Maximum number of tensors of a network."""
MAX_VISITS = 100_000
"""Maximum number of modules, attributes and tensors of a walk. A 1024-pixel StyleGAN3 has about 6,000."""
MAX_NAME = 300
"""Longest name of a tensor in characters."""
MAX_ITEMS = 1_000
"""Longest list or dict that is a setting; longer ones are something else (a history of losses)."""
MAX_TEXT = 300
"""Longest text that is a setting, in characters; longer ones are something else (source code)."""
MAX_SUMMARY = 400
"""Longest note in characters."""

NOTHING = object()
"""What stands for a value that is not plain."""


class Walk:
    """A walk through the content of one file, with its count of visits."""

    def __init__(self) -> None:
        self.left = MAX_VISITS

    def visit(self, count: int = 1) -> None:
        """Count things that are visited, and refuse too many."""
        self.left -= count
        if self.left < 0:
            raise unneeded(f"describes more than {MAX_VISITS:,} things, most by repeating others")

    def plain(self, value: object) -> Any:
        """A copy of a value with plain parts only: None, numbers, texts, lists and dicts of them.

        Entries of a dict that are not plain are left out; any other value that is not plain gives `NOTHING`.
        Of paths, which tell of somebody's machine, the last part is kept.
        """
        self.visit()
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Scalar):
            return value.value
        if isinstance(value, str) and len(value) <= MAX_TEXT:
            return value.replace("\\", "/").rstrip("/").rpartition("/")[2]
        if isinstance(value, list | tuple) and len(value) <= MAX_ITEMS:
            items = [self.plain(item) for item in value]
            return NOTHING if any(item is NOTHING for item in items) else items
        if isinstance(value, Namespace):
            value = value.values
        if isinstance(value, dict) and len(value) <= MAX_ITEMS:
            return self.entries(value)
        return NOTHING

    def entries(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        """The entries of a dict that have a text as key and a plain value."""
        self.visit(len(values))
        found = {name: self.plain(value) for name, value in values.items() if isinstance(name, str)}
        return {name: value for name, value in found.items() if value is not NOTHING}

    def summary(self, value: object) -> str:
        """The plain entries of a dict or namespace for people: "size=256, batch=16"."""
        entries = self.plain(value)
        if not isinstance(entries, dict):
            return ""
        parts: list[str] = []
        length = 0
        for name, entry in entries.items():
            if length > MAX_SUMMARY:
                break
            if not isinstance(entry, dict | list):
                parts.append(f"{shown(name, 40)}={shown(str(entry), 80)}")
                length += len(parts[-1])
        return shown(", ".join(parts), MAX_SUMMARY)


def joined(prefix: str, name: object, separator: str = ".") -> str:
    """The full name of a part, refused if it cannot be shown or is too long.

    Args:
        prefix: name of the whole, or "".
        name: of the part in it.
        separator: between the two.
    """
    full = f"{prefix}{separator}{name}" if prefix else name
    usable = isinstance(name, str) and isinstance(full, str) and full.isprintable()
    if not isinstance(full, str) or not usable or len(full) > MAX_NAME:
        raise InputError(f"a part of the network in it has no usable name ({shown(str(full), 60)}).")
    return full


def listed(names: Collection[object], most: int = 4) -> str:
    """The first few names of a file, for messages.

    Args:
        names: of the file.
        most: how many are listed.
    """
    texts = [
        shown(str(name), 40) if isinstance(name, str | int) else described(name)
        for name in islice(names, most)
    ]
    return ", ".join(texts) + (f" and {len(names) - most} more" if len(names) > most else "")


def make_tensors(size: int, *groups: Mapping[str, StoredTensor]) -> list[dict[str, Tensor]]:
    """Make tensors: at most about twice the file's size, since views may share numbers and each is copied.

    Args:
        size: of the file in bytes.
        groups: the tensors in the file, by name; the limits are for all together.

    Raises:
        UnsafeFileError: they are too many or too large.
        InputError: the file lacks their numbers.
    """
    count = sum(map(len, groups))
    if count > MAX_TENSORS:
        raise UnsafeFileError(f"it has {count:,} tensors; at most {MAX_TENSORS:,} are read.")
    total = sum(stored.bytes for group in groups for stored in group.values())
    if total > 2 * size + SMALL:
        raise UnsafeFileError(f"its tensors would take {total:,} bytes, but it has only {size:,}.")
    return [{name: stored.tensor() for name, stored in group.items()} for group in groups]
