"""Sheets of edits, and of inverted photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor

from latentclr.directions import Directions
from latentclr.discover import DISCOVERERS, Discoverer
from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.images import to_pil
from latentclr.report.grid import PAPER, Block, Grid, Row

SEEDS = (0, 1, 2)
STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Columns of a contact sheet, as shares of a strong edit."""
WALK = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Multiples of the matched strength along a row of calibrated directions."""
CALIBRATED = 2.0
"""A strong edit of calibrated directions: twice the matched strength, as far as evaluations go."""


def strong_alpha(directions: Directions) -> float:
    """An alpha that is a strong edit: the usual one of the method, or of calibrated directions."""
    if directions.origin.calibration:
        return CALIBRATED
    return DISCOVERERS.get(directions.origin.method, Discoverer).strong


def tile_size(generator: Generator, least: int = 64, largest: int = 96) -> int:
    """Size of a picture on a sheet in pixels: the generator's resolution, between two limits.

    Args:
        generator: draws the pictures.
        least: lower limit.
        largest: upper limit.
    """
    return min(max(generator.resolution, least), largest)


def _make_tile(picture: Float[Tensor, "3 h w"], size: tuple[int, int]) -> Image.Image:
    """A picture scaled to fit a width and height, with white borders where its shape is another."""
    return ImageOps.pad(to_pil(picture), size, Image.Resampling.LANCZOS, color=PAPER)


@dataclass(frozen=True)
class EditSheet:
    """Draws rows of edits: the same pictures at the same strengths for every direction.

    Attributes:
        generator: draws the edits, unless a row names another one.
        seeds: numbers of the pictures to edit.
        alphas: strengths, one column for each.
        tile: size of one picture in pixels; None: the generator's resolution, between 64 and 96.
        heads: of the columns; empty: the alphas.
    """

    generator: Generator
    seeds: Sequence[int]
    alphas: Sequence[float] = WALK
    tile: int | None = None
    heads: Sequence[str] = ()

    @property
    def _size(self) -> tuple[int, int]:
        size = self.tile or tile_size(self.generator)
        return size, size

    @torch.no_grad()
    def tiles(
        self,
        directions: Directions,
        index: int,
        *,
        scale: float = 1.0,
        slots: Sequence[int] | None = None,
        generator: Generator | None = None,
    ) -> tuple[Image.Image, ...]:
        """The pictures of a row: for each seed, each alpha.

        Args:
            directions: that contain the direction.
            index: number of the direction.
            scale: factor for all alphas.
            slots: to move; None: the directions' own.
            generator: draws this row; None: the generator of the sheet.
        """
        generator = generator or self.generator
        latents = generator.from_seeds(self.seeds).repeat_interleave(len(self.alphas), dim=0)
        alphas = scale * torch.tensor(self.alphas, device=latents.device).repeat(len(self.seeds))
        edited = directions.edit(latents, index, alphas, slots)
        return tuple(
            _make_tile(picture, self._size)
            for chunk in edited.split(16)
            for picture in generator.preview(chunk, self._size[0])
        )

    def draw(self, title: str, blocks: Sequence[Block]) -> Image.Image:
        """The sheet of rows whose pictures are from `tiles`.

        Args:
            title: see `Grid.draw`.
            blocks: see `Grid.draw`.
        """
        heads = self.heads or [f"{alpha:+g}" if alpha else "0" for alpha in self.alphas]
        groups = [(f"seed {seed}", heads) for seed in self.seeds]
        return Grid(groups, self._size).draw(title, blocks)


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
    sheet = EditSheet(generator, seeds, alphas, tile or tile_size(generator, 96, 128))
    rows = tuple(Row(directions.label(i), tiles=sheet.tiles(directions, i, slots=slots)) for i in chosen)
    length = -(-len(rows) // columns)
    return sheet.draw("", [Block("", rows[i : i + length]) for i in range(0, len(rows), length)])


def inversion_sheet(
    columns: Mapping[str, Float[Tensor, "n 3 _ _"] | Sequence[Float[Tensor, "3 _ _"]]],
    captions: Mapping[str, Sequence[str]],
    *,
    height: int,
) -> Image.Image:
    """A row for each photo: the photo and its reconstructions.

    Args:
        columns: pictures of each photo, by the heading of their column.
        captions: texts below the pictures of a column, by its heading; not every column needs them.
        height: of a picture in pixels.
    """
    count, first = next((len(pictures), pictures[0]) for pictures in columns.values())
    tile = (round(height * first.shape[2] / first.shape[1]), height)
    rows = [
        Row(
            str(i),
            tiles=tuple(_make_tile(pictures[i], tile) for pictures in columns.values()),
            captions=tuple(captions[name][i] if name in captions else "" for name in columns),
        )
        for i in range(count)
    ]
    return Grid([(heading, [""]) for heading in columns], tile).draw("", [Block("", tuple(rows))])
