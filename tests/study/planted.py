"""A small study, and participants whose answers are known."""

import datetime
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.toy import Toy

import latentclr
from latentclr.study.answers import Given, Joined, Participant, key_of
from latentclr.study.create import Source, create
from latentclr.study.options import Options
from latentclr.study.order import Step, steps
from latentclr.study.plan import Study
from latentclr.study.responses import Responses, responses
from latentclr.study.store import Store

Answers = Callable[[Step, str], str | None]
"""From an item and a question to the answer; None: it is left out."""


def sources(*sizes: int) -> list[Source]:
    """Runs of so many random directions each."""
    return [
        Source(f"run {i}", latentclr.Random(k=size, seed=i).fit(Toy()), f"{i}" * 64)
        for i, size in enumerate(sizes)
    ]


def small_study(folder: Path, *sizes: int, **options: Any) -> Study:
    """A study of a toy generator: so many directions in each run."""
    chosen: dict[str, Any] = {"pictures": 6, "per_direction": 2} | options
    return create(folder, sources(*(sizes or (4,))), Toy(), Options(**chosen))


def take_part(store: Store, answers: Answers, *, code: str | None = None) -> Participant:
    """Somebody agrees and answers everything that they have an answer to."""
    joined = store.join(code)
    store.consent(joined.code, store.study.consent)
    for step in steps(store.study, joined.key):
        for question in step.questions:
            value = answers(step, question)
            if value is not None:
                store.answer(joined.code, step.item, question, value, milliseconds=1500)
    return joined


def collected(study: Study, people: Sequence[Answers]) -> Responses:
    """What a store and `responses` make of these people's answers, without a database.

    Their orders are drawn by keys that are the same in every run, and so is what falls when they throw dice.
    """
    joined, given = [], []
    for number, answers in enumerate(people, start=1):
        key = key_of(f"participant {number}")
        joined.append(Joined(number, key, datetime.date(2026, 1, 1)))
        for step in steps(study, key):
            said = {question: answers(step, question) for question in step.questions}
            given += [
                Given(number, step.item, question, value, 1500, 0)
                for question, value in said.items()
                if value is not None
            ]
    return responses(study, joined, given)


def careful(graded: Callable[[int, int, str], str], *, prefers: int = 0) -> Answers:
    """Somebody who passes all checks.

    Args:
        graded: the answer to a question about a direction (method, place).
        prefers: the method that they prefer.
    """

    def answer(step: Step, question: str) -> str | None:
        place = step.panels[0].place
        if question in step.expected:
            return step.expected[question]
        if step.kind == "pair":
            return "left" if place and place.run == prefers else "right"
        if question == "name":
            return f"way {place and place.direction}"
        if place is None:  # a check's other question
            return "maybe"
        return graded(*place, question)

    return answer


def always(value: str) -> Answers:
    """Somebody who does not look."""

    def answer(step: Step, question: str) -> str | None:
        if step.kind == "pair":
            return "left"
        return "" if question == "name" else value

    return answer


def at_random(seed: int) -> Answers:
    """Somebody who throws dice."""
    rng = random.Random(seed)

    def answer(step: Step, question: str) -> str | None:
        if step.kind == "pair":
            return rng.choice(["left", "right", "neither"])
        return "" if question == "name" else rng.choice(["yes", "maybe", "no"])

    return answer
