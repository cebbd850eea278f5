"""Intervals hold what they should as often as they should, and agree with another implementation."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.testing import assert_close

from latentclr import InputError
from latentclr.evaluate.intervals import (
    Bootstrap,
    Interval,
    Intervals,
    crossed,
    nested,
    over_runs,
    quantile,
    resamples,
    told,
    weighted_means,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coverage(found: Intervals, truth: float) -> float:
    return float(((found.low <= truth) & (truth <= found.high)).double().mean())


def exponential(*shape: int, seed: int = 0) -> torch.Tensor:
    return -torch.rand(*shape, generator=rng(seed), dtype=torch.float64).log()


def test_nineteen_of_twenty_intervals_hold_the_true_mean() -> None:
    # Each column is an experiment of its own. Four standard errors of 2,000 experiments are 0.02.
    normal = torch.randn(60, 2000, generator=rng(), dtype=torch.float64)
    assert 0.92 < coverage(Bootstrap().means(normal), 0.0) < 0.96
    assert 0.77 < coverage(Bootstrap(level=0.8).means(normal), 0.0) < 0.81


def test_intervals_of_three_runs_hold_the_true_mean_as_often_as_they_say() -> None:
    normal = torch.randn(2000, 3, generator=rng(1), dtype=torch.float64)
    found = [over_runs(row) for row in normal.tolist()]
    assert 0.93 < sum(interval.low <= 0 <= interval.high for interval in found) / 2000 < 0.97
    assert over_runs([0.5]).value == 0.5
    assert math.isnan(over_runs([0.5]).low)
    with pytest.raises(InputError, match="no runs"):
        over_runs([])


def test_corrected_intervals_hold_a_skewed_mean_more_often() -> None:
    skewed = exponential(25, 2000)
    plain = coverage(Bootstrap().means(skewed), 1.0)
    corrected = coverage(Bootstrap(method="bca").means(skewed), 1.0)
    assert plain < corrected < 0.96


def test_corrected_intervals_are_those_of_scipy() -> None:
    values = exponential(30, seed=3)
    # The upper tail is long, so that its end is known to a hundredth with so many draws only.
    theirs = stats.bootstrap(
        (values.numpy(),), np.mean, n_resamples=100_000, batch=10_000, rng=np.random.default_rng(0)
    ).confidence_interval
    ours = Bootstrap(draws=100_000, method="bca").means(values).at()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.015)
    plain = Bootstrap(draws=100_000).means(values).at()
    assert plain.low < ours.low - 0.015  # which is another one


def test_a_biased_statistic_is_corrected_as_by_scipy() -> None:
    values = torch.randn(20, generator=rng(4), dtype=torch.float64)

    def variance(weights: torch.Tensor) -> torch.Tensor:  # divided by n: too small
        means = weighted_means(torch.stack([values, values.square()], dim=1), weights)
        return means[:, 1] - means[:, 0].square()

    theirs = stats.bootstrap(
        (values.numpy(),), np.var, n_resamples=50_000, batch=10_000, rng=np.random.default_rng(0)
    ).confidence_interval
    ours = Bootstrap(draws=50_000, method="bca").of(variance, 20).at()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.02)


def test_intervals_of_a_ratio_are_those_of_scipy() -> None:
    values = torch.stack([exponential(40, seed=1), 2 + exponential(40, seed=2)], dim=1)

    def ratio(weights: torch.Tensor) -> torch.Tensor:
        means = weighted_means(values, weights)
        return means[:, 0] / means[:, 1]

    ours = Bootstrap(draws=10000).of(ratio, 40).at()
    theirs = stats.bootstrap(
        tuple(values.T.numpy()),
        lambda one, other, axis: one.mean(axis) / other.mean(axis),
        paired=True,
        n_resamples=10000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert ours.value == pytest.approx(float(values[:, 0].mean() / values[:, 1].mean()))


def test_seeds_that_differ_need_two_levels() -> None:
    # Seeds of deviation 1, latents of deviation 1: twelve seeds of 30 latents, 500 experiments.
    seeds = torch.randn(12, 1, 500, generator=rng(1)).double()
    values = seeds + torch.randn(12, 30, 500, generator=rng(2)).double()
    bootstrap = Bootstrap(draws=400)
    assert coverage(bootstrap.means(values.flatten(0, 1)), 0.0) < 0.45
    assert 0.87 < coverage(bootstrap.seeds(values, shared=False), 0.0) < 0.97


def test_latents_that_seeds_share_are_drawn_for_all_seeds_at_once() -> None:
    latents = torch.randn(1, 30, 500, generator=rng(1)).double()
    values = latents + 0.2 * torch.randn(12, 30, 500, generator=rng(2)).double()
    bootstrap = Bootstrap(draws=400)
    assert coverage(bootstrap.seeds(values, shared=False), 0.0) < 0.6
    assert 0.88 < coverage(bootstrap.seeds(values, shared=True), 0.0) < 0.98


def test_a_resample_draws_as_many_as_there_are() -> None:
    assert resamples(7, 50, rng()).sum(1).tolist() == [7.0] * 50
    assert crossed(3, 5, 50, rng()).sum(1).tolist() == [15.0] * 50
    weights = nested([2, 5, 1], 200, rng())
    assert weights.shape == (200, 8)
    for drawn in weights.split([2, 5, 1], dim=1):
        # Of a group that was drawn c times there are c times its number of samples.
        times = drawn.sum(1) / drawn.shape[1]
        assert_close(times, times.round())
        assert float(times.mean()) == pytest.approx(1.0, abs=0.25)


def test_what_is_missing_has_no_weight_and_is_counted() -> None:
    values = torch.randn(30, 2, generator=rng())
    values[::3, 1] = math.nan
    found = Bootstrap().means(values)
    known = values[:, 1][~values[:, 1].isnan()].double()
    assert found.dropped.tolist() == [0, 10]
    assert float(found.value[1]) == pytest.approx(float(known.mean()))
    width = float(found.high[1] - found.low[1])
    assert width == pytest.approx(2 * 1.96 * float(known.std()) / 20**0.5, rel=0.2)
    nothing = Bootstrap().means(torch.full((5,), math.nan)).at()
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)
    assert nothing.dropped == 5
    assert nothing.holds_zero


def test_equal_seeds_have_equal_intervals() -> None:
    values = torch.randn(30, generator=rng())
    assert Bootstrap().means(values).at() == Bootstrap().means(values).at()
    assert Bootstrap().means(values).at() != Bootstrap(seed=1).means(values).at()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30), st.floats(0, 1))
def test_quantiles_are_those_of_torch(values: list[float], share: float) -> None:
    drawn = torch.tensor(values, dtype=torch.float64)
    which = torch.tensor(share, dtype=torch.float64)
    assert_close(quantile(drawn, which), drawn.quantile(which), atol=1e-9, rtol=1e-9)


def test_absolute_values_of_intervals() -> None:
    three = Intervals(
        torch.tensor([0.5, -0.5, -0.1]),
        torch.tensor([0.4, -0.6, -0.3]),
        torch.tensor([0.6, -0.4, 0.2]),
        0.95,
        torch.zeros(3, dtype=torch.int64),
    ).absolute()
    assert_close(three.value, torch.tensor([0.5, 0.5, 0.1]))
    assert_close(three.low, torch.tensor([0.4, 0.4, 0.0]))
    assert_close(three.high, torch.tensor([0.6, 0.6, 0.3]))


def test_told_as_people_write_it() -> None:
    assert str(Interval(0.414, 0.35, 1.2)) == ".41 [.35, 1.20]"
    assert [told(value) for value in (0.999, -0.001, -12.3, 10.0)] == ["1.00", ".00", "-12.30", "10.00"]


def test_what_makes_no_interval_is_refused() -> None:
    with pytest.raises(InputError, match="two or more draws"):
        Bootstrap(draws=1)
    with pytest.raises(InputError, match="between 0 and 1"):
        Bootstrap(level=1.0)
    with pytest.raises(InputError, match="one level"):
        Bootstrap(method="bca").seeds(torch.zeros(2, 3), shared=True)


def test_a_corrected_interval_of_a_constant_is_that_constant() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Bootstrap(method="bca").means(torch.full((9,), 2.0)).at()
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)
