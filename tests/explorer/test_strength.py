"""How far sliders go, and at which alphas runs look equally strong."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.explorer.shelves import bent, directions_in, plain, toys
from tests.toy import Toy

from latentclr import InputError
from latentclr.artefacts import Origin
from latentclr.directions import Global
from latentclr.evaluate.calibration import SEED, calibrate, rms
from latentclr.explorer import strength
from latentclr.explorer.strength import Matched, matched_alphas, slider_range


@pytest.mark.parametrize(
    ("origin", "limit", "unit"),
    [
        ({"calibration": {"target": 0.1}, "method": "latentclr"}, 3.0, "times the matched strength"),
        ({"method": "latentclr", "hyperparameters": {"alpha": 3.0}}, 6.0, "length in W"),
        ({"method": "latentclr", "hyperparameters": {"alpha": 7.0}}, 14.0, "length in W"),
        ({"method": "voynov", "hyperparameters": {"max_shift": 3.0}}, 3.0, "length in W"),
        ({"method": "ganspace", "hyperparameters": {}}, 4.0, "standard deviations of the latents"),
        ({"method": "steerability"}, 1.0, "shares of the largest edit in training"),
    ],
)
def test_a_slider_goes_as_far_as_the_run_says(origin: dict[str, Any], limit: float, unit: str) -> None:
    shelf = toys(plain(**origin))
    found = slider_range(shelf, "toy", shelf.entries()[0].id, 1)
    assert found.limit == pytest.approx(limit)
    assert found.unit == unit


@pytest.mark.parametrize("limit", [1e-6, 0.013, 0.2, 1.0, 3.7, 37.0, 99.0, 5e9])
def test_a_slider_has_at_least_sixty_steps_each_way_and_reaches_its_end(limit: float) -> None:
    found = strength._rounded(limit, "")
    assert found.limit == pytest.approx(min(limit, 1000), rel=0.05)
    steps = found.limit / found.step
    assert 59.9 < steps < 151
    assert steps == pytest.approx(round(steps), abs=1e-6)
    assert f"{found.step:.0e}"[0] in "125"


@pytest.mark.parametrize("hyperparameters", [{"alpha": "large"}, {"alpha": -1}, {"alpha": math.nan}])
def test_hyperparameters_of_a_strange_file_are_not_trusted(hyperparameters: object) -> None:
    shelf = toys(plain(method="ganalyze", hyperparameters=hyperparameters))
    assert slider_range(shelf, "toy", shelf.entries()[0].id, 0).limit == 2.0


@pytest.mark.parametrize("method", ["sefa", "of another program"])
def test_where_nothing_is_said_weak_directions_get_long_sliders(method: str) -> None:
    axes = directions_in("toy", Global.from_state({"theta": Toy().axes}, k=6, dim=6), method=method)
    shelf = toys(replace(axes, scale=torch.ones(6)))
    run = shelf.entries()[0].id
    limits = [slider_range(shelf, "toy", run, index).limit for index in range(6)]
    assert min(limits) == limits[0]  # the toy's strongest axis comes first
    assert 3 * limits[0] < max(limits)
    # About three times the strength at which all look alike.
    matched = matched_alphas(shelf, "toy", [(run, index) for index in range(6)])
    for limit, one in zip(limits, matched, strict=True):
        if one.reached:
            assert 0.4 < limit / (3 * one.alpha) < 2.5
    halves = toys(replace(axes, scale=torch.full((6,), 2.0)))
    assert slider_range(halves, "toy", halves.entries()[0].id, 0).limit == pytest.approx(
        limits[0] / 2, rel=0.1
    )


def test_directions_that_change_nothing_still_have_a_slider() -> None:
    nothing = replace(plain(), scale=torch.zeros(4), origin=Origin())
    shelf = toys(nothing)
    found = slider_range(shelf, "toy", shelf.entries()[0].id, 0)
    assert 0 < found.limit <= 1000


def test_unknown_directions_and_foreign_runs_are_refused() -> None:
    shelf = toys(plain(name="other"))
    run = shelf.entries()[0].id
    with pytest.raises(InputError, match="no direction 4"):
        slider_range(shelf, "toy", run, 4)
    with pytest.raises(InputError, match="do not fit 'toy'"):
        slider_range(shelf, "toy", run, 0)
    with pytest.raises(InputError, match="do not fit 'toy'"):
        matched_alphas(shelf, "toy", [(run, 0)])


class TestMatched:
    def test_calibrated_in_the_same_way_it_is_one(self) -> None:
        toy = Toy()
        runs = [calibrate(directions, toy, target=0.05, samples=4) for directions in (plain(), bent())]
        shelf = toys(*runs)
        chosen = [(entry.id, index) for entry in shelf.entries() for index in range(entry.directions.k)]
        weak = [entry.directions.origin["calibration"]["too_weak"] for entry in shelf.entries()]
        wanted = [Matched(1.0, i not in few) for few, k in zip(weak, (4, 3), strict=True) for i in range(k)]
        assert matched_alphas(shelf, "toy", chosen) == wanted

    def test_one_that_is_not_is_brought_to_the_one_that_is(self) -> None:
        toy = Toy()
        directions = plain()
        done = calibrate(directions, toy, target=0.05, samples=4)
        shelf = toys(done, replace(directions, scale=3 * directions.scale))
        ours, raw = shelf.entries()
        found = matched_alphas(shelf, "toy", [(ours.id, 1), (raw.id, 1)])
        assert found[0] == Matched(1.0, True)
        # The same direction at the same change: the length is the same, on the same latents.
        length = found[1].alpha * float(raw.directions.scale[1])
        assert length == pytest.approx(float(ours.directions.scale[1]), rel=1e-2)

    def test_matched_edits_change_as_much(self) -> None:
        shelf, toy = toys(plain(), bent()), Toy()
        chosen = [(entry.id, index) for entry in shelf.entries() for index in range(3)]
        latents = toy.sample(strength.SAMPLES, rng=torch.Generator().manual_seed(SEED))
        changes = []
        for (run, index), matched in zip(chosen, matched_alphas(shelf, "toy", chosen), strict=True):
            directions = shelf.entry(run).directions
            ways = [toy(directions.edit(latents, index, sign * matched.alpha)) for sign in (1, -1)]
            change = sum(rms(toy(latents), way).mean() for way in ways) / 2
            if matched.reached:
                changes.append(float(change))
        assert len(changes) > 3
        assert changes == pytest.approx([changes[0]] * len(changes), rel=0.01)

    @pytest.mark.parametrize(
        ("target", "measure"), [(0.05, "lpips-alex"), (0.1, "rms of the picture")], ids=["measure", "target"]
    )
    def test_by_another_measure_or_target_it_is_not_the_same(self, target: float, measure: str) -> None:
        other, one = (
            plain(seed, calibration={"target": target, "measure": measure, "too_weak": []})
            for seed, target, measure in ((1, 0.05, "rms of the picture"), (0, target, measure))
        )
        shelf = toys(other, one)
        found = matched_alphas(shelf, "toy", [(entry.id, 0) for entry in shelf.entries()])
        assert found[0] == Matched(1.0, True)
        assert found[1].alpha != 1.0
        alone = matched_alphas(shelf, "toy", [(shelf.entries()[1].id, 0)])
        assert alone == [Matched(1.0, True)]

    def test_what_was_found_is_remembered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shelf = toys(plain(), bent())
        chosen = [(entry.id, 0) for entry in shelf.entries()]
        found = matched_alphas(shelf, "toy", chosen)
        monkeypatch.setattr(strength, "strengths", None)
        monkeypatch.setattr(strength, "usual_target", None)
        assert matched_alphas(shelf, "toy", chosen[::-1]) == found[::-1]
