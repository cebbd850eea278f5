"""Distances between sets of pictures, against closed forms."""

import pytest
import torch
from torch.testing import assert_close

from latentclr import InputError, load_generator
from latentclr.images import blurred
from latentclr.scenes import BY_NAME
from latentclr.scorers import load_oracle
from latentclr.scorers.sets import distance_to_uniform, frechet_distance, frechet_features


def test_frechet_distance_to_itself_is_zero() -> None:
    one = torch.randn(500, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # (Of roots of eigenvalues that are off by 1e-15: 1e-7.)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError, match="two or more pictures"):
        frechet_distance(one[:1], one)


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
        # Roots of zeros are off by 1e-15.
        assert frechet_distance(one, other) == pytest.approx(float(expected), rel=1e-5)


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
    same, soft, softer, other = (
        frechet_distance(own, features(pictures))
        for pictures in (again, blurred(again, 0.7), blurred(again, 1.0), celebs(celebs.from_seeds(range(n))))
    )
    assert 1.2 * same < soft < softer
    assert 1.2 * same < other
