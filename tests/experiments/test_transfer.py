"""Directions transfer exactly where the class does not interact, and not where it does."""

import pytest
import torch
from tests.experiments.planted import Classes, axes, bench
from tests.report.linear import Flat
from torch.testing import assert_close

from latentclr import InputError
from latentclr.experiments import transfer
from latentclr.experiments.settings import Run
from latentclr.experiments.transfer import averaged, target_classes, transfer_scores


def test_a_class_that_does_not_interact_lets_everything_transfer() -> None:
    generator = Classes()
    found = transfer.run(bench(generator), [Run("ours", axes(generator, 0, 1, 2))])
    assert {row["class"] for row in found.rows} == {0, 1, 2}
    assert len(found.rows) == 9
    for row in found.rows:
        assert row["cosine"] == pytest.approx(1.0, abs=1e-4)
        assert row["ratio"] == pytest.approx(1.0, abs=1e-3)
        assert row["cosine_low"] == pytest.approx(1.0, abs=1e-4)
    assert "effects are 1.00 [1.00, 1.00] times as large" in found.text
    assert "1.00 [1.00, 1.00] of the directions can be told" in found.text


def test_a_class_that_turns_effects_round_or_damps_them_is_found_out() -> None:
    gains = torch.ones(3, 4)
    gains[1, 0], gains[2, 1] = -1.0, 0.25
    generator = Classes(gains)
    found = transfer.run(bench(generator), [Run("ours", axes(generator, 0, 1, 2))])
    at = {(row["class"], row["direction"]): row for row in found.rows}
    assert at[1, 0]["cosine"] == pytest.approx(-1.0, abs=1e-4)
    assert at[2, 1]["ratio"] == pytest.approx(0.25, abs=1e-3)
    assert at[2, 1]["cosine"] == pytest.approx(1.0, abs=1e-4)
    assert at[0, 0]["cosine"] == pytest.approx(1.0, abs=1e-4)


def test_directions_that_do_the_same_cannot_be_told_apart() -> None:
    """Effects (n, c, k, v): source twice, one other class in which both directions do what the first did."""
    first, second = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    source = torch.stack([first, second])
    there = torch.stack([first, first])
    effects = torch.stack([source, source, there]).expand(6, 3, 2, 2).double()
    found = averaged([effects], bench(Classes()))
    assert found.value.tolist() == pytest.approx([1.0, 0.0, 1.0, 1.0, 0.5, 0.5, 1.0, 0.5])
    assert_close(transfer_scores(effects[0]), torch.tensor([1.0, 0.0]).double())


def test_random_directions_that_transfer_as_well_are_said_to() -> None:
    generator = Classes()
    runs = [Run(method, axes(generator, 0, 1, method=method)) for method in ("latentclr", "random")]
    assert "do not surely transfer better than random ones" in transfer.run(bench(generator), runs).text
    gains = torch.ones(3, 4)
    gains[1:, 2] = -1.0  # of axis 2, whose direction then does the opposite in other classes
    turned = Classes(gains)
    runs = [
        Run("ours", axes(turned, 0, 1)),
        Run("chance", axes(turned, 2, 0, method="random")),
    ]
    assert "transfer surely better than random ones" in transfer.run(bench(turned), runs).text


def test_which_classes() -> None:
    assert target_classes(1, 3, 8) == [1, 2, 0]
    assert target_classes(0, 1000, 4) == [0, 250, 500, 750]


def test_a_generator_without_classes_is_refused() -> None:
    flat = Flat((1.0, 2.0, 1.0, 1.0))
    place = bench(flat)
    with pytest.raises(InputError, match="transfer compares classes"):
        transfer.plan(place.settings, flat)
    with pytest.raises(InputError, match="such as scenes-biggan"):
        transfer.run(place, [Run("ours", axes(flat, 0))])
