"""Files written by torch.save, read without torch.load: zip archives, and the five pickles of before 2020.

Both hold a pickle of tensors that refer to storages, and the storages' numbers. Wherever the numbers were
(`cuda:3`), they come to the CPU.
"""

from collections.abc import Callable, Sequence
from typing import Any

from latentclr.checkpoints import arrays
from latentclr.checkpoints.arrays import TORCH_TYPES, Storage, StoredTensor
from latentclr.checkpoints.inert import (
    MAX_KEY_LENGTH,
    PLAIN,
    Arguments,
    Budget,
    Global,
    Globals,
    Namespace,
    misused,
    shown,
    table,
)
from latentclr.checkpoints.unpickle import unpickle
from latentclr.checkpoints.zip_file import read_zip
from latentclr.errors import InputError, UnsafeFileError

MAGIC = 0x1950A86A20F9469CFC6C
"""Value of the first of the five pickles."""
PROTOCOL = 1001
"""Value of the second of the five pickles."""
MAGIC_PICKLE = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""Last bytes of the first pickle, in every protocol from 2 on."""


def _rebuild_tensor(args: Arguments) -> StoredTensor:
    # After the strides: whether it needs a gradient, its hooks, its metadata.
    match args:
        case (Storage() as storage, int() as offset, tuple() as shape, tuple() as strides, *_) if (
            len(args) <= 7
        ):
            return StoredTensor(storage, shape, strides, offset)
    raise misused("torch._utils _rebuild_tensor_v2", args)


def _rebuild_parameter(args: Arguments) -> StoredTensor:
    match args:
        case (StoredTensor() as tensor, bool(), *_) if len(args) <= 4:
            return tensor
    raise misused("torch._utils _rebuild_parameter", args)


def _size(args: Arguments) -> tuple[int, ...]:
    match args:
        case (tuple() as shape,) if all(isinstance(size, int) for size in shape):
            return shape
    raise misused("torch Size", args)


def _device(args: Arguments) -> str:
    match args:
        case (str() as kind,) | (str() as kind, int()):
            return kind
    raise misused("torch device", args)


TENSORS = table(
    [
        Global("torch._utils _rebuild_tensor", call=_rebuild_tensor),
        Global("torch._utils _rebuild_tensor_v2", call=_rebuild_tensor),
        Global("torch._utils _rebuild_parameter", call=_rebuild_parameter),
        Global("torch._utils _rebuild_parameter_with_state", call=_rebuild_parameter),
        Global("torch Size", call=_size),
        Global("torch device", call=_device),
        *(Global(f"torch {str(kind.dtype).removeprefix('torch.')}") for kind in TORCH_TYPES.values()),
    ]
)
"""What pickles with tensors may name."""
STORAGES = table(
    Global(f"{module} {name}Storage") for module in ("torch", "torch.cuda") for name in TORCH_TYPES
)
GLOBALS: Globals = {
    **PLAIN,
    **arrays.GLOBALS,
    **TENSORS,
    **STORAGES,
    **table([Global("argparse Namespace", new=Namespace)]),
}
"""What torch's files may name. Training scripts put their options (argparse) beside the tensors."""


class _Storages:
    """The storages that a pickle has named so far, by key.

    Args:
        view: what a reference to a storage holds after the length.
        attach: called with each new storage and its key, to attach its numbers.
    """

    def __init__(
        self, view: Sequence[None] = (), attach: Callable[[Storage, str], None] = lambda *_: None
    ) -> None:
        self.found: dict[str, Storage] = {}
        self.view, self.attach = list(view), attach

    def resolve(self, reference: object) -> Storage:
        """The storage of a persistent id."""
        match reference:
            case ("storage", Global() as kind, str() as key, str(), int() as length, *view) if (
                view == self.view
            ):
                return self._get(kind, key, length)
        raise misused("torch storage", reference)

    def _get(self, kind: Global, key: str, length: int) -> Storage:
        name = kind.title.rpartition(" ")[2]
        number_type = TORCH_TYPES.get(name.removesuffix("Storage")) if name.endswith("Storage") else None
        if number_type is None or not 0 <= length < 1 << 40 or len(key) > MAX_KEY_LENGTH:
            raise misused("torch storage", kind)
        storage = self.found.get(key)
        if storage is None:
            storage = self.found[key] = Storage(number_type, length)
            self.attach(storage, key)
        if (storage.type, storage.length) != (number_type, length):
            raise UnsafeFileError("it speaks of one storage in two ways.")
        return storage


def read_torch_zip(data: memoryview, budget: Budget) -> Any:
    """What was given to torch.save; tensors are `StoredTensor`s.

    Args:
        data: the whole file.
        budget: what reading may cost.

    Raises:
        UnsafeFileError: it asks for more than tensors.
        InputError: the archive is none of torch's, or is damaged.
    """
    members = read_zip(data)
    tops = [name.removesuffix("data.pkl") for name in members if name.split("/")[1:] == ["data.pkl"]]
    if len(tops) != 1:
        inside = ", ".join(shown(name, 40) for name in list(members)[:4]) or "nothing"
        raise InputError(f"it is a zip archive, but none of torch.save: it holds {inside}.")
    top = tops[0]
    if f"{top}constants.pkl" in members:
        raise InputError(
            "it is a TorchScript archive, which holds code; save the network's state_dict() instead."
        )
    order = members.get(f"{top}byteorder")
    if order is not None and bytes(order.read()) != b"little":
        raise InputError("it was written on a big-endian machine; that is not supported.")

    def attach(storage: Storage, key: str) -> None:
        member = members.get(f"{top}data/{key}")
        if member is None:
            raise InputError(f"it lacks the numbers of storage {shown(key, 40)}; the file is damaged.")
        storage.attach(member.read())

    pickled = members[f"{top}data.pkl"].read()
    content, end = unpickle(pickled, GLOBALS, budget, persistent=_Storages(attach=attach).resolve)
    if end != len(pickled):
        raise InputError("its pickle goes on after its end; it is damaged.")
    return content


def is_legacy(data: memoryview) -> bool:
    """Whether a file starts with the first of torch's five pickles."""
    return MAGIC_PICKLE in bytes(data[:32])


def read_legacy(data: memoryview, budget: Budget, known: Globals = GLOBALS) -> Any:
    """What was given to torch.save in a file of five pickles and the storages' numbers.

    Args:
        data: the whole file.
        budget: what reading may cost.
        known: all that it may name.

    Returns:
        The content; tensors in it are `StoredTensor`s.

    Raises:
        UnsafeFileError: it asks for more than tensors.
        InputError: it is damaged.
    """
    storages = _Storages(view=[None])
    values, place = [], 0
    for allowed, persistent in (({}, None),) * 3 + ((known, storages.resolve), ({}, None)):
        value, length = unpickle(data[place:], allowed, budget, persistent=persistent)
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
    _attach_numbers([storages.found[key] for key in keys], data[place:])
    return content


def _attach_numbers(storages: Sequence[Storage], data: memoryview) -> None:
    """Attach the numbers of all storages: each is its length and then its bytes."""
    place = 0
    for storage in storages:
        start = place + 8
        place = start + storage.length * storage.type.size
        if place > len(data):
            raise InputError("its tensors are cut off; the file is not whole.")
        if int.from_bytes(data[start - 8 : start], "little") != storage.length:
            raise InputError("it says two lengths of one storage; it is damaged.")
        storage.attach(data[start:place])
    if place != len(data):
        raise InputError("it goes on after its last tensor; it is damaged.")
