"""Figures of pictures: rows of edits under titles, blocks side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps

from latentclr.directions import Directions
from latentclr.generators import Generator
from latentclr.images import to_pil
from latentclr.report.sheet import FAINT, GAP, INK, PAPER, TEXT
from latentclr.report.side_by_side import SMALL_TEXT, TITLE, Block, Line

WALK = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Multiples of the matched strength along a row."""
ENDS = (-2.0, 0.0, 2.0)
"""The same where several methods stand side by side."""
TILE = (64, 96)
"""Least and largest size of a picture in pixels."""
LINE = TEXT + 4


@dataclass(frozen=True)
class Camera:
    """Draws rows of edits, all of the same pictures.

    Attributes:
        generator: that draws, unless a row says otherwise.
        pictures: numbers of these pictures.
        multiples: of each direction's scale, from left to right.
    """

    generator: Generator
    pictures: tuple[int, ...]
    multiples: tuple[float, ...] = WALK

    @property
    def tile(self) -> int:
        """Size of a picture on the figure."""
        least, largest = TILE
        return min(max(self.generator.resolution, least), largest)

    @torch.no_grad()
    def line(
        self,
        label: str,
        note: str,
        directions: Directions,
        index: int,
        *,
        sign: int = 1,
        slots: Sequence[int] | None = None,
        generator: Generator | None = None,
    ) -> Line:
        """A row.

        Args:
            label: what it shows.
            note: more of it, a line or several.
            directions: whose scales are the strengths.
            index: number of the direction.
            sign: -1 turns it round.
            slots: that edits move; None: the directions' own.
            generator: that draws this row.
        """
        drawing = generator or self.generator
        latents = drawing.from_seeds(self.pictures).repeat_interleave(len(self.multiples), dim=0)
        alphas = sign * torch.tensor(self.multiples, device=latents.device).repeat(len(self.pictures))
        edited = directions.edit(latents, index, alphas, slots)
        drawn = torch.cat([drawing.preview(some, self.tile) for some in edited.split(16)])
        size = (self.tile, self.tile)
        tiles = (ImageOps.pad(to_pil(one), size, Image.Resampling.LANCZOS, color=PAPER) for one in drawn)
        return Line(label, note, tuple(tiles))

    def draw(self, title: str, blocks: Sequence[Block]) -> Image.Image:
        """The figure: blocks side by side, their rows at the same heights."""
        return draw(title, blocks, self.pictures, self.multiples, self.tile)


def draw(
    title: str, blocks: Sequence[Block], pictures: Sequence[int], multiples: Sequence[float], tile: int
) -> Image.Image:
    """Lay blocks out side by side.

    Args:
        title: above everything; it may have several lines.
        blocks: with lines whose tiles are `multiples` for each of `pictures`, or none where there is nothing
            to show.
        pictures: numbers of the pictures.
        multiples: of the strength.
        tile: size of the tiles in pixels.
    """
    large, font, small = (ImageFont.load_default(size) for size in (TITLE, TEXT, SMALL_TEXT))
    said = title.split("\n")
    group = len(multiples) * tile
    drawn = len(pictures) * (group + GAP) - GAP
    margins = [_margin(block, font, small) for block in blocks]
    wides = [
        margin + max(drawn, round(large.getlength(block.title)) - margin + GAP) + 2 * GAP
        for block, margin in zip(blocks, margins, strict=True)
    ]
    width = max(sum(wides), round(max(map(small.getlength, said))) + 2 * GAP)
    top = GAP + len(said) * LINE + GAP
    head = top + TITLE + GAP + 2 * LINE
    high = max(tile, LINE * max((_lines(line) for block in blocks for line in block.lines), default=1)) + 6
    height = head + max((len(block.lines) for block in blocks), default=0) * high + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    for i, line in enumerate(said):
        pen.text((GAP, GAP + SMALL_TEXT + i * LINE), line, INK, small, anchor="ls")
    x = 0
    for number, (block, margin, wide) in enumerate(zip(blocks, margins, wides, strict=True)):
        if number:
            pen.line((x, top, x, height - GAP), FAINT)
        left = x + margin
        pen.text((x + GAP, top + TITLE), block.title, INK, large, anchor="ls")
        for s, seed in enumerate(pictures):
            start = left + s * (group + GAP)
            pen.text((start + group / 2, head - LINE - 6), f"picture {seed}", INK, small, anchor="mb")
            for e, multiple in enumerate(multiples):
                told = f"{multiple:+g}" if multiple else "0"
                pen.text((start + (e + 0.5) * tile, head - 6), told, FAINT, small, anchor="ms")
        for i, one in enumerate(block.lines):
            y = head + i * high
            notes = [(note, FAINT, small) for note in one.note.split("\n") if note]
            words = [(one.label, INK, font), *notes]
            for t, (text, colour, letters) in enumerate(words):
                where = (left - GAP, y + high / 2 + (t + 0.5 - len(words) / 2) * LINE - 3)
                pen.text(where, text, colour, letters, anchor="rm")
            if not one.tiles:
                pen.rectangle((left, y, left + drawn - 1, y + tile - 1), "#f4f4f4")
            for t, picture in enumerate(one.tiles):
                place = (left + t * tile + t // len(multiples) * GAP, y + (high - 6 - tile) // 2)
                sheet.paste(picture, place)
        x += wide
    return sheet


def below(first: Image.Image, second: Image.Image) -> Image.Image:
    """One figure above another."""
    both = Image.new("RGB", (max(first.width, second.width), first.height + second.height), PAPER)
    both.paste(first, (0, 0))
    both.paste(second, (0, first.height))
    return both


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _lines(line: Line) -> int:
    return 1 + sum(bool(note) for note in line.note.split("\n"))


def _margin(block: Block, font: Font, small: Font) -> int:
    labels = [font.getlength(line.label) for line in block.lines]
    notes = [small.getlength(note) for line in block.lines for note in line.note.split("\n")]
    return 2 * GAP + round(max([*labels, *notes], default=0.0))
