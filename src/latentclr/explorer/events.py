"""Events of the page: one request and one answer each.

Of a slider only the newest value is drawn, and only the stage comes back; all other events bring every
control up to date. Whatever goes wrong, a sentence is shown and all is as it was before.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from latentclr.errors import InputError
from latentclr.explorer.panel import DIRECTION, Values, changed_direction, panel
from latentclr.explorer.sessions import Session, Sessions
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.stage import stage
from latentclr.explorer.view import PAGE, View
from latentclr.web import UNEXPECTED

LOGGER = logging.getLogger("latentclr.explorer")
QUICKLY: Mapping[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
    "preprocess": False,  # values are checked here (`checked`), and refused in a sentence
}
LARGEST = 1e9
"""No number of a slider is as large."""
WORDS = ("generator", "run", "mode", "seed", "album", "preset", "slots", "name", "rows")
NUMBERS = ("truncation", "steps", "strength", *(f"slider-{i}" for i in range(PAGE)))

Parts = Mapping[str, Any]
"""Controls by name."""
How = Callable[..., View]
"""From the view and the values of controls to the next view."""


class Events:
    """Connects controls of the page to changes of the view."""

    def __init__(self, parts: Parts, shelf: Shelf, sessions: Sessions) -> None:
        import gradio

        self._parts, self._shelf, self._sessions, self._gr = parts, shelf, sessions, gradio
        # What a slider's event may change: never a slider, which somebody holds.
        self._light = self._of(("stage", "message", *DIRECTION))
        self._everything = list(parts.values())
        # Gradio's page copies all that it knows of every control that may show progress, at every event: of a
        # hundred controls, that takes longer than the picture.
        self._quickly = {**QUICKLY, "show_progress_on": parts["rows"]}

    def load(self, blocks: Any) -> None:
        """Show what the address says when the page is opened."""
        gr = self._gr

        def opened(request: gr.Request) -> dict[Any, Any]:
            # Not `open`: what somebody did before this arrives stays.
            session = self._sessions.of(_name(request), _query(request))
            with session.lock:
                return self._refreshed(session, session.message)

        blocks.load(opened, outputs=self._everything, **self._quickly)

    def on(self, names: str, how: How, *inputs: str, before: Callable[[View], object] | None = None) -> None:
        """Let events ("rename.click name.submit") change the view, and refresh all controls.

        Args:
            names: of controls and their events.
            how: from the view and the inputs' values to the next view.
            inputs: names of controls.
            before: what takes long and is done first, without holding the session.
        """
        gr = self._gr

        def changed(request: gr.Request, *values: Any) -> dict[Any, Any]:
            return self._changed(request, lambda view: how(view, *checked(inputs, values)), before)

        for name in names.split():
            part, _, kind = name.partition(".")
            # Every click counts; of what is typed or chosen, the newest.
            mode = "multiple" if kind == "click" else "always_last"
            getattr(self._parts[part], kind)(
                changed, self._of(inputs), self._everything, trigger_mode=mode, **self._quickly
            )

    def on_history(self, name: str, *, back: bool) -> None:
        """Let a button undo or redo."""
        gr = self._gr

        def changed(request: gr.Request) -> dict[Any, Any]:
            session = self._sessions.of(_name(request), _query(request))
            with session.lock:
                return self._refreshed(session, _tried(lambda: session.travel(self._shelf, back=back)))

        self._parts[name].click(changed, None, self._everything, trigger_mode="multiple", **self._quickly)

    def on_stage(self, name: str, how: How) -> None:
        """Let what the stage tells change the view: the seed of a picture, or a photo that was opened."""
        gr = self._gr

        def changed(request: gr.Request, event: gr.EventData) -> dict[Any, Any]:
            data = getattr(event, "_data", None)
            told = data if isinstance(data, Mapping) else {}
            return self._changed(request, lambda view: how(view, told.get("seed"), told.get("photo")))

        self._parts[name].click(changed, None, self._everything, trigger_mode="multiple", **self._quickly)

    def on_progress(self, name: str, version: Callable[[View], object]) -> None:
        """Let a button bring the stage up to date, where what it shows has another version by now."""
        gr = self._gr

        def asked(request: gr.Request) -> dict[Any, Any]:
            session, html = self._sessions.of(_name(request), _query(request)), ""

            def draw() -> None:
                nonlocal html
                newest = version(session.view)
                if newest != session.version:
                    html, session.version = stage(self._shelf, session.view, quick=True), newest

            with session.lock:
                message = _tried(draw)
            drawn = {"stage": {"value": html}} if html else {}
            return self._updates({**drawn, "message": {"value": escape(message)}})

        self._parts[name].click(
            asked, None, self._of(("stage", "message")), trigger_mode="once", **self._quickly
        )

    def on_slider(self, name: str, how: How, *inputs: str) -> None:
        """Let a slider change the view: only its newest value, and only the stage is refreshed."""
        gr = self._gr

        def moved(request: gr.Request, *values: Any) -> dict[Any, Any]:
            session, html = self._sessions.of(_name(request), _query(request)), ""

            def change() -> None:
                nonlocal html
                after = how(session.view, *checked((*inputs, name), values))
                html = stage(self._shelf, after, quick=True)
                session.keep(after, move=(name, *values[:-1]))

            with session.lock:
                at = session.view.at
                message = _tried(change)
                other = session.view.at != at
                found = changed_direction(self._shelf, session.view) if other else {}
            if html:
                found = {**found, "stage": {"value": html}}
            return self._updates({**found, "message": {"value": escape(message)}})

        self._parts[name].input(
            moved, self._of((*inputs, name)), self._light, trigger_mode="always_last", **self._quickly
        )

    def _changed(
        self, request: Any, how: Callable[[View], View], before: Callable[[View], object] | None = None
    ) -> dict[Any, Any]:
        session, html = self._sessions.of(_name(request), _query(request)), ""
        message = "" if before is None else _tried(lambda: before(session.view))

        def change() -> None:
            nonlocal html
            after = how(session.view)
            html = stage(self._shelf, after)
            session.keep(after)  # only what can be drawn

        with session.lock:
            message = message or _tried(change)
            return self._refreshed(session, message, html)

    def _refreshed(self, session: Session, message: str, html: str = "") -> dict[Any, Any]:
        values = panel(self._shelf, session.view)
        values["stage"] = {"value": html or stage(self._shelf, session.view)}
        return self._updates({**values, "message": {"value": escape(message)}})

    def _updates(self, values: Values) -> dict[Any, Any]:
        return {self._parts[name]: self._gr.update(**what) for name, what in values.items()}

    def _of(self, names: Sequence[str]) -> list[Any]:
        return [self._parts[name] for name in names]


def checked(names: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """What a browser sent for these controls, once it is of their kinds; an empty text may be None.

    Raises:
        InputError: it is not.
    """
    found = []
    for name, value in zip(names, values, strict=True):
        if name in WORDS:
            value = "" if value is None else value
            fine = isinstance(value, str)
        elif name in NUMBERS:
            fine = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
            value = float(value) if fine else value
        elif name == "hidden":
            fine = isinstance(value, bool)
        elif name == "runs":
            fine = isinstance(value, list) and all(isinstance(one, str) for one in value)
        else:
            fine = value is None or type(value) is int  # the number of a class
        if not fine:
            raise InputError(f"the page sent a {name} that it cannot mean: open it again.")
        found.append(value)
    return found


def _tried(what: Callable[[], object]) -> str:
    """What to tell when something is done: nothing, or the sentence why it was not."""
    try:
        what()
    except InputError as error:
        return str(error)
    except Exception:
        LOGGER.exception("unexpected error")
        return UNEXPECTED
    return ""


def _name(request: Any) -> str:
    return str(request.session_hash)


def _query(request: Any) -> dict[str, str]:
    return dict(request.query_params)
