"""The address that brings a view back, and what a page opens with."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from latentclr.errors import InputError
from latentclr.explorer.changes import checked_seeds, compare, draw, pick, show, show_photo, turn
from latentclr.explorer.checks import shown
from latentclr.explorer.recipe import Recipe
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.view import GRID, MOST_RUNS, PICTURE, POOL, View
from latentclr.ranges import as_ranges


def to_query(view: View) -> str:
    """The part of an address that brings a view back: "s=...&m=..."."""
    values = {
        "s": view.recipe.to_link(),
        "m": view.mode,
        "r": ",".join(f"{run}:{index}" for run, index in view.picks),
        "t": view.run,
        "g": as_ranges(view.pool),
        "f": str(view.first),
        "x": f"{view.strength:g}",
        "h": "1" if view.hidden else "",
    }
    usual = {"m": PICTURE, "g": as_ranges(range(POOL)), "f": "0", "x": "1"}
    return urlencode({name: value for name, value in values.items() if value != usual.get(name, "")})


def start(shelf: Shelf, generator: str | None = None) -> View:
    """What a page opens with: one picture, the first photo of the album if there is one, and the runs.

    Args:
        shelf: of the page.
        generator: its name; None: the first.

    Raises:
        InputError: there is no such generator, or it cannot be loaded.
    """
    recipe = shelf.start(generator)
    name = shelf.home(recipe)
    picks = []
    for entry in shelf.entries(name)[:MOST_RUNS]:
        try:
            shelf.fitting(name, entry.id)
        except InputError:  # listed all the same; who chooses it is told why not
            continue
        picks.append((entry.id, (*entry.shown, 0)[0]))
    view = View(recipe, tuple(picks), picks[0][0] if picks else "")
    album = shelf.photos.album(name)
    return show_photo(view, album[0]) if album else view


def with_recipe(shelf: Shelf, recipe: Recipe) -> View:
    """A view of somebody's recipe: of its first seed; of several, the grid.

    Raises:
        InputError: see `Shelf.opened`.
    """
    shelf.opened(recipe)
    view = start(shelf, shelf.home(recipe))
    for edit in recipe.edits:
        view = pick(shelf, view, edit.run, edit.direction)
    view = replace(view, recipe=replace(recipe, seeds=recipe.seeds[:1]))
    return replace(view, pool=recipe.seeds, mode=GRID) if len(recipe.seeds) > 1 else view


def from_query(shelf: Shelf, query: Mapping[str, str]) -> View:
    """Read what `to_query` wrote; an address without a recipe is that of the start.

    Raises:
        InputError: it is damaged, or names what is not here.
    """
    if not query.get("s"):
        return start(shelf)
    recipe = Recipe.from_link(query["s"])
    shelf.opened(recipe)
    name = shelf.home(recipe)
    view = View(replace(recipe, seeds=recipe.seeds[:1]))
    picks = []
    for part in filter(None, query.get("r", "")[:1000].split(",")):
        run, _, index = part.partition(":")
        entry = shelf.fitting(name, run)
        picks.append((run, entry.directions.index(_whole(index, "direction"))))
    if len(dict(picks)) < len(picks) or len(picks) > MOST_RUNS:
        raise InputError(f"the link is damaged: it names a run twice, or over {MOST_RUNS} runs.")
    view = replace(view, picks=tuple(picks), run=picks[0][0] if picks else "")
    if query.get("t"):
        view = show(view, query["t"])
    if query.get("m"):
        view = draw(view, query["m"])
    if query.get("g"):
        view = replace(view, pool=checked_seeds(query["g"]))
    if query.get("x"):
        view = compare(view, _number(query["x"], "strength"))
    view = replace(view, hidden=query.get("h") == "1")
    return turn(shelf, view, _whole(query["f"], "place")) if query.get("f") else view


def _whole(text: str, what: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise InputError(f"the link is damaged: {what} {shown(text)} is no number.")
    return int(text)


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"the link is damaged: {what} {shown(text)} is no number.") from error
