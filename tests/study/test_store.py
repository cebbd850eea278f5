"""What the store acknowledges is there, once; codes are nowhere; nobody sees what is another's."""

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text
from tests.study.planted import always, take_part

from latentclr import InputError
from latentclr.study.answers import (
    Given,
    NoConsentError,
    Participant,
    UnknownCodeError,
    UnreachableError,
    key_of,
)
from latentclr.study.order import Step, steps
from latentclr.study.plan import Study
from latentclr.study.store import Store, database
from latentclr.study.store.database import healthy

WRITERS = 8


@pytest.fixture(scope="module")
def study(study_of: Callable[..., Study]) -> Study:
    return study_of(3, names=True)


@pytest.fixture
def store(url: str, study: Study) -> Iterator[Store]:
    with Store.open(url, study) as opened:
        yield opened


@pytest.fixture
def me(store: Store) -> Participant:
    """Somebody who has agreed and answered nothing."""
    return take_part(store, lambda *_: None)


def first(store: Store, key: str) -> Step:
    return steps(store.study, key)[0]


def test_somebody_comes_agrees_answers_and_comes_back(store: Store, url: str) -> None:
    me = store.join()
    assert (me.number, me.consented, me.key) == (1, False, key_of(me.code))
    item = first(store, me.key).item
    with pytest.raises(NoConsentError, match="agree to take part first"):
        store.answer(me.code, item, "obvious", "yes")
    store.consent(me.code, "the text")
    assert store.join(me.code).consented
    assert store.progress(me.code).next == 0
    assert store.answer(me.code, item, "obvious", "yes", milliseconds=1200) == 0
    with Store.open(url, store.study) as again:  # another process, after a restart
        back = again.join(me.code.upper())
        assert (back.number, back.key, back.consented) == (1, me.key, True)
        assert again.progress(me.code).answers == {(item, "obvious"): "yes"}
        assert again.answers() == [Given(1, item, "obvious", "yes", 1200, 0)]


def test_an_answer_is_stored_once_however_often_it_is_sent(store: Store, me: Participant) -> None:
    item = first(store, me.key).item
    assert store.answer(me.code, item, "obvious", "yes", milliseconds=1200) == 0
    for _ in range(3):
        assert store.answer(me.code, item, "obvious", "yes", milliseconds=99) is None
    assert store.answers() == [Given(1, item, "obvious", "yes", 1200, 0)]


def test_a_changed_mind_is_kept_and_counted(store: Store, me: Participant) -> None:
    item = first(store, me.key).item
    for value in ("yes", "no", "no", "yes"):
        revisions = store.answer(me.code, item, "obvious", value, milliseconds=len(value))
    assert revisions == 2
    assert store.answers() == [Given(1, item, "obvious", "yes", 3, 2)]  # the first answer's time


def test_progress_is_to_the_first_item_that_is_not_done(store: Store, me: Participant) -> None:
    theirs = steps(store.study, me.key)
    for question in ("obvious", "meaningful"):  # names are no duty
        store.answer(me.code, theirs[0].item, question, "yes")
        store.answer(me.code, theirs[2].item, question, "yes")
    store.answer(me.code, theirs[1].item, "obvious", "yes")
    found = store.progress(me.code)
    assert (found.next, found.total) == (1, len(theirs))
    assert found.done == {theirs[0].item, theirs[2].item}
    take_part(store, always("maybe"), code=me.code)
    assert store.progress(me.code).next is None
    assert store.progress(me.code).next is None


@pytest.mark.parametrize("code", ["", "x" * 100_000, "' OR 1=1 --", "\ud800"])
def test_codes_that_nobody_has(store: Store, code: str) -> None:
    store.join()
    for call in (
        lambda: store.join(code),
        lambda: store.consent(code, "text"),
        lambda: store.progress(code),
        lambda: store.withdraw(code),
        lambda: store.answer(code, "d0-0", "obvious", "yes"),
    ):
        with pytest.raises(UnknownCodeError, match="this code is not known here"):
            call()


