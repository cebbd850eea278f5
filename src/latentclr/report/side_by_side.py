"""Pictures of a comparison: directions of several runs side by side, and heat maps of overlaps."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from latentclr.generators import Generator
from latentclr.report.charts import heat_map
from latentclr.report.comparison import Comparison, Overlap, mean_of_pairs
from latentclr.report.grid import Block, Row
from latentclr.report.sheet import EditSheet

EDITS, HEADS = (-1.0, 0.0, 1.0), ("-", "0", "+")
"""Shares of the matched strength, and the heads of their columns."""


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


def overlap_map(overlap: Overlap, names: tuple[str, str], *, latent: bool) -> Image.Image:
    """The overlap of two runs as a heat map, in which matched pairs have boxes.

    Args:
        overlap: of the two runs.
        names: of the run of the rows and of the run of the columns.
        latent: show overlaps of the vectors rather than of the visible changes. (Pairs are always matched by
            their visible changes.)
    """
    matrix = overlap.latent if latent else overlap.visible
    what = "directions as vectors" if latent else "what one sees, at matched strength"
    text = [
        f"rows: {names[0]}",
        f"columns: {names[1]}",
        f"mean |cos| of {what}",
        f"all pairs: {float(matrix.mean()):.2f}",
        f"boxes, the pairs that look most alike: {mean_of_pairs(matrix, overlap.pairs):.2f}",
    ]
    return heat_map(matrix, overlap.pairs, text)
