"""Participants, their codes and answers as values: what the store takes in and gives out."""

import datetime
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from latentclr.errors import InputError
from latentclr.study.plan import Study

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Of codes: without 0, 1, i, l and o, which people misread."""
CODE = 26
"""Characters of a code: 128 bits."""
COMPLETION = 10
"""Characters of a completion code: about 50 bits."""


class UnknownCodeError(InputError):
    """No participant has this code; the message does not tell whether one ever had it."""

    def __init__(self) -> None:
        super().__init__("this code is not known here; check it, or ask who gave it to you.")


class NoConsentError(InputError):
    """A participant who has not agreed to take part sends answers."""

    def __init__(self) -> None:
        super().__init__("please agree to take part first.")


class UnreachableError(InputError):
    """The database is busy, full or gone for now; the same request may succeed later."""


@dataclass(frozen=True)
class Participant:
    """A participant with their code.

    Attributes:
        number: from 1 on.
        code: with which they come back. Known to them alone: only a hash of it is stored.
        key: that hash, from which their order follows (`order.steps`).
        consented: whether they have agreed to take part.
    """

    number: int
    code: str
    key: str
    consented: bool


@dataclass(frozen=True)
class Progress:
    """How far a participant has come.

    Attributes:
        answers: value by (item, question).
        done: items whose required questions are all answered.
        total: number of items.
        next: index of the first item that is not done; None: all are done.
    """

    answers: Mapping[tuple[str, str], str]
    done: frozenset[str]
    total: int
    next: int | None

    def of(self, item: str) -> dict[str, str]:
        """The answers to one item, by question."""
        return {question: value for (one, question), value in self.answers.items() if one == item}


@dataclass(frozen=True)
class Joined:
    """A participant in the report: without a code (which cannot be computed from the key).

    Attributes:
        number: from 1 on.
        key: hash of their code.
        day: on which they agreed; None: they have not.
    """

    number: int
    key: str
    day: datetime.date | None


@dataclass(frozen=True)
class Given:
    """The answer of a participant to one question, in the report.

    Attributes:
        participant: number of the participant.
        item: id of the item.
        question: id of the question.
        value: the last answer.
        milliseconds: from the item's appearance to the first answer; None: not measured.
        revisions: how often the answer was changed.
    """

    participant: int
    item: str
    question: str
    value: str
    milliseconds: int | None
    revisions: int


def new_code() -> str:
    """A random code that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE))


def key_of(code: str) -> str:
    """The SHA-256 of a code, which is all that is stored of it.

    Capitals, spaces and dashes make no difference.

    >>> key_of("AB-cd 23") == key_of("abcd23")
    True
    """
    plain = code.lower().replace("-", "").replace(" ", "").strip()
    # Text that cannot be encoded as UTF-8 is nobody's code, but must not raise an error.
    return hashlib.sha256(f"latentclr participant|{plain}".encode(errors="surrogatepass")).hexdigest()


def completion_code(study: Study, key: str) -> str:
    """The code that participants show to whoever pays them: they have answered everything; not who they are.

    Nobody can work it out beforehand: it is made with the checksum of study.json, which no participant sees.

    Args:
        study: in which they took part.
        key: of the participant.
    """
    number = int.from_bytes(hmac.digest(study.digest.encode(), f"completed|{key}".encode(), hashlib.sha256))
    digits = []
    for _ in range(COMPLETION):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(digits).upper()
