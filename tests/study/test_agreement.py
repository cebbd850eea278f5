"""Krippendorff's alpha gives the published values, and what its definition gives by loops."""

from collections.abc import Callable
from itertools import permutations
from math import isnan, nan

import numpy as np
import pytest
from tests.study.planted import collected

from latentclr.evaluate.intervals import Bootstrap
from latentclr.study.agreement import Level, alpha, ratings
from latentclr.study.order import Step
from latentclr.study.plan import Study

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", part C: four observers, twelve units,
# values 1 to 5, with answers missing (".").
PUBLISHED = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""


def table(text: str, values: int) -> np.ndarray:
    """How often each unit was given each value 1, 2, ..."""
    rows = [line.split() for line in text.split("\n") if line]
    counts = np.zeros((len(rows[0]), values))
    for row in rows:
        for unit, value in enumerate(row):
            if value != ".":
                counts[unit, int(value) - 1] += 1
    return counts


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_the_published_example(level: Level, published: float) -> None:
    assert round(alpha(table(PUBLISHED, 5), level).value, 3) == published


def by_loops(counts: np.ndarray, level: Level) -> float:
    """From the definition: over pairs of answers, in a unit and anywhere."""
    units = [
        [value for value, times in enumerate(unit) for _ in range(int(times))] for unit in counts.tolist()
    ]
    units = [unit for unit in units if len(unit) > 1]
    every = [value for unit in units for value in unit]
    times = [every.count(value) for value in range(counts.shape[1])]

    def apart(a: int, b: int) -> float:
        if level == "nominal":
            return float(a != b)
        low, high = sorted((a, b))
        return (sum(times[low : high + 1]) - (times[low] + times[high]) / 2) ** 2 if a != b else 0.0

    observed = sum(apart(*two) / (len(unit) - 1) for unit in units for two in permutations(unit, 2)) / len(
        every
    )
    expected = sum(apart(*two) for two in permutations(every, 2)) / (len(every) * (len(every) - 1))
    return 1 - observed / expected if expected else nan


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_alpha_is_its_definition(level: Level) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        counts = rng.integers(0, 4, size=(7, 3)).astype(float)
        assert alpha(counts, level).value == pytest.approx(by_loops(counts, level))


def test_where_nothing_can_be_told_there_is_no_number() -> None:
    assert isnan(alpha(np.zeros((0, 3))).value)
    assert isnan(alpha(np.array([[1.0, 0, 0], [0, 1, 0]])).value)  # nobody answered the same
    assert isnan(alpha(np.array([[4.0, 0, 0], [3, 0, 0]])).value)  # one answer everywhere
    assert isnan(alpha(np.array([[2.0, 1, 0]]), bootstrap=Bootstrap(10)).low)  # of one unit no interval


def test_draws_without_a_value_are_left_out_and_counted() -> None:
    found = alpha(np.array([[3.0, 0, 0], [0, 3, 0]]), bootstrap=Bootstrap(400))
    assert (found.low, found.high) == (1.0, 1.0)
    assert 130 < found.dropped < 270  # half of the draws hold one unit twice


@pytest.mark.statistics
def test_intervals_are_as_wide_as_the_spread_over_new_units() -> None:
    rng = np.random.default_rng(1)

    def drawn(units: int) -> np.ndarray:
        shares = rng.dirichlet([1, 1, 1], size=units)
        return np.stack([rng.multinomial(6, share) for share in shares]).astype(float)

    truth = alpha(drawn(50_000), "ordinal").value
    inside = 0
    for seed in range(100):
        found = alpha(drawn(40), "ordinal", bootstrap=Bootstrap(200, seed=seed))
        inside += found.low <= truth <= found.high
    assert 85 <= inside <= 99


def test_ratings_are_of_directions_and_of_no_checks(study_of: Callable[..., Study]) -> None:
    def answers(step: Step, question: str) -> str:
        return "no" if step.kind != "direction" else "yes" if step.panels[0].place == (0, 0) else "maybe"

    found = ratings(collected(study_of(3), [answers, answers]), "obvious")
    assert sorted(found.tolist()) == [[0, 0, 2], [0, 2, 0], [0, 2, 0]]  # no, maybe, yes
