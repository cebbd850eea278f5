"""Tensors and arrays of a file: checked when they are named, made only when they are wanted.

A `Storage` is a run of numbers in the file, a `StoredTensor` a view of it with a shape. Every view is proved
to lie in its storage and to have no more elements than it, so that a tensor never reads foreign memory and
never takes more room than the file gives it.
"""

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentclr.checkpoints.inert import Arguments, Buildable, Global, latin1, misused, table, unneeded
from latentclr.errors import InputError, UnsafeFileError

MAX_DIMENSIONS = 16
"""Maximum number of dimensions of a tensor. Convolutions over time have five."""
MAX_ELEMENTS = 1 << 32
"""Maximum number of elements that an empty tensor would have with 1 in the place of each 0."""


@dataclass(frozen=True, slots=True)
class NumberType:
    """A type of numbers.

    Attributes:
        dtype: in torch.
        code: in numpy. bfloat16, which numpy lacks, is read as a 16-bit whole number.
    """

    dtype: torch.dtype
    code: str

    @property
    def size(self) -> int:
        """Bytes that one number takes."""
        return int(self.code[1:])


TORCH_TYPES = {
    "Float": NumberType(torch.float32, "f4"),
    "Double": NumberType(torch.float64, "f8"),
    "Half": NumberType(torch.float16, "f2"),
    "BFloat16": NumberType(torch.bfloat16, "i2"),
    "Long": NumberType(torch.int64, "i8"),
    "Int": NumberType(torch.int32, "i4"),
    "Short": NumberType(torch.int16, "i2"),
    "Char": NumberType(torch.int8, "i1"),
    "Byte": NumberType(torch.uint8, "u1"),
    "Bool": NumberType(torch.bool, "b1"),
}
"""Types by the name of torch's storage ("FloatStorage")."""

NUMPY_TYPES = {kind.code: kind for kind in TORCH_TYPES.values() if kind.dtype != torch.bfloat16} | {
    "u2": NumberType(torch.uint16, "u2"),
    "u4": NumberType(torch.uint32, "u4"),
    "u8": NumberType(torch.uint64, "u8"),
}
"""Types by numpy's code: no objects, texts, records or dates."""


@dataclass(slots=True, eq=False)
class Storage:
    """A run of numbers in a file.

    Attributes:
        type: of the numbers.
        length: how many there are.
        data: their bytes; None until their place is known, for in some files it comes last.
        order: of the bytes, "<" or ">".
    """

    type: NumberType
    length: int
    data: memoryview | None = None
    order: str = "<"

    def attach(self, data: memoryview) -> None:
        """Set the bytes, refused unless they are as many as the numbers need."""
        if len(data) != self.length * self.type.size:
            raise InputError(
                f"it gives {len(data):,} bytes for {self.length:,} numbers of {self.type.size} bytes; it "
                "is damaged."
            )
        self.data = data


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A tensor in a file.

    Attributes:
        storage: where its numbers are.
        shape: of the tensor.
        strides: steps in the storage, in elements.
        offset: of its first element, in elements.
    """

    storage: Storage
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    def __post_init__(self) -> None:
        """Refuse a tensor that does not fit its storage."""
        numbers = (*self.shape, *self.strides, self.offset)
        if len(self.shape) != len(self.strides) or len(self.shape) > MAX_DIMENSIONS:
            raise UnsafeFileError(
                f"it holds a tensor of {len(self.shape)} sizes and {len(self.strides)} strides; both must "
                f"be as many, at most {MAX_DIMENSIONS}."
            )
        if any(type(number) is not int or not 0 <= number < 1 << 63 for number in numbers):
            raise UnsafeFileError("it holds a tensor whose sizes, strides or place are no counts.")
        if self.elements > self.storage.length:
            raise unneeded(
                f"holds a tensor of {self.elements:,} elements over {self.storage.length:,} numbers"
            )
        steps = (step * (size - 1) for step, size in zip(self.strides, self.shape, strict=True))
        if self.elements and self.offset + sum(steps) >= self.storage.length:
            raise UnsafeFileError("it holds a tensor that reaches beyond its numbers.")
        if math.prod(max(1, size) for size in self.shape) > MAX_ELEMENTS:
            raise UnsafeFileError("it holds an empty tensor of incredible sizes.")

    @property
    def elements(self) -> int:
        """How many elements the tensor has."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes that the tensor takes in memory."""
        return self.elements * self.storage.type.size

    def tensor(self) -> Tensor:
        """A fresh tensor, contiguous, on the CPU, of the file's dtype."""
        kind, data = self.storage.type, self.storage.data
        if data is None:
            raise InputError("it lacks the numbers of a tensor; it is damaged.")
        if not self.elements:
            return torch.empty(self.shape, dtype=kind.dtype)
        # Booleans are read as bytes: any other than 0 and 1 would be undefined.
        code = "u1" if kind.dtype == torch.bool else kind.code
        view: np.ndarray[Any, Any] = np.ndarray(
            self.shape,
            np.dtype(self.storage.order + code),
            data,
            self.offset * kind.size,
            tuple(step * kind.size for step in self.strides),
        )
        if kind.dtype == torch.bool:
            return torch.from_numpy(np.array(view != 0, order="C"))
        copy = torch.from_numpy(np.array(view, np.dtype(code), order="C", copy=True))
        return copy.view(torch.bfloat16) if kind.dtype == torch.bfloat16 else copy


