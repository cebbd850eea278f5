"""Side effects at a matched effect are those of the closed form."""

import math
from dataclasses import replace

import pytest
import torch
from tests.evaluate.tables import ROUNDED, linear_table, rng, table
from torch.testing import assert_close

from latentclr import InputError
from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.dependency import dependency, dependency_curve, identity_kept, where_reached

SLOPES = torch.tensor([[0.4, 0.2, -0.1]])


def test_a_linear_direction_leaks_in_proportion() -> None:
    scored = linear_table(SLOPES)
    curve = dependency_curve(scored, 0, "a")
    assert curve.multiples.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert_close(curve.target.float(), 0.4 * curve.multiples, atol=ROUNDED, rtol=0)
    assert_close(curve.mean.float(), 0.15 * curve.multiples, atol=ROUNDED, rtol=0)
    assert_close(curve.largest.float(), 0.2 * curve.multiples, atol=ROUNDED, rtol=0)
    found = dependency(scored, 0, "a", at=0.3)
    assert found.multiple == pytest.approx(0.75, abs=ROUNDED)
    assert found.mean.value == pytest.approx(0.15 * 0.75, abs=ROUNDED)
    assert found.largest.value == pytest.approx(0.2 * 0.75, abs=ROUNDED)
    assert found.identity is found.change is None
    other = dependency(scored, 0, "c", at=0.1)
    assert other.mean.value == pytest.approx(0.3, abs=ROUNDED)
    assert other.largest.value == pytest.approx(0.4, abs=ROUNDED)


def test_strength_has_no_influence_at_a_matched_effect() -> None:
    weak, strong = (dependency(linear_table(f * SLOPES), 0, "a", at=0.3) for f in (0.5, 2.0))
    assert weak.multiple == pytest.approx(4 * strong.multiple, rel=ROUNDED)
    assert weak.mean.value == pytest.approx(strong.mean.value, rel=ROUNDED)


def test_intervals_hold_the_truth_and_a_resample_has_its_own_multiple() -> None:
    hits = 0
    for seed in range(40):
        found = dependency(linear_table(SLOPES, n=60, noise=0.02, seed=2 * seed), 0, "a", at=0.3)
        hits += found.mean.low <= found.mean.value <= found.mean.high
        assert found.mean.value == pytest.approx(0.1125, abs=0.01)
    assert hits == 40
    # Pictures differ in how far they go, not in what leaks: the ratio is sure.
    base = torch.randn(50, 2, generator=rng()).double()
    speed = torch.rand(50, 1, generator=rng(1)).double() + 0.5
    multiples = (-2.0, -1.0, 1.0, 2.0)
    steps = torch.tensor(multiples).view(1, -1, 1, 1)
    scored = table(base, base + steps * speed * torch.tensor([0.4, 0.2]), multiples=multiples)
    found = dependency(scored, 0, "a", at=0.3)
    assert found.mean.value == pytest.approx(0.15, abs=ROUNDED)
    assert found.mean.high - found.mean.low < ROUNDED


def test_what_does_not_go_as_far_is_not_known() -> None:
    found = dependency(linear_table(SLOPES), 0, "c", at=0.5)
    assert math.isnan(found.multiple)
    assert math.isnan(found.mean.value)
    assert str(found.mean) == "? [?, ?]"


def test_the_first_crossing_counts() -> None:
    target = torch.tensor([[0.0, 1.0, 0.2, 2.0], [0.0, 0.1, 0.2, 0.3]]).double()
    values = torch.tensor([0.0, 1.0, 2.0, 3.0]).double().view(1, 4, 1).expand(2, 4, 1)
    found = where_reached(target, values, 0.5)
    assert float(found[0]) == 0.5
    assert bool(found[1].isnan())


def test_circles_and_categories_are_counted_in_their_units() -> None:
    scales = [Scale("size"), Scale("hue", "circular"), Scale("shape", "category")]
    base = torch.rand(20, 3, generator=rng()).double()
    base[:, 2] = 0.0
    edited = base.expand(1, 2, 20, 3).clone()
    edited[0, :, :, 0] += torch.tensor([-1.0, 1.0]).view(2, 1)
    edited[0, :, :, 1] = (edited[0, :, :, 1] + 0.2) % 1
    edited[0, :, :5, 2] = 1.0
    scored = table(base, edited, multiples=(-1.0, 1.0), scales=scales, units=torch.tensor([1.0, 0.4, 1.0]))
    found = dependency(scored, 0, "size", at=1.0)
    assert found.mean.value == pytest.approx((0.5 + 0.25) / 2, abs=ROUNDED)
    assert found.largest.value == pytest.approx((15 * 0.5 + 5 * 1.0) / 20, abs=ROUNDED)
    assert dependency(scored, 0, "shape", at=0.25).mean.value == pytest.approx(0.75, abs=ROUNDED)


def test_identity_and_change_are_read_at_the_same_place() -> None:
    scored = linear_table(SLOPES, n=10)
    far = torch.tensor(scored.multiples).abs().view(1, -1, 1).expand(1, 8, 10)
    scored = replace(scored, identity=0.1 * far, change=0.5 * far, steps=far)
    found = dependency(scored, 0, "a", at=0.3)
    assert found.identity is not None
    assert found.change is not None
    assert found.identity.value == pytest.approx(0.075, abs=ROUNDED)
    assert found.change.value == pytest.approx(0.375, abs=ROUNDED)
    assert float(identity_kept(scored).value) == pytest.approx(0.1)
    assert float(identity_kept(scored, multiple=2.0).value) == pytest.approx(0.2)


def test_what_is_missing_is_dropped() -> None:
    scored = linear_table(SLOPES, n=30)
    scored.edited[0, :, :4, 0] = math.nan
    found = dependency(scored, 0, "a", at=0.3)
    assert found.mean.dropped == 4
    assert found.mean.value == pytest.approx(0.1125, abs=ROUNDED)


def test_what_cannot_be_asked_is_refused() -> None:
    scored = linear_table(SLOPES)
    with pytest.raises(InputError, match="above 0"):
        dependency(scored, 0, "a", at=0.0)
    with pytest.raises(InputError, match="no direction 1"):
        dependency(scored, 1, "a")
    with pytest.raises(InputError, match="no attribute beside 'a'"):
        dependency(linear_table(torch.ones(1, 1)), 0, "a")
    with pytest.raises(InputError, match="identities were not measured"):
        identity_kept(scored)
