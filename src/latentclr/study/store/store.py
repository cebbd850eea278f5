"""The store of answers: what it has acknowledged is on the disk, once, whatever happens afterwards.

Many processes may write at once. A code is known to the participant alone; only its hash is stored. An answer
that is sent again is acknowledged and changes nothing; another answer to the same question replaces it and is
counted as a revision, so that people may go back and think again.
"""

import datetime
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Connection,
    Date,
    Engine,
    Integer,
    String,
    column,
    delete,
    make_url,
    select,
    table,
    update,
)
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
    UnknownCodeError,
    UnreachableError,
    key_of,
    new_code,
)
from latentclr.study.order import Step, steps
from latentclr.study.plan import ANSWERS, Study
from latentclr.study.store.database import connect, healthy, reading, reason

LONGEST = 24 * 3600 * 1000
"""Milliseconds; longer times are not plausible."""
MAX_INVITED = 10_000

# What the migrations create; they document it, too.
_STUDY = table(
    "study",
    column("id", Integer),
    column("digest", String),
    column("title", String),
    column("joined", Integer),
)
_PARTICIPANT = table(
    "participant",
    column("id", Integer),
    column("study_id", Integer),
    column("number", Integer),
    column("key", String),
    column("consent", String),
    column("day", Date),
)
_ANSWER = table(
    "answer",
    column("participant_id", Integer),
    column("item", String),
    column("question", String),
    column("value", String),
    column("milliseconds", Integer),
    column("revisions", Integer),
)


