"""From a shelf and a recipe to pictures: edits, strips, grids, differences, comparisons, loops."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from latentclr.directions import edit_all
from latentclr.errors import InputError
from latentclr.explorer.canvas import Size, batch, check_room, draw, enlarged, height_of, pixels
from latentclr.explorer.recipe import Edit, Recipe
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.strength import matched_alphas, slider_range
from latentclr.explorer.tiles import Row, Tile
from latentclr.images import side_by_side, to_pil

STRIP = 7
"""Pictures of a strip."""
FRAMES, FPS = 48, 24
"""Of an animation: one loop of two seconds."""
MOST_FRAMES = 240
GAINS = (1, 2, 5, 10, 20, 50, 100)
"""Factors by which a difference is made visible."""
WHOLE = 0.995
"""The share of a difference's values that fit into the picture once it is amplified."""


@dataclass(frozen=True)
class Difference:
    """What edits change.

    Attributes:
        pictures: one for each seed.
        factor: by which the change was multiplied.
        signed: what no change looks like: mid-grey (signed) or black.
    """

    pictures: tuple[Image.Image, ...]
    factor: int
    signed: bool


def edited(shelf: Shelf, recipe: Recipe, *, size: Size = "shown", quick: bool = False) -> list[Image.Image]:
    """The pictures of a recipe, one for each seed.

    Args:
        shelf: where all is that the recipe names.
        recipe: what to draw; `recipe.unedited()` draws the originals.
        size: of the pictures.
        quick: large generators draw a small picture, which is enlarged to the same size.

    Raises:
        InputError: see `Shelf.opened`.
    """
    opened = shelf.opened(recipe)
    latents = edit_all(opened.latents, opened.moves, steps=opened.steps)
    return draw(opened.generator, latents, size, quick=quick, lock=shelf.lock(shelf.home(recipe)))


def strip(
    shelf: Shelf,
    recipe: Recipe,
    chosen: tuple[str, int],
    *,
    alphas: Sequence[float] | None = None,
    size: Size = "shown",
    quick: bool = False,
) -> list[Row]:
    """One direction at many strengths, in the place of its own edit in the recipe: a row for each seed.

    Args:
        shelf: where all is that the recipe names.
        recipe: of the pictures, and of the other edits.
        chosen: id of the run and number of the direction.
        alphas: strengths; None: `STRIP` of them, over the range of the direction's slider.
        size: of the pictures.
        quick: see `edited`.

    Raises:
        InputError: see `Shelf.opened`; no strength.
    """
    if alphas is None:
        limit = slider_range(shelf, shelf.home(recipe), *chosen).limit
        alphas = [limit * (2 * i / (STRIP - 1) - 1) for i in range(STRIP)]
    alphas = [float(alpha) for alpha in alphas]
    if not alphas:
        raise InputError("a strip needs at least one strength.")
    old = recipe.edit_of(*chosen) or Edit(*chosen, alpha=0.0)
    recipes = [recipe.with_edit(replace(old, alpha=alpha)) for alpha in alphas]
    columns = _several(shelf, recipes, size, quick=quick)
    return [
        Row(
            title,
            tuple(Tile(column[i], told_alpha(alpha)) for column, alpha in zip(columns, alphas, strict=True)),
        )
        for i, title in enumerate(recipe.titles)
    ]


def grid(
    shelf: Shelf,
    recipe: Recipe,
    seeds: Sequence[int],
    *,
    size: Size = "shown",
    quick: bool = False,
) -> list[Tile]:
    """The recipe on many seeds.

    Raises:
        InputError: see `Shelf.opened`; no seed, or too many.
    """
    many = recipe.of_seeds(tuple(seeds))
    pictures = edited(shelf, many, size=size, quick=quick)
    return [Tile(picture, title) for picture, title in zip(pictures, many.titles, strict=True)]


def difference(
    shelf: Shelf,
    recipe: Recipe,
    *,
    signed: bool = False,
    factor: int | None = None,
    size: Size = "shown",
    quick: bool = False,
) -> Difference:
    """What the edits change, pixel by pixel and colour by colour.

    Without signs, black is no change, so that one sees where something happens and how much. With signs,
    mid-grey is no change, lighter is more of a colour and darker less, so that one sees in which way.

    Args:
        shelf: where all is that the recipe names.
        recipe: whose edits are looked at.
        signed: show in which way.
        factor: multiplies the change, which is 1 for a pixel that goes from black to white; None: the largest
            of `GAINS` with which nearly all of it (`WHOLE`) fits into the picture, 1 where nothing changes.
        size: of the pictures.
        quick: see `edited`.

    Raises:
        InputError: see `Shelf.opened`; a factor below 1.
    """
    if factor is not None and factor < 1:
        raise InputError(f"factor={factor} of a difference must be at least 1.")
    opened = shelf.opened(recipe)
    generator, lock = opened.generator, shelf.lock(shelf.home(recipe))
    check_room(generator, 2 * len(opened.latents), size)
    moved = edit_all(opened.latents, opened.moves, steps=opened.steps)
    pieces = []
    for pair in zip(opened.latents.split(batch(generator)), moved.split(batch(generator)), strict=True):
        with lock, torch.no_grad():
            before, after = (pixels(generator, some, quick=quick).clamp(-1, 1).cpu() for some in pair)
        pieces.append((after - before) / 2)
    changes = torch.cat(pieces)
    gain = _gain(changes) if factor is None else factor
    shown = changes * gain if signed else 2 * gain * changes.abs() - 1
    height = height_of(generator, size)
    return Difference(tuple(enlarged(to_pil(one), height) for one in shown), gain, signed)


