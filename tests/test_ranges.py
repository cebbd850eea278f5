"""Lists of numbers as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentclr import InputError
from latentclr.ranges import MOST, as_ranges, numbers


@given(st.lists(st.integers(0, 60), min_size=1, unique=True))
def test_what_is_told_is_read_back(values: list[int]) -> None:
    assert numbers(as_ranges(values), int, "slots") == values


def test_numbers_with_signs_and_points() -> None:
    assert numbers("-3, 0,1.5", float, "alphas") == [-3.0, 0.0, 1.5]
    assert numbers("-3,0-2", int, "alphas") == [-3, 0, 1, 2]
    assert as_ranges([]) == ""


@pytest.mark.parametrize("text", ["", "a", "1,,2", "1-", "1-2-3", "0x3", "1.5", "9" * 5000])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"slots '.*' is no list of numbers such as 0,3,5 or 0-7"):
        numbers(text, int, "slots")


@pytest.mark.parametrize("text", ["0-999999999999", "0-99999,0-99999", f"0-{MOST - 1},1"])
def test_a_range_is_not_unfolded_beyond_all_bounds(text: str) -> None:
    assert len(numbers(f"0-{MOST - 1}", int, "slots")) == MOST
    with pytest.raises(InputError, match="is no list of numbers"):
        numbers(text, int, "slots")
