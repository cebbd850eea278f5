"""The findings of a study as JSON values: what the page, the tables and other programs read."""

import math
from collections import Counter
from dataclasses import fields
from typing import Any

from latentclr.evaluate.intervals import Bootstrap, Interval
from latentclr.study.agreement import Level, alpha, ratings
from latentclr.study.plan import Place
from latentclr.study.preference import Contrast, Preference, contrasts, preferences
from latentclr.study.questions import plain
from latentclr.study.responses import Responses
from latentclr.study.statistics import PAPER, Grade, Line, by_run, grade, line, paper

LEVELS: tuple[Level, ...] = ("nominal", "ordinal")
SHOWN = ("index", "label", "alpha", "length", "too_weak")
"""Attributes of a direction that are repeated beside its answers."""


def findings(responses: Responses, bootstrap: Bootstrap) -> dict[str, Any]:
    """The answers of some participants, summarised.

    Args:
        responses: of these participants.
        bootstrap: resamples participants (and, of agreement, directions).

    Returns:
        "people": how many; "lines": the paper's summary, a row for each run and question; "directions": a
        row for each direction, with "grades" by question and "names"; "agreement", "preferences",
        "contrasts". Values with intervals are {"value", "low", "high"}, None where they are not known.
    """
    study, graded = responses.study, responses.graded
    counts = {question: responses.counts(question) for question in graded}
    names = _names(responses)
    return {
        "people": len(responses.people),
        "lines": [
            _line(run, question, line(counts[question], of_run, bootstrap))
            for run, of_run in enumerate(by_run(responses))
            for question in graded
        ],
        "directions": [
            {
                "method": place.run,
                **{name: getattr(study.direction(place), name) for name in SHOWN},
                "grades": {
                    question: _values(grade(counts[question][:, column], bootstrap)) for question in graded
                },
                "names": names.get(place, []),
            }
            for column, place in enumerate(study.places)
        ],
        "agreement": [
            {
                "question": question,
                **{
                    level: _quantity(alpha(ratings(responses, question), level, bootstrap=bootstrap))
                    for level in LEVELS
                },
            }
            for question in graded
        ],
        "preferences": [_values(one) for one in preferences(responses, bootstrap)],
        "contrasts": [_values(one) for one in contrasts(responses, bootstrap)],
    }


def paper_lines() -> list[dict[str, Any]]:
    """The paper's own summary, with its percentages at the right questions."""
    return [_line(None, question, paper(question)) for question in PAPER]


def _quantity(interval: Interval) -> dict[str, float | None] | None:
    """A value with its interval as JSON values; None: there is none.

    >>> _quantity(Interval(0.5, float("nan"), float("nan")))
    {'value': 0.5, 'low': None, 'high': None}
    """
    if math.isnan(interval.value):
        return None
    ends = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {name: None if math.isnan(end) else round(end, 6) for name, end in ends.items()}


def _values(found: Line | Grade | Preference | Contrast) -> dict[str, Any]:
    values = {one.name: getattr(found, one.name) for one in fields(found)}
    return {name: _quantity(one) if isinstance(one, Interval) else one for name, one in values.items()}


def _line(run: int | None, question: str, found: Line) -> dict[str, Any]:
    shares = {"strict": _quantity(found.strict), "not_no": _quantity(found.not_no)}
    return {"method": run, "question": question, **_values(found), **shares}


def _names(responses: Responses) -> dict[Place, list[dict[str, Any]]]:
    """What participants called each direction, the most frequent first; in the first spelling of each."""
    free = {question.id for question in responses.study.questions if question.free}
    spellings: dict[tuple[Place, str], str] = {}
    times: dict[Place, Counter[str]] = {}
    for row in responses.rows:
        place = row.step.panels[0].place
        if row.question in free and row.value and row.step.kind == "direction" and place is not None:
            name = plain(row.value)
            spellings.setdefault((place, name.casefold()), name)
            times.setdefault(place, Counter())[name.casefold()] += 1
    return {
        place: [
            {"name": spellings[place, folded], "times": count}
            for folded, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]
        for place, counts in times.items()
    }
