"""Files written by torch.save, read without torch.load: zip archives, and the five pickles of before 2020.

Both hold a pickle of tensors that refer to storages, and the storages' numbers. Wherever the numbers were
(`cuda:3`), they come to the CPU.
"""

from collections.abc import Callable
from typing import Any

from latentclr.checkpoints import arrays
from latentclr.checkpoints.arrays import ELEMENTS, Storage, Stored
from latentclr.checkpoints.inert import (
    MAX_KEY_LENGTH,
    PLAIN,
    Budget,
    Name,
    Namespace,
    Table,
    misused,
    shown,
    table,
)
from latentclr.checkpoints.unpickle import unpickle
from latentclr.checkpoints.zip_file import read_zip
from latentclr.errors import InputError, UnsafeFileError

MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of the older kind."""
PROTOCOL = 1001
"""The second."""
MAGIC_PICKLE = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How the first pickle ends, in every protocol from 2 on."""

_STORAGE = "torch storage"


def _rebuild_tensor(args: tuple[Any, ...]) -> Stored:
    # After the strides: whether it needs a gradient, its hooks, its metadata.
    match args:
        case (Storage() as storage, int() as offset, tuple() as shape, tuple() as strides, *_) if (
            len(args) <= 7
        ):
            return Stored(storage, shape, strides, offset)
    raise misused("torch._utils _rebuild_tensor_v2", args)


def _rebuild_parameter(args: tuple[Any, ...]) -> Stored:
    match args:
        case (Stored() as tensor, bool(), *_) if len(args) <= 4:
            return tensor
    raise misused("torch._utils _rebuild_parameter", args)


def _size(args: tuple[Any, ...]) -> tuple[int, ...]:
    match args:
        case (tuple() as shape,) if all(isinstance(size, int) for size in shape):
            return shape
    raise misused("torch Size", args)


def _device(args: tuple[Any, ...]) -> str:
    match args:
        case (str() as kind,) | (str() as kind, int()):
            return kind
    raise misused("torch device", args)


def _storages(prefix: str) -> list[Name]:
    return [Name(f"{prefix} {kind}Storage") for kind in ELEMENTS]


TENSORS = table(
    [
        Name("torch._utils _rebuild_tensor", call=_rebuild_tensor),
        Name("torch._utils _rebuild_tensor_v2", call=_rebuild_tensor),
        Name("torch._utils _rebuild_parameter", call=_rebuild_parameter),
        Name("torch._utils _rebuild_parameter_with_state", call=_rebuild_parameter),
        Name("torch Size", call=_size),
        Name("torch device", call=_device),
        *(Name(f"torch {str(element.dtype).removeprefix('torch.')}") for element in ELEMENTS.values()),
    ]
)
"""What pickles with tensors may ask for."""
STORAGES = table([*_storages("torch"), *_storages("torch.cuda")])
NAMES: Table = {
    **PLAIN,
    **arrays.NAMES,
    **TENSORS,
    **STORAGES,
    **table([Name("argparse Namespace", new=Namespace)]),
}
"""What torch's files may ask for. Training scripts put their options (argparse) beside the tensors."""


def is_legacy(data: memoryview) -> bool:
    """Whether a file starts with the first of torch's five pickles."""
    return MAGIC_PICKLE in bytes(data[:32])


