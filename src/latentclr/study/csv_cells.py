"""Tables as CSV that no spreadsheet takes for formulas."""

import csv
import io
from collections.abc import Iterable, Mapping

FORMULAS = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"
"""First characters that make a spreadsheet compute a cell (OWASP), also in full width."""

Cell = str | int | float | bool | None


def harmless(cell: Cell) -> str:
    """A cell as text. Words that a spreadsheet would compute get an apostrophe in front; numbers stay.

    >>> harmless("=1+2"), harmless("smile"), harmless(-0.5), harmless(None), harmless(True)
    ("'=1+2", 'smile', '-0.5', '', 'yes')
    """
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, (int, float)):
        return repr(round(cell, 6)) if isinstance(cell, float) else str(cell)
    return f"'{cell}" if cell.startswith(tuple(FORMULAS)) else cell


def table(columns: str, rows: Iterable[Mapping[str, Cell]]) -> bytes:
    r"""Rows as CSV (RFC 4180, UTF-8); what a row lacks is empty.

    >>> table("a b", [{"b": 1}])
    b'a,b\r\n,1\r\n'

    Args:
        columns: their names with spaces between, in order.
        rows: cells by column.
    """
    names = columns.split()
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([harmless(row.get(column)) for column in names] for row in rows)
    return text.getvalue().encode()
