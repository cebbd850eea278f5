"""Distances between sets of pictures, against closed forms."""

import pytest
import torch

from latentclr import InputError
from latentclr.scenes import BY_NAME
from latentclr.scorers.sets import distance_to_uniform, frechet_distance


def normal(n: int, mean: torch.Tensor, scale: torch.Tensor, seed: int) -> torch.Tensor:
    return mean + scale * torch.randn(n, len(mean), generator=torch.Generator().manual_seed(seed))


def test_frechet_distance_of_independent_normals_has_a_closed_form() -> None:
    means = torch.tensor([0.0, 1.0, -2.0]), torch.tensor([1.0, 1.0, 0.0])
    scales = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([2.0, 1.0, 0.5])
    found = frechet_distance(normal(200_000, means[0], scales[0], 0), normal(200_000, means[1], scales[1], 1))
    expected = (means[0] - means[1]).square().sum() + (scales[0] - scales[1]).square().sum()
    assert found == pytest.approx(float(expected), rel=0.02)


def test_frechet_distance_to_itself_is_zero_and_turning_both_changes_nothing() -> None:
    rng = torch.Generator().manual_seed(0)
    one, other = torch.randn(500, 4, generator=rng), torch.randn(400, 4, generator=rng) * 2 + 1
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=rng))[0]
    assert frechet_distance(one @ turn, other @ turn) == pytest.approx(frechet_distance(one, other), rel=1e-4)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-6)
    with pytest.raises(InputError, match="two or more pictures"):
        frechet_distance(one[:1], other)


def test_distance_to_uniform() -> None:
    hue, shape = BY_NAME["floor_hue"], BY_NAME["shape"]
    assert distance_to_uniform(torch.arange(1000) / 1000, hue) == pytest.approx(0, abs=1e-6)
    assert distance_to_uniform(torch.zeros(10), hue) == pytest.approx(0.9)
    assert distance_to_uniform(torch.arange(1000) / 2000, hue) == pytest.approx(0.5)
    assert distance_to_uniform(torch.tensor([0.0, 1, 2, 3]), shape) == pytest.approx(0.5)
    assert distance_to_uniform(torch.arange(8.0), shape) == 0
