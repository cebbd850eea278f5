"""Undo and redo, over states that are values."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

State = TypeVar("State")

LIMIT = 100
"""States that can be gone back to."""


@dataclass(frozen=True)
class History(Generic[State]):
    """A state with those before and after it. A value: every change gives a new one.

    >>> history = History("a").push("b").push("c").undo()
    >>> history.present, history.redo().present, history.push("d").future
    ('b', 'c', ())

    Attributes:
        present: the state.
        past: those that `undo` leads to, oldest first; at most `limit`.
        future: those that `redo` leads to, next first.
        limit: states that are kept in the past.
    """

    present: State
    past: tuple[State, ...] = ()
    future: tuple[State, ...] = ()
    limit: int = LIMIT

    def push(self, state: State) -> "History[State]":
        """Go on to a new state; what was undone is forgotten. Nothing changes if it is the present one."""
        if state == self.present:
            return self
        past = (*self.past, self.present)
        return replace(self, present=state, past=past[max(0, len(past) - self.limit) :], future=())

    def amend(self, state: State) -> "History[State]":
        """Change the present state without a step of its own, as while a slider is being dragged."""
        return self if state == self.present else replace(self, present=state, future=())

    def undo(self) -> "History[State]":
        """Go back one state; nothing changes if there is none."""
        if not self.past:
            return self
        *past, present = self.past
        return replace(self, present=present, past=tuple(past), future=(self.present, *self.future))

    def redo(self) -> "History[State]":
        """Go forward one state; nothing changes if there is none."""
        if not self.future:
            return self
        present, *future = self.future
        return replace(self, present=present, past=(*self.past, self.present), future=tuple(future))
