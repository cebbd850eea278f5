"""What direction models start from: shapes, scale, and the random numbers they are given."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from latentclr.directions import DirectionModel, Global, Linear, Nonlinear

K, DIM, WIDTH = 8, 64, 32

MADE: dict[str, Callable[[torch.Generator], DirectionModel]] = {
    "global": lambda rng: Global(K, DIM, rng=rng),
    "linear with bias": lambda rng: Linear(K, DIM, bias=True, rng=rng),
    "nonlinear": lambda rng: Nonlinear(K, DIM, depth=3, width=WIDTH, rng=rng),
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_parameters_are_drawn_from_the_given_generator_alone(make: Callable[[Any], DirectionModel]) -> None:
    before = torch.get_rng_state()
    one, same, other = (make(seeded(seed)).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in one.items():
        assert torch.equal(value, same[name])
        assert not torch.equal(value, other[name]) or not value.any()


def test_linear_layers_keep_the_scale_of_a_latent() -> None:
    # The deviation of m normal numbers is known to 1 / sqrt(2 m): with m >= 512, 20 % is over six times that,
    # and a wrong exponent or factor is off by at least 22 %.
    linear = Linear(K, DIM, bias=True, rng=seeded(0)).requires_grad_(False)
    assert linear.bias is not None
    assert float(linear.matrix.std()) == pytest.approx(DIM**-0.5, rel=0.2)
    assert float(linear.bias.std()) == pytest.approx(1, rel=0.2)
    nonlinear = Nonlinear(K, DIM, depth=3, width=WIDTH, rng=seeded(0)).requires_grad_(False)
    for weight in nonlinear.weights:  # m >= 16,384, where a deviation is known to half a percent
        assert float(weight.std()) == pytest.approx((2 / weight.shape[1]) ** 0.5, rel=0.05)
    *hidden, last = nonlinear.biases
    assert not any(bias.any() for bias in hidden)
    assert float(last.std()) == pytest.approx(1, rel=0.2)


def test_a_network_has_the_layers_that_were_asked_for() -> None:
    shapes = [tuple(weight.shape) for weight in Nonlinear(2, 5, depth=4, width=3, rng=seeded(0)).weights]
    assert shapes == [(2, 5, 3), (2, 3, 3), (2, 3, 3), (2, 3, 5)]
    plain = Nonlinear(2, 5, rng=seeded(0))
    assert [tuple(weight.shape) for weight in plain.weights] == [(2, 5, 5), (2, 5, 5)]
    assert plain.settings() == {"depth": 2, "width": None, "normalization": "none"}
    assert Nonlinear(2, 5, width=1, rng=seeded(0))(torch.ones(1, 5)).shape == (2, 1, 5)


def test_a_network_without_normalization_has_none() -> None:
    model = Nonlinear(2, 5, width=7, rng=seeded(0)).double()
    latents = torch.randn(3, 5, generator=seeded(1), dtype=torch.float64)
    for k in range(2):
        (first, last), (inner, outer) = model.weights, model.biases
        hidden = nn.functional.relu(latents @ first[k] + inner[k])
        raw = hidden @ last[k] + outer[k]
        assert_close(model(latents)[k], raw / raw.norm(dim=1, keepdim=True))
