"""Losses against their equations, term by term."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.testing import assert_close

from latentclr.pretrain.discriminators import StyleGAN2Discriminator
from latentclr.pretrain.losses import (
    hinge_discriminator,
    hinge_generator,
    lazy_adam,
    logistic_discriminator,
    logistic_generator,
    r1_penalty,
)

REAL = torch.tensor([0.3, -1.7, 2.5, 0.0, 40.0], dtype=torch.float64)
FAKE = torch.tensor([-0.4, 1.1, -3.0, 0.2, -50.0], dtype=torch.float64)


def sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def test_logistic_losses() -> None:
    one_minus = [1 - sigmoid(a) for a in FAKE.tolist()]
    expected = -sum(math.log(sigmoid(a)) for a in REAL.tolist()) / 5
    expected -= sum(math.log(a) for a in one_minus) / 5
    assert float(logistic_discriminator(REAL, FAKE)) == pytest.approx(expected, rel=1e-12)
    expected = -sum(math.log(sigmoid(a)) for a in FAKE.tolist()) / 5
    assert float(logistic_generator(FAKE)) == pytest.approx(expected, rel=1e-12)


def test_logistic_losses_are_finite_far_out() -> None:
    far = torch.tensor([1e4, -1e4], requires_grad=True)
    loss = logistic_discriminator(far, far) + logistic_generator(far)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(15_000)
    assert far.grad is not None
    assert bool(far.grad.isfinite().all())


def test_hinge_losses() -> None:
    expected = sum(max(0.0, 1 - a) for a in REAL.tolist()) / 5
    expected += sum(max(0.0, 1 + a) for a in FAKE.tolist()) / 5
    assert float(hinge_discriminator(REAL, FAKE)) == pytest.approx(expected)
    assert float(hinge_generator(FAKE)) == pytest.approx(-sum(FAKE.tolist()) / 5)


def quadratic(x: Tensor, matrix: Tensor) -> Tensor:
    """x^T A x, whose gradient is (A + A^T) x."""
    rows = x.flatten(1)
    return ((rows @ matrix) * rows).sum(1)


def test_r1_of_a_known_gradient() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(3, 3, 2, 2, generator=rng, dtype=torch.float64)
    matrix = torch.randn(12, 12, generator=rng, dtype=torch.float64)
    expected = 0.0
    for row in x.flatten(1):
        expected += 0.7 / 2 * float(((matrix + matrix.T) @ row).square().sum()) / 3
    penalty = r1_penalty(lambda y: quadratic(y, matrix), x, 0.7).detach()
    assert float(penalty) == pytest.approx(expected)


def small_discriminator() -> StyleGAN2Discriminator:
    discriminator = StyleGAN2Discriminator((4, 3)).double()
    discriminator.initialize(torch.Generator().manual_seed(1))
    return discriminator


def test_r1_against_finite_differences_of_a_discriminator() -> None:
    rng = torch.Generator().manual_seed(0)
    discriminator = small_discriminator()
    x = torch.randn(2, 3, 8, 8, generator=rng, dtype=torch.float64)
    h, total = 1e-6, 0.0
    with torch.no_grad():
        for i in range(x.numel()):
            step = torch.zeros(x.numel(), dtype=torch.float64)
            step[i] = h
            up = discriminator(x + step.view_as(x)).sum()
            down = discriminator(x - step.view_as(x)).sum()
            total += float((up - down) / (2 * h)) ** 2
    assert float(r1_penalty(discriminator, x, 0.3).detach()) == pytest.approx(0.3 / 2 * total / 2, rel=1e-5)


def test_gradient_of_r1_in_the_weights() -> None:
    discriminator = small_discriminator()
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    names = ["from_rgb.weight", "blocks.0.skip.weight", "conv.bias"]
    some = {name: discriminator.get_parameter(name).detach().requires_grad_() for name in names}

    def penalty(*values: Tensor) -> Tensor:
        weights = dict(zip(names, values, strict=True))
        return r1_penalty(lambda y: torch.func.functional_call(discriminator, weights, (y,)), x, 0.3)

    assert gradcheck(penalty, tuple(some.values()), eps=1e-6, atol=1e-6)


def test_lazy_adam() -> None:
    lr, betas = lazy_adam(0.002, (0.5, 0.99), 16)
    assert lr == pytest.approx(0.002 * 16 / 17)
    assert list(betas) == pytest.approx([0.5 ** (16 / 17), 0.99 ** (16 / 17)])
    # 17 steps move and forget as much as 16 did.
    assert 17 * lr == pytest.approx(16 * 0.002)
    assert_close(betas[1] ** 17, 0.99**16)
