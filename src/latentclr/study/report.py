"""The report of a study: a page, its tables as CSV, and everything as JSON.

The page is one HTML file that needs nothing else, in the looks of evaluations. Words of participants, names
of runs and directions are text and never markup; the page's own policy allows no script but the one that
stands in it, and no request at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from latentclr.errors import InputError
from latentclr.evaluate.intervals import Bootstrap
from latentclr.files import write_bytes, write_json
from latentclr.images import save_picture
from latentclr.report.numbers import finite
from latentclr.report.page import report_environment
from latentclr.report.strips import embed
from latentclr.runs.folders import FolderKind
from latentclr.study.answers import Joined, completion_code
from latentclr.study.csv_tables import csv_tables
from latentclr.study.findings import findings, paper_lines
from latentclr.study.plan import Place, Study
from latentclr.study.quality import Quality, qualities, rule
from latentclr.study.responses import Responses, responses

if TYPE_CHECKING:
    from jinja2 import Environment

    from latentclr.study.store import Store

FORMAT = 1
"""Number of the layout of summary.json."""
SUMMARY = "summary.json"
PAGE = "report.html"
REPORT = "report"
"""Folder of a report, in the folder of the study."""
EXAMPLES = 2
"""Pictures in the example of a direction."""
TILE = 128
"""Largest height of these pictures in pixels."""
NAMES = 6
"""Names of a direction that the page shows."""


def report(
    study: Study,
    store: "Store",
    folder: Path | None = None,
    *,
    mistakes: int = 0,
    bootstrap: Bootstrap = Bootstrap(),  # noqa: B008  (a frozen value)
    overwrite: bool = False,
) -> Path:
    """Write the findings of a study: report.html, summary.json, and its tables as CSV.

    Args:
        study: the plan.
        store: of its answers; more may be coming in.
        folder: of the report; None: "report" in the study's folder.
        mistakes: attention checks that a participant may answer wrongly and still be kept.
        bootstrap: resamples participants (and, of agreement, directions).
        overwrite: replace a report that is there.

    Returns:
        The folder.

    Raises:
        InputError: the place is taken or cannot be written, nobody has answered yet, or the answers do not
            fit the study.
    """
    folder = folder or study.folder / REPORT
    joined = store.participants()
    found = responses(study, joined, store.answers())
    if not found.people:
        raise InputError(f"nobody has answered yet ({len(joined)} joined); there is nothing to report.")
    quality = {one.participant: one for one in qualities(found)}
    summary = _summarise(found, joined, list(quality.values()), mistakes=mistakes, bootstrap=bootstrap)
    completed = {
        completion_code(study, one.key): quality[one.number].kept(mistakes)
        for one in joined
        if one.number in quality and quality[one.number].finished
    }
    with FolderKind("a study's report", SUMMARY).new(folder, overwrite=overwrite) as staging:
        for place in study.places:
            save_picture(_example(study, place), staging / _example_name(place))
        for name, data in csv_tables(found, summary, completed).items():
            write_bytes(staging / name, data)
        write_bytes(staging / PAGE, _page(summary, study, staging).encode())
        write_json(staging / SUMMARY, summary)
    return folder


def _summarise(
    found: Responses,
    joined: Sequence[Joined],
    quality: Sequence[Quality],
    *,
    mistakes: int,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Everything of a report, as JSON values; `joined` has everybody, whether they answered or not."""
    study, kept = found.study, {one.participant for one in quality if one.kept(mistakes)}
    days = sorted(one.day.isoformat() for one in joined if one.day is not None)
    return {
        "format": FORMAT,
        "kind": "study report",
        "title": study.title,
        "study": {
            "digest": study.digest,
            "unit": study.unit,
            "shown": study.shown,
            "pictures": len(study.pictures.seeds),
            "size": study.pictures.size,
            "per_participant": study.per_participant,
            "sides": study.sides,
            "seed": study.seed,
            "checks": vars(study.checks),
            "generator": dict(study.generator),
        },
        "questions": [
            {"id": q.id, "of": q.of, "text": q.text, "graded": q.id in found.graded, "free": q.free}
            for q in study.questions
        ],
        "methods": [
            {
                **{name: getattr(run, name) for name in ("name", "method", "sha256", "strength")},
                "slots": list(run.slots),
                "k": len(run.directions),
            }
            for run in study.runs
        ],
        "collected": {
            "joined": len(joined),
            "agreed": len(days),
            "begun": len(found.people),
            "finished": sum(one.finished for one in quality),
            "kept": len(kept),
            "answers": sum(row.value is not None for row in found.rows),
            "revisions": sum(row.revisions for row in found.rows),
            "first_day": days[0] if days else None,
            "last_day": days[-1] if days else None,
        },
        "rule": rule(found, mistakes),
        "level": bootstrap.level,
        "paper": paper_lines(),
        "groups": {"kept": findings(found.of(kept), bootstrap), "all": findings(found, bootstrap)},
        "participants": [{**asdict(one), "kept": one.participant in kept} for one in quality],
    }


def _example(study: Study, place: Place) -> Image.Image:
    """What a direction does: a row for each of the first pictures, at -alpha, unedited and at +alpha."""
    shown = study.direction(place)
    rows = list(zip(shown.minus, study.pictures.originals, shown.plus, strict=True))[:EXAMPLES]
    opened = [[_opened(study, name) for name in row] for row in rows]
    width, height = opened[0][0].size
    sheet = Image.new("RGB", (3 * width, len(rows) * height))
    for y, row in enumerate(opened):
        for x, picture in enumerate(row):
            sheet.paste(picture, (x * width, y * height))
    return sheet


def _example_name(place: Place) -> str:
    return f"strips/{place.run}-{place.direction:03}.png"


def _opened(study: Study, name: str) -> Image.Image:
    path = study.picture(name)
    try:
        with Image.open(path, formats=("WEBP",)) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"the picture {path} is missing or damaged; create the study again.") from error
    picture.thumbnail((4 * TILE, TILE), Image.Resampling.BOX)
    return picture


def _page(summary: Mapping[str, Any], study: Study, folder: Path) -> str:
    kept, everybody = summary["groups"]["kept"], summary["groups"]["all"]
    group = "kept" if kept["people"] else "all"
    template = _environment().get_template("report.html")
    return template.render(
        summary=summary,
        group=group,
        main=summary["groups"][group],
        everybody=everybody,
        differ=0 < kept["people"] < everybody["people"],
        graded=[question for question in summary["questions"] if question["graded"]],
        strips=embed([_example_name(place) for place in study.places], folder),
        NAMES=NAMES,
    )


def _p_value(p: object) -> str:
    """A p as papers print it.

    >>> _p_value(0.00004), _p_value(0.0312), _p_value(1.0)
    ('< .001', '.031', '1')
    """
    if not isinstance(p, (int, float)) or not finite(p):
        return "\u2013"
    if p < 0.001:
        return "< .001"
    return f"{p:.3f}".removeprefix("0") if p < 0.9995 else "1"


def _stack(parts: Sequence[int | float]) -> list[tuple[float, float]]:
    """Where the parts of a bar of length 100 begin, and how long they are.

    >>> _stack([1, 3])
    [(0.0, 25.0), (25.0, 75.0)]
    """
    found, start, whole = [], 0.0, sum(parts)
    for part in parts:
        width = 100 * part / whole if whole else 0.0
        found.append((round(start, 3), round(width, 3)))
        start += width
    return found


@cache
def _environment() -> "Environment":
    environment = report_environment("latentclr.study", "latentclr.report", styles=["bars.css"])
    environment.globals["stack"] = _stack
    environment.filters["p"] = _p_value
    return environment
