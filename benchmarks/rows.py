"""Rows of a benchmark, kept in a JSON file as they come: what was stopped goes on where it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from benchmarks.machine import facts

from latentclr.files import make_folder, write_json


class Rows:
    """The rows of one file, beside the facts of the machine that measured the last of them.

    Args:
        path: of the file; None: nothing is kept.
        threads: of the measurement.
        device: of the measurement.
    """

    def __init__(self, path: Path | None, *, threads: int, device: str = "cpu") -> None:
        self.path, self.threads, self.device = path, threads, torch.device(device)
        known = json.loads(path.read_text()) if path is not None and path.exists() else {}
        self.rows: list[dict[str, Any]] = known.get("rows", [])

    def having(self, **values: object) -> list[dict[str, Any]]:
        """Those with these values."""
        return [row for row in self.rows if values.items() <= row.items()]

    def add(self, row: Mapping[str, Any]) -> None:
        """Keep one more."""
        self.rows.append(dict(row))
        self.write()

    def write(self) -> None:
        """Write the file; after a row was changed in its place, too."""
        if self.path is not None:
            make_folder(self.path.parent)
            write_json(self.path, {**facts(self.threads, self.device), "rows": self.rows})
