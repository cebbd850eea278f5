"""What a participant sees follows from the study and their code alone, by chance, and as it was asked for."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from latentclr.study.answers import ALPHABET, CODE, key_of, new_code
from latentclr.study.options import Checks
from latentclr.study.order import Step, steps
from latentclr.study.plan import Place, Study


@pytest.fixture(scope="module")
def study(study_of: Callable[..., Study]) -> Study:
    return study_of(6, 6, names=True, preference=5)


def keys(n: int) -> list[str]:
    return [key_of(f"participant {i}") for i in range(n)]


def kinds(found: tuple[Step, ...]) -> Counter[str]:
    return Counter(step.kind for step in found)


def test_everything_is_asked_once(study: Study) -> None:
    for key in keys(20):
        found = steps(study, key)
        assert kinds(found) == {"direction": 12, "same": 1, "drastic": 1, "repeat": 2, "pair": 5}
        assert len({step.item for step in found}) == len(found)
        shown = {s.panels[0].place for s in found if s.kind == "direction"}
        assert len(shown) == 12
        assert found[-5:] == tuple(step for step in found if step.kind == "pair")
        assert found[0].kind == "direction"


def test_the_order_is_the_same_again_and_another_for_others(study: Study) -> None:
    again = Study.open(study.folder)
    for key in keys(3):
        assert steps(study, key) == steps(again, key)
    orders = {tuple(step.item for step in steps(study, key)) for key in keys(20)}
    assert len(orders) == 20
    other = replace(study, seed=study.seed + 1)
    assert steps(other, keys(1)[0]) != steps(study, keys(1)[0])


def test_the_order_stays_what_it_was_in_every_version(study: Study) -> None:
    # If this fails, answers that were collected before can no longer be read: keep the old order, too.
    found = steps(study, key_of("participant 0"))
    assert [step.item for step in found][:8] == ["d1-4", "d0-3", "d1-3", "d0-4", "x0", "d0-5", "d1-5", "d1-2"]
    assert [step.panels[0].pictures for step in found][:4] == [(3, 0), (4, 1), (3, 5), (1, 3)]


def test_pictures_are_drawn_for_each_direction_and_all_as_often(study: Study) -> None:
    shown: Counter[int] = Counter()
    for key in keys(100):
        drawn = [step.panels[0].pictures for step in steps(study, key) if step.kind == "direction"]
        assert all(len(set(pictures)) == 2 for pictures in drawn)
        assert len(set(drawn)) > 1
        shown.update(picture for pictures in drawn for picture in pictures)
    assert set(shown) == set(range(6))
    assert max(shown.values()) < 1.2 * min(shown.values())  # 2400 / 6 = 400 each


def test_a_row_is_minus_original_plus_or_turned_round(study: Study) -> None:
    flips = []
    for key in keys(50):
        for step in steps(study, key):
            for panel in step.panels:
                if panel.place is None:
                    continue
                shown = study.direction(panel.place)
                flips.append(panel.flipped)
                for row, i in zip(panel.rows, panel.pictures, strict=True):
                    assert row.middle == study.pictures.originals[i]
                    sides = (shown.minus[i], shown.plus[i])
                    assert (row.left, row.right) == (sides[::-1] if panel.flipped else sides)
    assert 0.45 < sum(flips) / len(flips) < 0.55


def test_fixed_sides_are_the_papers(study: Study) -> None:
    fixed = replace(study, sides="fixed")
    assert not any(panel.flipped for key in keys(10) for s in steps(fixed, key) for panel in s.panels)


def test_questions_come_in_both_orders_and_names_last(study: Study) -> None:
    orders = Counter(
        step.questions for key in keys(50) for step in steps(study, key) if step.kind == "direction"
    )
    assert set(orders) == {("obvious", "meaningful", "name"), ("meaningful", "obvious", "name")}
    assert min(orders.values()) > 0.45 * sum(orders.values())


def test_checks_are_what_they_say_and_anywhere_but_first(study: Study) -> None:
    places: Counter[int] = Counter()
    for key in keys(100):
        for place, step in enumerate(steps(study, key)):
            if step.kind == "same":
                assert all(row.left == row.middle == row.right for row in step.panels[0].rows)
                assert step.expected == {"obvious": "no"}
            if step.kind == "drastic":
                for row, i in zip(step.panels[0].rows, step.panels[0].pictures, strict=True):
                    a, b = study.pictures.far[i]
                    assert (row.left, row.right) == (study.pictures.originals[a], study.pictures.originals[b])
                    assert len({row.left, row.middle, row.right}) == 3
                assert step.expected == {"obvious": "yes"}
            if step.kind in ("same", "drastic"):
                places[place] += 1
    assert 0 not in places
    assert set(places) == set(range(1, 16))


def test_a_repeat_is_an_early_item_again_late(study: Study) -> None:
    for key in keys(50):
        found = [step for step in steps(study, key) if step.kind not in ("same", "drastic", "pair")]
        for place, step in enumerate(found):
            if step.kind == "repeat":
                first = next(i for i, other in enumerate(found) if other.item == step.repeats)
                assert first < 4  # a third of 12
                assert place >= 8
                assert step.panels == found[first].panels


def test_repeats_are_no_more_than_a_third(study: Study, study_of: Callable[..., Study]) -> None:
    assert kinds(steps(study_of(2), keys(1)[0]))["repeat"] == 0
    many = replace(study, checks=Checks(3, 2, 9))
    assert kinds(steps(many, keys(1)[0])) == {
        "direction": 12,
        "same": 3,
        "drastic": 2,
        "repeat": 4,
        "pair": 5,
    }


def test_pairs_are_on_either_side_on_the_same_pictures(study: Study) -> None:
    swaps = []
    for key in keys(60):
        for step in steps(study, key):
            if step.kind == "pair":
                assert step.pair is not None
                pair = study.pairs[step.pair]
                left, right = (panel.place for panel in step.panels)
                assert (left, right) == (
                    (pair.second, pair.first) if step.swapped else (pair.first, pair.second)
                )
                assert step.panels[0].pictures == step.panels[1].pictures
                assert step.questions == ("clearer",)
                swaps.append(step.swapped)
    assert 0.4 < sum(swaps) / len(swaps) < 0.6


def test_some_directions_for_each_are_all_for_many(study: Study) -> None:
    few = replace(study, per_participant=5)
    seen: Counter[Place | None] = Counter()
    for key in keys(100):
        found = [step for step in steps(few, key) if step.kind == "direction"]
        assert len(found) == 5
        seen.update(step.panels[0].place for step in found)
    assert len(seen) == 12
    assert max(seen.values()) < 2 * min(seen.values())


def test_picture_by_picture_asks_the_same_pictures_one_by_one(study: Study) -> None:
    single = replace(study, unit="picture")
    key = keys(1)[0]
    together = {
        s.panels[0].place: set(s.panels[0].pictures) for s in steps(study, key) if s.kind == "direction"
    }
    apart: dict[Place | None, set[int]] = {}
    for step in steps(single, key):
        assert step.kind == "pair" or len(step.panels[0].rows) == 1
        if step.kind == "direction":
            (picture,) = step.panels[0].pictures
            apart.setdefault(step.panels[0].place, set()).add(picture)
    assert apart == together


def test_codes_are_long_and_read_well() -> None:
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(len(code) == CODE and set(code) <= set(ALPHABET) for code in codes)
    assert len(ALPHABET) ** CODE >= 2**128
    assert not set("01ilo") & set(ALPHABET)
    one = codes.pop()
    assert key_of(one) == key_of(f" {one[:4].upper()}-{one[4:]} ") != key_of(codes.pop())
