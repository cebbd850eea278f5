"""The summary is the paper's, computed properly; planted participants are found; intervals hold the truth."""

from collections.abc import Callable
from math import isnan

import numpy as np
import pytest
from tests.study.planted import always, at_random, careful, collected

from latentclr import InputError
from latentclr.evaluate.intervals import Bootstrap
from latentclr.study.answers import Given, Joined
from latentclr.study.order import Step
from latentclr.study.plan import Study
from latentclr.study.responses import responses
from latentclr.study.statistics import Line, by_run, grade, line, paper, ratio, wilson

StudyOf = Callable[..., Study]
FEW = Bootstrap(200)


def told(line: Line) -> dict[str, float]:
    parts = ("yes", "maybe", "no", "missing", "strict", "not_no")
    return {part: getattr(line, part).value for part in parts}


def test_the_papers_numbers_and_to_which_question_they_belong() -> None:
    obvious, meaningful = told(paper("obvious")), told(paper("meaningful"))
    for found in (obvious, meaningful):
        assert found["yes"] + found["maybe"] + found["no"] == pytest.approx(30.61)
        assert found["missing"] == 1.39
    # "82% semantically meaningful, and 80.59% ... obvious": by its own averages the other way round.
    assert round(100 * obvious["not_no"], 2) == 82.03
    assert round(100 * meaningful["not_no"], 2) == 80.59
    assert round(100 * obvious["strict"], 1) == 54.5
    assert round(100 * meaningful["strict"], 1) == 44.9
    assert isnan(paper("obvious").not_no.low)


def test_answers_of_known_participants_are_counted(study_of: StudyOf) -> None:
    def graded(method: int, way: int, question: str) -> str:
        return "no" if question == "meaningful" else ["yes", "yes", "maybe", "no"][way]

    found = collected(study_of(), [careful(graded), careful(graded), always("yes")])
    counts = found.counts("obvious")
    assert counts.shape == (3, 4, 4)
    assert counts.sum() == 3 * 4  # checks and repeats are not among them
    assert counts[0].argmax(1).tolist() == [0, 0, 1, 2]
    assert counts[2].argmax(1).tolist() == [0, 0, 0, 0]
    summary = line(counts, by_run(found)[0], FEW)
    assert (summary.k, summary.people) == (4, 3)
    assert told(summary) == pytest.approx(
        {
            "yes": 8 / 3,
            "maybe": 2 / 3,
            "no": 2 / 3,
            "missing": 0.0,
            "strict": 2 / 3,
            "not_no": 1 - 1 / 6,
        }
    )
    assert summary.not_no.low == pytest.approx(1 - summary.no.high / 4)
    third = grade(counts[:, 2], FEW)
    assert (third.yes, third.maybe, third.no, third.missing) == (1, 2, 0, 0)
    assert third.share_yes == wilson(1, 3)
    assert third.share_not_no == wilson(3, 3)


def test_what_was_not_answered_is_missing_and_no_no(study_of: StudyOf) -> None:
    def stops(step: Step, question: str) -> str | None:
        return "yes" if step.panels[0].place in ((0, 0), (0, 1)) else None

    found = collected(study_of(), [stops, always("no")])
    summary = line(found.counts("obvious"), by_run(found)[0], FEW)
    assert told(summary) == pytest.approx(
        {"yes": 1.0, "maybe": 0.0, "no": 2.0, "missing": 1.0, "strict": 0.25, "not_no": 0.5}
    )
    last = grade(found.counts("obvious")[:, 3], FEW)
    assert (last.no, last.missing) == (1, 1)
    assert last.share_yes == wilson(0, 1)  # of those who answered


