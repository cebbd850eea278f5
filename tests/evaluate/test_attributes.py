"""Scales: differences as they are meant."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latentclr.evaluate.attributes import UNIFORM, Scale

HUE, SHAPE, SIZE = Scale("hue", "circular"), Scale("shape", "category"), Scale("size")


@settings(max_examples=60)
@given(st.floats(0, 1), st.floats(-0.49, 0.49), st.integers(-3, 3))
def test_a_turn_is_found_again_wherever_it_begins(start: float, turn: float, whole: int) -> None:
    before = torch.tensor([start], dtype=torch.float64)
    after = before + turn + whole
    assert float(HUE.difference(before, after)) == pytest.approx(turn, abs=1e-9)
    assert float(HUE.difference(after, before)) == pytest.approx(-turn, abs=1e-9)


def test_differences_by_kind_and_what_is_missing() -> None:
    before, after = torch.tensor([1.0, 2.0, math.nan, 3.0]), torch.tensor([1.0, 4.0, 3.0, math.nan])
    for scale, expected in ((SIZE, [0.0, 2.0]), (SHAPE, [0.0, 1.0])):
        found = scale.difference(before, after)
        assert found[:2].tolist() == expected
        assert bool(found[2:].isnan().all())


def test_units_are_deviations() -> None:
    values = torch.tensor([1.0, 3.0, math.nan, 5.0])
    assert SIZE.deviation(values) == pytest.approx(2.0)
    assert SHAPE.deviation(values) == 1.0
    uniform = torch.rand(100_000, generator=torch.Generator().manual_seed(0))
    assert HUE.deviation(values) == UNIFORM == pytest.approx(float(uniform.std()), rel=0.01)


@pytest.mark.parametrize("values", [[2.0, 2.0, 2.0], [7.0], [math.nan, 1.0], [0.0, 0.0]])
def test_what_does_not_vary_has_no_unit(values: list[float]) -> None:
    assert math.isnan(SIZE.deviation(torch.tensor(values)))
