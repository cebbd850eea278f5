"""latentclr sheet RUN: draw what directions do."""

from dataclasses import dataclass
from pathlib import Path

from latentclr.cli.console import out
from latentclr.cli.options import Run, find_directions
from latentclr.cli.runs import RunOptions
from latentclr.ranges import numbers


@dataclass(frozen=True)
class Command(RunOptions):
    """Draw a contact sheet: a row for each direction, and for each seed a column for every alpha."""

    path: Run
    """A run folder, or a directions file."""
    out: Path | None = None
    """Picture to write (default: sheet.png of the run)."""
    seeds: str = "0,1,2"
    """Seeds of the pictures to edit."""
    alphas: str | None = None
    """Strengths, in the order of the columns (default: five, up to a strong edit of the method). Write
    --alphas=-6,0,6 if the first is negative."""
    directions: str | None = None
    """Directions to draw, by number or name: "0,3,smile" or "0-7" (default: all)."""
    columns: int = 1
    """Columns in which the rows are laid out."""
    tile: int | None = None
    """Height of one picture in pixels (default: that of the generator, between 96 and 128)."""

    def run(self) -> None:
        """Write the picture, and print its path."""
        from latentclr.images import save_picture
        from latentclr.report import contact_sheet
        from latentclr.runs.discovery import sheet_file

        found, generator = self.open_run(self.path)
        sheet = contact_sheet(
            generator.at(self.truncation_for(found)),
            found,
            seeds=numbers(self.seeds, int, "--seeds"),
            alphas=None if self.alphas is None else numbers(self.alphas, float, "--alphas"),
            indices=None if self.directions is None else find_directions(found, self.directions),
            slots=self.moved,
            columns=self.columns,
            tile=self.tile,
        )
        path = self.out or sheet_file(self.path)
        save_picture(sheet, path)
        out.print(str(path))
