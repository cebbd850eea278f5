"""The face networks beside their definitions, written a second time in numpy, with random weights."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from tests.generators.precise import same as close
from tests.rounding import assert_rounded
from torch import Tensor

from latentclr.scorers.face_networks import MEAN, prepared, same
from latentclr.scorers.face_weights import dense, gender, recognition

Array = np.ndarray[Any, np.dtype[np.float64]]
Weights = Mapping[str, Array]
"""As in the files: height, width, input, output."""


def padded(x: Array, stride: int, size: int = 3) -> Array:
    """TensorFlow's SAME of one picture (h, w, c)."""
    total = [max((-(-n // stride) - 1) * stride + size - n, 0) for n in x.shape[:2]]
    return np.pad(x, (*((t // 2, t - t // 2) for t in total), (0, 0)))


def convolved(x: Array, filters: Array, stride: int = 1) -> Array:
    windows = sliding_window_view(x, filters.shape[:2], axis=(0, 1))[::stride, ::stride]  # y, x, in, h, w
    found: Array = np.tensordot(windows, filters, ([3, 4, 2], [0, 1, 2]))
    return found


def separable(x: Array, w: Weights, name: str, stride: int = 1) -> Array:
    own = w[f"{name}/depthwise_filter"][..., 0]
    windows = sliding_window_view(padded(x, stride), (3, 3), axis=(0, 1))[::stride, ::stride]
    each = np.einsum("yxchw,hwc->yxc", windows, own)
    found: Array = each @ w[f"{name}/pointwise_filter"][0, 0] + w[f"{name}/bias"]
    return found


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def as_bytes(picture: Tensor, divisor: float) -> Array:
    pixels = (picture.double().numpy() + 1) * 127.5 - np.array(MEAN).reshape(3, 1, 1)
    found: Array = pixels.transpose(1, 2, 0) / divisor
    return found


def dense_by_definition(picture: Tensor, w: Weights) -> Array:
    x = as_bytes(picture, 255)
    for block in ("dense0", "dense1", "dense2", "dense3"):
        if block == "dense0":
            first = convolved(padded(x, 2), w["dense0/conv0/filters"], 2) + w["dense0/conv0/bias"]
        else:
            first = separable(x, w, f"{block}/conv0", 2)
        outs = [relu(first)]
        for i in (1, 2, 3):
            outs.append(separable(relu(np.sum(outs, 0)), w, f"{block}/conv{i}"))
        x = relu(np.sum(outs, 0))
    found: Array = x.mean((0, 1)) @ w["fc/weights"] + w["fc/bias"]
    return found


def recognition_by_definition(picture: Tensor, w: Weights) -> Array:
    def layer(x: Array, name: str, stride: int = 1) -> Array:
        before = convolved(x, w[f"{name}/conv/filters"], stride) + w[f"{name}/conv/bias"]
        after: Array = before * w[f"{name}/scale/weights"] + w[f"{name}/scale/biases"]
        return after

    x = relu(layer(as_bytes(picture, 255), "conv32_down", 2))
    x = sliding_window_view(x, (3, 3), axis=(0, 1))[::2, ::2].max((3, 4))
    blocks = [name.removesuffix("/conv1/conv/filters") for name in w if name.endswith("/conv1/conv/filters")]
    for block in blocks:
        down = "down" in block
        change = relu(layer(x if down else padded(x, 1), f"{block}/conv1", 2 if down else 1))
        change = layer(padded(change, 1), f"{block}/conv2")
        if down:
            h, w_ = (n // 2 for n in x.shape[:2])
            x = x[: 2 * h, : 2 * w_].reshape(h, 2, w_, 2, -1).mean((1, 3))
        both = np.zeros([max(sizes) for sizes in zip(x.shape, change.shape, strict=True)])
        for part in (x, change):
            both[: part.shape[0], : part.shape[1], : part.shape[2]] += part
        x = relu(both)
    found: Array = x.mean((0, 1)) @ w["fc"]
    return found


def gender_by_definition(picture: Tensor, w: Weights) -> Array:
    x = as_bytes(picture, 256)
    for layer in (19, 16, 12, 9):
        filters = w[f"layer_{layer}_weights"].transpose(2, 3, 1, 0)
        x = convolved(padded(x, 1), filters) + w[f"layer_{layer}_bias"]
        x = relu(x * w[f"layer_{layer - 1}_scale"].ravel() + w[f"layer_{layer - 1}_offset"].ravel())
        if layer in (16, 9):
            x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).mean((1, 3))
    flat = x.transpose(2, 0, 1).ravel() * w["layer_5_scalar"]
    hidden = relu(flat @ w["layer_4_weights"] + w["layer_4_bias"]) * w["layer_2_scalar"]
    found: Array = hidden @ w["layer_1_weights"] + w["layer_1_bias"]
    return found


def dense_shapes(outputs: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    n_in = 3
    for i, n_out in enumerate((32, 64, 128, 256)):
        for j in range(4):
            name, width = f"dense{i}/conv{j}", n_in if j == 0 else n_out
            if width == 3:
                shapes[f"{name}/filters"] = (3, 3, 3, n_out)
            else:
                shapes[f"{name}/depthwise_filter"] = (3, 3, width, 1)
                shapes[f"{name}/pointwise_filter"] = (1, 1, width, n_out)
            shapes[f"{name}/bias"] = (n_out,)
        n_in = n_out
    return {**shapes, "fc/weights": (256, outputs), "fc/bias": (outputs,)}


def recognition_shapes() -> dict[str, tuple[int, ...]]:
    names = {"conv32_down": (7, 3, 32)}
    blocks = [("32_1", 32, 32), ("32_2", 32, 32), ("32_3", 32, 32), ("64_down", 32, 64), ("64_1", 64, 64)]
    blocks += [("64_2", 64, 64), ("64_3", 64, 64), ("128_down", 64, 128), ("128_1", 128, 128)]
    blocks += [("128_2", 128, 128), ("256_down", 128, 256), ("256_1", 256, 256), ("256_2", 256, 256)]
    for block, n_in, n_out in [*blocks, ("256_down_out", 256, 256)]:
        names[f"conv{block}/conv1"], names[f"conv{block}/conv2"] = (3, n_in, n_out), (3, n_out, n_out)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (size, n_in, n_out) in names.items():
        shapes[f"{name}/conv/filters"] = (size, size, n_in, n_out)
        for what in ("conv/bias", "scale/weights", "scale/biases"):
            shapes[f"{name}/{what}"] = (n_out,)
    return {**shapes, "fc": (256, 128)}


def gender_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, n_in, n_out in ((19, 3, 32), (16, 32, 32), (12, 32, 64), (9, 64, 64)):
        shapes[f"layer_{layer}_weights"], shapes[f"layer_{layer}_bias"] = (n_out, n_in, 3, 3), (n_out,)
        shapes[f"layer_{layer - 1}_scale"] = shapes[f"layer_{layer - 1}_offset"] = (1, n_out, 1, 1)
    shapes |= {"layer_5_scalar": (1,), "layer_4_weights": (4096, 16), "layer_4_bias": (16,)}
    return shapes | {"layer_2_scalar": (1,), "layer_1_weights": (16, 2), "layer_1_bias": (2,)}


def drawn(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Weights of which every output stays near 1, so that no layer is lost among the others."""
    rng = np.random.default_rng(0)
    found = {}
    for name, shape in shapes.items():
        centre, spread = 0.0, 0.3
        if len(shape) == 2:
            spread = 1.4 / shape[0] ** 0.5
        elif "scal" in name and "biases" not in name:
            centre = 1.0
        elif len(shape) == 4 and "offset" not in name:
            inputs = 9 * shape[1] if name.startswith("layer") else shape[0] * shape[1] * shape[2]
            spread = 1.4 / (9 if "depthwise" in name else inputs) ** 0.5
        found[name] = torch.from_numpy(rng.normal(centre, spread, shape).astype(np.float32))
    return found


Case = tuple[Callable[..., Any], Callable[..., Array], Mapping[str, tuple[int, ...]], int]
CASES: Mapping[str, Case] = {
    "expression": (dense, dense_by_definition, dense_shapes(7), 112),
    "landmarks": (dense, dense_by_definition, dense_shapes(136), 112),
    "identity": (recognition, recognition_by_definition, recognition_shapes(), 150),
    "gender": (gender, gender_by_definition, gender_shapes(), 32),
}


@pytest.mark.parametrize("name", CASES)
def test_networks_are_what_their_definitions_say(name: str) -> None:
    build, definition, shapes, size = CASES[name]
    tensors = drawn(shapes)
    picture = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = definition(picture[0], {name: value.double().numpy() for name, value in tensors.items()})
    assert expected.std() > 1e-2
    found = build(tensors).double()(picture.double())[0]
    # In float64, but scales of layers are multiplied into their weights in float32: two roundings in each of
    # at most 32 layers.
    assert_rounded(found.float(), torch.from_numpy(expected), terms=2 * 32)


@pytest.mark.parametrize("size", [50, 64, 112, 300])
def test_a_mirrored_picture_becomes_the_mirror_of_what_it_becomes(size: int) -> None:
    picture = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(2)).double() * 2 - 1
    found, mirrored = prepared(picture, 112, 255.0), prepared(picture.flip(3), 112, 255.0)
    assert found.shape == (2, 3, 112, 112)
    close(mirrored.flip(3), found)


@pytest.mark.parametrize(("size", "stride", "before", "after"), [(8, 2, 0, 1), (7, 2, 1, 1), (8, 1, 1, 1)])
def test_padding_is_tensorflows(size: int, stride: int, before: int, after: int) -> None:
    found = same(torch.ones(1, 1, size, size), stride)[0, 0]
    assert found.shape == (size + before + after,) * 2
    assert found[before].sum() == size
    assert found[:before].sum() == found[before + size :].sum() == 0
