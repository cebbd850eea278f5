"""What participants are asked, and which answers there are."""

import unicodedata
from dataclasses import dataclass
from typing import Literal

from latentclr.errors import InputError

OBVIOUS = "obvious"
MEANINGFUL = "meaningful"
NAME = "name"
CLEARER = "clearer"
"""Ids of the questions."""
LONGEST = 80
"""Characters of a name that a participant may give."""
GRADES = (("yes", "Yes"), ("maybe", "Maybe"), ("no", "No"))


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        id: short and unique.
        of: "item": of a direction's pictures; "pair": of two directions'.
        text: as it is asked.
        choices: (value, text) of every answer; empty: the answer is free text.
        limit: characters of a free text.
        required: whether an item without it is not done.
    """

    id: str
    of: Literal["item", "pair"]
    text: str
    choices: tuple[tuple[str, str], ...] = ()
    limit: int = 0
    required: bool = True

    @property
    def free(self) -> bool:
        """Whether it is answered by words."""
        return not self.choices

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


def usual_questions(*, name: bool, preference: bool) -> tuple[Question, ...]:
    """The paper's two questions, in its words; those about a name and a preference where they are wanted."""
    questions = [
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
    ]
    if name:
        questions.append(
            Question(
                NAME,
                "item",
                "What changes from the left to the right image? A word or two (you may leave this empty).",
                limit=LONGEST,
                required=False,
            )
        )
    if preference:
        questions.append(
            Question(
                CLEARER,
                "pair",
                "Which of the two more clearly changes one single thing?",
                (("left", "The first one"), ("right", "The second one"), ("neither", "Neither")),
            )
        )
    return tuple(questions)
