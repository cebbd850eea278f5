"""Distances between sets of pictures, against closed forms."""

import pytest
import torch
from torch.nn.functional import conv2d, pad
from torch.testing import assert_close

from latentclr import InputError, load_generator
from latentclr.scenes import BY_NAME
from latentclr.scorers import load_oracle
from latentclr.scorers.sets import distance_to_uniform, frechet_distance, frechet_features


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
    one, other = (torch.randn(n, 4, generator=rng, dtype=torch.float64) for n in (500, 400))
    other = other * 2 + 1
    # (Of roots of eigenvalues that are off by 1e-15: 1e-7.)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=rng, dtype=torch.float64))[0]
    assert frechet_distance(one @ turn, other @ turn) == pytest.approx(frechet_distance(one, other), rel=1e-9)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-9)
    with pytest.raises(InputError, match="two or more pictures"):
        frechet_distance(one[:1], other)


def test_distance_to_uniform() -> None:
    hue, shape = BY_NAME["floor_hue"], BY_NAME["shape"]
    assert distance_to_uniform(torch.arange(1000) / 1000, hue) == pytest.approx(0, abs=1e-6)
    assert distance_to_uniform(torch.zeros(10), hue) == pytest.approx(0.9)
    assert distance_to_uniform(torch.arange(1000) / 2000, hue) == pytest.approx(0.5)
    assert distance_to_uniform(torch.tensor([0.0, 1, 2, 3]), shape) == pytest.approx(0.5)
    assert distance_to_uniform(torch.arange(8.0), shape) == 0


def test_frechet_distance_is_that_of_the_covariances_whatever_the_numbers() -> None:
    rng = torch.Generator().manual_seed(0)
    few, many = (torch.randn(n, 8, generator=rng, dtype=torch.float64) for n in (5, 30))
    many = many * 2 + 1
    for one, other in ((few, many), (many, few), (few, few + 1), (many, many * 3)):
        gap = (one.double().mean(0) - other.double().mean(0)).square().sum()
        first, second = torch.cov(one.double().T), torch.cov(other.double().T)
        # The trace of the root of a product is the sum of the roots of its eigenvalues.
        roots = torch.linalg.eigvals(first @ second).real.clamp_min(0).sqrt().sum()
        expected = gap + first.trace() + second.trace() - 2 * roots
        assert frechet_distance(one, other) == pytest.approx(
            float(expected), rel=1e-5
        )  # roots of zeros that are off by 1e-15


def test_features_for_distances_have_names() -> None:
    pictures = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = frechet_features("oracle")(pictures.requires_grad_())
    assert_close(found, load_oracle().features(pictures).detach())
    assert not found.requires_grad
    with pytest.raises(InputError, match=r"no features 'inception'.*efficientnet-lite0, oracle"):
        frechet_features("inception")


@pytest.mark.network
@pytest.mark.statistics
def test_a_generator_is_nearer_to_itself_than_to_blurred_pictures_or_to_another_one() -> None:
    n = 50
    features = frechet_features("efficientnet-lite0")
    faces, celebs = load_generator("faces"), load_generator("celebs")
    again = faces(faces.from_seeds(range(n, 2 * n)))
    own = features(faces(faces.from_seeds(range(n))))
    same, blurred, more, other = (
        frechet_distance(own, features(pictures))
        for pictures in (again, smoothed(again, 1), smoothed(again, 2), celebs(celebs.from_seeds(range(n))))
    )
    assert 1.2 * same < blurred < more
    assert 1.2 * same < other


def smoothed(pictures: torch.Tensor, times: int) -> torch.Tensor:
    """Each pixel mixed with those beside it, in shares of 1, 2, 1 down and across."""
    kernel = torch.tensor([1.0, 2.0, 1.0]) / 4
    filters = (kernel[:, None] * kernel).expand(3, 1, 3, 3)
    for _ in range(times):
        pictures = conv2d(pad(pictures, (1, 1, 1, 1), mode="reflect"), filters, groups=3)
    return pictures
