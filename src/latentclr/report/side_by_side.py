"""What a comparison looks like: directions of several runs beside each other, and heat maps of overlaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps

from latentclr.generators import Generator
from latentclr.images import to_pil
from latentclr.report.comparison import Comparison, Overlap, mean_of_pairs
from latentclr.report.sheet import FAINT, GAP, INK, PAPER, TEXT

TITLE, SMALL_TEXT = 18, 13
EDITS = (-1.0, 0.0, 1.0)
"""Shares of the matched strength that each seed has columns for."""
HEADS = ("-", "0", "+")

SHADES = ((255, 255, 255), (196, 219, 240), (98, 155, 210), (28, 84, 152), (8, 28, 66))
"""Overlaps from 0 to 1: each darker than the last, also in grey and for colour-blind eyes."""
BOX = "#e8590c"
"""Around the pairs of a matching."""


@dataclass(frozen=True)
class Line:
    """One row of pictures.

    Attributes:
        label: which direction.
        note: what there is to say of it, in fainter letters below.
        tiles: for each seed the three edits; empty: there is nothing to show.
    """

    label: str
    note: str
    tiles: tuple[Image.Image, ...] = ()


@dataclass(frozen=True)
class Block:
    """Lines under one title."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Shown:
    """Draws directions of a comparison at their matched strength.

    Attributes:
        comparison: whose directions these are.
        generator: that draws.
        seeds: numbers of the pictures to edit.
        tile: size of one picture in pixels.
    """

    comparison: Comparison
    generator: Generator
    seeds: tuple[int, ...]
    tile: int

    def blocks(self, rows: Sequence[int]) -> list[Block]:
        """A block for every run: rows of the reference run's directions and of those that match them."""
        return [
            Block(self.title(run), tuple(self.matching(row, run) for row in rows))
            for run, entry in enumerate(self.comparison.entries)
        ]

    def side_by_side(self, blocks: Sequence[Block]) -> Image.Image:
        """The blocks that `blocks` gave, in one picture."""
        return draw_blocks(blocks, self.seeds, self.tile)

    def match(self, row: int, blocks: Sequence[Block], line: int) -> Image.Image:
        """One direction of the reference run, and below it what every other run has for it.

        Args:
            row: number of the direction.
            blocks: as `blocks` gave them.
            line: where the direction stands in them.
        """
        entries = self.comparison.entries
        title = f"direction {entries[0].directions.label(row)} of {entries[0].name}"
        lines = [(entry.name, block.lines[line]) for entry, block in zip(entries, blocks, strict=True)]
        named = [
            Line(name, f"direction {one.label}\n{one.note}" if one.tiles else one.label, one.tiles)
            for name, one in lines
        ]
        return draw_blocks([Block(title, tuple(named))], self.seeds, self.tile)

    def alone(self, rows: int) -> Image.Image | None:
        """The first directions of every run that no other one has; None: there are none."""
        blocks = []
        for run, entry in enumerate(self.comparison.entries):
            found = self.comparison.alone(run)
            if found:
                title = f"found by {entry.name} alone: {len(found)} of {entry.directions.k}"
                lines = tuple(self.line(run, index, 1.0, "") for index in found[:rows])
                blocks.append(Block(title, lines))
        return draw_blocks(blocks, self.seeds, self.tile) if blocks else None

    def title(self, run: int) -> str:
        """What a run is called above its block: its name, and its method if that says more."""
        entry = self.comparison.entries[run]
        method = entry.directions.origin.method
        return entry.name if method in entry.name else f"{entry.name} ({method})"

    def matching(self, row: int, run: int) -> Line:
        """The direction of a run that matches one of the reference run's, turned to the same side."""
        if run == 0:
            return self.line(0, row, 1.0, "")
        overlap = self.comparison.overlap(0, run)
        index = dict(overlap.pairs).get(row)
        if index is None:
            return Line("no match", "all are\ntaken")
        sign = -1.0 if overlap.signed[row, index] < 0 else 1.0
        return self.line(run, index, sign, f"|cos| {float(overlap.visible[row, index]):.2f}\n")

    @torch.no_grad()
    def line(self, run: int, index: int, sign: float, note: str) -> Line:
        """One direction at its matched strength."""
        entry, strengths = self.comparison.entries[run], self.comparison.strengths[run]
        alpha = sign * float(self.comparison.alphas(run)[index])
        latents = self.generator.from_seeds(self.seeds).repeat_interleave(len(EDITS), dim=0)
        steps = alpha * torch.tensor(EDITS, device=latents.device).repeat(len(self.seeds))
        edited = entry.directions.edit(latents, index, steps, entry.slots)
        tiles = tuple(
            ImageOps.pad(to_pil(picture), (self.tile, self.tile), Image.Resampling.LANCZOS, color=PAPER)
            for chunk in edited.split(16)
            for picture in self.generator.preview(chunk, self.tile)
        )
        weak = "" if strengths.reached[index] else " (weak)"
        return Line(entry.directions.label(index), f"{note}alpha {alpha:+.3g}{weak}", tiles)


