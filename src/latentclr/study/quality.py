"""How carefully each participant answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from latentclr.study.responses import Response, Responses

STRAIGHT = 8
"""Number of items from which on giving one answer to all of them is no accident."""


@dataclass(frozen=True)
class Quality:
    """How carefully one participant answered.

    Attributes:
        participant: number of the participant.
        asked: number of required questions.
        answered: how many of these were answered.
        finished: whether all of these were answered.
        checks: number of attention checks.
        right: how many of these were answered as expected.
        wrong: how many of these were answered otherwise.
        repeated: number of questions that were answered twice, about the same pictures.
        same: how many of these were answered alike.
        seconds: from an item's appearance to its last answer, the median over items; None: not measured.
        longest: largest number of items in a row with the same answers to all graded questions.
        straight: one answer was given to all graded questions of all items (of `STRAIGHT` items or more).
        revisions: how often answers were changed.
    """

    participant: int
    asked: int
    answered: int
    finished: bool
    checks: int
    right: int
    wrong: int
    repeated: int
    same: int
    seconds: float | None
    longest: int
    straight: bool
    revisions: int

    def kept(self, mistakes: int = 0) -> bool:
        """Whether all attention checks were answered, at most `mistakes` of them wrongly."""
        return self.right + self.wrong == self.checks and self.wrong <= mistakes


def qualities(responses: Responses) -> list[Quality]:
    """The quality of each participant, by number."""
    return [
        _quality(responses, list(rows)) for _, rows in groupby(responses.rows, lambda row: row.participant)
    ]


def rule(responses: Responses, mistakes: int = 0) -> str:
    """Whose answers are kept, in words.

    Args:
        responses: of all participants.
        mistakes: attention checks that a participant may answer wrongly and still be kept.
    """
    if not any(row.step.expected for row in responses.rows):
        return "This study has no attention checks, so everybody is kept."
    wrong = "none of them wrongly" if not mistakes else f"at most {mistakes} of them wrongly"
    return (
        f"Kept are participants who answered every attention check, {wrong}; who stopped before a check is "
        "not kept. Speed, self-consistency and straight-lining are shown and exclude nobody."
    )


def _quality(responses: Responses, rows: Sequence[Response]) -> Quality:
    required = [row for row in rows if responses.study.question(row.question).required]
    answered = sum(row.value is not None for row in required)
    checks = [row for row in rows if row.question in row.step.expected]
    right = sum(row.value == row.step.expected[row.question] for row in checks)
    values = {(row.step.item, row.question): row.value for row in rows}
    twice = [
        (row.value, values.get((row.step.repeats, row.question)))
        for row in rows
        if row.step.repeats is not None and row.question in responses.graded
    ]
    twice = [two for two in twice if None not in two]
    patterns = _patterns(responses, rows)
    return Quality(
        participant=rows[0].participant,
        asked=len(required),
        answered=answered,
        finished=answered == len(required),
        checks=len(checks),
        right=right,
        wrong=sum(row.value is not None for row in checks) - right,
        repeated=len(twice),
        same=sum(first == second for first, second in twice),
        seconds=_seconds(rows),
        longest=max((len(list(run)) for _, run in groupby(patterns)), default=0),
        straight=len(patterns) >= STRAIGHT and len({value for pattern in patterns for value in pattern}) == 1,
        revisions=sum(row.revisions for row in rows),
    )


def _patterns(responses: Responses, rows: Sequence[Response]) -> list[tuple[str | None, ...]]:
    """The graded answers of each item that has any, in the order in which items were shown."""
    found: dict[str, dict[str, str | None]] = {}
    for row in rows:
        if row.question in responses.graded and row.value is not None:
            found.setdefault(row.step.item, {})[row.question] = row.value
    return [tuple(one.get(question) for question in responses.graded) for one in found.values()]


def _seconds(rows: Sequence[Response]) -> float | None:
    longest: dict[str, int] = {}
    for row in rows:
        if row.milliseconds is not None:
            longest[row.step.item] = max(longest.get(row.step.item, 0), row.milliseconds)
    return median(longest.values()) / 1000 if longest else None
