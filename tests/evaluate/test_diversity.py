"""Diversity in closed form."""

import math
from dataclasses import replace

import pytest
import torch
from tests.evaluate.tables import ROUNDED, linear_table, rng
from tests.report.linear import Flat, planted
from tests.rounding import rounding_bound
from torch.testing import assert_close

from latentclr import InputError
from latentclr.evaluate.calibration import rms
from latentclr.evaluate.diversity import choice, diversity

RMS = rounding_bound(150)
"""Of distances: 48 numbers, each of a sum over the axes, are subtracted, squared and added up."""


def test_orthogonal_edits_are_apart_by_pythagoras() -> None:
    flat = Flat((1.0, 2.0, 0.5))
    lengths = torch.tensor([3.0, 2.0, 2.0])  # changes of 3, 4 and 1, all orthogonal
    directions = replace(planted(flat, torch.eye(3)), scale=lengths)
    found = diversity(flat, directions, flat.sample(4, rng=rng()), distance=rms)
    expected = torch.tensor([[0.0, 5.0, 10**0.5], [5.0, 0.0, 17**0.5], [10**0.5, 17**0.5, 0.0]])
    assert_close(found.pairs, expected, atol=5 * RMS, rtol=0)
    assert found.mean.value == pytest.approx((5 + 10**0.5 + 17**0.5) / 3, rel=RMS)


def test_equal_directions_have_no_diversity() -> None:
    flat = Flat((1.0, 2.0))
    same = planted(flat, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    latents = flat.sample(3, rng=rng())
    found = diversity(flat, same, latents, distance=rms)
    assert found.mean.value == pytest.approx(0.0, abs=RMS)
    with pytest.raises(InputError, match="two or more"):
        diversity(flat, same.select([0]), latents, distance=rms)


def test_probabilities_are_softmax_of_changes() -> None:
    # |changes| of log 3 and 0: probabilities of 3/4 and 1/4.
    half = 0.5 * math.log(3)
    found = choice(linear_table(torch.tensor([[half, 0.0], [0.0, -half]])))
    expected = torch.tensor([[0.75, 0.25], [0.25, 0.75]]).double()
    assert_close(found.probabilities, expected, atol=ROUNDED, rtol=0)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(2)
    assert_close(found.entropy.value, torch.full((2,), entropy).double(), atol=ROUNDED, rtol=0)
    assert found.diversity.value == pytest.approx(0.25, abs=ROUNDED)


def test_what_does_not_vary_has_no_probability() -> None:
    scored = linear_table(torch.ones(1, 3), units=torch.tensor([1.0, math.nan, 1.0]))
    assert choice(scored).probabilities[0].isnan().tolist() == [False, True, False]
    with pytest.raises(InputError, match="two or more attributes"):
        choice(linear_table(torch.ones(1, 1)))
