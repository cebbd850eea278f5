"""How a view changes: each function gives a new one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from latentclr.errors import InputError
from latentclr.explorer.checks import shown
from latentclr.explorer.photos import Photo
from latentclr.explorer.recipe import MOST_EDITS, MOST_SEEDS, Edit, Recipe
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.view import GRID, MODES, MOST_RUNS, PAGE, PICTURE, STRONGEST, View
from latentclr.ranges import numbers


def listed(shelf: Shelf, view: View) -> tuple[int, ...]:
    """Numbers of the directions whose sliders can be shown: with a star first, hidden ones if asked for."""
    if not view.run:
        return ()
    entry = shelf.entry(view.run)
    return entry.shown + (tuple(sorted(entry.directions.hidden)) if view.hidden else ())


def page(shelf: Shelf, view: View) -> tuple[int, ...]:
    """Numbers of the directions whose sliders are shown, at most `PAGE`."""
    return listed(shelf, view)[view.first : view.first + PAGE]


def turn(shelf: Shelf, view: View, first: int) -> View:
    """Show the page that begins at a place of the list, or the nearest that there is."""
    last = max(0, (len(listed(shelf, view)) - 1) // PAGE * PAGE)
    return replace(view, first=min(max(first, 0) // PAGE * PAGE, last))


def choose_runs(shelf: Shelf, view: View, runs: Sequence[str]) -> View:
    """Put these runs beside each other; edits of the others stay in the picture.

    Raises:
        InputError: one that is not here or belongs to another generator, or too many.
    """
    if len(runs) > MOST_RUNS:
        raise InputError(f"{len(runs)} runs are too many beside each other: choose up to {MOST_RUNS}.")
    name, known = shelf.home(view.recipe), dict(view.picks)
    picks = []
    for run in dict.fromkeys(runs):
        entry = shelf.fitting(name, run)
        picks.append((run, known.get(run, (*entry.shown, 0)[0])))
    now = view.run if view.run in dict(picks) else next((run for run, _ in picks), "")
    changed = replace(view, picks=tuple(picks), run=now)
    return changed if now == view.run else replace(changed, first=0)


def show(view: View, run: str) -> View:
    """Show the sliders of another one of the chosen runs.

    Raises:
        InputError: it is not one of them.
    """
    if run not in view.runs:
        raise InputError("this run is not one of the chosen ones: choose it first.")
    return view if run == view.run else replace(view, run=run, first=0)


def pick(shelf: Shelf, view: View, run: str, index: int) -> View:
    """Choose a direction, and its run with it.

    Raises:
        InputError: no such run or direction, a run of another generator, or too many runs.
    """
    entry = shelf.fitting(shelf.home(view.recipe), run)
    index = entry.directions.index(index)
    if run not in view.runs:
        view = choose_runs(shelf, view, (*view.runs, run))
    picks = tuple((one, index if one == run else old) for one, old in view.picks)
    return show(replace(view, picks=picks), run)


def slide(view: View, run: str, alphas: Mapping[int, float]) -> View:
    """Set strengths of directions; one without an edit and at 0 stays without.

    Raises:
        InputError: there are too many edits, or a strength is no number or too large.
    """
    recipe = view.recipe
    for index, alpha in alphas.items():
        old = recipe.edit_of(run, index)
        if old is None and alpha == 0:
            continue
        edit = Edit(run, index, alpha) if old is None else replace(old, alpha=alpha)
        if edit != old:
            recipe = _room(recipe, edit).with_edit(edit)
    return replace(view, recipe=recipe)


def limit(view: View, run: str, index: int, slots: tuple[int, ...] | None) -> View:
    """Let edits along a direction move these slots; None: the run's own."""
    old = view.recipe.edit_of(run, index)
    if old is None and slots is None:
        return view
    edit = replace(old or Edit(run, index, 0.0), slots=slots)
    return replace(view, recipe=_room(view.recipe, edit).with_edit(edit))


