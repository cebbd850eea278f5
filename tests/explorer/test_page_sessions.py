"""Visitors: what each has undone, and that none is in another's way."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.explorer.shelves import plain, toys

from latentclr.errors import InputError
from latentclr.explorer import changes
from latentclr.explorer.address import start, to_query
from latentclr.explorer.sessions import ONE_MOVE, Session, Sessions
from latentclr.explorer.view import View

SHELF = toys(plain(), plain(3, name="other"), generators=("toy", "other"))
RUN = SHELF.entries("toy")[0].id


def opened() -> Session:
    return Sessions(SHELF).open("ann", {})


def at(session: Session, index: int, alpha: float) -> View:
    return changes.slide(session.view, RUN, {index: alpha})


def clock(*moments: float) -> Callable[[], float]:
    left = iter(moments)
    return lambda: next(left)


def alphas(session: Session) -> list[float]:
    return [edit.alpha for edit in session.view.recipe.edits]


def test_undo_and_redo_are_about_the_picture() -> None:
    session = opened()
    session.keep(at(session, 0, 1.0))
    session.keep(changes.draw(session.view, "strip"))
    session.keep(at(session, 1, 2.0))
    session.travel(SHELF, back=True)
    assert (alphas(session), session.view.mode) == ([1.0], "strip")
    session.keep(changes.draw(session.view, "grid"))  # looking at something else takes nothing away
    session.travel(SHELF, back=False)
    assert (alphas(session), session.view.mode) == ([1.0, 2.0], "grid")
    for back in (True, True):
        session.travel(SHELF, back=back)
    assert alphas(session) == []
    with pytest.raises(InputError, match="nothing to undo"):
        session.travel(SHELF, back=True)


def test_there_is_nothing_to_redo_behind_a_new_edit() -> None:
    session = opened()
    session.keep(at(session, 0, 1.0))
    session.travel(SHELF, back=True)
    session.keep(at(session, 0, 3.0))
    with pytest.raises(InputError, match="nothing to redo"):
        session.travel(SHELF, back=False)


def test_one_drag_is_one_step_and_two_are_two() -> None:
    session = opened()
    now = clock(0.0, 0.1, 0.2, 0.2 + ONE_MOVE, 9.0)
    for alpha in (0.5, 1.0, 1.5):
        session.keep(at(session, 0, alpha), move="slider-0", now=now)
    for alpha in (2.0,):  # the same slider, after a while
        session.keep(at(session, 0, alpha), move="slider-0", now=now)
    session.keep(at(session, 1, 1.0), move="slider-1", now=now)
    found = []
    while session.history.past:
        session.travel(SHELF, back=True)
        found.append(alphas(session))
    assert found == [[2.0], [1.5], []]


def test_undo_leads_back_to_another_generator() -> None:
    session = opened()
    session.keep(at(session, 0, 1.0))
    session.keep(start(SHELF, "other"))
    view = session.travel(SHELF, back=True)
    assert (view.recipe.generator, view.run, alphas(session)) == ("toy", RUN, [1.0])
    assert session.travel(SHELF, back=False).run == SHELF.entries("other")[0].id


def test_visitors_do_not_see_each_other() -> None:
    sessions = Sessions(SHELF)
    ann, bob = sessions.open("ann", {}), sessions.open("bob", {})
    ann.keep(at(ann, 0, 1.0))
    assert sessions.of("ann", {}) is ann
    assert sessions.of("bob", {}) is bob
    assert alphas(bob) == []


def test_who_was_forgotten_comes_back_by_the_address() -> None:
    sessions = Sessions(SHELF, most=2)
    ann = sessions.open("ann", {})
    ann.keep(at(ann, 2, 1.25))
    query = dict(pair.split("=") for pair in to_query(ann.view).replace("%3A", ":").split("&"))
    sessions.open("bob", {})
    assert sessions.of("ann", {}) is ann  # and so seen last
    sessions.open("eve", {})
    assert sessions.of("ann", query) is ann
    sessions.open("joe", {})
    again = sessions.of("eve", query)
    assert again.view == replace(ann.view)
    assert sessions.of("bob", query).view == ann.view


def test_an_address_that_cannot_be_read_is_told_and_begins_at_the_start() -> None:
    session = Sessions(SHELF).open("ann", {"s": "nonsense"})
    assert session.view == start(SHELF)
    assert "this link is damaged" in session.message


def test_many_threads_lose_no_edit() -> None:
    session = opened()

    def edit(index: int) -> None:
        for step in range(50):
            with session.lock:
                session.keep(at(session, index, float(step)), move=index)

    threads = [threading.Thread(target=edit, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert alphas(session) == [49.0] * 4
