"""Sheets of inverted photos."""

from collections.abc import Sequence

from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from latentclr.images import to_pil
from latentclr.report.sheet import FAINT, GAP, INK, PAPER, TEXT


def inversion_sheet(
    columns: Sequence[tuple[str, Float[Tensor, "n 3 _ _"] | Sequence[Float[Tensor, "3 _ _"]]]],
    notes: Sequence[Sequence[str]],
    *,
    tile: int,
) -> Image.Image:
    """A row for each photo: the photo and what became of it.

    Args:
        columns: heading and pictures of each.
        notes: what to write below the pictures of each column; "" is nothing.
        tile: height of a picture in pixels.
    """
    first = columns[0][1][0]
    width = round(tile * first.shape[2] / first.shape[1])
    font = ImageFont.load_default(TEXT)
    margin = GAP + round(font.getlength(str(len(columns[0][1])))) + GAP
    head, line = GAP + TEXT + GAP, tile + TEXT + GAP
    size = (margin + len(columns) * (width + GAP), head + len(columns[0][1]) * line + GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for c, ((heading, pictures), said) in enumerate(zip(columns, notes, strict=True)):
        left = margin + c * (width + GAP)
        draw.text((left + width / 2, GAP), heading, INK, font, anchor="mt")
        for i, picture in enumerate(pictures):
            top = head + i * line
            shown = to_pil(picture).resize((width, tile), Image.Resampling.BICUBIC)
            sheet.paste(shown, (left, top))
            draw.text((left + width / 2, top + tile + 3), said[i], FAINT, font, anchor="mt")
    for i in range(len(columns[0][1])):
        draw.text((margin - GAP, head + i * line + tile / 2), str(i), INK, font, anchor="rm")
    return sheet
