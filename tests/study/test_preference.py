"""Preferences are found whichever side they were on, and a participant is one vote."""

from collections import Counter
from collections.abc import Callable

import pytest
from tests.study.planted import careful, collected

from latentclr.evaluate.intervals import Bootstrap
from latentclr.study.order import Step
from latentclr.study.plan import Study
from latentclr.study.preference import contrasts, preferences
from latentclr.study.statistics import holm, sign_test

StudyOf = Callable[..., Study]

FEW = Bootstrap(200)


def rated(run: int, direction: int, question: str) -> str:
    return "yes" if run == 0 or direction == 0 else "no"


def test_who_prefers_a_method_prefers_it_on_both_sides(study_of: StudyOf) -> None:
    people = [careful(rated, prefers=0) for _ in range(7)] + [careful(rated, prefers=1)]
    found = collected(study_of(3, 3, preference=6), people)
    (one,) = preferences(found, FEW)
    assert (one.wins, one.losses, one.ties, one.missing) == (42, 6, 0, 0)
    assert one.people == (7, 1, 0)
    assert one.p == one.corrected == sign_test(7, 1)
    assert one.p_answers == sign_test(42, 6) < one.p  # one opinion, counted six times
    assert one.share.value == 42 / 48
    assert one.share.low < one.independent.low
    asked = [row for row in found.rows if row.step.kind == "pair"]
    sides = Counter((row.step.swapped, row.value) for row in asked if row.participant < 8)
    assert set(sides) == {(False, "left"), (True, "right")}


def test_neither_and_silence_are_apart(study_of: StudyOf) -> None:
    def undecided(step: Step, question: str) -> str | None:
        if step.kind != "pair":
            return "maybe"
        return {0: "neither", 1: None}.get(step.pair or 0, "left" if step.swapped else "right")

    found = collected(study_of(3, 3, preference=4), [undecided])
    (one,) = preferences(found, FEW)
    assert (one.wins, one.losses, one.ties, one.missing) == (0, 2, 1, 1)
    assert (one.people, one.p) == ((0, 1, 0), 1.0)


def test_every_two_of_three_methods_are_compared_and_corrected_together(study_of: StudyOf) -> None:
    def likes_the_last(step: Step, question: str) -> str:
        if step.kind != "pair":
            return "maybe"
        left, right = (panel.place.run for panel in step.panels if panel.place)
        return "left" if left > right else "right"

    found = collected(study_of(2, 2, 2, preference=2), [likes_the_last] * 6)
    several = preferences(found, FEW)
    assert [(one.first, one.second) for one in several] == [(0, 1), (0, 2), (1, 2)]
    assert all(one.people == (0, 6, 0) for one in several)
    assert [one.corrected for one in several] == holm([sign_test(0, 6)] * 3)


def test_contrasts_are_of_participants_who_rated_both(study_of: StudyOf) -> None:
    found = collected(study_of(3, 3), [careful(rated)] * 6)
    obvious, meaningful = contrasts(found, FEW)
    assert (obvious.question, meaningful.question) == ("obvious", "meaningful")
    assert obvious.difference.value == pytest.approx(1 - 1 / 3)
    assert obvious.people == (6, 0, 0)
    assert obvious.p == sign_test(6, 0)
    assert obvious.corrected == holm([sign_test(6, 0)] * 2)[0]


def test_one_method_has_nothing_beside_it(study_of: StudyOf) -> None:
    found = collected(study_of(3), [careful(rated)] * 2)
    assert preferences(found, FEW) == []
    assert contrasts(found, FEW) == []
