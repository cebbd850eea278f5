"""The cloud of latents, against its definition."""

import pytest
import torch
from tests.conftest import small_dcgan
from tests.generators.small_stylegan2 import small_stylegan2
from tests.toy import Toy
from torch.testing import assert_close

from latentclr import Generator
from latentclr.invert.prior import Prior


@pytest.mark.parametrize("generator", [Toy(), small_dcgan(), small_stylegan2()], ids=["toy", "dcgan", "w"])
def test_samples_are_whitened(generator: Generator) -> None:
    prior = Prior.of(generator, samples=2000)
    fresh = generator.sample(2000, rng=torch.Generator().manual_seed(1))
    assert_close(prior.mean, fresh[:, 0].mean(0), atol=0.15 * prior.scale, rtol=0.1)
    assert prior.scale == pytest.approx(float((fresh[:, 0] - prior.mean).square().mean().sqrt()), rel=0.1)
    white = (fresh[:, 0] - prior.mean) @ prior.whiten
    assert float(white.square().mean()) == pytest.approx(1.0, abs=0.1)
    assert white.std(0).max() < 1.15


def test_unusual_in_z_and_w(dcgan: Generator, toy: Toy) -> None:
    prior = Prior.of(dcgan)
    assert prior.shell
    z = torch.ones(2, 1, 10)
    exact = Prior(torch.zeros(10), 1.0, torch.eye(10), shell=True)
    assert_close(exact.unusual(z * torch.tensor([0.0, 2.0]).view(2, 1, 1)), torch.tensor([1.0, 9.0]))
    cloud = Prior(torch.zeros(10), 1.0, torch.eye(10), shell=False)
    assert_close(cloud.unusual(z * torch.tensor([0.0, 2.0]).view(2, 1, 1)), torch.tensor([0.0, 9.0]))
    assert not Prior.of(toy).shell


def test_distances_are_in_units_of_the_cloud() -> None:
    prior = Prior(torch.zeros(3), 2.0, torch.eye(3), shell=False)
    slots = torch.stack([torch.ones(3), -torch.ones(3)]).unsqueeze(0)
    assert_close(prior.spread(slots), torch.tensor([0.25]))
    assert_close(prior.spread(slots[:, :1]), torch.tensor([0.0]))
    assert_close(prior.distance(slots, slots + 4), torch.tensor([4.0]))
