"""The folder of an experiment: figure.png, table.csv, text.md, experiment.json, and its runs."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import Any

from latentclr.experiments.answers import Experiment
from latentclr.experiments.settings import Run
from latentclr.files import make_folder, write_bytes, write_json
from latentclr.generators import Generator
from latentclr.images import save_picture
from latentclr.runs.discovery import settings_text
from latentclr.runs.folders import LOCK, FolderKind, staged
from latentclr.tables import csv_text

MARK = "experiment.json"
RUNS = "runs"
FORMAT = 1
EXPERIMENT = FolderKind("an experiment", MARK)


@contextmanager
def experiment_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a folder to write into; it becomes `folder` if no error occurs.

    Directions take most of the time, so those in `runs` are kept when the experiment is stopped or replaced.
    (`find` takes those with the same settings from there.)

    Args:
        folder: final place.
        overwrite: replace an existing experiment.

    Raises:
        InputError: `folder` exists or cannot be written, or another process writes there.
    """

    def check() -> None:
        EXPERIMENT.check_place(folder, overwrite=overwrite)

    check()
    with staged(folder, check, keep=_has_runs) as staging:
        for path in staging.iterdir():
            if path.is_file() and path.name != LOCK:
                path.unlink()
        for path in sorted((folder / RUNS).glob("*.safetensors")):
            shutil.copy2(path, make_folder(staging / RUNS) / path.name)
        yield staging
        check()  # another process may have written there meanwhile


def _has_runs(staging: Path) -> bool:
    return any((staging / RUNS).glob("*.safetensors"))


def write(
    folder: Path,
    name: str,
    paper: str,
    found: Experiment,
    *,
    generator: Generator,
    runs: Sequence[Run],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Write everything but the runs.

    Args:
        folder: to write into.
        name: of the experiment.
        paper: figure, table or section of the paper.
        found: the answer.
        generator: the generator of the runs.
        runs: on which the answer is based.
        settings: JSON values.

    Returns:
        The contents of experiment.json.
    """
    facts = {
        "format": FORMAT,
        "kind": "experiment",
        "experiment": name,
        "paper": paper,
        "generator": {
            "name": generator.name,
            "sha256": generator.fingerprint(),
            "class": generator.label_number,
            "truncation": generator.truncation,
        },
        "settings": dict(settings),
        "runs": [
            {
                "name": one.name,
                "method": one.method,
                "k": one.directions.k,
                "seed": one.seed,
                "class": one.label,
                "settings": settings_text(one.directions),
            }
            for one in runs
        ],
        "rows": [dict(row) for row in found.rows],
        "text": found.text,
    }
    save_picture(found.figure, folder / "figure.png")
    columns = list(found.rows[0])
    cells = ([row.get(name) for name in columns] for row in found.rows)
    write_bytes(folder / "table.csv", csv_text([columns, *cells]).encode())
    write_bytes(folder / "text.md", (fill(found.text, 100, break_long_words=False) + "\n").encode())
    write_json(folder / MARK, facts)
    return facts