def read_torch_zip(data: memoryview, budget: Budget) -> Any:
    """What was given to torch.save; tensors are `Stored`.

    Raises:
        UnsafeFileError: it asks for more than tensors.
        InputError: the archive is none of torch's, or is damaged.
    """
    entries = read_zip(data)
    tops = [name.removesuffix("data.pkl") for name in entries if name.split("/")[1:] == ["data.pkl"]]
    if len(tops) != 1:
        inside = ", ".join(shown(name, 40) for name in list(entries)[:4]) or "nothing"
        raise InputError(f"it is a zip archive, but none of torch.save: it holds {inside}.")
    top = tops[0]
    if f"{top}constants.pkl" in entries:
        raise InputError(
            "it is a TorchScript archive, which holds code; save the network's state_dict() instead."
        )
    order = entries.get(f"{top}byteorder")
    if order is not None and bytes(order.read()) != b"little":
        raise InputError("it was written on a big-endian machine; that is not supported.")

    def find(storage: Storage, key: str) -> None:
        entry = entries.get(f"{top}data/{key}")
        if entry is None:
            raise InputError(f"it lacks the numbers of storage {shown(key, 40)}; the file is damaged.")
        storage.attach(entry.read())

    storages = _Storages(find)

    def persistent(reference: object) -> Storage:
        match reference:
            case ("storage", Name() as kind, str() as key, str(), int() as length):
                return storages.get(kind, key, length)
        raise misused(_STORAGE, reference)

    pickled = entries[f"{top}data.pkl"].read()
    content, end = unpickle(pickled, NAMES, budget, persistent=persistent)
    if end != len(pickled):
        raise InputError("its pickle goes on after its end; it is damaged.")
    return content


def read_legacy(data: memoryview, budget: Budget, names: Table = NAMES) -> Any:
    """What was given to torch.save in a file of five pickles and the storages' numbers; tensors are `Stored`.

    Args:
        data: the whole file.
        budget: what reading may cost.
        names: all that it may ask for.

    Raises:
        UnsafeFileError: it asks for more than tensors.
        InputError: it is damaged.
    """
    storages = _Storages()

    def persistent(reference: object) -> Storage:
        match reference:
            case ("storage", Name() as kind, str() as key, str(), int() as length, None):
                return storages.get(kind, key, length)
        raise misused(_STORAGE, reference)

    values = []
    place = 0
    for table_of_names, references in ((), None), ((), None), ((), None), (names, persistent), ((), None):
        value, length = unpickle(data[place:], dict(table_of_names), budget, persistent=references)
        values.append(value)
        place += length
    magic, protocol, system, content, keys = values
    if magic != MAGIC or protocol != PROTOCOL or not isinstance(system, dict):
        raise InputError("its first pickles are none of torch.save's; it is damaged.")
    if system.get("little_endian") is not True:
        raise InputError("it was written on a big-endian machine; that is not supported.")
    if not isinstance(keys, list) or not all(
        isinstance(key, str) and len(key) <= MAX_KEY_LENGTH for key in keys
    ):
        raise InputError("its list of storages is none; it is damaged.")
    if len(set(keys)) != len(keys) or set(keys) != set(storages.found):
        raise InputError("its list of storages is not that of its tensors; it is damaged.")
    for key in keys:
        storage = storages.found[key]
        start = place + 8
        place = start + storage.length * storage.element.size
        if place > len(data):
            raise InputError("its tensors are cut off; the file is not whole.")
        if int.from_bytes(data[start - 8 : start], "little") != storage.length:
            raise InputError("it says two lengths of one storage; it is damaged.")
        storage.attach(data[start:place])
    if place != len(data):
        raise InputError("it goes on after its last tensor; it is damaged.")
    return content


class _Storages:
    """The storages that a pickle has named so far.

    Attributes:
        found: by key.
    """

    def __init__(self, find: Callable[[Storage, str], None] | None = None) -> None:
        """`find` is told of each new storage and its key, to attach its numbers."""
        self.found: dict[str, Storage] = {}
        self.find = find

    def get(self, kind: Name, key: str, length: int) -> Storage:
        """The storage of a key."""
        if (
            (element := storage_element(kind)) is None
            or not 0 <= length < 1 << 40
            or len(key) > MAX_KEY_LENGTH
        ):
            raise misused(_STORAGE, kind)
        storage = self.found.get(key)
        if storage is None:
            storage = self.found[key] = Storage(element, length)
            if self.find is not None:
                self.find(storage, key)
        if (storage.element, storage.length) != (element, length):
            raise UnsafeFileError("it speaks of one storage in two ways.")
        return storage


def storage_element(kind: Name) -> arrays.Element | None:
    """The kind of number of a storage's class."""
    name = kind.title.rpartition(" ")[2]
    return ELEMENTS.get(name.removesuffix("Storage")) if name.endswith("Storage") else None
