"""Published weights of the face networks: read from their files, and filled into our networks.

There are two kinds of files: a list of tensors (JSON) beside a file of bytes, as TensorFlow.js writes them,
most of them quantised to 8 bits; and the initialisers of an ONNX graph, a protocol buffer. Both are data;
nothing in them can run, and nothing is allocated that the files do not hold.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from latentclr.errors import InputError
from latentclr.scorers.face_detector import Detector
from latentclr.scorers.face_networks import Dense, Gender, Recognition

Kind = TypeVar("Kind", bound=nn.Module)

GRAPH, INITIALIZER = 7, 5
"""Fields that lead to the tensors of an ONNX model (onnx.proto: ModelProto, GraphProto)."""
DIMS, DATA_TYPE, NAME, RAW_DATA = 1, 2, 8, 9
"""Fields of a tensor (onnx.proto: TensorProto)."""
FLOAT = 1
"""Data type of 32-bit floating-point numbers."""

_DAMAGED = (OSError, LookupError, ValueError, TypeError, RuntimeError)
"""Errors on reading a file that is damaged or something else. (RecursionError is a RuntimeError.)"""


def read_manifest(manifest: Path, blob: Path) -> dict[str, Tensor]:
    """The tensors of a TensorFlow.js model, by name, as float32 in its own layouts (channels last).

    A quantised tensor is `scale * byte + min`.

    Args:
        manifest: the JSON list of names, shapes and quantisations, in the order of the bytes.
        blob: the bytes.

    Raises:
        InputError: the two do not fit, or hold something else.
    """
    try:
        groups = json.loads(manifest.read_text())
        data = bytearray(blob.read_bytes())
        found, place = {}, 0
        for entry in (entry for group in groups for entry in group["weights"]):
            quantised = entry.get("quantization")
            if entry["dtype"] != "float32" or (quantised and quantised["dtype"] != "uint8"):
                raise InputError(f"{manifest} holds {entry['name']} in a format that is not read here.")
            kind, count = torch.uint8 if quantised else torch.float32, math.prod(entry["shape"])
            end = place + count * kind.itemsize
            values = torch.frombuffer(data[place:end], dtype=kind, count=count)
            # In double precision, as TensorFlow.js computes it.
            numbers = values.double() * quantised["scale"] + quantised["min"] if quantised else values
            found[str(entry["name"])] = numbers.float().reshape(entry["shape"])
            place = end
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(
            f"{manifest} and {blob} are no whole TensorFlow.js weights; fetch them again."
        ) from error
    if place != len(data):
        raise InputError(
            f"{blob} has {len(data):,} bytes where {manifest} lists {place:,}; fetch them again."
        )
    return found


def read_onnx(path: Path) -> dict[str, Tensor]:
    """The float32 initialisers of an ONNX graph, by name.

    Raises:
        InputError: the file is damaged, or holds tensors of another kind.
    """
    found = {}
    try:
        for graph in _messages(path.read_bytes(), GRAPH):
            for tensor in _messages(graph, INITIALIZER):
                fields = list(_fields(tensor))
                shape = [value for number, value in fields if number == DIMS and isinstance(value, int)]
                name, kind, raw = (dict(fields)[number] for number in (NAME, DATA_TYPE, RAW_DATA))
                if kind != FLOAT or not isinstance(name, bytes) or not isinstance(raw, bytes):
                    raise InputError(f"{path} holds tensors of a kind that is not read here.")
                found[name.decode()] = torch.frombuffer(bytearray(raw), dtype=torch.float32).reshape(shape)
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(f"{path} is no whole ONNX model; fetch it again.") from error
    return found


def _messages(message: bytes, number: int) -> Iterator[bytes]:
    """All messages in a field of a message."""
    for found, value in _fields(message):
        if found == number and isinstance(value, bytes):
            yield value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protocol buffer (protobuf.dev, "Encoding", "wire types")."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield number, value
            continue
        size, place = _varint(message, place) if wire == 2 else ({1: 8, 5: 4}[wire], place)
        if place + size > len(message):
            raise IndexError("a field ends behind its message")
        yield number, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A number in groups of seven bits, lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("a number of more than ten bytes")


def dense(tensors: Mapping[str, Tensor]) -> Dense:
    """The network of expressions or of landmarks, from the tensors of its file."""
    return _filled(Dense(len(tensors["fc/bias"])), _renamed(tensors))


def detector(tensors: Mapping[str, Tensor]) -> Detector:
    """The network that finds faces, from the tensors of its file."""
    return _filled(Detector(), _renamed(tensors))


def recognition(tensors: Mapping[str, Tensor]) -> Recognition:
    """The network of identities, from the tensors of its file; affine layers are folded into the filters."""
    folded = {"fc": tensors["fc"]}
    for name in (name.removesuffix("/conv/filters") for name in tensors if name.endswith("/conv/filters")):
        scale, offset = tensors[f"{name}/scale/weights"], tensors[f"{name}/scale/biases"]
        # Filters have their output channels last.
        folded[f"{name}/filters"] = tensors[f"{name}/conv/filters"] * scale
        folded[f"{name}/bias"] = tensors[f"{name}/conv/bias"] * scale + offset
    return _filled(Recognition(), _renamed(folded))


def gender(tensors: Mapping[str, Tensor]) -> Gender:
    """The network of gender, from the initialisers of its file; affine layers are folded into the filters.

    Layers are numbered from the output, as dlib does; layers 5 and 2 scale their inputs.
    """
    network, found = Gender(), {}
    places = [
        f"layers.{i}" for i, layer in enumerate(network.layers) if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    for place, layer in zip(places[:4], (19, 16, 12, 9), strict=True):
        scale, offset = tensors[f"layer_{layer - 1}_scale"], tensors[f"layer_{layer - 1}_offset"]
        found[f"{place}.weight"] = tensors[f"layer_{layer}_weights"] * scale.view(-1, 1, 1, 1)
        found[f"{place}.bias"] = tensors[f"layer_{layer}_bias"] * scale.flatten() + offset.flatten()
    for place, layer in zip(places[4:], (4, 1), strict=True):
        found[f"{place}.weight"] = (
            tensors[f"layer_{layer}_weights"] * tensors[f"layer_{layer + 1}_scalar"]
        ).T
        found[f"{place}.bias"] = tensors[f"layer_{layer}_bias"]
    return _filled(network, found)


def _renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by our names, with their axes in torch's order instead of TensorFlow's (output last)."""
    found = {}
    for name, tensor in tensors.items():
        if tensor.ndim == 4:
            axes = (2, 3, 0, 1) if name.endswith("depthwise_filter") else (3, 2, 0, 1)
            tensor = tensor.permute(axes)
        elif tensor.ndim == 2:
            tensor = tensor.T
        found[name.replace("/", ".").replace("fc.weights", "fc.weight")] = tensor
    return found


def _filled(network: Kind, tensors: Mapping[str, Tensor]) -> Kind:
    """The network with exactly these weights, frozen."""
    network.load_state_dict(tensors)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.eval().requires_grad_(False)
    return network
