"""Sheets of pictures: blocks of labelled rows, side by side, under common column heads."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

PAPER, INK, FAINT, EMPTY = "#ffffff", "#1a1a1a", "#8a8a8a", "#f4f4f4"
GAP = 10
SMALL_TEXT, TEXT, TITLE = 13, 15, 18
"""Sizes of letters in pixels."""
ASCENT = 11
"""Pixels from the baseline to the top of a letter of size `TEXT`."""
HEAD, LINE = TEXT + 6, TEXT + 3
"""Heights of a row of column heads and of a line of text."""


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font of all drawings, in a size in pixels."""
    return ImageFont.load_default(size)


def text_width(lines: Sequence[str], size: int) -> int:
    """Width in pixels of the longest line; 0 without lines.

    Args:
        lines: of text.
        size: of the letters in pixels.
    """
    return round(max((font(size).getlength(line) for line in lines), default=0.0))


@dataclass(frozen=True)
class Row:
    """One row of pictures.

    Attributes:
        label: text left of the row.
        note: fainter text below the label; may have several lines.
        tiles: a picture for every column; empty: a grey box is drawn instead.
        captions: text below each picture; empty: none.
    """

    label: str
    note: str = ""
    tiles: tuple[Image.Image, ...] = ()
    captions: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """The lines of the note."""
        return [line for line in self.note.split("\n") if line]


@dataclass(frozen=True)
class Block:
    """Rows under one title, which may be empty."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Grid:
    """The columns of a sheet, which are the same in all its blocks.

    Attributes:
        groups: neighbouring columns: the name of the group, and a head for each column.
        tile: width and height of a picture in pixels.
    """

    groups: Sequence[tuple[str, Sequence[str]]]
    tile: tuple[int, int]

    @property
    def _offsets(self) -> list[int]:
        """Left edges of the columns, from the left edge of the first."""
        groups = [group for group, (_, heads) in enumerate(self.groups) for _ in heads]
        return [column * self.tile[0] + group * GAP for column, group in enumerate(groups)]

    @property
    def _width(self) -> int:
        return self._offsets[-1] + self.tile[0]

    def draw(self, title: str, blocks: Sequence[Block]) -> Image.Image:
        """Draw blocks side by side, their rows at the same heights.

        Args:
            title: text above everything; may have several lines, or be empty.
            blocks: at least one.
        """
        rows = [row for block in blocks for row in block.rows]
        lines = title.split("\n") if title else []
        labels = text_width([row.label for row in rows], TEXT)
        margin = 2 * GAP + max(labels, text_width([note for row in rows for note in row.notes], SMALL_TEXT))
        titles = text_width([block.title for block in blocks], TITLE)
        block_width = max(margin + self._width + GAP, titles + 2 * GAP)
        row_height = max(self.tile[1], *(LINE * (1 + len(row.notes)) for row in rows), 0)
        pitch = row_height + 2 + (LINE if any(row.captions for row in rows) else 0)
        top = GAP + (len(lines) * LINE + GAP if lines else 0)
        heads_top = top + (TITLE + GAP if titles else 0)
        rows_top = heads_top + HEAD * (1 + any(head for _, heads in self.groups for head in heads))
        width = max(len(blocks) * block_width, text_width(lines, SMALL_TEXT) + GAP) + GAP
        height = rows_top + max(len(block.rows) for block in blocks) * pitch + GAP
        sheet = Image.new("RGB", (width, height), PAPER)
        pen = ImageDraw.Draw(sheet)
        for i, line in enumerate(lines):
            pen.text((GAP, GAP + ASCENT + i * LINE), line, INK, font(SMALL_TEXT), anchor="ls")
        for number, block in enumerate(blocks):
            left = number * block_width
            if number and titles:
                pen.line((left, top, left, height - GAP), FAINT)
            pen.text((left + GAP, top + ASCENT + 2), block.title, INK, font(TITLE), anchor="ls")
            self._draw_heads(pen, left + margin, heads_top, rows_top)
            for r, row in enumerate(block.rows):
                self._draw_row(sheet, row, left + margin, rows_top + r * pitch, row_height)
        return sheet

    def _draw_heads(self, pen: ImageDraw.ImageDraw, left: int, top: int, rows_top: int) -> None:
        offsets = iter(self._offsets)
        for name, heads in self.groups:
            places = [left + next(offsets) for _ in heads]
            middle = (places[0] + places[-1] + self.tile[0]) / 2
            pen.text((middle, top + ASCENT), name, INK, font(TEXT), anchor="ms")
            for x, head in zip(places, heads, strict=True):
                pen.text((x + self.tile[0] / 2, rows_top - ASCENT), head, FAINT, font(TEXT), anchor="ms")

    def _draw_row(self, sheet: Image.Image, row: Row, left: int, top: int, height: int) -> None:
        pen, (tile_width, tile_height) = ImageDraw.Draw(sheet), self.tile
        texts = [(row.label, INK, TEXT), *((note, FAINT, SMALL_TEXT) for note in row.notes)]
        for t, (text, colour, size) in enumerate(texts):
            y = top + height / 2 + (t + 0.5 - len(texts) / 2) * LINE
            pen.text((left - GAP, y), text, colour, font(size), anchor="rm")
        y = top + (height - tile_height) // 2
        if not row.tiles:
            pen.rectangle((left, y, left + self._width - 1, y + tile_height - 1), EMPTY)
        for offset, tile in zip(self._offsets, row.tiles, strict=False):
            sheet.paste(tile, (left + offset, y))
        for offset, caption in zip(self._offsets, row.captions, strict=False):
            place = (left + offset + tile_width / 2, y + tile_height + ASCENT + 3)
            pen.text(place, caption, FAINT, font(TEXT), anchor="ms")


def stack(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures below each other, on white."""
    size = max(picture.width for picture in pictures), sum(picture.height for picture in pictures)
    stacked = Image.new("RGB", size, PAPER)
    top = 0
    for picture in pictures:
        stacked.paste(picture, (0, top))
        top += picture.height
    return stacked
