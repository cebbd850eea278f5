"""Intervals are those of scipy on the same draws, and hold what they should as often as they should.

Seeds are fixed, and torch draws the same numbers on every processor.
"""

import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.evaluate.tables import rng
from torch import Tensor
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
    two_decimals,
    weighted_means,
)

SAME = 1e-9
"""Between two computations in float64 of a few hundred operations: four digits above what rounding does."""


def coverage(found: Intervals, truth: float) -> float:
    return float(((found.low <= truth) & (truth <= found.high)).double().mean())


def exponential(*shape: int, seed: int = 0) -> Tensor:
    return -torch.rand(*shape, generator=rng(seed), dtype=torch.float64).log()


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=rng(seed), dtype=torch.float64)


def variance(values: Tensor, weights: Tensor) -> Tensor:
    """Divided by n: too small, so that its bias is corrected."""
    moments = weighted_means(torch.stack([values, values.square()], dim=1), weights)
    return moments[:, 1] - moments[:, 0].square()


@pytest.mark.parametrize("level", [0.95, 0.8])
@pytest.mark.parametrize("statistic", ["mean", "variance"])
def test_intervals_are_those_of_scipy_on_the_same_draws(statistic: str, level: float) -> None:
    values = exponential(30, seed=3)
    bootstrap = Bootstrap(draws=300, level=level, seed=5)
    weights = bootstrap.weights(30)
    drawn = [np.repeat(values.numpy(), row) for row in weights.long().numpy()]
    theirs, function = {}, np.mean if statistic == "mean" else np.var
    for method in ("percentile", "BCa"):
        known = SimpleNamespace(bootstrap_distribution=np.array([function(row) for row in drawn]))
        theirs[method] = stats.bootstrap(
            (values.numpy(),),
            function,
            n_resamples=0,
            confidence_level=level,
            method=method,
            bootstrap_result=known,
        ).confidence_interval
    for method, scipys in (("percentile", "percentile"), ("bca", "BCa")):
        ours = Bootstrap(draws=300, level=level, seed=5, method=method)  # type: ignore[arg-type]
        found = ours.means(values) if statistic == "mean" else ours.of(lambda w: variance(values, w), 30)
        one = found.at()
        assert (one.low, one.high) == pytest.approx(tuple(theirs[scipys]), rel=SAME)
        assert one.value == pytest.approx(float(function(values.numpy())), rel=SAME)
        assert (one.level, one.dropped) == (level, 0)
    assert theirs["BCa"].high > theirs["percentile"].high + 0.001  # which is another one


def test_values_that_equal_the_draws_are_half_below() -> None:
    # Of categories many draws are exactly the value; scipy counts half of them, as Efron does.
    values = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0]).double()
    bootstrap = Bootstrap(draws=200, method="bca")
    known = SimpleNamespace(bootstrap_distribution=(bootstrap.weights(5) @ values / 5).numpy())
    theirs = stats.bootstrap((values.numpy(),), np.mean, n_resamples=0, bootstrap_result=known)
    ours = bootstrap.means(values).at()
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), rel=SAME)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_value_beyond_all_draws_is_half_a_draw_from_them(sign: float) -> None:
    """Otherwise its bias would be infinite. By Efron's equations, with numbers of scipy."""
    values = exponential(12, seed=2)

    def away(weights: Tensor) -> Tensor:
        return sign * (weighted_means(values, weights) - values.mean()).square()

    bootstrap = Bootstrap(draws=50, method="bca")
    drawn = away(bootstrap.weights(12)).numpy()
    without = [sign * float(values[torch.arange(12) != i].mean() - values.mean()) ** 2 for i in range(12)]
    off = np.mean(without) - np.array(without)
    bend = (off**3).sum() / (6 * (off**2).sum() ** 1.5)
    bias = -sign * stats.norm.ppf(0.99)  # of fifty draws none is beyond the value: half a draw of fifty
    z = bias + stats.norm.ppf((0.025, 0.975))
    ends = np.quantile(drawn, stats.norm.cdf(bias + z / (1 - bend * z)))
    found = bootstrap.of(away, 12).at()
    assert (found.low, found.high) == pytest.approx(tuple(ends), rel=SAME)


def test_columns_do_not_influence_each_other() -> None:
    values, bootstrap = exponential(15, 3, seed=6), Bootstrap(draws=60, method="bca")
    together = bootstrap.means(values)
    assert together.dropped.dtype == torch.int64
    for column in range(3):
        alone = bootstrap.means(values[:, column])
        for ours, theirs in ((together.low, alone.low), (together.high, alone.high)):
            assert_close(ours[column], theirs, rtol=SAME, atol=0)


