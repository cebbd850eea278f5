"""Sheets of inverted photos."""

import torch

from latentclr.report.inversions import inversion_sheet


def test_the_sheet_has_every_picture_where_its_column_and_row_are() -> None:
    values = torch.tensor([[-1.0, -0.5], [0.0, 0.5], [1.0, 0.25]])  # columns, photos
    columns = [
        (f"column {c}", [torch.full((3, 8, 8), float(v)) for v in row]) for c, row in enumerate(values)
    ]
    sheet = inversion_sheet(columns, [["", ""], ["20.0 dB", ""], ["", "x"]], tile=64)
    assert sheet.height > 2 * 64
    margin = (sheet.width - 3 * 74) + 0
    for c, row in enumerate(values.tolist()):
        for i, value in enumerate(row):
            x = margin + c * 74 + 32
            y = 35 + i * (64 + 25) + 32
            level = sheet.getpixel((x, y))
            assert isinstance(level, tuple)
            assert abs(level[0] - (value + 1) * 127.5) < 2


def test_wide_pictures_keep_their_shape() -> None:
    picture = torch.zeros(3, 8, 16)
    sheet = inversion_sheet([("photo", [picture])], [[""]], tile=50)
    assert 100 < sheet.width < 150
    assert 50 < sheet.height < 125