def draw_blocks(blocks: Sequence[Block], seeds: Sequence[int], tile: int) -> Image.Image:
    """Blocks side by side, their rows at the same heights; columns are seeds and, for each, - 0 +.

    Args:
        blocks: at least one, with at least one line each.
        seeds: in the order of the tiles.
        tile: size of the tiles in pixels.
    """
    large, font, small = (ImageFont.load_default(size) for size in (TITLE, TEXT, SMALL_TEXT))
    group = len(EDITS) * tile
    pictures = len(seeds) * (group + GAP) - GAP
    margins = [
        2 * GAP
        + round(
            max(
                max(font.getlength(line.label), *map(small.getlength, line.note.split("\n")))
                for line in block.lines
            )
        )
        for block in blocks
    ]
    head, high = GAP + TITLE + 2 * (TEXT + 8), tile + 4
    width = sum(margins) + len(blocks) * (pictures + 2 * GAP)
    height = head + max(len(block.lines) for block in blocks) * high + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    x = 0
    for number, (block, margin) in enumerate(zip(blocks, margins, strict=True)):
        if number:
            draw.line((x, GAP, x, height - GAP), FAINT)
        left = x + margin
        title = _shortened(block.title, large, margin + pictures - GAP)
        draw.text((x + GAP, GAP), title, INK, large, anchor="lt")
        for s, seed in enumerate(seeds):
            start = left + s * (group + GAP)
            draw.text((start + group / 2, head - TEXT - 12), f"seed {seed}", INK, small, anchor="mb")
            for e, text in enumerate(HEADS):
                place = (start + (e + 0.5) * tile, head - 6)
                draw.text(place, text, FAINT, font, anchor="ms")
        for i, line in enumerate(block.lines):
            top = head + i * high
            said = [(line.label, INK, font), *((note, FAINT, small) for note in line.note.split("\n"))]
            for t, (words, colour, letters) in enumerate(said):
                y = top + tile / 2 + (t + 0.5 - len(said) / 2) * (TEXT + 3)
                draw.text((left - GAP, y), words, colour, letters, anchor="rm")
            if not line.tiles:
                draw.rectangle((left, top, left + pictures - 1, top + tile - 1), "#f4f4f4")
            for t, picture in enumerate(line.tiles):
                sheet.paste(picture, (left + t * tile + t // len(EDITS) * GAP, top))
        x = left + pictures + 2 * GAP
    return sheet


def heat_map(overlap: Overlap, names: tuple[str, str], *, latent: bool) -> Image.Image:
    """The overlap of two runs as a heat map; the columns stand in the order of the rows that they match.

    Args:
        overlap: of the two.
        names: of the run of the rows and of the one of the columns.
        latent: of the vectors rather than of what one sees. (The pairs are those of what one sees.)
    """
    matrix = overlap.latent if latent else overlap.visible
    k, columns = len(matrix), matrix.shape[1]
    partner = dict(overlap.pairs)
    order = [partner[i] for i in range(k) if i in partner]
    order += [j for j in range(columns) if j not in order]
    cell = 34 if max(k, columns) <= 24 else 16 if max(k, columns) <= 64 else 8
    every = 1 if cell > 10 else 10
    font, small = ImageFont.load_default(TEXT), ImageFont.load_default(SMALL_TEXT if cell > 20 else 11)
    what = "directions as vectors" if latent else "what one sees, at matched strength"
    text = [
        f"rows: {names[0]}",
        f"columns: {names[1]}",
        f"mean |cos| of {what}",
        f"all pairs: {float(matrix.mean()):.2f}",
        f"boxes, the pairs that look most alike: {mean_of_pairs(matrix, overlap.pairs):.2f}",
    ]
    left, head = 5 * GAP, GAP + len(text) * (TEXT + 6) + 3 * GAP
    bar = columns * cell + left + 2 * GAP
    width = max(bar + 60, round(max(map(font.getlength, text))) + 2 * GAP)
    sheet = Image.new("RGB", (width, head + max(k * cell, 160) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, line in enumerate(text):
        draw.text((GAP, GAP + i * (TEXT + 6)), line, BOX if i == len(text) - 1 else INK, font, anchor="lt")
    for c, j in enumerate(order):
        if c % every == 0:
            draw.text((left + (c + 0.5) * cell, head - 5), str(j), FAINT, small, anchor="mb")
    for i in range(k):
        top = head + i * cell
        if i % every == 0:
            draw.text((left - 6, top + cell / 2), str(i), FAINT, small, anchor="rm")
        for c, j in enumerate(order):
            value, x = float(matrix[i, j]), left + c * cell
            draw.rectangle((x, top, x + cell - 1, top + cell - 1), shade(value))
            if cell > 30:
                colour = PAPER if value > 0.55 else INK
                draw.text((x + cell / 2, top + cell / 2), _two_digits(value), colour, small, anchor="mm")
    for i, j in overlap.pairs:
        x, top = left + order.index(j) * cell, head + i * cell
        draw.rectangle((x, top, x + cell - 1, top + cell - 1), outline=BOX, width=2 if cell > 10 else 1)
    draw.rectangle((left - 1, head - 1, left + columns * cell, head + k * cell), outline=FAINT)
    for y in range(160):
        draw.line((bar, head + y, bar + 14, head + y), shade(1 - y / 159))
    draw.rectangle((bar - 1, head - 1, bar + 15, head + 160), outline=FAINT)
    for value in (0.0, 0.5, 1.0):
        draw.text((bar + 20, head + 159 * (1 - value)), f"{value:g}", FAINT, small, anchor="lm")
    return sheet


def shade(value: float) -> tuple[int, int, int]:
    """The colour of an overlap between 0 and 1.

    >>> shade(0.0), shade(1.0)
    ((255, 255, 255), (8, 28, 66))
    """
    place = min(max(value, 0.0), 1.0) * (len(SHADES) - 1)
    below = min(int(place), len(SHADES) - 2)
    red, green, blue = (
        round(a + (b - a) * (place - below)) for a, b in zip(SHADES[below], SHADES[below + 1], strict=True)
    )
    return red, green, blue


def _two_digits(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else "1.0"


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