def test_a_corrected_interval_of_a_constant_is_that_constant() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Bootstrap(method="bca").means(torch.full((9,), 2.0)).at()
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("experiments", "share", "narrow"),
    [
        (300, (0.9, 0.98), (0.7, 0.88)),
        pytest.param(2000, (0.92, 0.96), (0.77, 0.81), marks=pytest.mark.statistics),
    ],
)
def test_nineteen_of_twenty_intervals_hold_the_true_mean(
    experiments: int, share: tuple[float, float], narrow: tuple[float, float]
) -> None:
    # Each column is an experiment of its own. Shares of 2,000 have standard errors of .005 and .009, those of
    # 300 of .013 and .023.
    values = normal(60, experiments, seed=0)
    assert share[0] < coverage(Bootstrap().means(values), 0.0) < share[1]
    assert narrow[0] < coverage(Bootstrap(level=0.8).means(values), 0.0) < narrow[1]


def test_of_a_few_runs_the_interval_is_students() -> None:
    runs = [0.2, 0.5, -0.1, 0.3]
    theirs = stats.t.interval(0.9, 3, loc=np.mean(runs), scale=stats.sem(runs))
    ours = over_runs(runs, level=0.9)
    assert (ours.low, ours.high) == pytest.approx(theirs, rel=SAME)
    assert ours.value == pytest.approx(0.225, rel=SAME)
    assert ours.level == 0.9
    two = over_runs([0.2, 0.5])
    assert (two.low, two.high) == pytest.approx(stats.t.interval(0.95, 1, 0.35, 0.15), rel=SAME)
    assert two.level == 0.95
    alone = over_runs([0.5], level=0.9)
    assert (alone.value, alone.level) == (0.5, 0.9)
    assert math.isnan(alone.low)
    assert math.isnan(alone.high)
    with pytest.raises(InputError, match=r"^there are no runs to take the mean of\.$"):
        over_runs([])


@pytest.mark.statistics
def test_corrected_intervals_hold_a_skewed_mean_more_often() -> None:
    skewed = exponential(25, 2000)
    plain = coverage(Bootstrap().means(skewed), 1.0)
    corrected = coverage(Bootstrap(method="bca").means(skewed), 1.0)
    assert plain < corrected < 0.96


@pytest.mark.parametrize("experiments", [60, pytest.param(500, marks=pytest.mark.statistics)])
def test_seeds_that_differ_need_two_levels(experiments: int) -> None:
    # Seeds of deviation 1, latents of deviation 1: twelve seeds of 30 latents.
    values = normal(12, 1, experiments, seed=1) + normal(12, 30, experiments, seed=2)
    bootstrap = Bootstrap(draws=400)
    assert coverage(bootstrap.means(values.flatten(0, 1)), 0.0) < 0.45
    assert 0.87 < coverage(bootstrap.seeds(values, shared=False), 0.0) < 0.97


@pytest.mark.parametrize("experiments", [60, pytest.param(500, marks=pytest.mark.statistics)])
def test_latents_that_seeds_share_are_drawn_for_all_seeds_at_once(experiments: int) -> None:
    values = normal(1, 30, experiments, seed=1) + 0.2 * normal(12, 30, experiments, seed=2)
    bootstrap = Bootstrap(draws=400)
    assert coverage(bootstrap.seeds(values, shared=False), 0.0) < 0.6
    assert 0.88 < coverage(bootstrap.seeds(values, shared=True), 0.0) < 0.98


def test_a_resample_draws_as_many_as_there_are() -> None:
    assert resamples(7, 50, rng()).sum(1).tolist() == [7.0] * 50
    first, second = resamples(3, 50, twice := rng()), resamples(5, 50, twice)
    both = crossed(3, 5, 50, rng()).view(50, 3, 5)
    assert torch.equal(both, first.view(50, 3, 1) * second.view(50, 1, 5))
    weights = nested([2, 5, 1], 4000, rng())
    assert weights.shape == (4000, 8)
    # Every sample is drawn once in the mean; the largest deviation of one is 1.3, its standard error .02.
    assert_close(weights.mean(0), torch.ones(8).double(), rtol=0, atol=0.1)
    groups = torch.stack([drawn.mean(1) for drawn in weights.split([2, 5, 1], dim=1)], dim=1)
    # Of a group that was drawn c times there are c times its samples, and three groups are drawn.
    assert torch.equal(groups, groups.round())
    assert torch.equal(groups.sum(1), torch.full((4000,), 3.0).double())
    # Within a group each draw is one of its own: so many of one sample have the binomial variance.
    once = weights[groups[:, 1] == 1][:, 2:7]
    assert_close(once.var(0), torch.full((5,), 0.8).double(), rtol=0, atol=0.15)


