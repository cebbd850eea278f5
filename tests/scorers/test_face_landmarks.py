"""What landmarks say, of faces that were put together by hand."""

import math

import pytest
import torch
from tests.rounding import assert_rounded
from torch import Tensor
from torch.testing import assert_close

from latentclr.scorers.face_landmarks import COLLAPSED, collapsed, opening, spread, where_found, yaw

HANDFUL = {"terms": 30.0, "condition": 8.0, "scale": 1.0}
"""Some thirty operations on coordinates of about 1, the last a division by 0.25 or 0.4 of differences."""

MIRRORED = [
    *reversed(range(17)),
    *reversed(range(17, 27)),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
]
"""Which point of the mirrored face each point of a face is."""


def face(gap: float = 0.0, nose: float = 0.0) -> Tensor:
    """A face from (0.1, 0.1) to (0.9, 0.9).

    Args:
        gap: between the inner lips; eyes and base of the nose are 0.25 apart.
        nose: how far to the right it is; the sides of the head are 0.4 from the middle.
    """
    points = torch.zeros(68, 2)
    angle = torch.linspace(math.pi, 0, 17)
    points[:17] = torch.stack([0.5 + 0.4 * angle.cos(), 0.4 + 0.5 * angle.sin()], 1)
    points[:4, 0], points[13:17, 0] = 0.1, 0.9
    points[17:22] = torch.tensor([0.3, 0.25])
    points[22:27] = torch.tensor([0.7, 0.25])
    points[27:36] = torch.tensor([0.5 + nose, 0.5])
    points[36:42], points[42:48] = torch.tensor([0.3, 0.35]), torch.tensor([0.7, 0.35])
    points[33] = torch.tensor([0.5, 0.6])  # below the eyes, so that the ratio is known
    points[27:33, 0] += nose / 8
    points[34:36, 0] += nose / 8
    points[48:68] = torch.tensor([0.5, 0.75])
    points[[61, 62, 63], 1] -= gap / 2
    points[[65, 66, 67], 1] += gap / 2
    return points.unsqueeze(0)


def turned(points: Tensor, degrees: float, scale: float) -> Tensor:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return scale * (points - 0.5) @ torch.tensor([[c, s], [-s, c]]) + torch.tensor([0.45, 0.55])


@pytest.mark.parametrize(("gap", "expected"), [(0.0, 0.0), (0.05, 0.2), (0.25, 1.0), (-0.01, -0.04)])
def test_opening_of_the_lips(gap: float, expected: float) -> None:
    for points in (face(gap), turned(face(gap), 25.0, 0.8)):
        assert_rounded(opening(points), torch.tensor([expected]), **HANDFUL)


@pytest.mark.parametrize("nose", [-0.4, -0.1, 0.0, 0.2, 0.4])
def test_place_of_the_nose(nose: float) -> None:
    for points in (face(nose=nose), turned(face(nose=nose), -15.0, 0.8)):
        assert_rounded(yaw(points), torch.tensor([nose / 0.4]), **HANDFUL)


def test_a_mirrored_face_looks_the_other_way_and_is_as_open() -> None:
    points = face() + 0.03 * torch.randn(20, 68, 2, generator=torch.Generator().manual_seed(0))
    mirrored = points[:, MIRRORED] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    assert sorted(MIRRORED) == list(range(68))
    assert float(yaw(points).abs().max()) > 0.01
    assert_rounded(yaw(mirrored), -yaw(points), **HANDFUL)
    assert_rounded(opening(mirrored), opening(points), **HANDFUL)
    assert_close(spread(mirrored), spread(points))


def test_collapsed_landmarks_have_no_values_and_no_gradients() -> None:
    size = float(spread(face()))
    scales = torch.tensor([1.01, 0.99, 0.0]) * COLLAPSED / size
    points = (0.5 + scales.view(3, 1, 1) * (face(0.1, 0.1) - 0.5)).requires_grad_()
    # The face with an open mouth is spread a little differently.
    assert collapsed(points).tolist() == [False, True, True]
    for measure in (opening, yaw):
        values = where_found(measure(points), points)
        assert values.isnan().tolist() == [False, True, True]
        (gradient,) = torch.autograd.grad(values[~values.isnan()].sum(), points)
        assert gradient.isfinite().all()
        assert gradient[0].abs().sum() > 0
        assert gradient[1:].abs().sum() == 0


def test_spread_is_the_deviation_of_the_points() -> None:
    points = torch.zeros(1, 68, 2)
    points[0, :34, 0] = 0.6
    assert_close(spread(points), torch.tensor([0.3]))
