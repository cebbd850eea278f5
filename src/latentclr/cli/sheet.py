"""latentclr sheet RUN: draw what directions do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latentclr.cli.console import out
from latentclr.cli.options import ClassName, Run, open_run, parse, run_truncation, which
from latentclr.ranges import numbers


@dataclass(frozen=True)
class Sheet:
    """Options of the command."""

    run: Run
    """A run folder, or a directions file."""
    out: Path | None = None
    """Picture to write; none: sheet.png of the run."""
    seeds: str = "0,1,2"
    """Pictures to edit."""
    alphas: str | None = None
    """Strengths, in the order of the columns; none: five, up to what the method calls a strong edit. (Write
    --alphas=-6,0,6 when the first is negative.)"""
    directions: str | None = None
    """Which, by number or name: "0,3,smile" or "0-7"; none: all."""
    slots: str | None = None
    """Slots of the generator to move; none: those of the run."""
    columns: int = 1
    """Lay the rows out in so many columns side by side."""
    tile: int | None = None
    """Size of one picture in pixels; none: the generator's own, between 96 and 128."""
    truncation: float | None = None
    """Of the latents; none: as in the run."""
    generator: str | None = None
    """Name or file of the generator; none: the one that the run names."""
    label: ClassName = None
    """Class to draw, by number or name; none: the run's. Directions of one class may fit another."""

    def draw(self) -> None:
        """Write the picture, print its path."""
        from latentclr.images import save_picture
        from latentclr.report import contact_sheet
        from latentclr.runs.discovery import sheet_file

        found, generator = open_run(self.run, self.generator, self.label)
        sheet = contact_sheet(
            generator.at(run_truncation(found, self.truncation)),
            found,
            seeds=numbers(self.seeds, int, "--seeds"),
            alphas=None if self.alphas is None else numbers(self.alphas, float, "--alphas"),
            indices=None if self.directions is None else which(found, self.directions),
            slots=None if self.slots is None else numbers(self.slots, int, "--slots"),
            columns=self.columns,
            tile=self.tile,
        )
        path = self.out or sheet_file(self.run)
        save_picture(sheet, path)
        out.print(str(path), markup=False)


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    about = "Draw a contact sheet: a row for each direction, and for each seed a column for every alpha."
    parse(Sheet, arguments, prog="sheet", about=about).draw()
