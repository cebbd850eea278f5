"""What may stand in a recipe, and the sentences about what may not."""

import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from latentclr.errors import InputError


def several(name: str, value: Any, most: int, *, least: int = 1) -> Sequence[Any]:
    """The value, if it is a list of some length.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, list | tuple) or not least <= len(value) <= most:
        refuse(name, value, f"a list of {least} to {most}")
    return value


def whole(name: str, value: object, low: int, high: int) -> None:
    """Make sure that a value is a whole number in a range.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        refuse(name, value, f"a whole number in {low} .. {high}")


def number(name: str, value: object, largest: float) -> float:
    """The value as a float, if it is a number in a range; -0.0 is 0.0, so that equal recipes have equal JSON.

    Raises:
        InputError: it is not.
    """
    # Compared before it is made a float: a whole number may be too large for one.
    fine = isinstance(value, int | float) and not isinstance(value, bool) and -largest <= value <= largest
    if not fine or not math.isfinite(value):  # type: ignore[arg-type]
        refuse(name, value, f"a number in {-largest:g} .. {largest:g}")
    return float(value) + 0.0  # type: ignore[arg-type]


def text(name: str, value: object, pattern: re.Pattern[str], allowed: str) -> None:
    """Make sure that a value is a string of some form, all of it visible.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, str) or not pattern.fullmatch(value) or not value.isprintable():
        refuse(name, value, allowed)


def refuse(name: str, value: object, allowed: str) -> NoReturn:
    """Say what was given and what is allowed.

    Raises:
        InputError: always.
    """
    raise InputError(f"the recipe has {name} {shown(value)}; it must be {allowed}.")


def shown(value: object) -> str:
    """A value in a sentence: short, in one line, and whatever it is.

    >>> shown("a"), shown([1, 2]), shown("x" * 100)[-6:]
    ("'a'", 'a list of 2', "xx...'")
    """
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return ascii(value if len(value) <= 60 else value[:57] + "...")
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, an object nested as deep
        return f"of type {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