@pytest.mark.parametrize("per_participant", [None, 3])
@pytest.mark.parametrize("unit", ["direction", "picture"])
def test_the_four_numbers_sum_to_the_directions_of_each_method(
    study_of: StudyOf, unit: str, per_participant: int | None
) -> None:
    people = [at_random(i) for i in range(4)]
    found = collected(study_of(4, 2, unit=unit, per_participant=per_participant), people)
    for question in ("obvious", "meaningful"):
        counts = found.counts(question)
        shown = 6 if per_participant is None else per_participant
        assert counts.sum() == 4 * shown * (2 if unit == "picture" else 1)
        for k, mask in zip((4, 2), by_run(found), strict=True):
            summary = line(counts, mask, FEW)
            known = told(summary)
            assert known["yes"] + known["maybe"] + known["no"] + known["missing"] == pytest.approx(k)


def test_the_summary_is_a_loop_over_participants_and_directions(study_of: StudyOf) -> None:
    people = [at_random(i) for i in range(5)]
    found = collected(study_of(3, 3, unit="picture", per_participant=4), people)
    for m, mask in enumerate(by_run(found)):
        totals = []
        for person in found.people:
            shares = []
            for w in range(3):
                values = [
                    row.value
                    for row in found.rows
                    if row.participant == person
                    and row.question == "obvious"
                    and row.step.kind == "direction"
                    and row.step.panels[0].place == (m, w)
                ]
                if values:
                    shares.append(values.count("yes") / len(values))
            if shares:
                totals.append(3 * sum(shares) / len(shares))
        summary = line(found.counts("obvious"), mask, FEW)
        assert summary.people == len(totals)
        assert summary.yes.value == pytest.approx(sum(totals) / len(totals))


def test_several_answers_of_one_participant_are_not_taken_for_several_people() -> None:
    # Ten people who each say the same of ten pictures know as much as ten answers, not a hundred.
    counts = np.zeros((10, 4))
    counts[:5, 0] = counts[5:, 2] = 10
    clustered = grade(counts, Bootstrap(2000))
    single = wilson(5, 10)
    assert clustered.share_yes.value == 0.5
    assert clustered.share_yes.high - clustered.share_yes.low > 0.8 * (single.high - single.low)


def test_of_one_participant_there_is_no_interval_and_of_none_no_value(study_of: StudyOf) -> None:
    found = collected(study_of(), [always("yes")])
    alone = line(found.counts("obvious"), by_run(found)[0], FEW)
    assert (alone.yes.value, isnan(alone.yes.low), isnan(alone.yes.high)) == (4.0, True, True)
    nobody = line(found.of([]).counts("obvious"), by_run(found)[0], FEW)
    assert (nobody.people, isnan(nobody.yes.value)) == (0, True)
    assert isnan(ratio(np.zeros(3), np.zeros(3), FEW).value)


@pytest.mark.statistics
def test_intervals_of_means_hold_the_truth_about_as_often_as_they_say() -> None:
    rng, inside = np.random.default_rng(0), 0
    for seed in range(200):
        counts = np.zeros((40, 8, 4))
        tendency = rng.beta(2, 2, size=40)  # people differ: the mean over them is what is asked for
        yes = rng.random((40, 8)) < tendency[:, None]
        counts[:, :, 0], counts[:, :, 2] = yes, ~yes
        found = line(counts, np.ones(8, bool), Bootstrap(300, seed=seed)).strict
        inside += found.low <= 0.5 <= found.high
    assert 0.89 <= inside / 200 <= 0.99


def test_answers_that_were_not_asked_are_an_error_and_not_left_out(study_of: StudyOf) -> None:
    joined = [Joined(1, "a key", None)]
    given = [Given(1, item, "obvious", "yes", None, 0) for item in ("d0-0", "d9-9")]
    with pytest.raises(InputError, match=r"participant 1 answered what this version does not ask \(d9-9\)"):
        responses(study_of(), joined, given)


def test_people_who_only_came_are_nobody_yet(study_of: StudyOf) -> None:
    joined = [Joined(number, f"key {number}", None) for number in (1, 2)]
    found = responses(study_of(), joined, [Given(2, "d0-0", "obvious", "yes", None, 0)])
    assert found.people == (2,)
