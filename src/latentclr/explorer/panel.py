"""What the controls of the page show of a view, as plain values by the control's name."""

from html import escape
from typing import Any

from latentclr.directions.models import Global
from latentclr.explorer.changes import listed, page
from latentclr.explorer.naming import label, proposed_yet
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.slots import slot_presets, told_slots
from latentclr.explorer.strength import slider_range
from latentclr.explorer.view import METHODS, PAGE, View
from latentclr.ranges import as_ranges

Values = dict[str, dict[str, Any]]

STAR = "★"
OWN = "the run's own"
"""The choice of slots that a run was found with."""
DIRECTION = ("direction", "chosen", "about", "name", "star", "hide", "preset", "slots")
"""Names of the controls of the chosen direction."""


def panel(shelf: Shelf, view: View) -> Values:
    """All controls; `changed_direction` gives those that follow the chosen direction alone."""
    return {
        **_choices(shelf, view),
        **_picture(shelf, view),
        **_list(shelf, view),
        **changed_direction(shelf, view),
    }


def token(view: View, indices: tuple[int, ...]) -> str:
    """What the page's sliders are of: sent back with their values, whatever the view has become since."""
    return f"{view.run}:{','.join(map(str, indices))}"


def changed_direction(shelf: Shelf, view: View) -> Values:
    """The controls of the chosen direction."""
    at = view.at
    if at is None:
        return {"direction": {"visible": False}}
    entry, index = shelf.entry(at[0]), at[1]
    directions = entry.directions
    generator = shelf.base(shelf.home(view.recipe))
    names = proposed_yet(shelf, shelf.home(view.recipe), entry.id)
    edit = view.recipe.edit_of(*at)
    slots = None if edit is None else edit.slots
    presets = slot_presets(generator)
    chosen = OWN if slots is None else next((name for name, one in presets.items() if one == slots), None)
    several = generator.num_slots > 1
    return {
        "direction": {"visible": True},
        "chosen": {"value": f"<h2>Direction {escape(label(entry, index, names))}</h2>"},
        "about": {"value": escape(names.texts.get(index, "")) if names else ""},
        "name": {
            "value": directions.names[index],
            "placeholder": names.names.get(index, "no name yet") if names else "no name yet",
        },
        "star": {"value": "Unstar" if index in directions.starred else "Star"},
        "hide": {"value": "Show" if index in directions.hidden else "Hide"},
        "preset": {"choices": [OWN, *presets], "value": chosen, "visible": several},
        "slots": {
            "value": told_slots(slots, generator),
            "placeholder": as_ranges(directions.slots),
            "label": f"By number, 0 to {generator.num_slots - 1}",
            "visible": several,
        },
    }


def _choices(shelf: Shelf, view: View) -> Values:
    name = shelf.home(view.recipe)
    generator, entries = shelf.base(name), shelf.entries(name)
    classes = generator.class_names or tuple(map(str, range(generator.num_classes)))
    titles = {entry.id: entry.title for entry in entries}
    return {
        "generator": {"choices": list(shelf.generators()), "value": name},
        "label": {
            "choices": [(f"{i} {one}" if one != str(i) else one, i) for i, one in enumerate(classes)],
            "value": view.recipe.label,
            "visible": generator.num_classes > 0,
        },
        "runs": {
            "choices": [(title, run) for run, title in titles.items()],
            "value": list(view.runs),
            "visible": len(entries) > 1,
        },
        "run": {
            "choices": [(titles[run], run) for run in view.runs],
            "value": view.run or None,
            "visible": len(view.runs) > 1,
        },
    }


def _picture(shelf: Shelf, view: View) -> Values:
    conditional = any(not isinstance(shelf.entry(run).directions.model, Global) for run in view.runs)
    album = shelf.photos.album(shelf.home(view.recipe))
    return {
        "mode": {"value": view.mode},
        "album": {
            "choices": [(photo.name or f"photo {i}", photo.id) for i, photo in enumerate(album)],
            "value": view.recipe.photo if view.recipe.photo in {photo.id for photo in album} else None,
            "visible": bool(album),
        },
        "seed": {"value": "" if view.seed is None else str(view.seed)},
        # A photo has that of its inversion.
        "truncation": {"value": view.recipe.truncation, "visible": view.seed is not None},
        "steps": {"value": view.recipe.steps, "visible": conditional},
        "strength": {"value": view.strength, "visible": view.mode == METHODS},
    }


def _list(shelf: Shelf, view: View) -> Values:
    everything, indices = listed(shelf, view), page(shelf, view)
    last = view.first + len(indices)
    values: Values = {
        "rows": {"value": token(view, indices)},
        "count": {"value": escape(_counted(shelf, view, indices, len(everything)))},
        "earlier": {"interactive": view.first > 0, "visible": len(everything) > PAGE},
        "later": {"interactive": last < len(everything), "visible": len(everything) > PAGE},
        "hidden": {
            "value": view.hidden,
            "visible": bool(view.run and shelf.entry(view.run).directions.hidden),
        },
    }
    name = shelf.home(view.recipe)
    for i in range(PAGE):
        index = indices[i] if i < len(indices) else None
        values |= _slider(shelf, name, view, i, index)
    return values


def _counted(shelf: Shelf, view: View, indices: tuple[int, ...], count: int) -> str:
    if not indices:
        return "no directions"
    unit = slider_range(shelf, shelf.home(view.recipe), view.run, indices[0]).unit
    where = (
        f"{view.first + 1} to {view.first + len(indices)} of {count}"
        if count > PAGE
        else f"{count} directions"
    )
    return f"{where}; strengths are {unit}"


def _slider(shelf: Shelf, name: str, view: View, place: int, index: int | None) -> Values:
    if index is None:
        return {f"row-{place}": {"visible": False}, f"slider-{place}": {"value": 0.0}}
    entry, names = shelf.entry(view.run), proposed_yet(shelf, name, view.run)
    reach = slider_range(shelf, name, view.run, index)
    edit = view.recipe.edit_of(view.run, index)
    alpha = 0.0 if edit is None else edit.alpha
    most = max(reach.limit, abs(alpha))  # somebody's recipe may go further
    star = f"{STAR} " if index in entry.directions.starred else ""
    hidden = " (hidden)" if index in entry.directions.hidden else ""
    return {
        f"row-{place}": {"visible": True},
        f"slider-{place}": {
            "label": f"{star}{label(entry, index, names)}{hidden}",
            "minimum": -most,
            "maximum": most,
            "step": reach.step,
            "value": alpha,
        },
    }
