"""Answers of experiments: a table, a figure and a text; and what tables and texts are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from latentclr.evaluate.intervals import Interval
from latentclr.report.numbers import rounded as rounded
from latentclr.tables import Cell as Cell

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Experiment:
    """The answer to a question.

    Attributes:
        rows: of the table; all have the same columns.
        figure: pictures or plots.
        text: the findings, in a paragraph.
    """

    rows: Sequence[Mapping[str, Cell]]
    figure: Image.Image
    text: str


def cells(name: str, interval: Interval) -> dict[str, Cell]:
    """A value with its interval as three cells; unknown numbers are empty.

    Args:
        name: of the column of the value.
        interval: the value.

    >>> cells("effect", Interval(0.5, 0.25, float("nan")))
    {'effect': 0.5, 'effect_low': 0.25, 'effect_high': None}
    """
    parts = {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {key: rounded(value) for key, value in parts.items()}


def grouped(things: Sequence[Thing], by: Sequence[str]) -> dict[str, list[Thing]]:
    """Things by the names of their groups, in the order in which they come.

    Args:
        things: to group.
        by: the name of the group for each.
    """
    found: dict[str, list[Thing]] = {}
    for thing, name in zip(things, by, strict=True):
        found.setdefault(name, []).append(thing)
    return found


def listed(names: Sequence[str]) -> str:
    """Names as part of a sentence.

    >>> listed(["a", "b", "c"]), listed([])
    ('a, b and c', 'none')
    """
    if len(names) < 2:
        return "".join(names) or "none"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def plural(count: int, noun: str) -> str:
    """A number with its noun.

    Args:
        count: the number.
        noun: in the singular.

    >>> plural(1, "class"), plural(3, "class"), plural(2, "seed")
    ('1 class', '3 classes', '2 seeds')
    """
    end = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{end}"
