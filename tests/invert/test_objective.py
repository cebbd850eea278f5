"""The objective, term by term."""

import pytest
import torch
from tests.rounding import assert_rounded, rounding_bound
from torch import Tensor
from torch.testing import assert_close

from latentclr.invert.objective import Target, _saturated, psnr
from latentclr.invert.settings import Weights
from latentclr.scorers.lpips import LPIPS

SUMS = 9451
"""Terms of the sums of AlexNet's five convolutions, one after the other."""


def pictures(n: int = 3, size: int = 40) -> Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def metric() -> LPIPS:
    """With random weights: the published ones are tested elsewhere."""
    found, rng = LPIPS("alex"), torch.Generator().manual_seed(0)
    for parameter in found.parameters():
        parameter.data = torch.randn(parameter.shape, generator=rng).abs() / parameter[0].numel() ** 0.5
    return found.eval().requires_grad_(False)


def test_differences_are_those_of_the_definition(metric: LPIPS) -> None:
    a, b = pictures(), pictures().flip(0)
    found = Target(a, metric).differences(b)
    assert_rounded(found.pixel, (a - b).square().mean((1, 2, 3)), terms=4800)
    assert_rounded(found.lpips, metric(a, b), terms=SUMS)
    total = found.weighted(Weights(pixel=2.0, lpips=0.5))
    assert_rounded(total, 2 * found.pixel + 0.5 * found.lpips, terms=4)
    # Features are of length 1: what rounding leaves of them is squared.
    assert Target(a, metric).differences(a).weighted(Weights()).abs().max() < rounding_bound(SUMS) ** 2


def test_rows_are_the_pictures_of_these_rows(metric: LPIPS) -> None:
    a, rows = pictures(), torch.tensor([2, 0])
    found, other = Target(a, metric).rows(rows).differences(a[:2]), Target(a[rows], metric).differences(a[:2])
    assert torch.equal(found.pixel, other.pixel)
    assert_rounded(found.lpips, other.lpips, terms=SUMS)  # features of a batch of three and of two


@pytest.mark.parametrize("size", [8, 20, 300])
def test_pictures_of_every_size(metric: LPIPS, size: int) -> None:
    a = pictures(2, size)
    assert Target(a, metric).differences(a.flip(0)).lpips.gt(0).all()


def test_what_the_screen_cannot_show_does_not_count_but_can_be_mended() -> None:
    target = Target(torch.ones(1, 3, 4, 4), None)
    assert float(target.differences(torch.full((1, 3, 4, 4), 1.5)).pixel) == 0
    too_bright = torch.full((1, 3, 2, 2), 1.5, requires_grad=True)
    _saturated(too_bright).sum().backward()
    assert_close(too_bright.grad, torch.ones(1, 3, 2, 2))
    assert Target(torch.full((1, 3, 4, 4), 3.0), None).pictures.max() == 1


def test_decibels() -> None:
    assert_close(psnr(torch.tensor([4.0, 0.04, 0.004])), torch.tensor([0.0, 20.0, 30.0]))
    assert psnr(torch.zeros(1)).isfinite().all()
