"""The moving average, number by number."""

import pytest
import torch

from latentclr.pretrain.average import ema_decay, update_average


def test_average_is_the_recursion() -> None:
    averages = [torch.tensor([1.0, -2.0], dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)]
    expected = [[1.0, -2.0], [0.5]]
    for step, kept in enumerate((0.9, 0.5, 0.0)):
        values = [torch.tensor([step + 3.0, 7.0], dtype=torch.float64), torch.tensor(-1.0 * step).double()]
        update_average(averages, values, kept)
        expected = [
            [kept * a + (1 - kept) * v for a, v in zip(row, value.flatten().tolist(), strict=True)]
            for row, value in zip(expected, values, strict=True)
        ]
        for average, row in zip(averages, expected, strict=True):
            assert average.flatten().tolist() == pytest.approx(row)


def test_average_takes_weights_that_are_trained() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    average = torch.zeros(2)
    update_average([average], [weight], 0.25)
    assert average.tolist() == [0.75, 0.75]
    assert not average.requires_grad


def test_half_life() -> None:
    kept = 1.0
    for step in range(1, 101):
        kept *= ema_decay(16, 10**9 + step, half_life=1600.0, ramp=0.05)
    assert kept == pytest.approx(0.5)


def test_the_first_step_forgets_the_random_start() -> None:
    assert ema_decay(16, 16, half_life=10_000.0, ramp=0.05) < 1e-6
