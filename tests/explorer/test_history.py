"""Undo and redo against a list with a finger in it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from latentclr.explorer.history import History

actions = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 5)),
        st.tuples(st.just("amend"), st.integers(0, 5)),
        st.tuples(st.sampled_from(["undo", "redo"]), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=60)
@given(actions, st.integers(0, 6))
def test_it_does_what_a_list_with_a_finger_in_it_does(walk: list[tuple[str, int]], limit: int) -> None:
    history, states, finger = History(0, limit=limit), [0], 0
    for what, state in walk:
        if what == "push":
            history = history.push(state)
            if state != states[finger]:
                states = [*states[: finger + 1], state]
                states = states[max(0, len(states) - 1 - limit) :]
                finger = len(states) - 1
        elif what == "amend":
            history = history.amend(state)
            if state != states[finger]:
                states = [*states[:finger], state]
        elif what == "undo":
            history = history.undo()
            finger = max(0, finger - 1)
        else:
            history = history.redo()
            finger = min(len(states) - 1, finger + 1)
        assert history.present == states[finger]
        assert (bool(history.past), bool(history.future)) == (finger > 0, finger < len(states) - 1)
        assert [*history.past, history.present, *history.future] == states
        assert len(history.past) <= limit


def test_a_history_is_a_value() -> None:
    history = History("a").push("b")
    history.undo().push("c")
    assert (history.present, history.past, history.future) == ("b", ("a",), ())


def test_what_is_amended_after_an_undo_has_no_future() -> None:
    history = History("a").push("b").undo().amend("c")
    assert (history.present, history.past, history.future) == ("c", (), ())
