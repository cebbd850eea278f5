"""Containers of published weights, written here by hand: what they hold, and what a damaged one ends in."""

import json
import struct
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from latentclr import InputError
from latentclr.scorers.face_weights import read_manifest, read_onnx

QUANTISED = {"dtype": "uint8", "scale": 0.5, "min": -3.0}
ENTRIES = [
    {"name": "a/filters", "shape": [1, 3], "dtype": "float32", "quantization": QUANTISED},
    {"name": "a/bias", "shape": [2], "dtype": "float32"},
]
BYTES = bytes([0, 6, 255]) + struct.pack("<2f", 0.25, -1.5)


def written(folder: Path, entries: object = ENTRIES, data: bytes = BYTES) -> tuple[Path, Path]:
    manifest, blob = folder / "manifest.json", folder / "model.bin"
    manifest.write_text(json.dumps([{"paths": ["model.bin"], "weights": entries}]))
    blob.write_bytes(data)
    return manifest, blob


def test_quantised_and_plain_tensors(tmp_path: Path) -> None:
    found = read_manifest(*written(tmp_path))
    assert list(found) == ["a/filters", "a/bias"]
    assert_close(found["a/filters"], torch.tensor([[-3.0, 0.0, 124.5]]), rtol=0, atol=0)
    assert_close(found["a/bias"], torch.tensor([0.25, -1.5]), rtol=0, atol=0)


@pytest.mark.parametrize("length", [0, 2, 3, 7, 10, 12])
def test_bytes_that_do_not_fit_the_list_are_an_error(tmp_path: Path, length: int) -> None:
    with pytest.raises(InputError, match="fetch them again"):
        read_manifest(*written(tmp_path, data=(BYTES + b"\0")[:length]))


@pytest.mark.parametrize(
    "entries",
    [
        [{"name": "a", "shape": [3], "dtype": "int32"}],
        [{"name": "a", "shape": [3], "dtype": "float32", "quantization": {"dtype": "uint16"}}],
    ],
)
def test_other_formats_are_named(tmp_path: Path, entries: object) -> None:
    with pytest.raises(InputError, match="holds a in a format"):
        read_manifest(*written(tmp_path, entries))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"weights": [{}]}]', "[" * 100_000, "\xff"])
def test_lists_that_are_none(tmp_path: Path, text: str) -> None:
    manifest, blob = written(tmp_path)
    manifest.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"fetch them again|not whole"):
        read_manifest(manifest, blob)


@pytest.mark.parametrize("shape", [[10**12], [-3], [3.5], "ab"])
def test_shapes_that_no_file_holds_allocate_nothing(tmp_path: Path, shape: object) -> None:
    entries = [{"name": "a", "shape": shape, "dtype": "float32"}]
    with pytest.raises(InputError, match="fetch them again"):
        read_manifest(*written(tmp_path, entries))


def varint(value: int) -> bytes:
    groups = []
    while value >= 128:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: str, values: torch.Tensor, *, kind: int = 1) -> bytes:
    dims = b"".join(field(1, size) for size in values.shape)
    raw = struct.pack(f"<{values.numel()}f", *values.flatten().tolist())
    return dims + field(2, kind) + field(8, name.encode()) + field(9, raw)


WEIGHT, BIAS = torch.arange(300.0).view(3, 100), torch.tensor([0.5])


def model(*tensors: bytes) -> bytes:
    # With other fields around, of each wire type: a version, a 64-bit and a 32-bit number, a name.
    graph = field(2, b"graph") + b"".join(field(5, some) for some in tensors)
    others = varint(20 << 3 | 1) + bytes(8) + varint(21 << 3 | 5) + bytes(4)
    return field(1, 10) + others + field(7, graph)


def test_initialisers_of_a_graph(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model(tensor("weight", WEIGHT), tensor("bias", BIAS)))
    found = read_onnx(path)
    assert list(found) == ["weight", "bias"]
    assert_close(found["weight"], WEIGHT, rtol=0, atol=0)
    assert_close(found["bias"], BIAS, rtol=0, atol=0)


def test_a_graph_that_is_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    path, whole = tmp_path / "model.onnx", model(tensor("weight", WEIGHT), tensor("bias", BIAS))
    before = whole.index(b"graph") - 5  # nothing of the graph's field is there yet
    for length in (*range(before + 1, before + 60), *range(before + 60, len(whole), 97), len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="fetch it again"):
            read_onnx(path)


@pytest.mark.parametrize(
    "data",
    [
        model(field(2, 1) + field(8, b"x")),  # no values
        model(tensor("x", BIAS) + field(1, 7)),  # of another shape
        b"\x3b\x00",  # a wire type that does not exist any more
        b"\xff" * 20,  # a number without end
        varint(7 << 3 | 2) + varint(1 << 60),  # a length that no file has
    ],
)
def test_other_files_are_no_graph(tmp_path: Path, data: bytes) -> None:
    (path := tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(InputError, match="fetch it again"):
        read_onnx(path)


def test_tensors_of_other_kinds_are_named(tmp_path: Path) -> None:
    (path := tmp_path / "model.onnx").write_bytes(model(tensor("x", BIAS, kind=10)))
    with pytest.raises(InputError, match="of a kind that is not read here"):
        read_onnx(path)
