"""Numbers as a report prints them."""

import math
from typing import Any

DASH = "\u2013"
"""Stands for what was not measured."""
MINUS = "\u2212"


def finite(value: object) -> bool:
    """Whether this is a number, and neither NaN nor infinite.

    >>> finite(1), finite(float("nan")), finite(None)
    (True, False, False)
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def rounded(value: Any) -> Any:
    """A number, or nested lists of numbers, to five digits: more than any of them is exact to.

    >>> rounded([0.123456789, [1234567.0]]), rounded(float("nan"))
    ([0.12346, [1234600.0]], None)
    """
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.5g}") if math.isfinite(value) else None


def number(value: object, *, sign: bool = False, short: bool = False, fixed: bool = False) -> str:
    """A number with about two decimals, without the zero before the point, as papers' tables have them.

    >>> [number(value) for value in (0.412, -0.05, 1.5, 12.34, 1234.0, 0.0042, 7, None)]
    ['.41', '−.05', '1.50', '12.3', '1,234', '.004', '7', '–']
    >>> number(0.5, sign=True, short=True), number(-0.004, fixed=True)
    ('+.5', '.00')

    Args:
        value: anything; what is no number is not measured.
        sign: a plus before positive ones.
        short: without zeros at the end.
        fixed: two decimals, however small.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    size = abs(value)
    if isinstance(value, int) or size >= 100:
        text = f"{size:,.0f}"
    elif short:
        text = f"{size:.6g}"
    elif size >= 10:
        text = f"{size:.1f}"
    elif 0 < size < 0.0001 and not fixed:
        text = f"{size:.0e}"
    else:
        decimals = 2 if fixed or size == 0 else max(2, -math.floor(math.log10(size)))
        text = f"{size:.{decimals}f}"
    if text.startswith("0.") and "e" not in text:
        text = text[1:]
    if not text.strip("0."):  # nothing is left of it, so it has no sign either
        return text
    return (MINUS if value < 0 else "+" if sign else "") + text


def duration(seconds: object) -> str:
    """Seconds in the unit that people would use.

    >>> duration(4.2), duration(58.4), duration(754.0), duration(7600.0), duration(None)
    ('4.2 s', '58 s', '12.6 min', '2.1 h', '–')
    """
    if not finite(seconds):
        return DASH
    size = float(seconds)  # type: ignore[arg-type]
    if size < 100:
        return f"{size:.1f} s" if size < 10 else f"{size:.0f} s"
    return f"{size / 60:.1f} min" if size < 6000 else f"{size / 3600:.1f} h"
