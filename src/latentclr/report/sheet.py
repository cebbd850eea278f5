"""Contact sheets: every direction at a glance."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from latentclr.directions import Directions
from latentclr.discover import DISCOVERERS, Discoverer
from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.images import to_pil

SEEDS = (0, 1, 2)
STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Columns of a sheet, as shares of a strong edit."""

CALIBRATED = 2.0
"""A strong edit of calibrated directions: twice the matched strength, as far as evaluations go."""

PAPER, INK, FAINT = "#ffffff", "#1a1a1a", "#8a8a8a"
GAP = 10
TEXT = 15


def strong_alpha(directions: Directions) -> float:
    """An alpha that is a strong edit: by the method of the directions, or once they are calibrated."""
    if directions.origin.calibration:
        return CALIBRATED
    return DISCOVERERS.get(directions.origin.method, Discoverer).strong


@torch.no_grad()
def contact_sheet(
    generator: Generator,
    directions: Directions,
    *,
    seeds: Sequence[int] = SEEDS,
    alphas: Sequence[float] | None = None,
    indices: Sequence[int] | None = None,
    slots: Sequence[int] | None = None,
    columns: int = 1,
    tile: int | None = None,
) -> Image.Image:
    """A picture of what directions do: a row for each, and for each seed a column for every alpha.

    Args:
        generator: that the directions belong to.
        directions: to show.
        seeds: numbers of the pictures to edit.
        alphas: strengths, in the order of the columns; None: up to what the method calls a strong edit.
        indices: which directions; None is all.
        slots: to move; None is the directions' own.
        columns: lay the rows out in so many columns side by side, for many directions.
        tile: size of one picture in pixels; None is the generator's own, between 96 and 128.

    Raises:
        InputError: directions of another generator, an unknown direction or slot, nothing to show.
    """
    directions.require(generator)
    alphas = [step * strong_alpha(directions) for step in STEPS] if alphas is None else alphas
    chosen = list(range(directions.k)) if indices is None else [directions.index(i) for i in indices]
    if not chosen or not alphas or columns < 1:
        raise InputError("a contact sheet needs at least one direction, one alpha and one column.")
    latents = generator.from_seeds(seeds)
    tile = tile or min(max(generator.resolution, 96), 128)
    rows = [
        _row(generator, directions, latents, index=index, alphas=alphas, slots=slots, tile=tile)
        for index in chosen
    ]
    labels = [directions.label(index) for index in chosen]
    return _lay_out(rows, labels, seeds=seeds, alphas=alphas, tile=tile, columns=columns)


def _row(
    generator: Generator,
    directions: Directions,
    latents: Float[Tensor, "n slots dim"],
    *,
    index: int,
    alphas: Sequence[float],
    slots: Sequence[int] | None,
    tile: int,
) -> list[Image.Image]:
    """Tiles of one direction: for each seed, each alpha."""
    n, steps = len(latents), len(alphas)
    edited = directions.edit(
        latents.repeat_interleave(steps, dim=0),
        index,
        torch.tensor(alphas, device=latents.device).repeat(n),
        slots,
    )
    pictures = torch.cat([generator.preview(chunk, tile) for chunk in edited.split(16)])
    return [_tile(to_pil(picture), tile) for picture in pictures]


def _tile(picture: Image.Image, tile: int) -> Image.Image:
    """The picture scaled into a square, in its middle where it is no square itself."""
    scale = tile / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    square = Image.new("RGB", (tile, tile), PAPER)
    place = ((tile - size[0]) // 2, (tile - size[1]) // 2)
    square.paste(picture.resize(size, Image.Resampling.LANCZOS), place)
    return square


def _lay_out(
    rows: Sequence[Sequence[Image.Image]],
    labels: Sequence[str],
    *,
    seeds: Sequence[int],
    alphas: Sequence[float],
    tile: int,
    columns: int,
) -> Image.Image:
    font = ImageFont.load_default(TEXT)
    margin = GAP + max(round(font.getlength(label)) for label in labels) + GAP
    block = len(alphas) * tile
    width = margin + len(seeds) * (block + GAP)
    head = 2 * (TEXT + 6) + GAP
    per_column = -(-len(rows) // columns)
    columns = -(-len(rows) // per_column)
    sheet = Image.new("RGB", (columns * width + GAP, head + per_column * (tile + 2) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column in range(columns):
        left = column * width + margin
        for s, seed in enumerate(seeds):
            x = left + s * (block + GAP)
            draw.text((x + block / 2, GAP), f"seed {seed}", INK, font, anchor="mt")
            for a, alpha in enumerate(alphas):
                place = (x + (a + 0.5) * tile, GAP + TEXT + 6)
                draw.text(place, f"{alpha:+g}" if alpha else "0", FAINT, font, anchor="mt")
    for i, (tiles, label) in enumerate(zip(rows, labels, strict=True)):
        column, line = divmod(i, per_column)
        left, top = column * width + margin, head + line * (tile + 2)
        draw.text((left - GAP, top + tile / 2), label, INK, font, anchor="rm")
        for t, picture in enumerate(tiles):
            sheet.paste(picture, (left + t * tile + t // len(alphas) * GAP, top))
    return sheet