def reset(view: View, which: tuple[str, int] | None = None) -> View:
    """Take one edit back, slots and all; None: all edits."""
    recipe = view.recipe.unedited() if which is None else view.recipe.without_edit(*which)
    return replace(view, recipe=recipe)


def seeds(view: View, text: str) -> View:
    """Show the picture of a number, or of several ("0-11,40") the first and their grid.

    Raises:
        InputError: these are no seeds, or too many.
    """
    found = checked_seeds(text)
    view = replace(view, recipe=view.recipe.of_seeds(found[:1]))
    return replace(view, pool=found, mode=GRID) if len(found) > 1 else view


def next_seeds(view: View, step: int) -> View:
    """Show the next or previous picture; of a grid, as many pictures further on."""
    if view.mode == GRID:
        return seeds_from(view, view.pool[0] + step * len(view.pool))
    # From a photo, back to the picture that was seen before.
    return seeds_from(view, view.recipe.seeds[0] + (0 if view.seed is None else step))


def seeds_from(view: View, seed: int) -> View:
    """Show another picture; of a grid, as many as it has from there on."""
    if view.mode == GRID:
        return replace(view, pool=tuple((seed + i) % 2**32 for i in range(len(view.pool))))
    return replace(view, recipe=view.recipe.of_seeds((seed % 2**32,)))


def show_photo(view: View, photo: Photo) -> View:
    """Show an inverted photo of the view's generator, with the edits that there are."""
    truncation = photo.inversion.origin.truncation
    label = view.recipe.label if photo.label is None else photo.label  # in w, none is found
    recipe = replace(view.recipe, photo=photo.id, label=label, truncation=truncation)
    return replace(view, recipe=recipe, mode=PICTURE if view.mode == GRID else view.mode)


def draw(view: View, mode: str) -> View:
    """Look at something else.

    Raises:
        InputError: it is not one of `MODES`.
    """
    if mode not in MODES:
        raise InputError(f"the page cannot draw {shown(mode)}: choose one of {', '.join(MODES)}.")
    return replace(view, mode=mode)


def compare(view: View, strength: float) -> View:
    """Compare methods at another strength.

    Raises:
        InputError: it is not above 0 and at most `STRONGEST`.
    """
    if not 0 < strength <= STRONGEST:
        raise InputError(f"strength {strength:g} must be above 0 and at most {STRONGEST:g}.")
    return replace(view, strength=float(strength))


def paged_to(shelf: Shelf, view: View) -> View:
    """With the chosen direction's slider shown, where it is listed at all."""
    places = listed(shelf, view)
    at = view.at
    return turn(shelf, view, places.index(at[1])) if at and at[1] in places else turn(shelf, view, view.first)


def beside(shelf: Shelf, view: View, step: int) -> View:
    """Choose the direction before or behind the chosen one, in the order of the list."""
    places, at = listed(shelf, view), view.at
    if not places or at is None:
        return view
    place = places.index(at[1]) + step if at[1] in places else 0
    return paged_to(shelf, pick(shelf, view, view.run, places[place % len(places)]))


def _room(recipe: Recipe, edit: Edit) -> Recipe:
    """The recipe with room for one more edit: those that do nothing go first."""
    if recipe.edit_of(edit.run, edit.direction) or len(recipe.edits) < MOST_EDITS:
        return recipe
    kept = tuple(one for one in recipe.edits if one.alpha)
    if len(kept) >= MOST_EDITS:
        raise InputError(f"{MOST_EDITS} directions at a time are the most: take one back first.")
    return replace(recipe, edits=kept)


def checked_seeds(text: str) -> tuple[int, ...]:
    """Numbers of pictures from a list ("3", "0-11,40"), each once.

    Raises:
        InputError: these are no seeds, or too many.
    """
    found = tuple(dict.fromkeys(numbers(text, int, "seeds")))
    if len(found) > MOST_SEEDS or any(not 0 <= seed < 2**32 for seed in found):
        raise InputError(f"seeds {shown(text)}: give up to {MOST_SEEDS} whole numbers in 0 .. 2^32 - 1.")
    return found
