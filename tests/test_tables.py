"""Cells survive a spreadsheet."""

import csv
import io

import pytest

from latentclr.tables import csv_text


@pytest.mark.parametrize(
    "cell", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20a"]
)
def test_formulas_are_escaped(cell: str) -> None:
    assert list(csv.reader(io.StringIO(csv_text([[cell]], line_end="\r\n"), newline=""))) == [[f"'{cell}"]]


def test_cells_are_quoted_and_numbers_stay() -> None:
    text = csv_text([["a", "b", "c"], ['say "hi", you', -1.25, "two\nlines"]])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["a", "b", "c"],
        ['say "hi", you', "-1.25", "two\nlines"],
    ]
    assert csv_text([[float("nan"), None, True]]) == ",,True\n"
