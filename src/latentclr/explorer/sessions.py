"""Visitors: the view of each and what can be undone, in memory only."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace

from latentclr.errors import InputError
from latentclr.explorer.address import from_query, start
from latentclr.explorer.history import History
from latentclr.explorer.recipe import Recipe
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.view import View

MOST = 200
"""Visitors that are remembered; the one that was seen longest ago is forgotten. Their address has it all."""
ONE_MOVE = 0.8
"""Seconds: moves of one slider that follow each other faster are undone together."""


@dataclass
class Session:
    """One visitor (one tab of a browser). Whoever changes it holds its lock: several requests come at a time.

    Attributes:
        view: the present one.
        history: of its recipe: undo is about the picture, not about what is beside it.
        lock: of the session.
        message: what to tell first, of an address that could not be read.
        version: of what was last drawn, where it changes by itself.
    """

    view: View
    history: History[Recipe]
    lock: threading.Lock = field(default_factory=threading.Lock)
    message: str = ""
    version: object = None
    _last: tuple[Hashable, float] = (None, 0.0)

    def keep(self, view: View, *, move: Hashable = None, now: Callable[[], float] = time.monotonic) -> None:
        """Go on to another view.

        Args:
            view: the next one.
            move: what is being dragged; steps of one drag are undone together. None: nothing is.
            now: clock, in seconds.
        """
        moment = now()
        if view.recipe != self.view.recipe:
            on = move is not None and self._last[0] == move and moment - self._last[1] < ONE_MOVE
            history = self.history
            self.history = history.amend(view.recipe) if on else history.push(view.recipe)
            self._last = (move, moment)
        self.view = view

    def travel(self, shelf: Shelf, *, back: bool) -> View:
        """Undo or redo.

        Raises:
            InputError: there is nothing to undo or redo.
        """
        after = self.history.undo() if back else self.history.redo()
        if after is self.history:
            raise InputError(f"there is nothing to {'undo' if back else 'redo'}.")
        recipe = after.present
        view = self.view
        if recipe.sha256 != view.recipe.sha256:
            view = start(shelf, shelf.home(recipe))
        self.view, self.history, self._last = replace(view, recipe=recipe), after, (None, 0.0)
        return self.view


class Sessions:
    """Visitors by the name that their browser gives them."""

    def __init__(self, shelf: Shelf, *, most: int = MOST) -> None:
        """Remember at most so many."""
        self._shelf, self._most = shelf, most
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, name: str, query: Mapping[str, str]) -> Session:
        """Begin anew, with what the address says; one that cannot be read begins at the start.

        Raises:
            InputError: there is no generator to begin with.
        """
        try:
            view, message = from_query(self._shelf, query), ""
        except InputError as error:
            view, message = start(self._shelf), str(error)
        session = Session(view, History(view.recipe), message=message)
        with self._lock:
            self._sessions[name[:100]] = session
            while len(self._sessions) > self._most:
                self._sessions.popitem(last=False)
        return session

    def of(self, name: str, query: Mapping[str, str]) -> Session:
        """The visitor's session; of one that was forgotten, the one that the address brings back."""
        with self._lock:
            found = self._sessions.get(name[:100])
            if found is not None:
                self._sessions.move_to_end(name[:100])
                return found
        return self.open(name, query)
