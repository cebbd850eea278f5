"""Pictures of a comparison: directions of several runs side by side, and heat maps of overlaps."""

from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from latentclr.generators import Generator
from latentclr.report.charts import heat_map
from latentclr.report.comparison import Comparison, Overlap, mean_of_pairs
from latentclr.report.grid import Block, Row
from latentclr.report.sheet import EditSheet

EDITS, HEADS = (-1.0, 0.0, 1.0), ("-", "0", "+")
"""Multiples of the matched strength, and the heads of their columns."""


@dataclass(frozen=True)
class ComparisonSheets:
    """Draws directions of compared runs at their matched strength.

    Attributes:
        comparison: of the runs.
        generator: draws the edits.
        seeds: numbers of the pictures to edit.
        tile: size of one picture in pixels.
        rows: largest number of directions to draw of one run.
    """

    comparison: Comparison
    generator: Generator
    seeds: tuple[int, ...]
    tile: int
    rows: int

    def side_by_side(self) -> Image.Image:
        """The first directions of the reference run, and beside them those of the other runs that match."""
        return self._sheet.draw("", self.blocks)

    def match(self, index: int) -> Image.Image:
        """One of these directions of the reference run, and below it those of the other runs that match."""
        runs = self.comparison.runs
        rows = []
        for run, block in zip(runs, self.blocks, strict=True):
            row = block.rows[index]
            note = f"direction {row.label}\n{row.note}" if row.tiles else row.label
            rows.append(Row(run.name, note, row.tiles))
        title = f"direction {runs[0].directions.label(index)} of {runs[0].name}"
        return self._sheet.draw("", [Block(title, tuple(rows))])

    def alone(self) -> Image.Image | None:
        """The first directions that each run alone has found; None: there are none."""
        blocks = []
        for a, run in enumerate(self.comparison.runs):
            found = self.comparison.found_alone(a)
            if found:
                title = f"found by {run.name} alone: {len(found)} of {run.directions.k}"
                blocks.append(Block(title, tuple(self._row(a, index) for index in found[: self.rows])))
        return self._sheet.draw("", blocks) if blocks else None

    @property
    def _sheet(self) -> EditSheet:
        return EditSheet(self.generator, self.seeds, EDITS, self.tile, HEADS)

    @cached_property
    def blocks(self) -> list[Block]:
        """For each run, rows of the first directions of the reference run, or of those that match them."""
        rows = range(min(self.rows, self.comparison.runs[0].directions.k))
        blocks = []
        for a, run in enumerate(self.comparison.runs):
            method = run.directions.origin.method
            title = run.name if method in run.name else f"{run.name} ({method})"
            blocks.append(Block(title, tuple(self._matching_row(index, a) for index in rows)))
        return blocks

    def _matching_row(self, index: int, run: int) -> Row:
        if run == 0:
            return self._row(0, index)
        overlap = self.comparison.overlap(0, run)
        match = dict(overlap.pairs).get(index)
        if match is None:
            return Row("no match", "all are\ntaken")
        sign = -1.0 if overlap.signed[index, match] < 0 else 1.0
        return self._row(run, match, sign, f"|cos| {float(overlap.visible[index, match]):.2f}\n")

    def _row(self, run: int, index: int, sign: float = 1.0, note: str = "") -> Row:
        directions, slots = self.comparison.runs[run].directions, self.comparison.runs[run].slots
        alpha = sign * float(self.comparison.alphas(run)[index])
        weak = "" if self.comparison.strengths[run].reached[index] else " (weak)"
        tiles = self._sheet.tiles(directions, index, scale=alpha, slots=slots)
        return Row(directions.label(index), f"{note}alpha {alpha:+.3g}{weak}", tiles)


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
