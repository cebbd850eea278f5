"""Text such as "0-3,5" for lists of numbers."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

from latentclr.errors import InputError

Number = TypeVar("Number", int, float)

MOST = 100_000
"""Largest number of numbers in a list, since a short text can stand for millions."""


def numbers(text: str, kind: Callable[[str], Number], what: str) -> list[Number]:
    """Read numbers separated by commas ("-3,0,3"); integers may be given as ranges ("0-7").

    >>> numbers("0-3,5", int, "slots")
    [0, 1, 2, 3, 5]

    Args:
        text: the list.
        kind: int or float.
        what: name of the list, for the error.

    Raises:
        InputError: it is not such a list, or has more than `MOST` numbers.
    """
    found: list[Number] = []
    try:
        for part in text.split(","):
            found += _expand(part.strip(), kind, MOST - len(found))
    except (ValueError, OverflowError) as error:
        example = "0,3,5 or 0-7" if kind is int else "-3,0,1.5"
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise InputError(f"{what} {shown!r} is no list of numbers such as {example}.") from error
    return found


def as_ranges(values: Sequence[int]) -> str:
    """Write integers as text, with consecutive ones as a range.

    >>> as_ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    if not values:
        return ""
    starts = [values[0], *(b for a, b in pairwise(values) if b != a + 1)]
    ends = [*(a for a, b in pairwise(values) if b != a + 1), values[-1]]
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _expand(part: str, kind: Callable[[str], Number], most: int) -> list[Number]:
    first, dash, last = part.partition("-")
    if kind is int and dash and first:
        span = range(int(first), int(last) + 1)
        if span.stop - span.start > most:
            raise ValueError
        return [kind(str(number)) for number in span]
    if most < 1:
        raise ValueError
    return [kind(part)]
