"""Checkpoints, from which a training goes on: at every moment a whole one is on the disk."""

import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from latentclr.engine.settings import SAVE_EVERY as SAVE_EVERY
from latentclr.errors import InputError
from latentclr.files import read_tensors, write_tensors

CHECKPOINT = "checkpoint.safetensors"
BEFORE = "checkpoint-before.safetensors"
"""The checkpoint before the last, which is used if the last one is damaged."""
CHECKPOINTS = (CHECKPOINT, BEFORE)
KIND = "the checkpoint of a training"
FORMAT = 2


def write_state(folder: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Write a checkpoint into a folder: at every moment one whole checkpoint is there.

    The new file is written under another name, flushed to the disk, and takes the place of the last one,
    which is kept beside it.

    Args:
        folder: of the training.
        tensors: by name.
        values: JSON values.

    Raises:
        InputError: the file cannot be written (a full disk); the last checkpoint is as it was.
    """
    write_tensors(folder / CHECKPOINT, tensors, {**values, "format": FORMAT}, before=folder / BEFORE)


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The newest whole checkpoint in a folder; None: there is none.

    Raises:
        InputError: there are only damaged ones, or those of another version.
    """
    damage: InputError | None = None
    for path in (folder / name for name in CHECKPOINTS):
        if not path.exists():
            continue
        try:
            tensors, values = read_tensors(path, kind=KIND, checked=True)
        except InputError as error:
            damage = damage or error
            continue
        if values.pop("format", None) != FORMAT:
            raise InputError(f"{path} is not {KIND} that this version can read.")
        return tensors, values
    if damage is not None:
        raise damage
    return None


def has_state(folder: Path) -> bool:
    """Whether a checkpoint, whole or damaged, is in a folder."""
    return any((folder / name).exists() for name in CHECKPOINTS)


def remove_state(folder: Path) -> None:
    """Remove the checkpoints of a training that is done."""
    for name in CHECKPOINTS:
        with suppress(FileNotFoundError):
            (folder / name).unlink()


class Keeper:
    """Keeps the checkpoints of one training in a folder.

    Args:
        folder: an existing folder for this training alone.
        every: seconds from one checkpoint to the next; 0: one after every step.
    """

    def __init__(self, folder: Path, *, every: float = SAVE_EVERY) -> None:
        if not every >= 0:
            raise InputError(f"save_every={every}: give seconds, at least 0.")
        self.folder, self.every = folder, every
        self._saved = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() - self._saved >= self.every

    def save(
        self, about: Mapping[str, Any], tensors: Mapping[str, Tensor], values: Mapping[str, Any]
    ) -> None:
        """Write a checkpoint.

        Args:
            about: what is trained and how, as JSON values; a resumed training must have equal ones.
            tensors: the state of the training, by name.
            values: the rest of its state, as JSON values.
        """
        write_state(self.folder, tensors, {"about": about, "values": values})
        self._saved = time.monotonic()

    def load(
        self, about: Mapping[str, Any], *, may_differ: Collection[str] = ()
    ) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and values of the last checkpoint; None: there is none.

        Args:
            about: what is trained and how (see `save`).
            may_differ: keys of `about` that may have other values in the checkpoint.

        Raises:
            InputError: the checkpoint is damaged or of another training.
        """
        found = read_state(self.folder)
        if found is None:
            return None
        tensors, header = found
        check_unchanged(self.folder, header["about"], about, may_differ=may_differ)
        return tensors, header["values"]


def check_unchanged(
    folder: Path, before: Mapping[str, Any], now: Mapping[str, Any], *, may_differ: Collection[str]
) -> None:
    """Refuse to resume a training with other settings.

    Args:
        folder: of the training.
        before: the settings in its checkpoint, by name.
        now: the settings that are given, by name.
        may_differ: names of settings that do not matter.

    Raises:
        InputError: another setting is not what it was.
    """
    for name, value in now.items():
        if name not in may_differ and before.get(name) != value:
            raise InputError(
                f"the training in {folder} has {name}={before.get(name)}, now {name}={value} is given: go on "
                "with the same settings, or start anew in another folder."
            )
