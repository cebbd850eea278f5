"""What a view shows, as pictures: in rows, and all in one for a file."""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from latentclr.errors import InputError
from latentclr.explorer.canvas import Size
from latentclr.explorer.drawing import difference, edited, grid, methods, strip, told_alpha
from latentclr.explorer.recipe import Edit, Recipe
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.strength import slider_range
from latentclr.explorer.tiles import Row, Tile, sheet
from latentclr.explorer.view import DIFFERENCE, GRID, METHODS, STRIP, View

STRONG = 2 / 3
"""Share of its slider at which a direction is animated where nothing is edited."""
COLUMNS = 8
"""Pictures in a line, where many are put into one."""


def rows(shelf: Shelf, view: View, *, size: Size, quick: bool = False) -> list[Row]:
    """The pictures of a view in rows; of a single picture, one row of one.

    Args:
        shelf: where all is that the view names.
        view: what to draw.
        size: height of a picture.
        quick: large generators draw small pictures, which are enlarged.

    Raises:
        InputError: there is no direction to draw, or see `Shelf.opened`.
    """
    if view.mode == STRIP:
        return strip(shelf, view.recipe, _at(view), size=size, quick=quick)
    if view.mode == GRID:
        return [Row("", tuple(grid(shelf, view.recipe, view.pool, size=size, quick=quick)))]
    if view.mode == METHODS:
        _at(view)
        return methods(shelf, view.recipe, view.picks, strength=view.strength, size=size, quick=quick)
    text = view.title
    if view.mode == DIFFERENCE:
        found = difference(shelf, view.recipe, size=size, quick=quick)
        return [Row("", (Tile(found.pictures[0], text),), _told_factor(shelf, view, found.factor))]
    return [Row("", (Tile(edited(shelf, view.recipe, size=size, quick=quick)[0], text),))]


def looped(shelf: Shelf, view: View) -> Recipe:
    """The recipe that is animated: the view's own, or the chosen direction's where nothing is edited.

    Raises:
        InputError: there is no direction, or see `slider_range`.
    """
    if any(edit.alpha for edit in view.recipe.edits):
        return view.recipe
    run, index = _at(view)
    most = slider_range(shelf, shelf.home(view.recipe), run, index).limit
    old = view.recipe.edit_of(run, index) or Edit(run, index, 0.0)
    return view.recipe.with_edit(replace(old, alpha=STRONG * most))


def in_one(found: Sequence[Row]) -> Image.Image:
    """Rows of pictures as one picture, with their texts; a single one as it is, without.

    Raises:
        InputError: more than fits into one picture.
    """
    if len(found) == 1 and len(found[0].tiles) == 1:
        return found[0].tiles[0].picture
    return sheet([line for row in found for line in _broken(row)])


def told_edits(shelf: Shelf, view: View) -> list[tuple[str, str]]:
    """The edits that do something: what each is called, and its strength and slots."""
    several = len({edit.run for edit in view.recipe.edits if edit.alpha}) > 1
    found = []
    for edit in view.recipe.edits:
        if edit.alpha:
            entry = shelf.entry(edit.run)
            name = entry.directions.label(edit.direction)
            slots = "" if edit.slots is None else f" in slots {','.join(map(str, edit.slots))}"
            found.append((f"{entry.title}: {name}" if several else name, told_alpha(edit.alpha) + slots))
    return found


def _broken(row: Row) -> list[Row]:
    """A row in lines of at most `COLUMNS`."""
    starts = range(0, len(row.tiles), COLUMNS)
    return [replace(row, tiles=row.tiles[start : start + COLUMNS]) for start in starts]


def _at(view: View) -> tuple[str, int]:
    if view.at is None:
        raise InputError(
            "there is no direction to draw: choose a run, or find some with `latentclr discover`."
        )
    return view.at


def _told_factor(shelf: Shelf, view: View, factor: int) -> str:
    if not told_edits(shelf, view):
        return "no edit yet: move a slider"
    return (
        f"black is no change; changes are drawn {factor} times as large"
        if factor > 1
        else "black is no change"
    )
