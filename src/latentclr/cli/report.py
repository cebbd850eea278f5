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

        write_bytes(self.folder / PAGE, page(_read_metrics(self.folder), self.folder).encode())
        out.print(str(self.folder / PAGE))


def _read_metrics(folder: Path) -> dict[str, Any]:
    from latentclr.runs.folders import EVALUATION

    try:
        found = json.loads((folder / EVALUATION.mark).read_bytes())
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{folder} is not the folder of an evaluation: it has no {EVALUATION.mark}.")
    return found