def methods(
    shelf: Shelf,
    recipe: Recipe,
    chosen: Sequence[tuple[str, int]],
    *,
    strength: float = 1.0,
    size: Size = "shown",
    quick: bool = False,
) -> list[Row]:
    """Directions of several runs beside each other: the same picture, edited as strongly by each.

    Each row has the edit the other way, the original and the edit. The edits of the recipe are not made.

    Args:
        shelf: where all is that the recipe names.
        recipe: whose first seed is drawn.
        chosen: id of a run and number of a direction, for each row.
        strength: 1 is the visible change that all are brought to (`latentclr.explorer.strength`).
        size: of the pictures.
        quick: see `edited`.

    Raises:
        InputError: see `Shelf.opened`; nothing chosen.
    """
    if not chosen:
        raise InputError("choose at least one direction to compare.")
    name = shelf.home(recipe)
    alphas = matched_alphas(shelf, name, chosen, label=recipe.label, truncation=recipe.truncation)
    plain = replace(recipe, edits=(), seeds=recipe.seeds[:1])
    recipes = [
        replace(plain, edits=(Edit(run, direction, share * strength * alpha.alpha),))
        for (run, direction), alpha in zip(chosen, alphas, strict=True)
        for share in (-1.0, 0.0, 1.0)
    ]
    pictures = [column[0] for column in _several(shelf, recipes, size, quick=quick)]
    rows = []
    for i, ((run, direction), alpha) in enumerate(zip(chosen, alphas, strict=True)):
        entry, three = shelf.entry(run), pictures[3 * i : 3 * i + 3]
        ways = (-strength * alpha.alpha, 0.0, strength * alpha.alpha)
        tiles = tuple(Tile(one, told_alpha(way)) for one, way in zip(three, ways, strict=True))
        note = "" if alpha.reached else "too weak: as strong as it gets"
        rows.append(Row(f"{entry.title}: {entry.directions.label(direction)}", tiles, note))
    return rows


def frames(
    shelf: Shelf,
    recipe: Recipe,
    *,
    count: int = FRAMES,
    size: Size = "shown",
) -> list[Image.Image]:
    """A loop: from the original to the edits, back, to the opposite edits and back. Seeds stand side by side.

    Args:
        shelf: where all is that the recipe names.
        recipe: whose edits are animated.
        count: of the frames.
        size: height of the frames.

    Raises:
        InputError: see `Shelf.opened`; too many or too large frames.
    """
    if not 2 <= count <= MOST_FRAMES:
        raise InputError(f"count={count} frames: give 2 to {MOST_FRAMES}.")
    shares = [math.sin(2 * math.pi * frame / count) for frame in range(count)]
    opened, lock = shelf.opened(recipe), shelf.lock(shelf.home(recipe))
    n = len(recipe.seeds)
    check_room(opened.generator, count * n, size)
    at_once = max(1, batch(opened.generator) // n)
    found: list[Image.Image] = []
    for start in range(0, count, at_once):
        some = torch.tensor(shares[start : start + at_once], device=opened.latents.device)
        latents, share = opened.latents.repeat(len(some), 1, 1), some.repeat_interleave(n)
        moved = edit_all(latents, opened.moves, share=share, steps=opened.steps)
        pictures = draw(opened.generator, moved, size, lock=lock)
        found += [side_by_side(pictures[i : i + n]) for i in range(0, len(pictures), n)]
    return found


def told_alpha(alpha: float) -> str:
    """A strength as people read it.

    >>> told_alpha(1.5), told_alpha(-2.0), told_alpha(0.0)
    ('+1.5', '-2', '0')
    """
    return f"{alpha:+.3g}" if alpha else "0"


def _several(shelf: Shelf, recipes: Sequence[Recipe], size: Size, *, quick: bool) -> list[list[Image.Image]]:
    """The pictures of recipes that differ in their edits only; another thread may draw in between."""
    check_room(shelf.base(shelf.home(recipes[0])), sum(len(recipe.seeds) for recipe in recipes), size)
    return [edited(shelf, recipe, size=size, quick=quick) for recipe in recipes]


def _gain(changes: Float[Tensor, "n 3 h w"]) -> int:
    sizes = changes.abs().flatten()
    largest = float(sizes.kthvalue(max(1, math.ceil(WHOLE * len(sizes)))).values)
    return max((gain for gain in GAINS if gain * largest <= 1), default=1) if bool(sizes.any()) else 1
