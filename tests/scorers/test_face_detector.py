"""The detector of faces beside its definition in numpy, and on pictures whose faces are at known places."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from tests.generators.precise import same
from torch import Tensor
from torch.nn.functional import interpolate

from latentclr import load_generator
from latentclr.scorers.face_detector import ANCHORS, MEAN, Detector, Face, apart, find_faces
from latentclr.scorers.face_weights import detector
from latentclr.scorers.faces import load_detector

Array = np.ndarray[Any, np.dtype[np.float64]]
WIDTHS = (3, 16, 32, 64, 128, 256, 512)


def drawn() -> dict[str, Tensor]:
    """Random weights in the layouts of the published file: height, width, input, output."""
    rng = np.random.default_rng(0)

    def normal(shape: tuple[int, ...], spread: float) -> Tensor:
        return torch.from_numpy(rng.normal(0, spread, shape).astype(np.float32))

    found = {"conv0/filters": normal((3, 3, 3, 16), 0.3), "conv0/bias": normal((16,), 0.3)}
    for i, (n_in, n_out) in enumerate(pairwise(WIDTHS[1:]), 1):
        found[f"conv{i}/depthwise_filter"] = normal((3, 3, n_in, 1), 0.4)
        found[f"conv{i}/pointwise_filter"] = normal((1, 1, n_in, n_out), 1.2 / n_in**0.5)
        found[f"conv{i}/bias"] = normal((n_out,), 0.3)
    found["conv8/filters"] = normal((1, 1, 512, 25), 0.02)
    return {**found, "conv8/bias": normal((25,), 0.3)}


def pooled(x: Array, stride: int) -> Array:
    """The largest of 2 x 2; beyond the end nothing counts."""
    rows, columns = (-(-n // stride) for n in x.shape[:2])
    return np.array(
        [
            [x[r * stride : r * stride + 2, c * stride : c * stride + 2].max((0, 1)) for c in range(columns)]
            for r in range(rows)
        ]
    )


def by_definition(picture: Tensor, w: Mapping[str, Array]) -> Array:
    def leaky(x: Array) -> Array:
        return np.where(x > 0, x, 0.1 * x)

    x = ((picture.double().numpy() + 1) * 127.5 - np.array(MEAN).reshape(3, 1, 1)).transpose(1, 2, 0) / 255
    windows = sliding_window_view(x, (3, 3), axis=(0, 1))  # no padding
    x = pooled(leaky(np.einsum("yxchw,hwco->yxo", windows, w["conv0/filters"]) + w["conv0/bias"]), 2)
    for i in range(1, 6):
        windows = sliding_window_view(np.pad(x, ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1))
        own = np.einsum("yxchw,hwc->yxc", windows, w[f"conv{i}/depthwise_filter"][..., 0])
        x = pooled(leaky(own @ w[f"conv{i}/pointwise_filter"][0, 0] + w[f"conv{i}/bias"]), 2 if i < 5 else 1)
    grid = x @ w["conv8/filters"][0, 0] + w["conv8/bias"]
    cells, found = len(grid), []
    for a, (wide, high) in enumerate(ANCHORS):
        for r in range(cells):
            for c in range(cells):
                dx, dy, dw, dh, score = grid[r, c, 5 * a : 5 * a + 5]
                width, height = wide * np.exp(dw) / cells, high * np.exp(dh) / cells
                x0 = (c + 1 / (1 + np.exp(-dx))) / cells - width / 2
                y0 = (r + 1 / (1 + np.exp(-dy))) / cells - height / 2
                found.append((x0, y0, width, height, 1 / (1 + np.exp(-score))))
    return np.array(found)


def test_the_network_is_what_its_definition_says() -> None:
    tensors = drawn()
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = by_definition(picture[0], {name: value.double().numpy() for name, value in tensors.items()})
    found = detector(tensors).double()(picture.double())[0]
    assert expected.shape == (5 * 3 * 3, 5)
    assert expected[:, 4].std() > 1e-2
    same(found, torch.from_numpy(expected))


def test_of_overlapping_boxes_the_most_certain_stays() -> None:
    one, other = Face(0.0, 0.0, 10.0, 10.0, 0.7), Face(1.0, 1.0, 10.0, 10.0, 0.9)
    apart_from_both = Face(9.0, 0.0, 10.0, 10.0, 0.6)
    assert one.overlap(other) == pytest.approx(81 / 119)
    assert one.overlap(Face(20.0, 20.0, 5.0, 5.0, 1.0)) == 0
    assert apart([one, other, apart_from_both]) == [other, apart_from_both]
    assert apart([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (7, 5)])
def test_photographs_of_any_shape_are_looked_at(shape: tuple[int, int]) -> None:
    network = Detector()
    assert find_faces(network, torch.zeros(3, *shape)) == []  # every score is one half


@pytest.mark.network
@pytest.mark.parametrize("name", ["faces", "celebs"])
def test_faces_are_found_where_they_are(name: str) -> None:
    generator, network = load_generator(name), load_detector()
    faces = interpolate(generator(generator.from_seeds([3, 5])), size=160, mode="bilinear")
    rng = torch.Generator().manual_seed(0)
    photo = interpolate(torch.rand(1, 3, 6, 8, generator=rng) * 0.6 - 0.3, size=(480, 640), mode="bicubic")[0]
    places = [(40, 60), (400, 250)]  # left, top
    for (left, top), face in zip(places, faces, strict=True):
        photo[:, top : top + 160, left : left + 160] = face
    found = sorted(find_faces(network, photo), key=lambda face: face.left)
    assert len(found) == 2
    for (left, top), face in zip(places, found, strict=True):
        x, y = face.centre
        assert abs(x - left - 80) < 25
        assert abs(y - top - 90) < 25
        assert 60 < face.width < 160
        assert 60 < face.height < 160
    assert find_faces(network, photo[:, :, 210:390]) == []


@pytest.mark.network
def test_a_face_that_fills_the_picture_and_a_small_one_are_found() -> None:
    generator, network = load_generator("celebs"), load_detector()
    face = generator(generator.from_seeds([3]))[0]
    whole = interpolate(face[None], size=700, mode="bilinear")[0]
    assert len(find_faces(network, whole)) == 1
    photo = torch.zeros(3, 1000, 1000)
    photo[:, 500:600, 300:400] = interpolate(face[None], size=100, mode="bilinear")[0]
    (found,) = find_faces(network, photo)
    assert abs(found.centre[0] - 350) < 20
    assert abs(found.centre[1] - 555) < 20
