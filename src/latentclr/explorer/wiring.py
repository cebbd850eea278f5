"""Which event of the page changes the view in which way."""

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from latentclr.errors import InputError
from latentclr.explorer import changes
from latentclr.explorer.address import start
from latentclr.explorer.events import Events, How, Parts
from latentclr.explorer.naming import proposed
from latentclr.explorer.panel import OWN
from latentclr.explorer.refining import Refiner
from latentclr.explorer.sessions import Sessions
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.slots import parse_slots
from latentclr.explorer.view import PAGE, PICTURE, View

if TYPE_CHECKING:
    import gradio

LONGEST_NAME = 100
"""Characters of a direction's name."""
RANDOM = 1_000_000
"""Random seeds are below: short enough to be remembered."""


def wire(blocks: "gradio.Blocks", parts: Parts, shelf: Shelf, sessions: Sessions, refiner: Refiner) -> None:
    """Connect the controls of a page.

    Args:
        blocks: the page.
        parts: its controls by name.
        shelf: what it may open.
        sessions: its visitors.
        refiner: of their photos.
    """
    events = Events(parts, shelf, sessions)
    events.load(blocks)
    _pictures(events, shelf, refiner)
    _directions(events, shelf)
    _marks(events, shelf)


def _pictures(events: Events, shelf: Shelf, refiner: Refiner) -> None:
    """Which picture, and how it is looked at."""
    events.on("generator.input", lambda _, name: start(shelf, name), "generator")
    events.on("label.input", lambda view, label: _with(view, label=label), "label")
    events.on("runs.input", lambda view, runs: changes.choose_runs(shelf, view, runs), "runs")
    events.on("mode.input", changes.draw, "mode")
    events.on("seed.submit", _typed, "seed")
    events.on("before.click", lambda view: changes.next_seeds(view, -1))
    events.on("after.click", lambda view: changes.next_seeds(view, +1))
    events.on("random.click", lambda view: changes.seeds_from(view, secrets.randbelow(RANDOM)))
    seed_or_photo = _seed_or_photo(shelf)
    events.on_stage("stage", seed_or_photo)
    events.on("album.input", lambda view, photo: seed_or_photo(view, None, photo), "album")
    events.on("stop.click", lambda view: view, before=lambda view: refiner.stop(view.recipe.photo or ""))
    events.on_progress("refresh", lambda view: _version(shelf, view))
    events.on("sharpen.click", lambda view: view)
    events.on_slider("truncation", lambda view, value: _with(view, truncation=value))
    events.on_slider("steps", lambda view, value: _with(view, steps=_whole(value)))
    events.on_slider("strength", changes.compare)


def _directions(events: Events, shelf: Shelf) -> None:
    """Sliders, and the slots of the chosen direction."""
    events.on("run.input", changes.show, "run")
    events.on("earlier.click", lambda view: changes.turn(shelf, view, view.first - PAGE))
    events.on("later.click", lambda view: changes.turn(shelf, view, view.first + PAGE))
    events.on("reset.click", changes.reset)
    events.on_history("undo", back=True)
    events.on_history("redo", back=False)

    def slid(place: int) -> How:
        def how(view: View, rows: str, alpha: float) -> View:
            run, index = _row(rows, place)
            return changes.slide(changes.pick(shelf, view, run, index), run, {index: alpha})

        return how

    def picked(place: int) -> How:
        return lambda view, rows: changes.pick(shelf, view, *_row(rows, place))

    def taken_back(place: int) -> How:
        return lambda view, rows: changes.reset(view, _row(rows, place))

    for i in range(PAGE):
        events.on_slider(f"slider-{i}", slid(i), "rows")
        events.on(f"pick-{i}.click", picked(i), "rows")
        events.on(f"reset-{i}.click", taken_back(i), "rows")

    def slots(view: View, text: str) -> View:
        run, index = _chosen(view)
        return changes.limit(view, run, index, parse_slots(text, shelf.base(shelf.home(view.recipe))))

    events.on("preset.input", lambda view, name: slots(view, "" if name == OWN else name), "preset")
    events.on("slots.submit", slots, "slots")


def _marks(events: Events, shelf: Shelf) -> None:
    """What is written back to the run: names, stars, what is hidden."""

    def renamed(view: View, name: str | None) -> View:
        if len(name or "") > LONGEST_NAME:
            raise InputError(
                f"a name of {len(name or '')} characters is too long: {LONGEST_NAME} are the most."
            )
        shelf.rename(*_chosen(view), name or "")
        return view

    def starred(view: View) -> View:
        run, index = _chosen(view)
        shelf.star(run, index, index not in shelf.entry(run).directions.starred)
        return changes.paged_to(shelf, view)

    def hidden(view: View) -> View:
        run, index = _chosen(view)
        hide = index not in shelf.entry(run).directions.hidden
        after = changes.beside(shelf, view, +1) if hide and not view.hidden else view
        shelf.hide(run, index, hide)
        return changes.turn(shelf, after, after.first)

    events.on("rename.click name.submit", renamed, "name")
    events.on("star.click", starred)
    events.on("hide.click", hidden)
    events.on(
        "hidden.input",
        lambda view, on: changes.turn(shelf, replace(view, hidden=on), view.first),
        "hidden",
    )
    events.on("propose.click", lambda view: view, before=lambda view: _propose(shelf, view))


def _seed_or_photo(shelf: Shelf) -> How:
    """What a click on a picture of the grid, or a photo that was just opened, changes."""

    def how(view: View, seed: Any, photo: Any) -> View:
        if photo is None:
            return changes.draw(replace(view, recipe=view.recipe.of_seeds((seed,))), PICTURE)
        found = shelf.photos.get(str(photo))
        if found.generator != shelf.home(view.recipe):
            view = start(shelf, found.generator)
        return changes.show_photo(view, found)

    return how


def _version(shelf: Shelf, view: View) -> int | None:
    """Which of the photo's pictures the newest one is; None: no photo is seen."""
    return None if view.recipe.photo is None else shelf.photos.get(view.recipe.photo).version


def _with(view: View, **changed: Any) -> View:
    return replace(view, recipe=replace(view.recipe, **changed))


def _whole(value: float) -> float:
    """A number of a slider, whole where it is one; what is not is refused by the recipe."""
    return int(value) if float(value).is_integer() else value


def _typed(view: View, text: str) -> View:
    """The seeds that were typed; nothing changes where they are what was there."""
    as_it_was = text.strip() == ("" if view.seed is None else str(view.seed))
    return view if as_it_was else changes.seeds(view, text)


def _chosen(view: View) -> tuple[str, int]:
    if view.at is None:
        raise InputError("no direction is chosen: move a slider first.")
    return view.at


def _row(rows: str, place: int) -> tuple[str, int]:
    """Run and number of the direction whose slider is at a place of the page that the browser shows."""
    run, _, numbers = rows.partition(":")
    indices = numbers.split(",")
    if place >= len(indices) or not indices[place].isdecimal():
        raise InputError("the page is not what the server knows: open it again.")
    return run, int(indices[place])


def _propose(shelf: Shelf, view: View) -> None:
    name = shelf.home(view.recipe)
    for run in view.runs:
        found = proposed(shelf, name, run)
        if found.reason:
            raise InputError(found.reason)