class Store:
    """The answers to one study. Safe to use from many threads and processes.

    What is asked about a code that nobody has raises `UnknownCodeError`.

    Attributes:
        study: the plan.
        place: where the answers are: a file, or a URL without its password.
    """

    def __init__(self, engine: Engine, study: Study, place: str) -> None:
        self.study, self.place, self._engine = study, place, engine
        self._insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[engine.dialect.name]
        row: Any = self._insert(_STUDY).values(digest=study.digest, title=study.title, joined=0)
        wanted = select(_STUDY.c.id).where(_STUDY.c.digest == study.digest)
        with self._writing() as connection:
            connection.execute(row.on_conflict_do_nothing(index_elements=[_STUDY.c.digest]))
            self._id: int = connection.execute(wanted).scalar_one()

    @classmethod
    def open(cls, url: str | None, study: Study) -> "Store":
        """Open the answers to a study; tables are created if there are none yet.

        Args:
            url: of the database (`database.connect`); None: a file of SQLite in the study's folder.
            study: the plan; answers to other studies in the same database are not seen.

        Raises:
            InputError: there is no such database, or it cannot be written.
        """
        engine = connect(url or f"sqlite:///{(study.folder / ANSWERS).absolute()}")
        place = make_url(url).render_as_string(hide_password=True) if url else str(study.folder / ANSWERS)
        return cls(engine, study, place)

    def close(self) -> None:
        """Close all connections to the database."""
        self._engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def join(self, code: str | None = None) -> Participant:
        """Add a participant, or find one by their code.

        Args:
            code: None: a new participant, whose code is in the returned value and nowhere else.
        """
        if code is not None:
            with self._reading() as connection:
                return self._known(connection, code)
        code = new_code()
        with self._writing() as connection:
            return self._add(connection, code)

    def invite(self, count: int) -> list[str]:
        """Add participants, whose codes are handed out by whoever runs the study.

        Args:
            count: how many, from 1 to `MAX_INVITED`.

        Returns:
            Their codes.

        Raises:
            InputError: the number is out of range.
        """
        if not 1 <= count <= MAX_INVITED:
            raise InputError(f"{count} codes: from 1 to {MAX_INVITED} can be made at once.")
        with self._writing() as connection:
            return [self._add(connection, new_code()).code for _ in range(count)]

    def consent(self, code: str, text: str) -> None:
        """Record that a participant agrees to take part; later calls change nothing.

        Args:
            code: of the participant.
            text: that they were shown; its SHA-256 is kept.
        """
        digest = hashlib.sha256(text.encode()).hexdigest()
        today = datetime.datetime.now(datetime.UTC).date()
        with self._writing() as connection:
            found = self._known(connection, code)
            connection.execute(
                update(_PARTICIPANT)
                .where(self._is(found.key), _PARTICIPANT.c.consent.is_(None))
                .values(consent=digest, day=today)
            )

    def answer(
        self, code: str, item: str, question: str, value: str, *, milliseconds: int | None = None
    ) -> int | None:
        """Store one answer. When this returns, it is on the disk.

        Args:
            code: of the participant.
            item: id of one of their steps.
            question: id of one of the step's questions.
            value: one of the choices, or a free text (which may be empty).
            milliseconds: from the item's appearance to the answer; that of the first answer is kept.

        Returns:
            How often the answer was changed until now; None: the same answer was already stored.

        Raises:
            NoConsentError: they have not agreed yet.
            InputError: the participant is not asked this, or it is no allowed answer.
        """
        with self._reading() as connection:
            row = self._row(connection, code)
        self._check(row, item, question)
        insert = self._insert(_ANSWER).values(
            participant_id=row.id,
            item=item,
            question=question,
            value=self.study.question(question).clean(value),
            milliseconds=_bounded(milliseconds),
            revisions=0,
        )
        kept = insert.on_conflict_do_update(
            index_elements=[_ANSWER.c.participant_id, _ANSWER.c.item, _ANSWER.c.question],
            set_={"value": insert.excluded.value, "revisions": _ANSWER.c.revisions + 1},
            where=_ANSWER.c.value != insert.excluded.value,
        ).returning(_ANSWER.c.revisions)
        try:
            with self._writing() as connection:
                revisions: int | None = connection.execute(kept).scalar_one_or_none()
        except IntegrityError as error:  # the participant has just withdrawn
            raise UnknownCodeError from error
        return revisions

    def progress(self, code: str) -> Progress:
        """What a participant has answered, and what comes next."""
        with self._reading() as connection:
            row = self._row(connection, code)
            wanted = select(_ANSWER.c.item, _ANSWER.c.question, _ANSWER.c.value)
            found = connection.execute(wanted.where(_ANSWER.c.participant_id == row.id)).all()
        answers = {(one.item, one.question): one.value for one in found}
        theirs = steps(self.study, row.key)
        done = frozenset(step.item for step in theirs if self._done(step, answers))
        following = (index for index, step in enumerate(theirs) if step.item not in done)
        return Progress(answers, done, len(theirs), next(following, None))

    def withdraw(self, code: str) -> None:
        """Delete a participant and everything that they answered."""
        with self._writing() as connection:
            found = self._known(connection, code)
            connection.execute(delete(_PARTICIPANT).where(self._is(found.key)))

    def participants(self) -> list[Joined]:
        """All participants of the study, by number."""
        with self._reading() as connection:
            rows = connection.execute(
                select(_PARTICIPANT.c.number, _PARTICIPANT.c.key, _PARTICIPANT.c.day)
                .where(_PARTICIPANT.c.study_id == self._id)
                .order_by(_PARTICIPANT.c.number)
            ).all()
        return [Joined(row.number, row.key, row.day) for row in rows]

    def answers(self) -> list[Given]:
        """All answers, by participant, item and question."""
        answer = _ANSWER.c
        wanted = (answer.item, answer.question, answer.value, answer.milliseconds, answer.revisions)
        with self._reading() as connection:
            rows = connection.execute(
                select(_PARTICIPANT.c.number, *wanted).where(
                    answer.participant_id == _PARTICIPANT.c.id, _PARTICIPANT.c.study_id == self._id
                )
            ).all()
        return [Given(*row) for row in sorted(rows, key=lambda row: tuple(row)[:3])]

    def healthy(self) -> bool:
        """Whether no fault is found in the database."""
        with _reachable():
            return healthy(self._engine)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _reachable(), reading(self._engine) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _reachable(), self._engine.begin() as connection:
            yield connection

    def _add(self, connection: Connection, code: str) -> Participant:
        key = key_of(code)
        number = connection.execute(
            update(_STUDY)
            .where(_STUDY.c.id == self._id)
            .values(joined=_STUDY.c.joined + 1)
            .returning(_STUDY.c.joined)
        ).scalar_one()
        connection.execute(self._insert(_PARTICIPANT).values(study_id=self._id, number=number, key=key))
        return Participant(number, code, key, consented=False)

    def _is(self, key: str) -> Any:
        return (_PARTICIPANT.c.study_id == self._id) & (_PARTICIPANT.c.key == key)

    def _row(self, connection: Connection, code: str) -> Any:
        wanted = (_PARTICIPANT.c.id, _PARTICIPANT.c.number, _PARTICIPANT.c.key, _PARTICIPANT.c.consent)
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
        asked = {step.item: step.questions for step in steps(self.study, row.key)}
        if question not in asked.get(item, ()):
            raise InputError("this is not among your questions; load the page again.")

    def _done(self, step: Step, answers: dict[tuple[str, str], str]) -> bool:
        return all(
            (step.item, question) in answers or not self.study.question(question).required
            for question in step.questions
        )


def _bounded(milliseconds: int | None) -> int | None:
    """A plausible time; None: not measured."""
    return milliseconds if milliseconds is not None and 0 <= milliseconds <= LONGEST else None


@contextmanager
def _reachable() -> Iterator[None]:
    """Turns errors of a database that is gone, busy or full into `UnreachableError`."""
    try:
        yield
    except (OperationalError, NoConnectionError) as error:
        raise UnreachableError(
            f"the answers cannot be reached ({reason(error)}); try again in a moment."
        ) from error
