"""Re-scoring finds the planted direction, and what it chose does not flatter what it measures."""

import math

import pytest
import torch
from tests.evaluate.tables import ROUNDED, linear_table, rng, table

from latentclr import InputError
from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.rescoring import choose, measured, rescore, rescoring_table

SLOPES = torch.tensor([[0.1, 0.0], [-0.8, 0.1], [0.3, 0.5]])


def test_the_strongest_direction_is_chosen_with_its_sign() -> None:
    scored = linear_table(SLOPES, n=200, noise=0.1)
    row = rescore(scored, "a")
    assert (row.attribute, row.direction, row.label, row.sign) == ("a", 1, "1", -1)
    assert row.up.mean.value - row.base.mean.value == pytest.approx(0.8, abs=0.05)
    assert row.down.mean.value - row.base.mean.value == pytest.approx(-0.8, abs=0.05)
    assert row.measured.value == pytest.approx(1.6, abs=0.05)
    assert row.measured.low < 1.6 < row.measured.high
    assert row.base.deviation == pytest.approx(float(scored.base[1::2, 0].std()), rel=ROUNDED)
    assert (row.chosen_on, row.measured_on) == (100, 100)
    assert rescore(scored, 1).direction == 2
    assert rescore(scored, 1, direction=1).direction == 1
    assert rescore(scored, "a", multiple=2.0).measured.value == pytest.approx(3.2, abs=0.05)


def test_one_is_chosen_on_other_latents_than_it_is_measured_on() -> None:
    # 200 directions that do nothing: the best by chance is far from 0 where it was chosen, and only there.
    scored = linear_table(torch.zeros(200, 1), n=40, noise=1.0)
    row = rescore(scored, 0)
    assert row.chosen > 0.5
    assert row.measured.holds_zero
    # It depends on nothing but the one half what is chosen, and on the other what is measured.
    scored.edited[:, :, 1::2] += 100.0 * torch.randn(200, 1, 1, 1, generator=rng(9)).double()
    again = rescore(scored, 0)
    assert (again.direction, again.chosen) == (row.direction, row.chosen)


def test_only_the_chosen_directions_need_other_pictures() -> None:
    choosing = linear_table(SLOPES, n=60, noise=0.1)
    choice = choose(choosing, "a")
    assert (choice.direction, choice.sign, choice.chosen_on) == (1, -1, 60)
    others = linear_table(SLOPES[[0, 1]], n=40)
    row = measured(others, choice, numbers=(2, 1))  # direction 2 is not a's, so this is the other one
    assert (row.direction, row.label, row.chosen_on, row.measured_on) == (1, choice.label, 60, 40)
    assert row.measured.value == pytest.approx(1.6, abs=ROUNDED)
    assert row.chosen == choice.chosen
    with pytest.raises(InputError, match="along direction 1 were not measured"):
        measured(others, choice, numbers=(0, 2))


def test_a_table_has_a_row_for_what_there_is_more_and_less_of() -> None:
    scales = [Scale("size"), Scale("hue", "circular"), Scale("shape", "category"), Scale("constant")]
    base = torch.rand(8, 4, generator=rng()).double()
    scored = table(
        base,
        base.expand(1, 2, 8, 4).clone(),
        multiples=(-1.0, 1.0),
        scales=scales,
        units=torch.tensor([1.0, 0.3, 1.0, math.nan]),
    )
    assert [row.attribute for row in rescoring_table(scored)] == ["size"]
    with pytest.raises(InputError, match="'hue' is circular"):
        rescore(scored, "hue")
    with pytest.raises(InputError, match="'shape' is category"):
        rescore(scored, "shape")


def test_what_is_missing_is_left_out() -> None:
    scored = linear_table(SLOPES, n=50)
    scored.edited[1, :, 7] = math.nan
    scored.edited[0] = math.nan
    row = rescore(scored, "a")
    assert row.direction == 1
    assert row.up.mean.dropped == row.measured.dropped == 1
    assert row.measured.value == pytest.approx(1.6, abs=ROUNDED)
    scored.edited[:] = math.nan
    with pytest.raises(InputError, match="no scores"):
        rescore(scored, "a")


def test_too_few_latents_or_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="4 or more, not 3"):
        rescore(linear_table(SLOPES, n=3), "a")
    with pytest.raises(InputError, match="no attribute 'z'"):
        rescore(linear_table(SLOPES), "z")
