"""Tables as CSV in which no spreadsheet finds a formula."""

import csv
import io
from collections.abc import Iterable

FORMULAS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
"""First characters that make a spreadsheet compute a cell (OWASP), also in full width."""

Cell = str | int | float | bool | None


def csv_text(rows: Iterable[Iterable[Cell]], *, line_end: str = "\n") -> str:
    r"""Rows as CSV. Text that a spreadsheet would compute gets an apostrophe in front; numbers stay.

    >>> csv_text([["name", "value"], ["=1+2", -0.5], ["-", None]])
    "name,value\n'=1+2,-0.5\n-,\n"

    Args:
        rows: cells; None and NaN are written as empty ones.
        line_end: after every row; RFC 4180 has a carriage return before the newline.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerows([_without_formula(cell) for cell in row] for row in rows)
    return text.getvalue()


def _without_formula(cell: Cell) -> Cell:
    if cell != cell:  # NaN
        return None
    if isinstance(cell, str) and len(cell) > 1 and cell.startswith(FORMULAS):
        return f"'{cell}"
    return cell
