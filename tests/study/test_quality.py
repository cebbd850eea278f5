"""Careful participants are kept, those who do not look are seen."""

from pathlib import Path

import pytest
from tests.study.planted import always, at_random, careful, small_study, take_part
from tests.study.test_statistics import collected

from latentclr.study.order import Step
from latentclr.study.plan import Checks
from latentclr.study.quality import qualities, rule
from latentclr.study.responses import responses
from latentclr.study.store import Store


def graded(method: int, way: int, question: str) -> str:
    return ["yes", "maybe", "no"][(way + (question == "obvious")) % 3]


def test_planted_participants(tmp_path: Path) -> None:
    people = [careful(graded), always("yes"), always("no"), always("maybe")]
    found = collected(tmp_path / "study", people, 6, names=True)
    perfect, yes, no, maybe = qualities(found)
    assert (perfect.asked, perfect.answered, perfect.finished) == (20, 20, True)  # names are no duty
    assert (perfect.checks, perfect.right, perfect.wrong) == (2, 2, 0)
    assert (perfect.repeated, perfect.same) == (4, 4)  # two items, two questions each
    assert perfect.seconds == 1.5
    assert not perfect.straight
    assert perfect.longest < 6
    assert (yes.right, yes.wrong, yes.straight, yes.longest) == (1, 1, True, 10)
    assert (no.right, no.wrong) == (1, 1)  # the check with three equal pictures is passed
    assert (maybe.right, maybe.wrong) == (0, 2)
    assert [one.kept() for one in (perfect, yes, no, maybe)] == [True, False, False, False]
    assert [one.kept(1) for one in (perfect, yes, no, maybe)] == [True, True, True, False]


@pytest.mark.usefixtures("known_codes")
def test_somebody_who_throws_dice_is_inconsistent_and_usually_not_kept(tmp_path: Path) -> None:
    found = qualities(collected(tmp_path / "study", [at_random(i) for i in range(40)], 6))
    assert 1 <= sum(one.kept() for one in found) <= 12  # one in nine passes both checks
    assert 0.2 < sum(one.same for one in found) / sum(one.repeated for one in found) < 0.47


def test_who_stops_early_is_not_kept(tmp_path: Path) -> None:
    def stops(step: Step, question: str) -> str | None:
        return None if step.kind in ("same", "repeat") else "yes"

    (one,) = qualities(collected(tmp_path / "study", [stops], 6))
    assert (one.checks, one.right, one.wrong, one.repeated) == (2, 1, 0, 0)
    assert not one.finished
    assert not one.kept(mistakes=2)


def test_without_checks_everybody_is_kept(tmp_path: Path) -> None:
    found = collected(tmp_path / "study", [always("yes")], 3, checks=Checks(0, 0, 0))
    assert qualities(found)[0].kept()
    assert rule(found) == "This study has no attention checks, so everybody is kept."
    assert "at most 2 of them wrongly" in rule(collected(tmp_path / "other", [always("no")], 3), 2)


def test_an_items_time_is_until_its_last_answer_and_changes_are_counted(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", 3)
    with Store.open(None, study) as store:
        me = take_part(store, always("yes"))
        item = next(one.item for one in store.answers())
        store.answer(me.code, item, "obvious", "no", milliseconds=60_000)
        (one,) = qualities(responses(study, store.participants(), store.answers()))
    assert one.revisions == 1
    assert one.seconds == 1.5  # the time of the first answer stays
