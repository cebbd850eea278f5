"""Several pictures with words: as a page shows them one by one, and as one picture to keep."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

from latentclr.errors import InputError
from latentclr.report.grid import FAINT, GAP, INK, PAPER, TEXT

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


def rows_of(tiles: Sequence[Tile], columns: int) -> list[Row]:
    """Tiles in rows of so many, without titles."""
    return [Row("", tuple(tiles[i : i + columns])) for i in range(0, len(tiles), columns)]


def sheet(rows: Sequence[Row], *, tile: int | None = None) -> Image.Image:
    """All rows in one picture: titles above them, each tile's text below it.

    Args:
        rows: at least one, with at least one tile each.
        tile: largest side of a picture in pixels; None: as large as they are.

    Raises:
        InputError: nothing to show, or more than fits into one picture.
    """
    if not rows or not all(row.tiles for row in rows):
        raise InputError("there are no pictures to put on a sheet.")
    pictures = [[_fitted(one.picture, tile) for one in row.tiles] for row in rows]
    width = max(picture.width for row in pictures for picture in row)
    height = max(picture.height for row in pictures for picture in row)
    line = TEXT + GAP
    heads = [line if row.title or row.note else 0 for row in rows]
    columns = max(len(row.tiles) for row in rows)
    size = (GAP + columns * (width + GAP), GAP + sum(head + height + line + GAP for head in heads))
    if size[0] * size[1] > LARGEST_SHEET:
        raise InputError(
            f"a sheet of {size[0]} x {size[1]} pixels is too large: choose fewer or smaller ones."
        )
    drawn = Image.new("RGB", size, PAPER)
    draw, font, top = ImageDraw.Draw(drawn), ImageFont.load_default(TEXT), GAP
    for row, head, some in zip(rows, heads, pictures, strict=True):
        title = ", ".join(filter(None, (row.title, row.note)))
        draw.text((GAP, top), _shortened(title, font, size[0] - 2 * GAP), INK, font, anchor="lt")
        top += head
        for i, (one, picture) in enumerate(zip(row.tiles, some, strict=True)):
            left = GAP + i * (width + GAP)
            drawn.paste(picture, (left + (width - picture.width) // 2, top))
            text = _shortened(one.text, font, width)
            draw.text((left + width / 2, top + height + TEXT / 4), text, FAINT, font, anchor="mt")
        top += height + line + GAP
    return drawn


def _fitted(picture: Image.Image, tile: int | None) -> Image.Image:
    if tile is None:
        return picture
    return ImageOps.contain(picture, (tile, tile), Image.Resampling.LANCZOS)


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while text and font.getlength(text) > width:
        text = text[:-4] + "..." if len(text) > 4 else ""
    return text
