"""Comparisons of methods, models and numbers of directions, on directions whose effects are planted."""

import math

import pytest
import torch
from tests.experiments.planted import NAMES, SETTINGS, STRENGTHS, Classes, axes, bench, told
from tests.report.linear import Flat, planted

from latentclr import Directions, InputError, SeFa
from latentclr.evaluate.intervals import Interval
from latentclr.experiments import against, general, layers, many, models, rescoring
from latentclr.experiments.answers import cells
from latentclr.experiments.settings import Run
from latentclr.generators import DCGAN
from latentclr.generators.slots import slot_groups


def test_the_method_with_pure_directions_leaks_less() -> None:
    generator = Classes()
    runs = [
        Run("ours", axes(generator, 0, 1, 2, 3)),
        Run("theirs", told(planted(generator, torch.eye(4) + torch.eye(4).roll(1, dims=1)), "ganspace")),
    ]
    place = bench(generator)
    found = against.run(place, runs)
    at = {(row["method"], row["attribute"]): row for row in found.rows}
    assert at["latentclr", "mean"]["leak"] == pytest.approx(0.0, abs=1e-4)
    # Raw changes are equal, and so are deviations of attributes, nearly: one of three others moves as much.
    assert at["ganspace", "mean"]["leak over effect"] == pytest.approx(1 / 3, abs=0.02)
    assert at["latentclr", "b"]["directions"] == "1"
    # An edit of one visible strength along axis i has the length target / strength, both ways.
    expected = 2 * place.target / STRENGTHS[1]
    assert at["latentclr", "b"]["effect"] == pytest.approx(expected, rel=0.05)
    assert "ganspace -.33" in found.text
    assert ", less" in found.text


def test_equal_methods_have_no_clear_difference() -> None:
    generator = Classes()
    runs = [Run(method, axes(generator, 0, 1, 2, 3, method=method)) for method in ("latentclr", "sefa")]
    assert "sefa +.00 [.00, .00], no clear difference" in against.run(bench(generator), runs).text


def test_every_direction_is_named_after_its_axis() -> None:
    generator = Classes()
    found = general.run(bench(generator), [Run("ours", axes(generator, 2, 0))])
    assert [row["proposal"] for row in found.rows] == ["c", "a"]
    assert [row["selectivity"] for row in found.rows] == pytest.approx([1.0, 1.0], abs=1e-4)
    assert [row["leakage"] for row in found.rows] == pytest.approx([0.0, 0.0], abs=1e-4)
    assert "Of 2 directions of latentclr (1 run), 2 do something that can be named" in found.text
    assert "of which a and c surely" in found.text


def test_groups_of_slots_do_what_their_slots_do() -> None:
    flat = Flat(STRENGTHS)
    place = bench(flat, late=True)
    found = layers.run(place, [Run("ours", axes(flat, 0, 1, slots=(0, 1)))])
    at = {(row["group"], row["measure"]): row["value"] for row in found.rows}
    assert {group for group, _ in at} == {"all", "coarse", "fine"}
    assert at["coarse", "effect on a"] == pytest.approx(at["all", "effect on a"], rel=1e-4)
    assert at["coarse", "effect on e"] == pytest.approx(0.0, abs=1e-4)
    assert at["fine", "effect on a"] == pytest.approx(0.0, abs=1e-4)
    assert at["fine", "effect on e"] == pytest.approx(at["all", "effect on e"], rel=1e-4)
    assert at["coarse", "selectivity"] == pytest.approx(1.0, abs=1e-4)
    assert at["all", "selectivity"] == pytest.approx(0.5, abs=0.05)
    assert "Restricting a direction to coarse and fine makes it surely more selective" in found.text


def test_one_slot_has_no_groups() -> None:
    one_slot = DCGAN((8, 4), z_dim=6)
    with pytest.raises(InputError, match="one slot: choose another"):
        layers.plan(SETTINGS, one_slot)
    assert slot_groups(one_slot.num_slots) == {"all": (0,)}
    for count in range(2, 20):
        groups = slot_groups(count)
        everything = groups.pop("all")
        assert tuple(slot for slots in groups.values() for slot in slots) == everything == tuple(range(count))
        assert all(groups.values())


def test_scores_move_by_the_length_of_the_edit() -> None:
    generator = Classes()
    place = bench(generator)
    found = rescoring.run(place, [Run("ours", axes(generator, 0, 1, 2, 3))])
    for i, name in enumerate(NAMES):
        row = next(row for row in found.rows if row["attribute"] == name)
        length = place.target / STRENGTHS[i]
        assert row["direction"] == i
        assert row["up"] - row["base"] == pytest.approx(length, rel=0.01)  # type: ignore[operator]
        assert row["down"] - row["base"] == pytest.approx(-length, rel=0.01)  # type: ignore[operator]
        assert row["n"] == place.settings.latents
    assert "another generator (StyleGAN2 on FFHQ)" in found.text


def fan(flat: Flat, k: int) -> Directions:
    """k lines in a plane, equally far apart."""
    angles = torch.arange(k) * math.pi / k
    rows = torch.zeros(k, 4)
    rows[:, 0], rows[:, 1] = angles.cos(), angles.sin()
    return told(planted(flat, rows), "latentclr")


def test_more_directions_than_the_space_has_repeat_each_other() -> None:
    flat = Flat((1.0, 1.0, 1.0, 1.0))
    # 45 degrees apart no two are alike; 15 degrees apart each repeats its neighbour, and so all are one.
    runs = [Run(str(k), fan(flat, k)) for k in (12, 4)]
    found = many.run(bench(flat), runs)
    by_k = {row["k"]: row for row in found.rows}
    for what in ("vectors", "looks", "effects"):
        assert by_k[4][f"distinct {what}"] == 4
        assert by_k[12][f"distinct {what}"] == 1
    assert [row["k"] for row in found.rows] == [4, 12]
    assert "falls from 1.00" in found.text


def test_models_are_told_apart_by_selectivity() -> None:
    generator = Classes()
    mixing = torch.eye(4) + torch.eye(4).roll(1, dims=1)
    runs = [
        Run("g", told(planted(generator, torch.eye(4)), "latentclr", model="global")),
        Run("l", told(planted(generator, mixing), "latentclr", model="linear")),
    ]
    found = models.run(bench(generator), runs)
    at = {(row["model"], row["measure"]): row["value"] for row in found.rows}
    assert at["global", "selectivity"] == pytest.approx(1.0, abs=1e-4)
    assert at["linear", "selectivity"] == pytest.approx(0.5, abs=0.05)
    assert at["global", "leakage"] == pytest.approx(0.0, abs=1e-4)
    assert at["linear", "leakage over effect"] == pytest.approx(1 / 3, abs=0.05)
    assert at["linear", "distinct vectors"] == 1.0
    assert "The global model is the most selective, and the intervals do not overlap." in found.text


@pytest.mark.parametrize("plan", [general.plan, against.plan, rescoring.plan, many.plan, models.plan])
def test_plans_name_every_run_once(plan) -> None:  # type: ignore[no-untyped-def]
    wanted = plan(SETTINGS, Classes())
    assert len({one.name for one in wanted}) == len(wanted)
    assert all(one.label == 0 for one in wanted)
    assert sum(isinstance(one.method, SeFa) for one in wanted) <= 1


def test_what_is_not_known_is_an_empty_cell() -> None:
    assert cells("x", Interval(math.nan, 0.0, math.inf)) == {"x": None, "x_low": 0.0, "x_high": None}