def test_seeds_and_samples_that_are_missing() -> None:
    values = normal(3, 4, 2, seed=3)
    values[0, 1, 1] = math.nan
    bootstrap = Bootstrap(draws=50, level=0.8, seed=2)
    for shared in (False, True):
        found = bootstrap.seeds(values, shared=shared)
        weights = crossed(3, 4, 50, rng(2)) if shared else nested([4, 4, 4], 50, rng(2))
        assert found.dropped.tolist() == [0, 1]
        assert found.level == 0.8
        assert_close(found.value, values.flatten(0, 1).nanmean(0))
        drawn = weights @ values[..., 0].flatten() / weights.sum(1)
        assert_close(found.low[0], drawn.quantile(0.1))
        assert_close(found.high[0], drawn.quantile(0.9))


def test_what_is_missing_has_no_weight_and_is_counted() -> None:
    values = normal(30, 2, seed=0)
    values[::3, 1] = math.nan
    found = Bootstrap().means(values)
    known = values[:, 1][~values[:, 1].isnan()]
    assert found.dropped.tolist() == [0, 10]
    assert float(found.value[1]) == pytest.approx(float(known.mean()), rel=SAME)
    width = float(found.high[1] - found.low[1])
    assert width == pytest.approx(2 * 1.96 * float(known.std()) / 20**0.5, rel=0.2)
    nothing = Bootstrap().means(torch.full((5,), math.nan)).at()
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)
    assert math.isnan(nothing.high)
    assert nothing.dropped == 5
    assert nothing.holds_zero


def test_equal_seeds_have_equal_intervals() -> None:
    values = normal(30, seed=0)
    assert Bootstrap().means(values).at() == Bootstrap().means(values).at()
    assert Bootstrap().means(values).at() == Bootstrap(draws=1000, level=0.95, seed=0).means(values).at()
    assert Bootstrap().means(values).at() != Bootstrap(seed=1).means(values).at()


@settings(max_examples=30)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30), st.floats(0, 1))
def test_quantiles_are_those_of_torch(values: list[float], share: float) -> None:
    drawn = torch.tensor(values, dtype=torch.float64)
    which = torch.tensor(share, dtype=torch.float64)
    assert_close(quantile(drawn, which), drawn.quantile(which), atol=SAME, rtol=SAME)


def test_a_quantile_of_what_is_not_known_is_not_known() -> None:
    drawn = torch.tensor([[1.0, 1.0], [2.0, math.nan], [3.0, 3.0]])
    assert quantile(drawn, torch.tensor([0.5, 0.0])).isnan().tolist() == [False, True]
    assert quantile(drawn, torch.tensor([math.nan, 0.5])).isnan().tolist() == [True, True]


def test_an_interval_holds_zero_up_to_its_ends() -> None:
    ends = [(-1.0, 1.0), (0.0, 1.0), (-1.0, 0.0), (0.5, 1.0), (-1.0, -0.5)]
    assert [Interval(0.1, *pair).holds_zero for pair in ends] == [True, True, True, False, False]


def test_absolute_values_of_intervals() -> None:
    value = torch.tensor([0.5, -0.5, -0.1, 0.3])
    low, high = torch.tensor([0.4, -0.6, -0.3, 0.0]), torch.tensor([0.6, -0.4, 0.2, 0.5])
    given = Intervals(value, low, high, 0.9, torch.arange(4))
    found = given.absolute()
    assert torch.equal(found.value, torch.tensor([0.5, 0.5, 0.1, 0.3]))
    assert torch.equal(found.low, torch.tensor([0.4, 0.4, 0.0, 0.0]))
    assert torch.equal(found.high, torch.tensor([0.6, 0.6, 0.3, 0.5]))
    assert (found.level, found.dropped.tolist()) == (0.9, [0, 1, 2, 3])
    assert Intervals(-value, -high, -low, 0.9, given.dropped).absolute().low.tolist() == found.low.tolist()


def test_told_as_people_write_it() -> None:
    assert str(Interval(0.414, 0.35, 1.2)) == ".41 [.35, 1.20]"
    assert list(map(two_decimals, (0.999, -0.001, -12.3, 10.0))) == ["1.00", ".00", "-12.30", "10.00"]
    assert two_decimals(math.nan) == "?"
    assert [two_decimals(value, sign=True) for value in (0.994, -0.994, 0.0)] == ["+.99", "-.99", "+.00"]


def test_what_makes_no_interval_is_refused() -> None:
    with pytest.raises(InputError, match=r"draws=1, level=0\.95: .*two or more draws"):
        Bootstrap(draws=1)
    assert Bootstrap(draws=2).draws == 2
    for level in (0.0, 1.0):
        with pytest.raises(InputError, match=r"a level between 0 and 1\.$"):
            Bootstrap(level=level)
    with pytest.raises(
        InputError, match=r"^method 'bca' is for samples of one level; use 'percentile' for two\.$"
    ):
        Bootstrap(method="bca").seeds(torch.zeros(2, 3), shared=True)
