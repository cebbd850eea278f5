"""The store of answers: what it has acknowledged is on the disk, once, whatever happens afterwards.

Many processes may write at once. A code is known to the participant alone; here is its hash. An answer that
is sent again is acknowledged and changes nothing; another answer to the same question replaces it and is
counted as a revision, so that people may go back and think again.
"""

import datetime
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, delete, make_url, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from latentclr.errors import InputError
from latentclr.study.answers import (
    Given,
    Joined,
    NoConsentError,
    Participant,
    Progress,
    Stored,
    UnknownCodeError,
    UnreachableError,
    key_of,
    new_code,
)
from latentclr.study.order import Step, steps
from latentclr.study.plan import ANSWERS, Study
from latentclr.study.store.database import connect, healthy, reading
from latentclr.study.store.tables import AnswerRow, ParticipantRow, StudyRow

LONGEST = 24 * 3600 * 1000
"""Milliseconds; a page that was open for longer measured nothing."""
MOST_INVITED = 10_000


class Store:
    """The answers to one study. Safe to use from many threads and processes.

    Attributes:
        study: the plan.
        place: where the answers are: a file, or a URL without its password.
    """

    def __init__(self, engine: Engine, study: Study, study_id: int, place: str) -> None:
        self.study, self.place = study, place
        self._engine = engine
        self._id = study_id
        self._insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[engine.dialect.name]

    @classmethod
    def open(cls, url: str | None, study: Study) -> "Store":
        """The answers to a study, made if there are none yet.

        Args:
            url: of the database (`database.connect`); None: a file of SQLite in the study's folder.
            study: whose answers; others in the same database are not seen.

        Raises:
            InputError: no such database, or it cannot be written.
        """
        engine = connect(url or f"sqlite:///{(study.folder / ANSWERS).absolute()}")
        insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[engine.dialect.name]
        with _told(), engine.begin() as connection:
            row = insert(StudyRow).values(digest=study.digest, title=study.title, joined=0)
            connection.execute(row.on_conflict_do_nothing(index_elements=[StudyRow.digest]))
            number = connection.execute(
                select(StudyRow.id).where(StudyRow.digest == study.digest)
            ).scalar_one()
        place = make_url(url).render_as_string(hide_password=True) if url else str(study.folder / ANSWERS)
        return cls(engine, study, number, place)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def join(self, code: str | None = None) -> Participant:
        """Somebody comes: anew, or back with their code.

        Args:
            code: None: a new participant, whose code is in the answer and nowhere else.

        Raises:
            UnknownCodeError: nobody has this code.
        """
        if code is not None:
            with _told(), reading(self._engine) as connection:
                return self._known(connection, code)
        code = new_code()
        with _told(), self._engine.begin() as connection:
            return self._add(connection, code)

    def invite(self, count: int) -> list[str]:
        """Codes for so many participants, to be handed out by whoever runs the study.

        Raises:
            InputError: none or far too many are asked for.
        """
        if not 1 <= count <= MOST_INVITED:
            raise InputError(f"{count} codes: from 1 to {MOST_INVITED} can be made at once.")
        with _told(), self._engine.begin() as connection:
            return [self._add(connection, new_code()).code for _ in range(count)]

    def consent(self, code: str, text: str) -> Participant:
        """Somebody agrees to take part; of the text, its SHA-256 is kept. Again: the first one stays.

        Args:
            code: theirs.
            text: that they were shown.

        Raises:
            UnknownCodeError: nobody has this code.
        """
        digest = hashlib.sha256(text.encode()).hexdigest()
        today = datetime.datetime.now(datetime.UTC).date()
        with _told(), self._engine.begin() as connection:
            found = self._known(connection, code)
            connection.execute(
                update(ParticipantRow)
                .where(self._is(found.key), ParticipantRow.consent.is_(None))
                .values(consent=digest, day=today)
            )
        return Participant(found.number, code, found.key, True)

    def answer(
        self, code: str, item: str, question: str, value: str, *, milliseconds: int | None = None
    ) -> Stored:
        """Keep one answer. When this returns, it is on the disk.

        Args:
            code: of the participant.
            item: id of one of their steps.
            question: id of one of the step's questions.
            value: of an allowed answer, or a free text ("": they have nothing to say).
            milliseconds: from the item's appearance to the answer. That of the first answer is kept.

        Raises:
            UnknownCodeError: nobody has this code.
            NoConsentError: they have not agreed yet.
            InputError: they are not asked this, or this is no answer to it.
        """
        with _told(), reading(self._engine) as connection:
            row = self._row(connection, code)
        self._check(row, item, question)
        cleaned = self.study.question(question).clean(value)
        insert = self._insert(AnswerRow).values(
            participant_id=row.id,
            item=item,
            question=question,
            value=cleaned,
            milliseconds=_bounded(milliseconds),
            revisions=0,
        )
        kept = insert.on_conflict_do_update(
            index_elements=[AnswerRow.participant_id, AnswerRow.item, AnswerRow.question],
            set_={"value": insert.excluded.value, "revisions": AnswerRow.revisions + 1},
            where=AnswerRow.value != insert.excluded.value,
        ).returning(AnswerRow.revisions)
        try:
            with _told(), self._engine.begin() as connection:
                revisions = connection.execute(kept).scalar_one_or_none()  # None: the same was there
        except IntegrityError as error:  # they withdrew this moment
            raise UnknownCodeError from error
        return Stored(cleaned, new=revisions == 0, revised=bool(revisions))

    def progress(self, code: str) -> Progress:
        """What somebody has answered, and what comes next.

        Raises:
            UnknownCodeError: nobody has this code.
        """
        with _told(), reading(self._engine) as connection:
            row = self._row(connection, code)
            found = connection.execute(
                select(AnswerRow.item, AnswerRow.question, AnswerRow.value).where(
                    AnswerRow.participant_id == row.id
                )
            ).all()
        answers = {(one.item, one.question): one.value for one in found}
        theirs = steps(self.study, row.key)
        done = [self._done(step, answers) for step in theirs]
        return Progress(
            answers=answers,
            done=frozenset(step.item for step, is_done in zip(theirs, done, strict=True) if is_done),
            total=len(theirs),
            next=done.index(False) if False in done else None,
        )

    def withdraw(self, code: str) -> None:
        """Delete a participant and everything that they answered.

        Raises:
            UnknownCodeError: nobody has this code.
        """
        with _told(), self._engine.begin() as connection:
            found = self._known(connection, code)
            connection.execute(delete(ParticipantRow).where(self._is(found.key)))

    def participants(self) -> list[Joined]:
        """Everybody, by number."""
        with _told(), reading(self._engine) as connection:
            rows = connection.execute(
                select(ParticipantRow.number, ParticipantRow.key, ParticipantRow.day)
                .where(ParticipantRow.study_id == self._id)
                .order_by(ParticipantRow.number)
            ).all()
        return [Joined(row.number, row.key, row.day) for row in rows]

    def answers(self) -> list[Given]:
        """Every answer, by participant, item and question."""
        kept = (
            AnswerRow.item,
            AnswerRow.question,
            AnswerRow.value,
            AnswerRow.milliseconds,
            AnswerRow.revisions,
        )
        with _told(), reading(self._engine) as connection:
            rows = connection.execute(
                select(ParticipantRow.number, *kept)
                .join(AnswerRow, AnswerRow.participant_id == ParticipantRow.id)
                .where(ParticipantRow.study_id == self._id)
            ).all()
        return [Given(*row) for row in sorted(rows, key=lambda row: tuple(row)[:3])]

    def healthy(self) -> bool:
        """Whether the database finds no fault in itself."""
        with _told():
            return healthy(self._engine)

    def _add(self, connection: Connection, code: str) -> Participant:
        key = key_of(code)
        number = connection.execute(
            update(StudyRow)
            .where(StudyRow.id == self._id)
            .values(joined=StudyRow.joined + 1)
            .returning(StudyRow.joined)
        ).scalar_one()
        connection.execute(self._insert(ParticipantRow).values(study_id=self._id, number=number, key=key))
        return Participant(number, code, key, False, new=True)

    def _is(self, key: str) -> Any:
        return (ParticipantRow.study_id == self._id) & (ParticipantRow.key == key)

    def _row(self, connection: Connection, code: str) -> Any:
        wanted = (ParticipantRow.id, ParticipantRow.number, ParticipantRow.key, ParticipantRow.consent)
        row = connection.execute(select(*wanted).where(self._is(key_of(code)))).one_or_none()
        if row is None:
            raise UnknownCodeError
        return row

    def _known(self, connection: Connection, code: str) -> Participant:
        row = self._row(connection, code)
        return Participant(row.number, code, row.key, row.consent is not None)

    def _check(self, row: Any, item: str, question: str) -> None:
        if row.consent is None:
            raise NoConsentError
        for step in steps(self.study, row.key):
            if step.item == item:
                if question in step.questions:
                    return
                break
        raise InputError("this is not among your questions; load the page again.")

    def _done(self, step: Step, answers: dict[tuple[str, str], str]) -> bool:
        return all(
            (step.item, question) in answers or not self.study.question(question).required
            for question in step.questions
        )


def _bounded(milliseconds: int | None) -> int | None:
    """A time that can be true; None: not measured."""
    return milliseconds if milliseconds is not None and 0 <= milliseconds <= LONGEST else None


@contextmanager
def _told() -> Iterator[None]:
    """A database that is gone or full, as a sentence."""
    try:
        yield
    except (OperationalError, NoConnectionError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split()).rstrip(".")
        raise UnreachableError(f"the answers cannot be reached ({reason}); try again in a moment.") from error
