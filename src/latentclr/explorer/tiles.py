"""Several pictures with words: as a page shows them one by one, and as one picture to keep."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from latentclr.errors import InputError
from latentclr.report.grid import ASCENT, FAINT, GAP, INK, PAPER, TEXT, font, text_width

LARGEST_SHEET = 100_000_000
"""Pixels of one picture of many."""


@dataclass(frozen=True)
class Tile:
    """One of several pictures.

    Attributes:
        picture: the picture.
        text: what to write below it.
    """

    picture: Image.Image
    text: str


@dataclass(frozen=True)
class Row:
    """Pictures that belong together.

    Attributes:
        title: of the row.
        tiles: its pictures.
        note: what else there is to say; may be empty.
    """

    title: str
    tiles: tuple[Tile, ...]
    note: str = ""


def sheet(rows: Sequence[Row]) -> Image.Image:
    """All rows in one picture: titles above them, each tile's text below it.

    Args:
        rows: at least one, with at least one tile each.

    Raises:
        InputError: nothing to show, or more than fits into one picture.
    """
    if not rows or not all(row.tiles for row in rows):
        raise InputError("there are no pictures to put on a sheet.")
    width = max(one.picture.width for row in rows for one in row.tiles)
    height = max(one.picture.height for row in rows for one in row.tiles)
    line = TEXT + GAP
    heads = [line if row.title or row.note else 0 for row in rows]
    columns = max(len(row.tiles) for row in rows)
    size = (GAP + columns * (width + GAP), GAP + sum(head + height + line + GAP for head in heads))
    if size[0] * size[1] > LARGEST_SHEET:
        raise InputError(
            f"a sheet of {size[0]} x {size[1]} pixels is too large: choose fewer or smaller ones."
        )
    drawn = Image.new("RGB", size, PAPER)
    draw, letters, top = ImageDraw.Draw(drawn), font(TEXT), GAP
    for row, head in zip(rows, heads, strict=True):
        title = ", ".join(filter(None, (row.title, row.note)))
        text = _shortened(title, size[0] - 2 * GAP)
        draw.text((GAP, top + ASCENT), text, INK, letters, anchor="ls")
        top += head
        for i, one in enumerate(row.tiles):
            left = GAP + i * (width + GAP)
            drawn.paste(one.picture, (left + (width - one.picture.width) // 2, top))
            place = (left + width / 2, top + height + TEXT / 4 + ASCENT)
            draw.text(place, _shortened(one.text, width), FAINT, letters, anchor="ms")
        top += height + line + GAP
    return drawn


def _shortened(text: str, width: int) -> str:
    while text and text_width([text], TEXT) > width:
        text = text[:-4] + "..." if len(text) > 4 else ""
    return text
