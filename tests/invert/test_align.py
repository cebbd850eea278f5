"""Alignment: the published rule by another route; faces come back from where they were put."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from latentclr import load_generator
from latentclr.checkpoints.crops import CELEBS, FACES, FFHQ, FFHQ_UPRIGHT, FacePoints
from latentclr.invert.align import Anchors, Networks, face_frame, find_anchors, read_anchors
from latentclr.invert.frames import Frame
from latentclr.scorers.face_detector import Face
from latentclr.scorers.face_networks import Dense
from latentclr.scorers.faces import load_detector, load_landmarks


def anchors(*points: tuple[float, float]) -> Anchors:
    return Anchors(*torch.tensor(points).float())


def square(centre: tuple[float, float], right: tuple[float, float]) -> Frame:
    return Frame.square((float(centre[0]), float(centre[1])), (float(right[0]), float(right[1])))


def ffhq_by_its_rule(five: Anchors) -> list[float]:
    """Corners as the data set's publishers compute them; clockwise from the upper left one."""
    left, right, mouth_left, mouth_right = (
        point.double().numpy() for point in (five.left_eye, five.right_eye, five.mouth_left, five.mouth_right)
    )
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    to_eye, to_mouth = right - left, mouth - eyes
    x = to_eye - np.array([-to_mouth[1], to_mouth[0]])
    x = x / np.hypot(*x) * max(np.hypot(*to_eye) * 2.0, np.hypot(*to_mouth) * 1.8)
    y = np.array([-x[1], x[0]])
    centre = eyes + to_mouth * 0.1
    corners = (centre - x - y, centre + x - y, centre + x + y, centre - x + y)
    return [float(number) for corner in corners for number in corner]


FRONTAL = anchors((100, 100), (160, 100), (110, 170), (150, 170), (130, 168))
TILTED = anchors((100, 100), (150, 130), (70, 165), (105, 185), (88, 174))
TURNED = anchors((100, 100), (125, 98), (100, 160), (118, 160), (110, 158))


@pytest.mark.parametrize("five", [FRONTAL, TILTED, TURNED])
def test_ffhq_cuts_as_its_paper_says(five: Anchors) -> None:
    assert_corners(face_frame(five, FFHQ), ffhq_by_its_rule(five))


@pytest.mark.parametrize("five", [TILTED, TURNED])
def test_unaligned_ffhq_has_the_same_square_upright(five: Anchors) -> None:
    turned, upright = face_frame(five, FFHQ), face_frame(five, FFHQ_UPRIGHT)
    assert (*upright.right, *upright.down) == pytest.approx((turned.width, 0, 0, turned.height), rel=1e-5)
    middle = torch.tensor([[0.5, 0.5]])
    torch.testing.assert_close(upright.inside(middle), turned.inside(middle))


@pytest.mark.parametrize("rule", [FACES, CELEBS])
def test_eyes_and_mouth_come_to_the_generators_places(rule: FacePoints) -> None:
    targets = torch.tensor([rule.left_eye, rule.right_eye, rule.mouth])
    frame = square((300, 200), (150, 60))
    places = frame.inside(targets)
    five = Anchors(places[0], places[1], places[2], places[2], places[2])
    # Pixels up to 500 through a linear system of condition about 10: some hundred roundings of 3e-5 each.
    assert face_frame(five, rule).crop() == pytest.approx(frame.crop(), abs=1e-2)


def test_a_network_that_sees_nothing_finds_no_face() -> None:
    network = Dense(136)
    torch.nn.init.constant_(network.fc.bias, 0.5)
    assert read_anchors(torch.zeros(3, 90, 90).byte(), Face(10.0, 10.0, 50.0, 50.0, 1.0), network) is None


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks(load_detector(), load_landmarks())


def photo_of(name: str, frame: Frame, seed: int = 3, size: tuple[int, int] = (480, 640)) -> Tensor:
    """A photo that shows the face of a generator in a frame, on a smooth background."""
    generator = load_generator(name)
    face = interpolate(generator(generator.from_seeds([seed])), scale_factor=4, mode="bicubic")[0].clamp(
        -1, 1
    )
    small = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(0)) * 0.6 - 0.3
    photo = interpolate(small, size=size, mode="bicubic")[0]
    y, x = torch.meshgrid(torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing="ij")
    sides = torch.tensor((frame.right, frame.down))
    places = torch.linalg.solve(
        sides, torch.stack((x, y), -1).view(-1, 2) - torch.tensor(frame.corner), left=False
    )
    drawn = torch.nn.functional.grid_sample(
        face[None], (2 * places - 1).view(1, *size, 2), align_corners=False
    )[0]
    inside = ((places >= 0) & (places <= 1)).all(1).view(size)
    return ((torch.where(inside, drawn, photo) + 1) * 127.5).round().clamp(0, 255).byte()


TILTS = (-20, 0, 15, 5, -10, 20)


@pytest.mark.network
@pytest.mark.parametrize("count", [1, pytest.param(len(TILTS), marks=pytest.mark.statistics)])
@pytest.mark.parametrize(("name", "rule"), [("faces", FACES), ("celebs", CELEBS)])
def test_faces_are_cut_out_as_they_were_put_in(
    name: str, rule: FacePoints, count: int, networks: Networks
) -> None:
    """Single faces are not at the generator's mean place; over several that evens out."""
    sizes, places = [], []
    for seed, degrees in enumerate(TILTS[:count], start=4):
        turn = math.radians(degrees)
        frame = square((330, 230), (220 * math.cos(turn), 220 * math.sin(turn)))
        found = find_anchors(photo_of(name, frame, seed), networks)
        if not found:
            continue
        (one,) = found
        got = face_frame(one, rule)
        assert abs(math.degrees(math.atan2(got.right[1], got.right[0])) - degrees) < 8
        sizes.append(got.width / 220)
        places.append((got.inside(torch.tensor([[0.5, 0.5]]))[0] - torch.tensor([330.0, 230.0])) / 220)
    assert len(sizes) > 0.8 * count
    assert all(0.87 < size < 1.15 for size in sizes)
    assert torch.stack(places).abs().max() < 0.05  # five deviations of single faces
    if count > 1:
        assert np.mean(sizes) == pytest.approx(1, abs=0.06)
        assert torch.stack(places).mean(0).abs().max() < 0.02


@pytest.mark.network
def test_faces_come_from_left_to_right(networks: Networks) -> None:
    left = photo_of("celebs", square((150, 200), (180, 0)), seed=3)
    right = photo_of("celebs", square((470, 250), (220, 0)), seed=5)
    both = torch.cat((left[:, :, :310], right[:, :, 310:]), 2)
    first, second = find_anchors(both, networks)
    assert first.mouth[0] < 310 < second.mouth[0]
    assert second.between_eyes > first.between_eyes


def assert_corners(frame: Frame, expected: list[float]) -> None:
    """Within some thirty roundings of pixels up to 256, which are 1.5e-5 each."""
    corners = frame.inside(torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    assert corners.flatten().tolist() == pytest.approx(expected, abs=1e-3)