@dataclass(slots=True, eq=False)
class Dtype(Buildable):
    """The stand-in of numpy.dtype, for plain numbers only."""

    type: NumberType
    order: str = "<"

    def build(self, state: object) -> None:
        """Take the order of the bytes; refuse anything that a plain number lacks."""
        match state:
            case (int(), "<" | ">" | "=" | "|" as order, None, None, None, int(), int(), int(), *_):
                self.order = ">" if order == ">" else "<"
            case _:
                raise misused("numpy dtype", state)


@dataclass(slots=True, eq=False)
class Array(Buildable):
    """The stand-in of numpy.ndarray: empty until it is built."""

    stored: StoredTensor | None = None

    def build(self, state: object) -> None:
        """Take shape, type and bytes."""
        match state:
            case (int(), tuple() as shape, Dtype() as dtype, bool() | 0 | 1 as fortran, data):
                self.stored = _array(shape, dtype, bool(fortran), data)
            case _:
                raise misused("numpy ndarray", state)


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A single number of numpy's: a plain number to most, a tensor of its own dtype to some."""

    stored: StoredTensor

    @property
    def value(self) -> bool | int | float:
        """The number as one of Python's."""
        return self.stored.tensor().item()


def stored_tensor(value: object) -> StoredTensor | None:
    """The tensor that a value of a file stands for; None: it stands for none."""
    if isinstance(value, Array | Scalar):
        return value.stored
    return value if isinstance(value, StoredTensor) else None


def _array(shape: tuple[Any, ...], dtype: Dtype, fortran: bool, data: object) -> StoredTensor:
    view = _binary(data)
    if (
        not all(type(size) is int and 0 <= size <= MAX_ELEMENTS for size in shape)
        or len(shape) > MAX_DIMENSIONS
    ):
        raise misused("numpy ndarray", shape)
    storage = Storage(dtype.type, math.prod(shape), order=dtype.order)
    storage.attach(view)
    sizes = shape if fortran else shape[::-1]
    strides = (
        tuple(accumulate((max(1, size) for size in sizes[:-1]), int.__mul__, initial=1)) if sizes else ()
    )
    return StoredTensor(storage, shape, strides if fortran else strides[::-1])


def _binary(data: object) -> memoryview:
    if isinstance(data, str):  # Python 2's bytes
        return memoryview(latin1(data))
    if isinstance(data, memoryview):
        return data
    raise misused("numpy ndarray", data)


def _new_array(args: Arguments) -> Array:
    match args:
        case (Global(title="numpy ndarray"), (0,), str() | memoryview()):
            return Array()
    raise misused("numpy _reconstruct", args)


def _from_buffer(args: Arguments) -> Array:
    match args:
        case (memoryview() as data, Dtype() as dtype, tuple() as shape, "C" | "F" as order):
            return Array(_array(shape, dtype, order == "F", data))
        case (memoryview() as data, Dtype() as dtype, tuple() as shape, "K", tuple() as axes) if sorted(
            axis for axis in axes if type(axis) is int
        ) == list(range(len(shape))) and len(axes) == len(shape):  # axes in another order, since numpy 2.3
            whole = _array(shape, dtype, False, data)
            sizes, strides = [tuple(values[axis] for axis in axes) for values in (whole.shape, whole.strides)]
            return Array(StoredTensor(whole.storage, sizes, strides))
    raise misused("numpy _frombuffer", args)


def _dtype(args: Arguments) -> Dtype:
    match args:
        case (str() as code, bool() | 0 | 1, bool() | 0 | 1) if code in NUMPY_TYPES:
            return Dtype(NUMPY_TYPES[code])
        case (str(), _, _):
            raise unneeded("holds an array of something else than plain numbers")
    raise misused("numpy dtype", args)


def _scalar(args: Arguments) -> Scalar:
    match args:
        case (Dtype() as dtype, str() | memoryview() as data):
            return Scalar(_array((), dtype, False, data))
    raise misused("numpy scalar", args)


GLOBALS = table(
    [
        Global("numpy ndarray"),
        Global("numpy dtype", call=_dtype),
        *(
            Global(f"numpy.{core}.{name}", call=call)  # numpy 2 renamed `core`
            for core in ("core", "_core")
            for name, call in (
                ("multiarray _reconstruct", _new_array),
                ("multiarray scalar", _scalar),
                ("numeric _frombuffer", _from_buffer),
            )
        ),
    ]
)
"""What files with numpy arrays may name."""
