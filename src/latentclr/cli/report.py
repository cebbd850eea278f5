"""latentclr report DIR: draw the page of an evaluation again."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentclr.cli.console import out
from latentclr.cli.evaluate import PAGE
from latentclr.cli.options import Folder
from latentclr.errors import InputError


@dataclass(frozen=True)
class Command:
    """Draw the page of an evaluation again, from its metrics.json; nothing is measured."""

    folder: Folder
    """Folder of an evaluation (`latentclr evaluate`)."""

    def run(self) -> None:
        """Write the page, and print its path."""
        from latentclr.files import write_bytes
        from latentclr.report.page import page

        metrics = read_metrics(self.folder)
        write_bytes(self.folder / PAGE, page(metrics, self.folder).encode())
        out.print(str(self.folder / PAGE))


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read the measurements of an evaluation.

    Raises:
        InputError: the folder holds no evaluation, or one of another version.
    """
    from latentclr.report.measures import FORMAT
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
