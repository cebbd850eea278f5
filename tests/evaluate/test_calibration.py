"""Calibrated directions change as much as they should, and calibrating twice changes nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.evaluate.tables import rng
from tests.report.linear import Flat, planted
from tests.rounding import rounding_bound
from tests.toy import Toy
from torch.testing import assert_close

from latentclr import Directions, InputError, Random
from latentclr.evaluate.calibration import RMS, SEED, DistanceMeasure, calibrate, rms, strengths
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.reading import Distance

STRENGTHS = (0.5, 2.0, 0.03, 7.0)


def flat_directions() -> tuple[Flat, Directions]:
    flat = Flat(STRENGTHS)
    return flat, planted(flat, torch.eye(4), scale=torch.tensor([1.0, 2.0, 3.0, 4.0]))


@pytest.mark.parametrize("distance", [None, rms], ids=["measure", "distance"])
def test_alpha_of_one_is_the_target_for_all(distance: Distance | None) -> None:
    flat, directions = flat_directions()
    name = RMS if distance is None else "rms, by hand"
    found = calibrate(directions, flat, target=0.6, distance=distance, measure=name)
    assert_close(found.scale, 0.6 / torch.tensor(STRENGTHS), rtol=2e-3, atol=0.0)
    latents = flat.sample(7, rng=rng())
    for k in range(4):
        change = rms(flat(latents), flat(found.edit(latents, k, 1.0)))
        assert_close(change, torch.full((7,), 0.6), rtol=2e-3, atol=0.0)


def test_a_distance_is_averaged_over_both_signs_and_all_latents(toy: Toy) -> None:
    # The toy bends, so that its two sides differ; more latents than are drawn at a time.
    latents, directions = toy.sample(11, rng=rng()), Random(k=2).fit(toy)
    edits = Edits(directions.model, torch.tensor([1.0, 3.0]), (0, 1))
    found = DistanceMeasure(toy, rms, latents).change(edits)
    for k, length in enumerate((1.0, 3.0)):
        sides = [
            float(rms(toy(latents), toy(directions.edit(latents, k, sign * length))).mean())
            for sign in (1.0, -1.0)
        ]
        assert sides[0] != pytest.approx(sides[1], rel=0.01)
        # Pictures up to .5 come of some forty roundings, here and there in other batches.
        assert float(found[k]) == pytest.approx(sum(sides) / 2, abs=rounding_bound(40) / 2)


def test_other_slots_have_other_strengths() -> None:
    flat, directions = flat_directions()
    found = calibrate(replace(directions, slots=(1,)), flat, target=0.1)
    assert_close(found.scale[:2], 0.2 / torch.tensor(STRENGTHS[:2]), rtol=2e-3, atol=0.0)
    assert found.origin["calibration"]["slots"] == [1]


def test_twice_is_once_and_the_record_is_kept(tmp_path: Path) -> None:
    toy = Toy()
    directions = replace(Random(k=3).fit(toy), scale=torch.tensor([1.0, 5.0, 0.2]))
    once = calibrate(directions, toy, target=0.01, samples=5)
    twice = calibrate(once, toy, target=0.01, samples=5)
    assert once.origin == twice.origin
    assert_close(once.scale, twice.scale, rtol=0, atol=0)
    record = once.origin["calibration"]
    assert record["scale_before"] == directions.scale.tolist()
    assert (record["measure"], record["target"], record["samples"], record["seed"]) == (RMS, 0.01, 5, SEED)
    assert record["too_weak"] == []
    assert json.loads(json.dumps(record)) == record
    once.save(tmp_path / "once.safetensors")
    assert_close(Directions.load(tmp_path / "once.safetensors").scale, once.scale)
    assert directions.scale.tolist() == pytest.approx([1.0, 5.0, 0.2])


def test_the_usual_target_is_the_median_and_scales_do_not_matter() -> None:
    flat, directions = flat_directions()
    latents = flat.sample(3, rng=rng())
    found = strengths(flat, directions, latents)
    assert found.target == pytest.approx(3 * (0.5 + 2.0) / 2, rel=1e-4)
    again = strengths(flat, replace(directions, scale=torch.ones(4)), latents)
    assert_close(found.lengths, again.lengths)


def test_what_is_too_weak_is_told() -> None:
    flat, directions = flat_directions()
    found = calibrate(directions, flat, target=0.6, longest=10.0)
    assert found.origin["calibration"]["too_weak"] == [2]
    assert float(found.scale[2]) == 10.0


def test_a_record_names_its_measure() -> None:
    flat, directions = flat_directions()
    with pytest.raises(InputError, match="name the one that is given"):
        calibrate(directions, flat, distance=rms)
    with pytest.raises(InputError, match="at least 1"):
        calibrate(directions, flat, samples=0)
    with pytest.raises(InputError, match="slots"):
        calibrate(replace(directions, slots=(3,)), flat)


def test_slots_in_which_nothing_changes_are_refused() -> None:
    flat = Flat((0.0, 0.0))
    with pytest.raises(InputError, match="change nothing"):
        calibrate(planted(flat, torch.eye(2)), flat)
