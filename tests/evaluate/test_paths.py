"""Paths: known monotone ones, and correlations by another route."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from tests.evaluate.tables import ROUNDED, linear_table, rng, table
from torch.testing import assert_close

from latentclr import InputError
from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.measuring import MULTIPLES
from latentclr.evaluate.paths import follow, kendall, monotone_share, pearson, unevenness


def test_straight_paths_are_monotone_whichever_way_they_go() -> None:
    found = follow(linear_table(torch.tensor([[0.5, -0.1]])))
    assert_close(found.monotone.value, torch.ones(1, 2).double())
    assert_close(found.kendall.value, torch.tensor([[1.0, -1.0]]).double())
    assert_close(found.pearson.value, torch.tensor([[1.0, -1.0]]).double(), atol=ROUNDED, rtol=0)
    assert_close(found.selective_correlation, torch.tensor([[0.5, 0.5]]).double(), atol=ROUNDED, rtol=0)


def test_a_known_path() -> None:
    # One of four steps goes back; 8 of 10 pairs rise, 2 fall.
    path = torch.tensor([0.0, 2.0, 1.0, 3.0, 0.5]).view(1, 5, 1, 1)
    assert float(monotone_share(path)) == 0.5
    assert float(kendall(path)) == pytest.approx((6 - 4) / 10)
    assert float(kendall(-path)) == pytest.approx(-0.2)


def test_correlations_are_those_of_scipy_and_numpy() -> None:
    x = torch.tensor([-2.0, -1.0, 0.0, 0.5, 3.0])
    paths = torch.randn(2, 5, 3, 2, generator=rng()).double()
    tau, r = kendall(paths), pearson(x, paths)
    for k, n, a in np.ndindex(2, 3, 2):
        y = paths[k, :, n, a].numpy()
        assert float(tau[k, n, a]) == pytest.approx(stats.kendalltau(x.numpy(), y).statistic, abs=ROUNDED)
        assert float(r[k, n, a]) == pytest.approx(np.corrcoef(x.numpy(), y)[0, 1], abs=ROUNDED)


def test_a_circle_is_followed_round() -> None:
    multiples = torch.tensor(MULTIPLES)
    base = torch.rand(6, 1, generator=rng()).double()
    edited = (base + 0.45 * multiples.view(1, -1, 1, 1)) % 1  # nearly two turns in all
    found = follow(table(base, edited, multiples=MULTIPLES, scales=[Scale("hue", "circular")]))
    assert float(found.kendall.value) == 1.0
    assert float(found.pearson.value) == pytest.approx(1.0, abs=ROUNDED)


def test_categories_and_constants_have_no_order() -> None:
    base = torch.zeros(4, 2)
    edited = base.expand(1, 8, 4, 2).clone()
    edited[0, 4:, :, 0] = 3.0
    scales = [Scale("shape", "category"), Scale("constant")]
    found = follow(table(base, edited, multiples=MULTIPLES, scales=scales))
    for values in (found.monotone, found.kendall, found.pearson):
        assert bool(values.value.isnan().all())
        assert values.dropped.tolist() == [[4, 4]]


def test_a_path_with_a_gap_is_dropped() -> None:
    scored = linear_table(torch.ones(1, 1), n=10)
    scored.edited[0, 3, 2] = math.nan
    scored.base[4] = math.nan
    found = follow(scored)
    assert found.kendall.dropped.tolist() == [[2]]
    assert found.monotone.dropped.tolist() == [[2]]
    assert found.pearson.dropped.tolist() == [[2]]
    assert float(found.kendall.value) == 1.0


def test_even_steps_and_a_single_jump() -> None:
    multiples = (-3.0, -1.0, 0.5, 1.0)
    scored = linear_table(torch.ones(3, 1), n=5, multiples=multiples)
    gaps = torch.tensor([2.0, 1.0, 0.5, 0.5])
    even, jump = gaps.view(1, 4, 1).expand(1, 4, 5), torch.zeros(1, 4, 5)
    jump[:, 2] = 1.0
    found = unevenness(replace(scored, steps=torch.cat([even, 3 * even, jump])))
    assert_close(found.value, torch.tensor([0.0, 0.0, 3**0.5]).double(), atol=ROUNDED, rtol=0)


def test_what_makes_no_path_is_refused() -> None:
    with pytest.raises(InputError, match="two or more multiples"):
        follow(linear_table(torch.ones(1, 1), multiples=(1.0,)))
    with pytest.raises(InputError, match="distance"):
        unevenness(linear_table(torch.ones(1, 1)))
