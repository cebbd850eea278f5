"""Answers together with what was asked: one response for every question that a participant was asked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Float

from latentclr.errors import InputError
from latentclr.study.answers import Given, Joined
from latentclr.study.order import Step, steps
from latentclr.study.plan import Study
from latentclr.study.questions import GRADES

GRADED: Final = tuple(value for value, _ in GRADES)
"""The answers to graded questions, in order."""
MISSING: Final = len(GRADED)
"""Column of questions that were not answered."""


@dataclass(frozen=True)
class Response:
    """One question that one participant was asked.

    Attributes:
        participant: number of the participant.
        position: of the item in the participant's order, from 1.
        step: the item.
        question: the question's id.
        value: the answer; None: there is none.
        milliseconds: until the first answer; None: not measured.
        revisions: how often it was changed.
    """

    participant: int
    position: int
    step: Step
    question: str
    value: str | None
    milliseconds: int | None = None
    revisions: int = 0


@dataclass(frozen=True)
class Responses:
    """The responses of all participants who answered anything.

    Attributes:
        study: the plan.
        people: numbers of the participants, ascending.
        rows: by participant, then in the order in which each was asked.
    """

    study: Study
    people: tuple[int, ...]
    rows: tuple[Response, ...]

    def of(self, people: Collection[int]) -> "Responses":
        """The responses of some participants, given by their numbers."""
        kept, chosen = set(people), tuple(one for one in self.people if one in people)
        return replace(self, people=chosen, rows=tuple(r for r in self.rows if r.participant in kept))

    @cached_property
    def graded(self) -> tuple[str, ...]:
        """Ids of the questions about directions that are answered with Yes, Maybe or No."""
        return tuple(
            question.id
            for question in self.study.questions
            if question.of == "item" and tuple(value for value, _ in question.choices) == GRADED
        )

    def counts(self, question: str) -> Float[np.ndarray, "people directions 4"]:
        """How often each participant answered Yes, Maybe, No and nothing for each direction.

        One of them is 1 where an item is a direction; where an item is a picture, they sum to the pictures of
        the direction. All are 0 where the participant was not shown the direction. Checks do not count.
        """
        person = {number: i for i, number in enumerate(self.people)}
        column_of = {place: i for i, place in enumerate(self.study.places)}
        found = np.zeros((len(person), len(column_of), len(GRADED) + 1))
        for row in self.rows:
            place = row.step.panels[0].place
            if row.question == question and row.step.kind == "direction" and place is not None:
                answer = MISSING if row.value is None else GRADED.index(row.value)
                found[person[row.participant], column_of[place], answer] += 1
        return found


def responses(study: Study, joined: Sequence[Joined], given: Sequence[Given]) -> Responses:
    """Combine the answers of a store with what was asked.

    Args:
        study: the plan.
        joined: `Store.participants`.
        given: `Store.answers`.

    Raises:
        InputError: something was answered that this plan and version do not ask.
    """
    answers: dict[int, dict[tuple[str, str], Given]] = {}
    for one in given:
        answers.setdefault(one.participant, {})[one.item, one.question] = one
    begun = [participant for participant in joined if participant.number in answers]
    rows = [row for participant in begun for row in _asked(study, participant, answers[participant.number])]
    return Responses(study, tuple(participant.number for participant in begun), tuple(rows))


def _asked(study: Study, joined: Joined, answers: dict[tuple[str, str], Given]) -> list[Response]:
    rows, left = [], dict(answers)
    for position, step in enumerate(steps(study, joined.key), start=1):
        for question in step.questions:
            one = left.pop((step.item, question), None)
            row = Response(joined.number, position, step, question, None)
            if one is not None:
                row = replace(row, value=one.value, milliseconds=one.milliseconds, revisions=one.revisions)
            rows.append(row)
    if left:
        raise InputError(
            f"participant {joined.number} answered what this version does not ask ({next(iter(left))[0]}); "
            "read the answers with the version of latentclr that asked."
        )
    return rows
