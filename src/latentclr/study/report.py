"""The report of a study: a page, its tables as CSV, and everything as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from latentclr.errors import InputError
from latentclr.evaluate.intervals import Bootstrap
from latentclr.files import write_bytes, write_json
from latentclr.images import save_picture
from latentclr.runs.folders import FolderKind
from latentclr.study.answers import Joined
from latentclr.study.csv_tables import (
    answers_csv,
    completed_csv,
    directions_csv,
    participants_csv,
    preferences_csv,
)
from latentclr.study.findings import findings, paper_lines, people
from latentclr.study.page import page
from latentclr.study.plan import Place, Study
from latentclr.study.quality import Quality, qualities, rule
from latentclr.study.responses import Responses, responses

if TYPE_CHECKING:
    from latentclr.study.store import Store

FORMAT = 1
"""Number of the layout of summary.json."""
SUMMARY = "summary.json"
PAGE = "report.html"
REPORT = "report"
"""Folder of a report, in that of the study."""
EXAMPLES = 2
"""Pictures that stand for a direction on the page."""
TILE = 128
"""Largest height of such a picture in pixels."""


def report(
    study: Study,
    store: "Store",
    folder: Path | None = None,
    *,
    mistakes: int = 0,
    bootstrap: Bootstrap = Bootstrap(),  # noqa: B008  (a frozen value)
    overwrite: bool = False,
) -> Path:
    """Write what a study found: report.html, summary.json, and its tables as CSV.

    Args:
        study: the plan.
        store: its answers; they may still be coming in.
        folder: where it goes; None: "report" in the study's folder.
        mistakes: attention checks that a participant may answer wrongly and still be kept.
        bootstrap: draws participants (and, of agreement, directions).
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
    quality = qualities(found)
    summary = summarise(found, joined, quality, mistakes=mistakes, bootstrap=bootstrap)
    kept = kept_of(quality, mistakes)
    with FolderKind("a study's report", SUMMARY).new(folder, overwrite=overwrite) as staging:
        for place in study.places:
            save_picture(_example(study, place), staging / example_name(place.run, place.direction))
        write_bytes(staging / "answers.csv", answers_csv(found, kept))
        write_bytes(staging / "directions.csv", directions_csv(summary))
        write_bytes(staging / "participants.csv", participants_csv(summary))
        write_bytes(staging / "preferences.csv", preferences_csv(summary))
        finished = {one.participant for one in quality if one.finished}
        write_bytes(staging / "completed.csv", completed_csv(study, joined, finished, kept))
        write_bytes(staging / PAGE, page(summary, staging).encode())
        write_json(staging / SUMMARY, summary)
    return folder


def kept_of(quality: list[Quality], mistakes: int) -> frozenset[int]:
    """Numbers of the participants whose answers are kept."""
    return frozenset(one.participant for one in quality if one.kept(mistakes))


def summarise(
    found: Responses, joined: list[Joined], quality: list[Quality], *, mistakes: int, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Everything of a report, as JSON values."""
    study, kept = found.study, kept_of(quality, mistakes)
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
        "groups": {
            "kept": findings(found.of(kept), bootstrap),
            "all": findings(found, bootstrap),
        },
        "participants": people(quality, kept),
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


def example_name(run: int, direction: int) -> str:
    """The file with the example of a direction, in the folder of a report.

    Args:
        run: number of the run.
        direction: place among the directions of the run.
    """
    return f"strips/{run}-{direction:03}.png"


def _opened(study: Study, name: str) -> Image.Image:
    path = study.picture(name)
    try:
        with Image.open(path, formats=("WEBP",)) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"the picture {path} is missing or damaged; create the study again.") from error
    picture.thumbnail((4 * TILE, TILE), Image.Resampling.BOX)
    return picture
