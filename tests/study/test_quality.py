"""Careful participants are kept, those who do not look are seen."""

from collections.abc import Callable
from dataclasses import replace

from tests.study.planted import always, at_random, careful, collected

from latentclr.study.options import Checks
from latentclr.study.order import Step
from latentclr.study.plan import Study
from latentclr.study.quality import qualities, rule

StudyOf = Callable[..., Study]


def graded(method: int, way: int, question: str) -> str:
    return ["yes", "maybe", "no"][(way + (question == "obvious")) % 3]


def test_planted_participants(study_of: StudyOf) -> None:
    people = [careful(graded), always("yes"), always("no"), always("maybe")]
    found = collected(study_of(6, names=True), people)
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


def test_somebody_who_throws_dice_is_inconsistent_and_usually_not_kept(study_of: StudyOf) -> None:
    """Dice that fall the same in every run, so the bounds cannot fail by chance."""
    found = qualities(collected(study_of(6), [at_random(i) for i in range(40)]))
    # One in nine passes both checks, 4.4 of 40: within three standard deviations of 2 each.
    assert 1 <= sum(one.kept() for one in found) <= 10
    # One in three of 160 repeated questions gets the same answer: within three standard deviations of .037.
    assert sum(one.repeated for one in found) == 160
    assert 0.22 < sum(one.same for one in found) / 160 < 0.45


def test_who_stops_early_is_not_kept(study_of: StudyOf) -> None:
    def stops(step: Step, question: str) -> str | None:
        return None if step.kind in ("same", "repeat") else "yes"

    (one,) = qualities(collected(study_of(6), [stops]))
    assert (one.checks, one.right, one.wrong, one.repeated) == (2, 1, 0, 0)
    assert not one.finished
    assert not one.kept(mistakes=2)


def test_without_checks_everybody_is_kept(study_of: StudyOf) -> None:
    found = collected(study_of(3, checks=Checks(0, 0, 0)), [always("yes")])
    assert qualities(found)[0].kept()
    assert rule(found) == "This study has no attention checks, so everybody is kept."
    assert "at most 2 of them wrongly" in rule(collected(study_of(3), [always("no")]), 2)


def test_an_items_time_is_until_its_last_answer_and_changes_are_counted(study_of: StudyOf) -> None:
    found = collected(study_of(3), [always("yes")])
    first, second = found.rows[:2]
    assert first.step == second.step
    rows = (replace(first, milliseconds=9000, revisions=1), replace(second, milliseconds=4000))
    (one,) = qualities(replace(found, rows=rows))
    assert (one.revisions, one.seconds) == (1, 9.0)
