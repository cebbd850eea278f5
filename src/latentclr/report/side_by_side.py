"""What a comparison looks like: directions of several runs beside each other, and heat maps of overlaps."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from latentclr.generators import Generator
from latentclr.report.comparison import Comparison, Overlap, mean_of_pairs
from latentclr.report.grid import FAINT, GAP, INK, PAPER, SMALL_TEXT, TEXT, Block, Row, font
from latentclr.report.sheet import EditSheet

EDITS, HEADS = (-1.0, 0.0, 1.0), ("-", "0", "+")
"""Shares of the matched strength, and the heads of their columns."""

SHADES = ((255, 255, 255), (196, 219, 240), (98, 155, 210), (28, 84, 152), (8, 28, 66))
"""Overlaps from 0 to 1: each darker than the last, also in grey and for colour-blind eyes."""
BOX = "#e8590c"
"""Around the pairs of a matching."""


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

    @property
    def sheet(self) -> EditSheet:
        """The columns of all pictures: each seed with its matched strength downwards, at 0 and upwards."""
        return EditSheet(self.generator, self.seeds, EDITS, self.tile, HEADS)

    def blocks(self, rows: Sequence[int]) -> list[Block]:
        """A block for every run: rows of the reference run's directions and of those that match them."""
        return [
            Block(self.title(run), tuple(self.matching(row, run) for row in rows))
            for run, entry in enumerate(self.comparison.entries)
        ]

    def side_by_side(self, blocks: Sequence[Block]) -> Image.Image:
        """The blocks that `blocks` gave, in one picture."""
        return self.sheet.draw("", blocks)

    def match(self, row: int, blocks: Sequence[Block], line: int) -> Image.Image:
        """One direction of the reference run, and below it what every other run has for it.

        Args:
            row: number of the direction.
            blocks: as `blocks` gave them.
            line: where the direction stands in them.
        """
        entries = self.comparison.entries
        title = f"direction {entries[0].directions.label(row)} of {entries[0].name}"
        lines = [(entry.name, block.rows[line]) for entry, block in zip(entries, blocks, strict=True)]
        named = [
            Row(name, f"direction {one.label}\n{one.note}" if one.tiles else one.label, one.tiles)
            for name, one in lines
        ]
        return self.sheet.draw("", [Block(title, tuple(named))])

    def alone(self, rows: int) -> Image.Image | None:
        """The first directions of every run that no other one has; None: there are none."""
        blocks = []
        for run, entry in enumerate(self.comparison.entries):
            found = self.comparison.alone(run)
            if found:
                title = f"found by {entry.name} alone: {len(found)} of {entry.directions.k}"
                lines = tuple(self.row(run, index, 1.0, "") for index in found[:rows])
                blocks.append(Block(title, lines))
        return self.sheet.draw("", blocks) if blocks else None

    def title(self, run: int) -> str:
        """What a run is called above its block: its name, and its method if that says more."""
        entry = self.comparison.entries[run]
        method = entry.directions.origin.method
        return entry.name if method in entry.name else f"{entry.name} ({method})"

    def matching(self, row: int, run: int) -> Row:
        """The direction of a run that matches one of the reference run's, turned to the same side."""
        if run == 0:
            return self.row(0, row, 1.0, "")
        overlap = self.comparison.overlap(0, run)
        index = dict(overlap.pairs).get(row)
        if index is None:
            return Row("no match", "all are\ntaken")
        sign = -1.0 if overlap.signed[row, index] < 0 else 1.0
        return self.row(run, index, sign, f"|cos| {float(overlap.visible[row, index]):.2f}\n")

    def row(self, run: int, index: int, sign: float, note: str) -> Row:
        """One direction at its matched strength."""
        entry, strengths = self.comparison.entries[run], self.comparison.strengths[run]
        alpha = sign * float(self.comparison.alphas(run)[index])
        weak = "" if strengths.reached[index] else " (weak)"
        tiles = self.sheet.tiles(entry.directions, index, scale=alpha, slots=entry.slots)
        return Row(entry.directions.label(index), f"{note}alpha {alpha:+.3g}{weak}", tiles)


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
    letters, small = font(TEXT), font(SMALL_TEXT if cell > 20 else 11)
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
    width = max(bar + 60, round(max(map(letters.getlength, text))) + 2 * GAP)
    sheet = Image.new("RGB", (width, head + max(k * cell, 160) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, line in enumerate(text):
        draw.text((GAP, GAP + i * (TEXT + 6)), line, BOX if i == len(text) - 1 else INK, letters, anchor="lt")
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
