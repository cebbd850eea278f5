"""Means over seeds and latents, and what is chosen on one half."""

import torch
from tests.evaluate.tables import rng
from torch.testing import assert_close

from latentclr.evaluate.intervals import Bootstrap, means
from latentclr.experiments.statistics import cosine, halves, others, over_seeds, strongest


def test_the_mean_over_seeds_of_a_function_of_means() -> None:
    values = [torch.randn(30, 2, generator=rng(s)).double() for s in range(3)]
    found = over_seeds(values, lambda s, m: m.abs() * (s + 1), Bootstrap(draws=50))
    expected = torch.stack([v.mean(0).abs() * (s + 1) for s, v in enumerate(values)]).mean(0)
    assert_close(found.value, expected)
    assert bool((found.low <= found.high).all())


def test_seeds_that_differ_widen_the_interval() -> None:
    same = [torch.randn(40, 1, generator=rng()).double() for _ in range(4)]
    apart = [value + 3.0 * s for s, value in enumerate(same)]
    width = []
    for values in (same, apart):
        found = over_seeds(values, lambda _, m: m, Bootstrap(draws=200))
        width.append(float(found.high - found.low))
    # Four seeds at 0, 3, 6, 9: their mean has a standard error of 1.7.
    assert width[0] < 0.8
    assert 4 < width[1] < 9


def test_latents_are_shared_by_seeds() -> None:
    """The same values in every seed: the interval is that of one seed."""
    value = torch.randn(50, 1, generator=rng()).double()
    one = over_seeds([value], lambda _, m: m, Bootstrap(draws=400))
    many = over_seeds([value] * 5, lambda _, m: m, Bootstrap(draws=400))
    ratio = float((many.high - many.low) / (one.high - one.low))
    assert 0.8 < ratio < 1.25


def test_what_is_missing_is_left_out() -> None:
    values = torch.tensor([[1.0], [float("nan")], [3.0]]).double()
    assert means(values).tolist() == [2.0]


def test_the_strongest_is_chosen_without_regard_to_sign() -> None:
    effects = torch.tensor([[0.1, 0.5], [-0.9, 0.2]]).expand(4, 2, 2)
    assert strongest(effects).tolist() == [1, 0]
    choosing, measuring = halves(torch.arange(5.0))
    assert choosing.tolist() == [0.0, 2.0, 4.0]
    assert measuring.tolist() == [1.0, 3.0]


def test_side_effects_are_off_the_diagonal() -> None:
    sizes = torch.tensor([[9.0, 1.0, 2.0], [4.0, 9.0, 0.0], [1.0, 1.0, 9.0]])
    assert others(sizes).tolist() == [1.5, 2.0, 1.0]
    assert cosine(torch.zeros(1, 2), torch.ones(1, 2)).tolist() == [0.0]
