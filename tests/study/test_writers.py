"""Writers at once, and something killed while they write: nothing acknowledged is lost or doubled."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.study_writers.__main__ import run
from benchmarks.study_writers.trial import Outcome, judge, plan, shares
from tests.study.conftest import POSTGRES

from latentclr.study.answers import Given
from latentclr.study.store import Store


@pytest.mark.kills
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["http", "store"])
def test_a_short_trial(target: str, database: str) -> None:
    url = os.environ.get(POSTGRES) if database == "postgresql" else None
    if database == "postgresql" and url is None:
        pytest.skip(f"needs a PostgreSQL: set {POSTGRES} to its URL")
    outcome, used = run(target, url=url, writers=3, answers=300, kills=3)
    assert used == database
    assert (outcome.acknowledged, outcome.kills) == (300, 3)
    assert outcome.good, outcome


def test_what_would_be_wrong_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = plan(tmp_path, directions=4, pictures=3)
    with Store.open(None, study) as store:
        sent = shares(study, store, writers=2, answers=20, seed=0)
        acknowledged = {}
        for send in (send for share in sent for send in share):
            store.answer(send.code, send.item, send.question, send.value)
            acknowledged[send.code, send.item, send.question] = send.value
        assert len(acknowledged) == 20
        good = judge(store, sent, acknowledged, Outcome())
        assert good.good
        assert good.acknowledged == 20
        answers = store.answers()

        def judged(given: list[Given]) -> Outcome:
            monkeypatch.setattr(Store, "answers", lambda _: given)
            return judge(store, sent, acknowledged, Outcome())

        other = "no" if answers[0].value == "yes" else "yes"
        assert judged(answers[1:]) == Outcome(acknowledged=20, lost=1)
        assert judged([*answers, answers[0]]) == Outcome(acknowledged=20, doubled=1)
        assert judged([replace(answers[0], value=other), *answers[1:]]) == Outcome(acknowledged=20, other=1)
        again = replace(answers[0], revisions=answers[0].revisions + 1)
        assert judged([again, *answers[1:]]) == Outcome(acknowledged=20, miscounted=1)
        stranger = replace(answers[0], item="d9-9", revisions=0)
        assert judged([*answers, stranger]) == Outcome(acknowledged=20, strange=1)
        assert not judged(answers[1:]).good
