"""The page of an evaluation: one HTML file that needs nothing else, on any screen, on paper, without scripts.

Whatever comes from names (of runs, directions, attributes) is text and never markup: templates escape it, and
the page's own policy allows no script but the one that stands in it, and no request at all.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from latentclr.errors import InputError
from latentclr.report import curves
from latentclr.report.measures import FORMAT
from latentclr.report.numbers import duration, finite, number
from latentclr.report.strips import Strip, embed
from latentclr.templates import environment, source

if TYPE_CHECKING:
    from jinja2 import Environment

SHADES = 6
"""Colours of a heat map on each side of 0."""
SCALES = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
SHOWN = 12
"""Repetitions that a list shows at once."""


@dataclass(frozen=True)
class Shown:
    """What is drawn of one direction.

    Attributes:
        strongest: the attribute that it moves most; None: none was measured.
        chart: its path curves; None: none were measured.
        strip: its pictures.
    """

    strongest: str | None
    chart: curves.Chart | None
    strip: Strip


def page(metrics: Mapping[str, Any], folder: Path) -> str:
    """The report of an evaluation as one self-contained HTML file.

    Args:
        metrics: what metrics.json holds (docs/evaluation.md). NaN and null are shown as not measured.
        folder: where it lies; pictures ("strip") are read from there, become part of the page, and are scaled
            down where there are many.

    Raises:
        InputError: this is no evaluation, of another format, or a part of it is not there.
    """
    found = metrics.get("kind"), metrics.get("format")
    if found != ("evaluation", FORMAT):
        raise InputError(
            f"a report is made of an evaluation of format {FORMAT}, not {found[0]!r} of format {found[1]!r}; "
            "run `latentclr evaluate` again."
        )
    from jinja2 import UndefinedError  # takes a while to load, and most commands write no page

    try:
        return _environment().get_template("page.html").render(**_context(metrics, folder))
    except (KeyError, UndefinedError) as error:
        raise InputError(f"the evaluation is not whole: {error}; run `latentclr evaluate` again.") from error


def _context(metrics: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    names = [attribute["name"] for attribute in metrics["attributes"]]
    runs = metrics["runs"]
    directions = [(i, direction) for i, run in enumerate(runs) for direction in run["directions"]]
    strips = embed([direction.get("strip") for _, direction in directions], folder)
    top = curves.scale_end(direction["path"] for _, direction in directions if direction["path"])
    shown: list[list[Shown]] = [[] for _ in runs]
    for (i, direction), strip in zip(directions, strips, strict=True):
        chart = curves.path_chart(direction["path"], names, top) if direction["path"] else None
        shown[i].append(Shown(strongest(direction["effects"]), chart, strip))
    signed = [a["name"] for a in metrics["attributes"] if a["kind"] != "category"]
    return {
        "metrics": metrics,
        "shown": shown,
        "best": {m["name"]: best(runs, m) for m in metrics["measures"] if m["of"] == "run"},
        "rescored": rescored(runs),
        "full": _full([direction["effects"] for _, direction in directions], signed),
        "kinds": {attribute["name"]: attribute["kind"] for attribute in metrics["attributes"]},
        "categories": len(signed) < len(names),
        "size": curves,
        "columns": _columns(metrics),
        "strip_ends": metrics["settings"].get("strip"),
        "SHOWN": SHOWN,
    }


def _columns(metrics: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The measures of runs and of directions that have any value, which are the columns of their tables."""
    runs = metrics["runs"]
    values = {
        "run": [run["summary"] for run in runs],
        "direction": [direction["numbers"] for run in runs for direction in run["directions"]],
    }
    return {
        of: [
            m for m in metrics["measures"] if m["of"] == of and any(measured(v.get(m["name"])) for v in found)
        ]
        for of, found in values.items()
    }


def strongest(effects: Mapping[str, Mapping[str, Any] | None]) -> str | None:
    """The attribute with the largest effect; None: none was measured."""
    known = {name: abs(effect["value"]) for name, effect in effects.items() if measured(effect)}
    return max(known, key=lambda name: known[name]) if known else None


