"""Shares and tests, against loops from the definitions and against published numbers."""

from itertools import product
from math import comb, isnan

import pytest

from latentclr.study.statistics import holm, sign_test, wilson


def test_wilson_holds_its_share_and_stays_inside_0_and_1() -> None:
    for n in (1, 3, 50, 10_000):
        for k in (0, 1, n - 1, n):
            found = wilson(k, n)
            assert 0 <= found.low <= found.value <= found.high <= 1
    # Newcombe (1998), table I: 0 of 20 and 1 of 29.
    assert (wilson(0, 20).low, wilson(0, 20).high) == pytest.approx((0.0, 0.1611), abs=5e-5)  # as printed
    assert (wilson(1, 29).low, wilson(1, 29).high) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_of_no_answers_nothing_is_known() -> None:
    assert isnan(wilson(0, 0).value)
    assert isnan(wilson(0, 0).low)


def test_the_sign_test_sums_what_is_no_likelier() -> None:
    for first, second in product(range(9), repeat=2):
        n = first + second
        ways = [comb(n, k) for k in range(n + 1)]
        expected = sum(way for way in ways if way <= ways[first]) / 2**n
        assert sign_test(first, second) == pytest.approx(expected, abs=1e-12)  # float64
        assert sign_test(first, second) == pytest.approx(sign_test(second, first))


def test_holm_by_steps() -> None:
    # Holm (1979): the smallest p times m, the next times m - 1, ...; never below one before it.
    assert holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.04]) == [0.04]
