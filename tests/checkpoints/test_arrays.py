"""Tensors and arrays of a file: exact, checked, and fresh."""

import pickle  # noqa: TID251  (honest files are written by it)
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentclr.checkpoints import arrays
from latentclr.checkpoints.arrays import (
    NUMPY_TYPES,
    TORCH_TYPES,
    Array,
    NumberType,
    Scalar,
    Storage,
    StoredTensor,
    stored_tensor,
)
from latentclr.checkpoints.inert import PLAIN, Budget
from latentclr.checkpoints.unpickle import unpickle
from latentclr.errors import InputError, UnsafeFileError


def storage_of(tensor: torch.Tensor, element: NumberType) -> Storage:
    flat = tensor.contiguous().flatten()
    storage = Storage(element, flat.numel())
    storage.attach(memoryview(bytes(flat.view(torch.uint8).numpy()) if flat.numel() else b""))
    return storage


def read(value: Any, protocol: int) -> Any:
    data = pickle.dumps(value, protocol)
    return unpickle(memoryview(data), PLAIN | arrays.GLOBALS, Budget(len(data)))[0]


@pytest.mark.parametrize("kind", TORCH_TYPES)
def test_every_kind_of_number_is_exact(kind: str) -> None:
    element = TORCH_TYPES[kind]
    rng = torch.Generator().manual_seed(0)
    bits = torch.randint(0, 256, (24 * element.size,), generator=rng, dtype=torch.uint8)
    values = (bits > 127)[:24] if kind == "Bool" else bits.view(element.dtype)
    found = StoredTensor(storage_of(values, element), (4, 6), (6, 1)).tensor()
    assert found.dtype == element.dtype
    assert torch.equal(found.view(torch.uint8), values.reshape(4, 6).view(torch.uint8))
    transposed = StoredTensor(storage_of(values, element), (2, 3), (1, 6), 4).tensor()
    assert transposed.is_contiguous()
    expected = values.as_strided((2, 3), (1, 6), 4)
    assert torch.equal(transposed.view(torch.uint8), expected.contiguous().view(torch.uint8))


@given(
    length=st.integers(0, 12),
    offset=st.integers(0, 6),
    dimensions=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=3),
)
def test_exactly_the_views_that_torch_can_make_inside_are_made(
    length: int, offset: int, dimensions: list[tuple[int, int]]
) -> None:
    values = torch.arange(length, dtype=torch.float32)
    shape, strides = tuple(size for size, _ in dimensions), tuple(step for _, step in dimensions)
    try:
        expected = values.as_strided(shape, strides, offset)
    except RuntimeError:
        expected = None
    # An index that is beyond the storage, found the slow way.
    inside = all(
        offset + sum(i * step for i, step in zip(index, strides, strict=True)) < length
        for index in np.ndindex(*shape)
    )
    fits = int(np.prod(shape)) <= length
    if inside and fits:
        found = StoredTensor(storage_of(values, TORCH_TYPES["Float"]), shape, strides, offset).tensor()
        assert found.shape == shape
        assert expected is None or torch.equal(found, expected)
    else:
        with pytest.raises(UnsafeFileError):
            StoredTensor(storage_of(values, TORCH_TYPES["Float"]), shape, strides, offset)


def test_a_tensor_is_a_copy() -> None:
    data = bytearray(8)
    storage = Storage(TORCH_TYPES["Float"], 2)
    storage.attach(memoryview(data))
    view = StoredTensor(storage, (2,), (1,))
    view.tensor().fill_(7)
    assert data == bytes(8)
    assert torch.equal(view.tensor(), torch.zeros(2))


def test_booleans_are_true_or_false_whatever_their_byte() -> None:
    storage = Storage(TORCH_TYPES["Bool"], 3)
    storage.attach(memoryview(b"\x00\x01\xff"))
    found = StoredTensor(storage, (3,), (1,)).tensor()
    assert found.view(torch.uint8).tolist() == [0, 1, 1]


def test_a_storage_has_the_bytes_that_it_needs() -> None:
    storage = Storage(TORCH_TYPES["Float"], 2)
    with pytest.raises(InputError, match="lacks the numbers"):
        StoredTensor(storage, (2,), (1,)).tensor()
    for size in (7, 9):
        with pytest.raises(InputError, match="for 2 numbers of 4 bytes"):
            storage.attach(memoryview(bytes(size)))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("code", [*NUMPY_TYPES, ">f4", ">i8", "<f8"])
def test_arrays_of_numpy(code: str, protocol: int) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(code)
    for array in (
        values,
        np.asfortranarray(values),
        values[:, ::2],
        values[0, 0, 0:0],
        np.array(values[1, 1, 1]),
    ):
        found = read({"a": array, "b": array}, protocol)
        for name in "ab":
            assert isinstance(found[name], Array)
            assert found[name].stored is not None
            tensor = found[name].stored.tensor()
            assert tensor.shape == array.shape
            assert tensor.numpy().dtype == array.dtype.newbyteorder("=")
            assert np.array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "number", [np.float64(1.25), np.float32(-2.5), np.int64(7), np.bool_(True), np.uint8(255)]
)
def test_numbers_of_numpy(number: Any, protocol: int) -> None:
    found = read([number, number], protocol)
    assert [type(found[0]), found[0].value, found[1].value] == [Scalar, number.item(), number.item()]
    assert type(found[0].value) is type(number.item())
    view = stored_tensor(found[0])
    assert view is not None
    assert view.tensor().numpy().dtype == number.dtype


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}]),
        np.array(["text"]),
        np.array([b"bytes"]),
        np.array(["2020-01-01"], "M8[D]"),
        np.zeros(2, [("a", "f4"), ("b", "O")]),
        np.zeros(2, "c8"),
        np.zeros(2, "V4"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_other_arrays_are_refused(array: Any, protocol: int) -> None:
    with pytest.raises(UnsafeFileError):
        read(array, protocol)


def test_what_is_no_tensor_is_none() -> None:
    assert stored_tensor(3) is stored_tensor([1]) is stored_tensor("a") is stored_tensor(Array()) is None
