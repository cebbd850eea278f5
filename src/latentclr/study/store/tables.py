"""The tables of answers. They hold no names, addresses or times of day of participants."""

import datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Integer, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of all tables; constraints have names, so that migrations can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class StudyRow(Base):
    """A study; one database can hold several.

    Attributes:
        digest: SHA-256 of its study.json.
        title: for people who look into the database.
        joined: number of participants so far, including those who have withdrawn.
    """

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(Text)
    joined: Mapped[int] = mapped_column(Integer, default=0)


class ParticipantRow(Base):
    """A participant.

    Attributes:
        study_id: of their study.
        number: from 1 on, as in reports.
        key: SHA-256 of their code; the code itself is not stored.
        consent: SHA-256 of the text that they agreed to; None: they have not agreed.
        day: on which they agreed; None: they have not.
    """

    __tablename__ = "participant"
    __table_args__ = (
        UniqueConstraint("study_id", "number", name="uq_participant_number"),
        UniqueConstraint("study_id", "key", name="uq_participant_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    key: Mapped[str] = mapped_column(String(64))
    consent: Mapped[str | None] = mapped_column(String(64))
    day: Mapped[datetime.date | None] = mapped_column(Date)


class AnswerRow(Base):
    """The answer of a participant to one question of one item: one row, however often it is sent.

    Attributes:
        participant_id: of the participant.
        item: id of the item.
        question: id of the question.
        value: the last answer.
        milliseconds: from the item's appearance to the first answer, as the page measured it; or None.
        revisions: how often the answer was changed.
    """

    __tablename__ = "answer"
    __table_args__ = (
        UniqueConstraint("participant_id", "item", "question", name="uq_answer_once"),
        CheckConstraint("milliseconds >= 0", name="time"),
        CheckConstraint("revisions >= 0", name="revisions"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id", ondelete="CASCADE"))
    item: Mapped[str] = mapped_column(String(40))
    question: Mapped[str] = mapped_column(String(40))
    value: Mapped[str] = mapped_column(Text)
    milliseconds: Mapped[int | None] = mapped_column(Integer)
    revisions: Mapped[int] = mapped_column(Integer, default=0)