@pytest.mark.parametrize(
    ("item", "question", "value", "message"),
    [
        ("d0-9", "obvious", "yes", "not among your questions"),
        ("d0-0", "clearer", "left", "not among your questions"),
        ("d0-0", "obvious", "perhaps", "this is no answer to 'obvious'"),
        ("d0-0", "name", "x" * 81, "81 characters; up to 80"),
    ],
)
def test_what_is_not_asked_is_not_stored(
    store: Store, me: Participant, item: str, question: str, value: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        store.answer(me.code, item, question, value)
    assert store.answers() == []


def test_free_text_is_cleaned_and_kept_whatever_it_says(store: Store, me: Participant) -> None:
    for sent, kept in (
        ("=1+1\x00\ud800", "=1+1"),
        ("'; DROP TABLE answer; --", "'; DROP TABLE answer; --"),
        ("<script>", "<script>"),
        ("笑 😀", "笑 😀"),
        ("", ""),
    ):
        store.answer(me.code, "d0-0", "name", sent)
        assert store.answers()[0].value == kept


def test_times_that_cannot_be_true_are_not_kept(store: Store, me: Participant) -> None:
    items = ("d0-0", "d0-1", "d0-2", "s0", "x0")
    for item, sent in zip(items, (None, 0, -1, 2**70, 1234), strict=True):
        store.answer(me.code, item, "obvious", "yes", milliseconds=sent)
    assert [one.milliseconds for one in store.answers()] == [None, 0, None, None, 1234]


def test_nothing_stored_says_who_somebody_is(store: Store, url: str, tmp_path: Path) -> None:
    me = take_part(store, always("yes"))
    engine = create_engine(database._place(url))
    columns = {
        c["name"] for table in inspect(engine).get_table_names() for c in inspect(engine).get_columns(table)
    }
    assert columns == {
        *("id", "digest", "title", "joined", "study_id", "number", "key", "consent", "day"),
        *("participant_id", "item", "question", "value", "milliseconds", "revisions", "version_num"),
    }
    with engine.connect() as connection:
        every = [
            str(row)
            for table in ("study", "participant", "answer")
            for row in connection.execute(text(f"SELECT * FROM {table}"))
        ]
    engine.dispose()
    assert not any(me.code in row for row in every)
    store.close()
    for path in tmp_path.iterdir():
        if path.is_file():
            assert me.code.encode() not in path.read_bytes()


def test_who_withdraws_is_gone_with_all_answers(store: Store) -> None:
    me, other = (take_part(store, always("yes")) for _ in range(2))
    before = Counter(one.participant for one in store.answers())
    store.withdraw(me.code)
    with pytest.raises(UnknownCodeError):
        store.join(me.code)
    assert Counter(one.participant for one in store.answers()) == {other.number: before[other.number]}
    assert [one.number for one in store.participants()] == [2]
    assert store.join().number == 3  # numbers are not given twice


def test_the_first_consent_stays(store: Store) -> None:
    me = store.join()
    assert store.participants()[0].day is None
    store.consent(me.code, "first")
    (joined,) = store.participants()
    store.consent(me.code, "second")
    assert store.participants() == [joined]
    assert joined.day is not None
    with pytest.raises(UnknownCodeError):
        store.consent("nobody", "first")


def test_codes_can_be_made_beforehand(store: Store) -> None:
    codes = store.invite(3)
    assert [store.join(code).number for code in codes] == [1, 2, 3]
    for count in (0, -1, 10_001):
        with pytest.raises(InputError, match=f"{count} codes: from 1 to 10000"):
            store.invite(count)


def test_studies_in_one_database_do_not_see_each_other(store: Store, url: str) -> None:
    me = take_part(store, always("yes"))
    with Store.open(url, replace(store.study, digest="f" * 64)) as other:
        assert other.answers() == []
        assert other.participants() == []
        assert other.join().number == 1
        with pytest.raises(UnknownCodeError):
            other.join(me.code)
    assert len(store.participants()) == 1


def test_many_come_at_once(store: Store) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        found = list(pool.map(lambda _: take_part(store, always("yes")), range(WRITERS)))
    assert sorted(one.number for one in found) == list(range(1, WRITERS + 1))
    each = len([q for step in steps(store.study, found[0].key) for q in step.questions])
    assert set(Counter(one.participant for one in store.answers()).values()) == {each}
    assert store.healthy()


def test_one_answer_that_is_sent_by_many_at_once_is_new_once(store: Store, me: Participant) -> None:
    together = threading.Barrier(WRITERS)

    def send(_: int) -> int | None:
        together.wait()
        return store.answer(me.code, "d0-0", "obvious", "yes")

    with ThreadPoolExecutor(WRITERS) as pool:
        found = Counter(pool.map(send, range(WRITERS)))
    assert found == {0: 1, None: WRITERS - 1}
    assert store.answers() == [Given(1, "d0-0", "obvious", "yes", None, 0)]


def test_sqlite_is_safe_and_waits(study: Study, tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/a.sqlite3", study) as store, store._engine.connect() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 60_000}


def test_what_was_acknowledged_survives_a_kill_at_that_moment(study: Study, tmp_path: Path) -> None:
    """The files as they are then are all that a killed process leaves; somebody goes on with them."""
    with Store.open(f"sqlite:///{tmp_path}/a.sqlite3", study) as store:
        me = take_part(store, lambda *_: None)
        for number, step in enumerate(steps(study, me.key)[:3], start=1):
            store.answer(me.code, step.item, "obvious", "yes")
            left = tmp_path / str(number)
            left.mkdir()
            for name in ("a.sqlite3", "a.sqlite3-wal"):
                shutil.copy(tmp_path / name, left)
            with Store.open(f"sqlite:///{left}/a.sqlite3", study) as again:
                assert again.healthy()
                assert again.answers() == store.answers()
                assert again.answer(me.code, step.item, "obvious", "yes") is None
                assert again.answer(me.code, step.item, "meaningful", "no") == 0


def test_readers_wait_for_no_writer(study: Study, tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/a.sqlite3", study) as store:
        me = take_part(store, always("yes"))
        with store._engine.begin():  # somebody writes and does not come to an end
            assert store.join(me.code).number == 1
            assert store.progress(me.code).next is None
            assert len(store.answers()) > 0


def test_a_database_that_is_busy_for_too_long_is_told(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with Store.open(f"sqlite:///{tmp_path}/a.sqlite3", study) as store:
        me = take_part(store, lambda *_: None)
        with (
            store._engine.begin(),
            pytest.raises(UnreachableError, match=r"cannot be reached \(database is locked\)"),
        ):
            store.answer(me.code, "d0-0", "obvious", "yes")
        assert store.answer(me.code, "d0-0", "obvious", "yes") == 0


def test_damage_is_found(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    with Store.open(f"sqlite:///{path}", study) as store:
        for _ in range(5):
            take_part(store, always("yes"))
        assert store.healthy()
    data = bytearray(path.read_bytes())  # closed, so that all is in the one file
    for page in range(4096, len(data), 4096):  # the first one holds the layout
        data[page + 100 : page + 300] = bytes(200)
    path.write_bytes(data)
    engine = database._sqlite(database._place(f"sqlite:///{path}"))
    assert not healthy(engine)
    engine.dispose()


def test_nobody_is_lost_between_asking_and_writing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    me = take_part(store, lambda *_: None)
    check = Store._check

    def withdraws(self: Store, row: object, item: str, question: str) -> None:
        check(self, row, item, question)
        self.withdraw(me.code)

    monkeypatch.setattr(Store, "_check", withdraws)
    with pytest.raises(UnknownCodeError):
        store.answer(me.code, "d0-0", "obvious", "yes")
