"""Several pictures in one, with their words."""

import numpy as np
import pytest
from PIL import Image

from latentclr import InputError
from latentclr.explorer.tiles import Row, Tile, sheet


def tile(colour: tuple[int, int, int], size: tuple[int, int] = (40, 30), text: str = "one") -> Tile:
    return Tile(Image.new("RGB", size, colour), text)


def places(drawn: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, width and height of what has a colour."""
    rows, columns = np.nonzero((np.asarray(drawn) == colour).all(-1))
    assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)  # nothing is drawn over it
    return int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def test_each_picture_is_there_whole_in_its_row_and_column() -> None:
    red, green, blue = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    rows = [
        Row("first", (tile(red), tile(green, text="a text that is much too long for it"))),
        Row("", (tile(blue),)),
    ]
    drawn = sheet(rows)
    found = {name: places(drawn, colour) for name, colour in (("r", red), ("g", green), ("b", blue))}
    assert {place[2:] for place in found.values()} == {(40, 30)}
    assert found["r"][1] == found["g"][1] < found["b"][1]
    assert found["r"][0] == found["b"][0] < found["g"][0]
    plain = sheet([Row("", row.tiles) for row in rows])
    assert plain.height < drawn.height


def test_nothing_and_too_much_are_refused() -> None:
    for rows in ([], [Row("empty", ())]):
        with pytest.raises(InputError, match="no pictures to put on a sheet"):
            sheet(rows)
    large = tile((0, 0, 0), (4000, 4000))
    with pytest.raises(InputError, match="is too large: choose fewer"):
        sheet([Row("", (large,) * 8)])