def best(runs: Sequence[Mapping[str, Any]], measure: Mapping[str, Any]) -> dict[int, str]:
    """Which runs are best by a measure: "clear" where no other's interval reaches theirs, else "best".

    Args:
        runs: with a "summary".
        measure: its "name", and what is "better".

    Returns:
        By the number of the run; empty where nothing is better, all are equal, or only one was measured.
    """
    found = {i: run["summary"].get(measure["name"]) for i, run in enumerate(runs)}
    known = {i: quantity for i, quantity in found.items() if measured(quantity)}
    if measure["better"] not in ("more", "less") or len(known) < 2:
        return {}
    sign = 1 if measure["better"] == "more" else -1
    top = max(sign * quantity["value"] for quantity in known.values())
    winners = [i for i, quantity in known.items() if sign * quantity["value"] == top]
    if len(winners) == len(known):
        return {}
    ends = [sorted(_ends(quantity, sign)) for i, quantity in known.items() if i != winners[0]]
    lowest = min(_ends(known[winners[0]], sign), default=None)
    clear = len(winners) == 1 and lowest is not None and all(end and lowest > end[-1] for end in ends)
    return dict.fromkeys(winners, "clear" if clear else "best")


def _ends(quantity: Mapping[str, Any], sign: int) -> list[float]:
    ends = [quantity.get("low"), quantity.get("high")]
    return [sign * end for end in ends if end is not None] if all(map(finite, ends)) else []


def rescored(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of Table 1 of LatentCLR: up and down for each attribute, a column for each run.

    Returns:
        "attribute", "way" ("up" or "down"), "cells" (a run's row of "rescoring", or None), and "best": the
        numbers of the runs that moved it furthest.
    """
    by_run = [{row["attribute"]: row for row in run["rescoring"]} for run in runs]
    names = list(dict.fromkeys(name for rows in by_run for name in rows))
    table = []
    for way, furthest in (("up", max), ("down", min)):
        for name in names:
            cells = [rows.get(name) for rows in by_run]
            means = {i: c[way]["mean"] for i, c in enumerate(cells) if c and finite(c[way]["mean"])}
            end = furthest(means.values()) if len(means) > 1 else None
            winners = [i for i, mean in means.items() if mean == end]
            table.append({"attribute": name, "way": way, "cells": cells, "best": winners})
    return table


def measured(quantity: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a quantity has a value."""
    return isinstance(quantity, Mapping) and finite(quantity["value"])


def shade(value: object, full: float) -> str:
    """The class of a heat map's cell: "n6" (-full or less) to "p6", "z" around 0, "" for no number.

    >>> shade(-2.0, 1.0), shade(0.02, 1.0), shade(0.5, 1.0), shade(None, 1.0)
    ('n6', 'z', 'p3', '')

    Args:
        value: of the cell.
        full: value of the strongest colour.
    """
    if not finite(value):
        return ""
    share = float(value) / full  # type: ignore[arg-type]
    step = min(round(abs(share) * SHADES), SHADES)
    return "z" if step == 0 else f"{'p' if share > 0 else 'n'}{step}"


def sure(quantity: Mapping[str, Any]) -> bool:
    """Whether a quantity's interval does not hold 0."""
    low, high = quantity.get("low"), quantity.get("high")
    return finite(low) and finite(high) and not low <= 0 <= high  # type: ignore[operator]


def _full(effects: Sequence[Mapping[str, Any]], names: Sequence[str]) -> float:
    """The effect with the strongest colour: above nearly all there are, and a round number."""
    sizes = sorted(
        abs(e[n]["value"]) for e in effects for n in names if finite((e.get(n) or {}).get("value"))
    )
    if not sizes:
        return 1.0
    most = sizes[int(0.99 * (len(sizes) - 1))]
    return next((scale for scale in SCALES if scale >= most), SCALES[-1])


@cache
def _environment() -> "Environment":
    environment = report_environment("latentclr.report")
    environment.filters["shade"] = shade
    environment.tests["sure"] = sure
    return environment


def report_environment(*packages: str, styles: Sequence[str] = ()) -> "Environment":
    """Templates of reports, which extend base.html and hold their style and script themselves.

    Args:
        packages: those whose folders `templates` are searched, in order.
        styles: names of style sheets after those of all reports.
    """
    from markupsafe import Markup

    found = environment(*packages)
    texts = {
        "style": source(found, "base.css", "style.css", *styles),
        "script": source(found, "script.js"),
    }
    for kind, text in texts.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        found.globals |= {kind: Markup(text), f"{kind}_hash": f"sha256-{digest}"}
    found.filters |= {"number": number, "duration": duration}
    found.tests |= {"measured": measured, "finite": finite}
    return found
