"""The change matrix is the planted one."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.tables import ROUNDED, linear_table, rng, table
from torch.testing import assert_close

from latentclr import InputError
from latentclr.evaluate.attributes import UNIFORM, Scale
from latentclr.evaluate.leakage import assigned, change_matrix, selectivity

SLOPES = torch.tensor([[0.05, 0.6, 0.15], [-0.5, 0.05, 0.1]])


def test_effects_assignment_and_leakage_in_closed_form() -> None:
    found = change_matrix(linear_table(SLOPES, units=torch.tensor([1.0, 2.0, 1.0])))
    effects = 2 * SLOPES / torch.tensor([1.0, 2.0, 1.0])
    assert_close(found.effects.value.float(), effects, atol=ROUNDED, rtol=0)
    assert_close(found.sizes.value.float(), effects.abs(), atol=ROUNDED, rtol=0)
    assert found.pairs == ((0, 1), (1, 0))
    assert found.diagonal.value == pytest.approx((0.6 + 1.0) / 2)
    assert found.leakage.value == pytest.approx((0.1 + 0.3 + 0.05 + 0.2) / 4)
    assert found.ratio.value == pytest.approx(0.1625 / 0.8)
    assert_close(found.selectivity.value, torch.tensor([0.6, 1 / 1.25]).double(), atol=ROUNDED, rtol=0)
    assert found.mean_selectivity.value == pytest.approx(0.7, abs=ROUNDED)
    assert {name: k for name, (k, _) in found.best.items()} == {"a": 1, "b": 0, "c": 0}


def test_intervals_hold_what_was_planted() -> None:
    slopes = torch.randn(40, 5, generator=rng()).double()
    found = change_matrix(linear_table(slopes, n=60, noise=0.5))
    inside = (found.effects.low <= 2 * slopes) & (2 * slopes <= found.effects.high)
    assert 0.88 < float(inside.double().mean()) < 0.99
    truth = selectivity((2 * slopes).abs())
    inside = (found.selectivity.low <= truth) & (truth <= found.selectivity.high)
    assert 0.85 < float(inside.double().mean()) <= 1.0


def test_opposite_changes_cancel_out_except_on_a_circle() -> None:
    signs = torch.tensor([1.0, -1.0]).repeat(10).view(1, 1, 20, 1)
    base = torch.rand(20, 1, generator=rng()).double()
    edited = base + torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1) * 0.1 * signs
    plain = change_matrix(table(base, edited, multiples=(-1.0, 1.0)))
    assert float(plain.sizes.value) == pytest.approx(0.0, abs=ROUNDED)
    circle = table(
        base,
        edited % 1,
        multiples=(-1.0, 1.0),
        scales=[Scale("hue", "circular")],
        units=torch.tensor([UNIFORM]),
    )
    found = change_matrix(circle)
    assert float(found.effects.value) == pytest.approx(0.0, abs=ROUNDED)
    assert float(found.sizes.value) == pytest.approx(0.2 / UNIFORM, rel=ROUNDED)


def test_what_is_missing_is_dropped_pair_by_pair() -> None:
    scored = linear_table(SLOPES, n=30)
    scored.edited[0, 2, :5, 1] = math.nan  # the edit by -1
    found = change_matrix(scored)
    assert found.effects.dropped.tolist() == [[0, 5, 0], [0, 0, 0]]
    assert found.effects.at(0, 1).dropped == 5
    assert_close(found.effects.value.float(), 2 * SLOPES, atol=ROUNDED, rtol=0)


def test_an_attribute_that_does_not_vary_takes_no_part() -> None:
    scored = linear_table(SLOPES, units=torch.tensor([1.0, math.nan, 1.0]))
    found = change_matrix(scored)
    assert bool(found.effects.value[:, 1].isnan().all())
    assert found.pairs == ((0, 2), (1, 0))
    assert found.leakage.value == pytest.approx((0.1 + 0.2) / 2)
    assert_close(found.selectivity.value, torch.tensor([0.75, 1 / 1.2]).double(), atol=ROUNDED, rtol=0)


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
def test_no_other_assignment_of_neighbours_is_better(k: int, a: int, seed: int) -> None:
    sizes = torch.rand(k, a, generator=rng(seed))
    pairs = assigned(sizes)
    assert len(pairs) == min(k, a)
    for i, (k1, a1) in enumerate(pairs):
        for k2, a2 in pairs[i + 1 :]:
            assert sizes[k1, a1] + sizes[k2, a2] >= sizes[k1, a2] + sizes[k2, a1] - 1e-6


def test_edits_that_were_not_measured_are_refused() -> None:
    with pytest.raises(InputError, match="edits of -3 lengths were not measured"):
        change_matrix(linear_table(SLOPES), multiple=3.0)
