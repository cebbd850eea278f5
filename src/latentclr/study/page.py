"""The page of a study's report: one HTML file that needs nothing else, in the looks of evaluations.

Words of participants, names of runs and directions are text and never markup; the page's own policy allows no
script but the one that stands in it, and no request at all.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentclr.errors import InputError
from latentclr.report.numbers import finite
from latentclr.report.page import report_environment
from latentclr.report.strips import embed

if TYPE_CHECKING:
    from jinja2 import Environment

NAMES = 6
"""Names of a direction that the page shows."""


def page(summary: Mapping[str, Any], folder: Path) -> str:
    """The report as one self-contained HTML file.

    Args:
        summary: what summary.json holds.
        folder: where it lies; examples ("strips/...") are read from there and become part of the page.

    Raises:
        InputError: the summary is not whole.
    """
    from jinja2 import UndefinedError  # takes a while to load

    kept, everybody = summary["groups"]["kept"], summary["groups"]["all"]
    places = _places(everybody["directions"])
    strips = embed([f"strips/{run}-{direction:03}.png" for run, direction in places], folder)
    group = "kept" if kept["people"] else "all"
    try:
        return (
            _environment()
            .get_template("report.html")
            .render(
                summary=summary,
                group=group,
                main=summary["groups"][group],
                everybody=everybody,
                differ=0 < kept["people"] < everybody["people"],
                graded=[question for question in summary["questions"] if question["graded"]],
                strips=strips,
                NAMES=NAMES,
            )
        )
    except (KeyError, UndefinedError) as error:
        raise InputError(f"the summary is not whole: {error}; make the report again.") from error


def p_value(p: object) -> str:
    """A p as papers print it.

    >>> p_value(0.00004), p_value(0.0312), p_value(1.0)
    ('< .001', '.031', '1')
    """
    if not isinstance(p, (int, float)) or not finite(p):
        return "\u2013"
    if p < 0.001:
        return "< .001"
    return f"{p:.3f}".removeprefix("0") if p < 0.9995 else "1"


def stack(parts: Sequence[int | float]) -> list[tuple[float, float]]:
    """Where the parts of a bar of length 100 begin, and how long they are.

    >>> stack([1, 3])
    [(0.0, 25.0), (25.0, 75.0)]
    """
    found, start, whole = [], 0.0, sum(parts)
    for part in parts:
        width = 100 * part / whole if whole else 0.0
        found.append((round(start, 3), round(width, 3)))
        start += width
    return found


def _places(directions: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """The number of each direction's method, and its place among the method's."""
    met: dict[int, int] = {}
    found = []
    for one in directions:
        place = met.get(one["method"], 0)
        met[one["method"]] = place + 1
        found.append((one["method"], place))
    return found


@cache
def _environment() -> "Environment":
    environment = report_environment("latentclr.study", "latentclr.report", styles=["bars.css"])
    environment.globals["stack"] = stack
    environment.filters["p"] = p_value
    return environment
