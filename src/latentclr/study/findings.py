"""Everything that a study found, as JSON values: what the page, the tables and other programs read."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from latentclr.evaluate.intervals import Bootstrap, Interval
from latentclr.study.agreement import Level, alpha, ratings
from latentclr.study.plan import Place
from latentclr.study.preference import contrasts, preferences
from latentclr.study.quality import Quality
from latentclr.study.questions import plain
from latentclr.study.responses import Responses
from latentclr.study.statistics import Grade, Line, by_run, grade, line, paper

LEVELS: tuple[Level, ...] = ("nominal", "ordinal")


def findings(responses: Responses, bootstrap: Bootstrap) -> dict[str, Any]:
    """What some participants said.

    Returns:
        "people": how many; "lines": the paper's summary, a row for each method and question; "directions":
        a row for each direction, with "grades" by question and "names"; "agreement", "preferences",
        "contrasts". Values with intervals are {"value", "low", "high"}, None where they are not known.
    """
    study = responses.study
    counts = {question: responses.counts(question) for question in responses.graded}
    masks = by_run(responses)
    names = _names(responses)
    lines = [
        {"method": m, "question": question, **_line(line(counts[question], mask, bootstrap))}
        for m, mask in enumerate(masks)
        for question in responses.graded
    ]
    directions = []
    for column, place in enumerate(study.places):
        shown = study.direction(place)
        directions.append(
            {
                "method": place.run,
                **{name: getattr(shown, name) for name in ("index", "label", "alpha", "length", "too_weak")},
                "grades": {
                    question: _grade(grade(counts[question][:, column], bootstrap)) for question in counts
                },
                "names": names.get(place, []),
            }
        )
    return {
        "people": len(responses.people),
        "lines": lines,
        "directions": directions,
        "agreement": [
            {
                "question": question,
                **{
                    level: quantity(alpha(ratings(responses, question), level, bootstrap=bootstrap))
                    for level in LEVELS
                },
            }
            for question in responses.graded
        ],
        "preferences": [_plain(asdict(one)) for one in preferences(responses, bootstrap)],
        "contrasts": [_plain(asdict(one)) for one in contrasts(responses, bootstrap)],
    }


def paper_lines() -> list[dict[str, Any]]:
    """The paper's own summary, with its percentages at the right questions."""
    return [
        {"method": None, "question": question, **_line(paper(question))}
        for question in ("obvious", "meaningful")
    ]


def people(found: list[Quality], kept: frozenset[int]) -> list[dict[str, Any]]:
    """A row for each participant."""
    return [{**asdict(one), "kept": one.participant in kept} for one in found]


def quantity(interval: Interval) -> dict[str, float | None] | None:
    """A value with its interval as JSON values; None: there is none.

    >>> quantity(Interval(0.5, float("nan"), float("nan")))
    {'value': 0.5, 'low': None, 'high': None}
    """
    if math.isnan(interval.value):
        return None
    ends = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {name: None if math.isnan(end) else round(end, 6) for name, end in ends.items()}


def _line(found: Line) -> dict[str, Any]:
    parts = ("yes", "maybe", "no", "missing", "strict", "not_no")
    return {
        "k": found.k,
        "people": found.people,
        **{part: quantity(getattr(found, part)) for part in parts},
    }


def _grade(found: Grade) -> dict[str, Any]:
    return {
        **{part: getattr(found, part) for part in ("yes", "maybe", "no", "missing")},
        **{part: quantity(getattr(found, part)) for part in ("share_yes", "share_not_no")},
    }


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


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals (as `asdict` leaves them) as quantities."""
    return {
        name: quantity(Interval(**value)) if isinstance(value, dict) else value
        for name, value in values.items()
    }
