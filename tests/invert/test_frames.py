"""Frames: what is in them is found by another route, and nothing is passed over."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from tests.rounding import rounding_bound
from torch import Tensor

from latentclr.invert.frames import Frame, cut, similarity


def box(*numbers: float) -> Frame:
    x, y, width, height = (float(number) for number in numbers)
    return Frame.box(x, y, width, height)


def square(centre: tuple[float, float], right: tuple[float, float]) -> Frame:
    return Frame.square((float(centre[0]), float(centre[1])), (float(right[0]), float(right[1])))


def as_photo(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, height, width), generator=torch.Generator().manual_seed(seed)).byte()


def smooth(height: int, width: int) -> Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    channels = [100 + 80 * torch.sin(x / 9), 120 + 90 * torch.cos(y / 7), 60 + 0.9 * (x + y)]
    return torch.stack(channels).clamp(0, 255).byte()


def test_corners() -> None:
    upright, turned = box(2, 3, 10, 20), square((5, 5), (0, 4))
    assert upright.crop() == (2, 3, 10, 20)
    # A quarter turn clockwise: its upper side is on the right.
    assert turned.crop() == tuple(map(float, (7, 3, 7, 7, 3, 7, 3, 3)))
    assert (turned.width, turned.height) == (4, 4)
    assert turned.scaled(2.0).crop() == tuple(2 * number for number in turned.crop())
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    assert turned.inside(corners).flatten().tolist() == list(turned.crop())


PLACES = rounding_bound(20) * 40 * 2
"""Places up to 40 pixels are rounded some twenty times, and noise changes by up to 2 from pixel to pixel."""


def test_the_whole_photo_at_its_size_is_itself() -> None:
    photo = noise(30, 40)
    found = cut(photo, box(0, 0, 40, 30), (30, 40))
    torch.testing.assert_close(found, photo.float() / 127.5 - 1, rtol=0, atol=PLACES)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_frames_turn_the_picture(turns: int) -> None:
    photo = noise(32, 32)
    right = (math.cos(turns * math.pi / 2) * 16, math.sin(turns * math.pi / 2) * 16)
    found = cut(photo, square((14, 12), right), (16, 16))
    expected = torch.rot90(photo[:, 4:20, 6:22].float() / 127.5 - 1, turns, (1, 2))
    torch.testing.assert_close(found, expected, rtol=0, atol=PLACES)


@pytest.mark.parametrize("factor", [2, 3, 8])
def test_shrinking_by_a_whole_number_is_the_mean(factor: int) -> None:
    photo = noise(16 * factor, 16 * factor)
    found = cut(photo, box(0, 0, 16 * factor, 16 * factor), (16, 16))
    blocks = photo.float().view(3, 16, factor, 16, factor).mean((2, 4)) / 127.5 - 1
    torch.testing.assert_close(
        found, blocks, rtol=0, atol=PLACES * factor
    )  # of a photo so many times as large


def test_a_part_of_a_photo_is_what_pillow_cuts_out() -> None:
    photo = smooth(200, 300)
    picture = Image.fromarray(photo.permute(1, 2, 0).numpy())
    for part in ((20, 30, 120, 120), (100, 50, 64, 64), (10.5, 20.25, 100, 150)):
        x, y, width, height = part
        found = cut(photo, box(x, y, width, height), (48, 64))
        expected = picture.resize((64, 48), Image.Resampling.BOX, box=(x, y, x + width, y + height))
        away = found - (as_photo(np.asarray(expected)).float() / 127.5 - 1)
        assert away.abs().max() < 0.06
        assert away.abs().mean() < 0.012


def test_beyond_the_photo_it_is_mirrored() -> None:
    photo = noise(20, 20)
    found = cut(photo, box(-5, -5, 30, 30), (30, 30))
    padded = np.pad(photo.numpy(), ((0, 0), (5, 5), (5, 5)), mode="symmetric")
    torch.testing.assert_close(found, torch.from_numpy(padded).float() / 127.5 - 1, rtol=0, atol=PLACES)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1)])
@pytest.mark.parametrize(
    "part", [(-500, -500, 1000, 1000), (0, 0, 1, 1), (-90, 3, 40, 40), (600, 700, 20, 20)]
)
def test_no_frame_and_no_photo_is_too_odd(shape: tuple[int, int], part: tuple[int, int, int, int]) -> None:
    found = cut(noise(*shape), box(*part), (16, 16))
    assert found.shape == (3, 16, 16)
    assert torch.isfinite(found).all()
    assert found.abs().max() <= 1


def test_points_that_do_not_fit_are_met_in_the_least_squares() -> None:
    rng = torch.Generator().manual_seed(1)
    places, targets = torch.rand(3, 2, generator=rng) * 100, torch.rand(3, 2, generator=rng)
    # target = (a, -b; b, a) place + c: a linear problem with four unknowns.
    x, y = places.double().T
    one, nought = torch.ones(3).double(), torch.zeros(3).double()
    rows = torch.cat([torch.stack([x, -y, one, nought], 1), torch.stack([y, x, nought, one], 1)])
    wanted = torch.cat([targets[:, 0], targets[:, 1]]).double()
    a, b, c, d = torch.linalg.lstsq(rows, wanted.unsqueeze(1)).solution.flatten().tolist()
    inverse = np.linalg.inv(np.array([[a, -b], [b, a]]))
    corner = inverse @ (-c, -d)
    found = similarity(places, targets)
    assert found.corner == pytest.approx(corner.tolist(), rel=1e-3)
    assert found.right == pytest.approx(inverse[:, 0].tolist(), rel=1e-3)
    assert found.down == pytest.approx(inverse[:, 1].tolist(), rel=1e-3)
