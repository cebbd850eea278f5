"""What participants read and are asked, and which answers there are."""

import unicodedata
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, FailFast, Field
from pydantic.dataclasses import dataclass

from latentclr.errors import InputError

STRICT = ConfigDict(strict=True, validate_by_name=True, validate_by_alias=True)
"""How study.json is read: a number must not be given as text."""
T = TypeVar("T")
Several = Annotated[tuple[T, ...], FailFast()]
"""A list in study.json. Reading ends at its first fault, so that no file is too faulty to be refused."""
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]

OBVIOUS = "obvious"
MEANINGFUL = "meaningful"
NAME = "name"
CLEARER = "clearer"
"""Ids of the questions."""
LONGEST = 80
"""Characters of a name that a participant may give."""
GRADES = (("yes", "Yes"), ("maybe", "Maybe"), ("no", "No"))


@dataclass(frozen=True, config=STRICT)
class Question:
    """One question.

    Attributes:
        id: short and unique.
        of: what it is about: an item, that is, one direction; or a pair of directions.
        text: as it is asked.
        choices: (value, text) of every answer; empty: the answer is free text.
        limit: largest number of characters of a free text.
        required: whether an item is only done when it is answered.
    """

    id: Id
    of: Literal["item", "pair"]
    text: str
    choices: Several[tuple[Id, str]] = ()
    limit: int = 0
    required: bool = True

    @property
    def free(self) -> bool:
        """Whether it is answered by words."""
        return not self.choices

    @property
    def keyed_choices(self) -> list[tuple[str, str, str]]:
        """(value, text, key of the keyboard): the first letters where they differ, else numbers.

        >>> [key for *_, key in Question("a", "item", "?", GRADES).keyed_choices]
        ['y', 'm', 'n']
        """
        keys = [text[:1].lower() for _, text in self.choices]
        if len(set(keys)) < len(keys) or not "".join(keys).isalpha():
            keys = [str(number) for number in range(1, len(keys) + 1)]
        return [(*choice, key) for choice, key in zip(self.choices, keys, strict=True)]

    def clean(self, value: str) -> str:
        """The answer as it is kept: one that is allowed, or text in one line without control characters.

        Raises:
            InputError: there is no such answer, or the text is too long.
        """
        if not self.free:
            allowed = [choice for choice, _ in self.choices]
            if value not in allowed:
                raise InputError(f"this is no answer to {self.id!r}; answers are {', '.join(allowed)}.")
            return value
        if len(value) > 20 * self.limit:  # before anything is done with it
            raise InputError(f"the text is too long; up to {self.limit} characters are kept.")
        text = plain(value)
        if len(text) > self.limit:
            raise InputError(f"the text has {len(text)} characters; up to {self.limit} are kept.")
        return text


def plain(text: str) -> str:
    r"""Text in one line, in normal form, without control, format and unassigned characters.

    >>> plain(" a\tsmile\x00\u202e ")
    'a smile'
    """
    kept = "".join(
        mark
        for mark in unicodedata.normalize("NFC", text)
        if mark.isspace() or not unicodedata.category(mark).startswith("C")
    )
    return " ".join(kept.split())


QUESTIONS = (
    Question(
        OBVIOUS,
        "item",
        "Do you think there is an obvious content change on the left and right images comparing to the "
        "one in the middle?",
        GRADES,
    ),
    Question(
        MEANINGFUL,
        "item",
        "Do you think the change on the left and right images comparing to the one in the middle is "
        "semantically meaningful?",
        GRADES,
    ),
    Question(
        NAME,
        "item",
        "What changes from the left to the right image? A word or two (you may leave this empty).",
        limit=LONGEST,
        required=False,
    ),
    Question(
        CLEARER,
        "pair",
        "Which of the two more clearly changes one single thing?",
        (("left", "The first one"), ("right", "The second one"), ("neither", "Neither")),
    ),
)
"""The paper's two questions in its words, and the optional ones."""


def usual_questions(*, name: bool, preference: bool) -> tuple[Question, ...]:
    """The questions of a new study.

    Args:
        name: whether to ask for a name of each direction.
        preference: whether to ask which of two directions is clearer.
    """
    asked = {OBVIOUS: True, MEANINGFUL: True, NAME: name, CLEARER: preference}
    return tuple(question for question in QUESTIONS if asked[question.id])


CONSENT_TEXT = """\
You are invited to a study about pictures that a computer program draws and changes.

You will see sets of pictures and answer short questions about them. There are no right or wrong
answers, and nothing in the pictures is known to be upsetting.

Taking part is voluntary. You may stop at any time, without giving a reason, by closing the page.
With your code you may come back later, or have all of your answers deleted.

Your answers are stored under a random number, with how long each took and the day on which you
began. Your name, your address on the network and your browser are not stored. Nothing is sent to
anybody else.

By going on you say that you have read this and that you agree to take part.
"""

INSTRUCTIONS_TEXT = """\
Each row has three pictures. In the middle is a picture as it was; on the left and on the right is
the same picture after a change, one way and the opposite way.

Look at all rows, then answer for the change as a whole. If you are not sure, choose Maybe.

Some items check whether one looks at the pictures: please look at every one before you answer.
You can go back and change an answer.
"""
