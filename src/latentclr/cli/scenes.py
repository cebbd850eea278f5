"""latentclr scenes: draw pictures of the world whose factors are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentclr.cli.console import out
from latentclr.cli.parsing import chosen, parse
from latentclr.errors import InputError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

COLUMNS = 11
MARGIN, GAP, TEXT = 110, 3, 14
HELP = """usage: latentclr scenes render [options]

Draw pictures of the world whose factors are known: a sheet of what each factor does, or random scenes.

`latentclr scenes render --help` lists the options."""


@dataclass(frozen=True)
class Render:
    """Draw a sheet: a row for each factor, which varies from left to right while the others are constant."""

    out: Path = Path("scenes.png")
    """Picture to write."""
    size: int = 96
    """Height and width of one picture."""
    random: bool = False
    """Draw random scenes, in which all factors vary."""
    seed: int = 0
    """Seed of the random scenes."""

    def run(self) -> None:
        """Write the picture, and print its path."""
        from latentclr.images import save_picture

        if not 8 <= self.size <= 512:
            raise InputError(f"--size {self.size}: give 8 to 512 pixels.")
        sheet = self._random_scenes() if self.random else self._sweeps()
        save_picture(sheet, self.out)
        out.print(str(self.out))

    def _sweeps(self) -> Image.Image:
        from PIL import Image, ImageDraw, ImageFont

        from latentclr.images import to_pil
        from latentclr.scenes import FACTORS, render, usual

        step = self.size + GAP
        sheet = Image.new("RGB", (MARGIN + COLUMNS * step, len(FACTORS) * step), "#ffffff")
        text, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT)
        for row, factor in enumerate(FACTORS):
            values = factor.values(COLUMNS)
            changes: dict[str, float | Tensor] = {"shape": 1.0, factor.name: values}
            pictures = render(usual(len(values), **changes), size=self.size)
            place = (MARGIN - 8, row * step + self.size // 2)
            text.text(place, factor.name.replace("_", " "), "#1a1a1a", font, anchor="rm")
            for column, picture in enumerate(pictures):
                sheet.paste(to_pil(picture), (MARGIN + column * step, row * step))
        return sheet

    def _random_scenes(self) -> Image.Image:
        import torch
        from PIL import Image

        from latentclr.images import to_pil
        from latentclr.scenes import SHAPES, draw, render

        step, rows = self.size + GAP, len(SHAPES)
        pictures = render(draw(COLUMNS * rows, torch.Generator().manual_seed(self.seed)), size=self.size)
        sheet = Image.new("RGB", (COLUMNS * step - GAP, rows * step - GAP), "#ffffff")
        for i, picture in enumerate(pictures):
            sheet.paste(to_pil(picture), (i % COLUMNS * step, i // COLUMNS * step))
        return sheet


def choices() -> dict[str, Any]:
    """The only subcommand, and --help beside it, since tyro needs two to complete one of them."""
    return {"render": Render, "--help": None}


def main(arguments: Sequence[str]) -> None:
    """Run the command; its first argument is the subcommand."""
    found = chosen(arguments, "subcommand", ["render"], lambda: HELP)
    if found:
        about = "Draw what every factor of the scenes does, or random scenes."
        parse(Render, found[1], prog="scenes render", about=about).run()
