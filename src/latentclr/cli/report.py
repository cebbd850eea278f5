"""latentclr report DIR: the page of an evaluation again, from what was measured."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from latentclr.cli.console import out
from latentclr.cli.evaluate import PAGE
from latentclr.cli.options import parse
from latentclr.errors import InputError


@dataclass(frozen=True)
class Report:
    """Options of the command."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """Folder of an evaluation (`latentclr evaluate`)."""

    def write(self) -> None:
        """Draw the page anew; nothing is measured."""
        from latentclr.files import write_bytes
        from latentclr.report.page import page

        metrics = read_metrics(self.folder)
        write_bytes(self.folder / PAGE, page(metrics, self.folder).encode())
        out.print(str(self.folder / PAGE), markup=False)


def read_metrics(folder: Path) -> dict[str, Any]:
    """What was measured.

    Raises:
        InputError: the folder holds no evaluation, or one of another version.
    """
    from latentclr.report.evaluation import FORMAT
    from latentclr.runs.folders import EVALUATION

    path = folder / EVALUATION.mark
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{folder} is not the folder of an evaluation: it has no {EVALUATION.mark}."
        ) from error
    if not isinstance(found, dict) or found.get("kind") != "evaluation" or found.get("format") != FORMAT:
        raise InputError(f"{path} is of another version; evaluate again.")
    return found


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    about = "Draw the page of an evaluation again, from its metrics.json; nothing is measured."
    parse(Report, arguments, prog="report", about=about).write()
