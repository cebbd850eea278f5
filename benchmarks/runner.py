"""What all benchmarks share: the command line, rows that are kept in a file, tables and figures."""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from benchmarks.machine import facts

from latentclr.files import make_folder, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = Path("benchmarks/results")
RowValues = Mapping[str, Any]


class Parser(argparse.ArgumentParser):
    """The command line of a benchmark, with the options that it shares with others.

    Args:
        about: docstring of the module.
        threads: default of --threads; 0: as many as torch uses; None: one thread, without an option.
        device: there is an option --device.
        out: default of --out; None: nothing is written by default; False: there is no such option.
    """

    def __init__(
        self,
        about: str | None,
        *,
        threads: int | None = None,
        device: bool = False,
        out: Path | Literal[False] | None = None,
    ) -> None:
        super().__init__(description=about, formatter_class=argparse.RawTextHelpFormatter)
        if threads is not None:
            self.add_argument("--threads", type=int, default=threads or torch.get_num_threads())
        if device:
            self.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
        if out is not False:
            self.add_argument("--out", type=Path, default=out, help="JSON file of the results")

    def options(self) -> argparse.Namespace:
        """Read the command line, and set the number of threads of this process."""
        found = self.parse_args()
        torch.set_num_threads(getattr(found, "threads", 1))
        return found


class Rows:
    """Measurements that are kept in a JSON file as they come, so that a stopped benchmark can continue.

    Beside them the file has the facts of the machine that measured the last row.

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
        """The rows that have these values."""
        return [row for row in self.rows if values.items() <= row.items()]

    def add(self, row: RowValues) -> None:
        """Append a row."""
        self.rows.append(dict(row))
        self.write()

    def write(self) -> None:
        """Write the file, for example after a row was changed."""
        save(self.path, {**facts(self.threads, self.device), "rows": self.rows})


def say(text: object) -> None:
    """Print a line at once, also into a file or a pipe."""
    print(text, flush=True)


def announce(threads: int, device: torch.device) -> dict[str, Any]:
    """Print and return the facts of the machine."""
    here = facts(threads, device)
    say(", ".join(f"{name} {value}" for name, value in here.items()))
    return here


def save(path: Path | None, results: RowValues) -> None:
    """Write results as JSON, if there is a place for them."""
    if path is not None:
        write_json(make_folder(path.parent) / path.name, results)


def save_figure(figure: "Figure", results: RowValues, path: Path) -> None:
    """Write a figure, titled with the machine that measured the results."""
    figure.suptitle(", ".join(f"{key} {results[key]}" for key in ("gpu", "cpu", "threads") if key in results))
    figure.savefig(path, dpi=150)


def grouped(rows: Iterable[RowValues], *keys: str) -> dict[Any, list[RowValues]]:
    """Rows by their values of some keys, in the order of their first row.

    >>> grouped([{"a": 1}, {"a": 2}, {"a": 1, "b": 3}], "a")
    {1: [{'a': 1}, {'a': 1, 'b': 3}], 2: [{'a': 2}]}
    """
    groups: dict[Any, list[RowValues]] = {}
    for row in rows:
        value = row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys)
        groups.setdefault(value, []).append(row)
    return groups


def markdown(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Lines of a table in Markdown.

    >>> list(markdown(["a", "b"], [[1, 2]]))
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    yield f"| {' | '.join(heading)} |"
    yield "|---" * len(heading) + "|"
    yield from (f"| {' | '.join(map(str, row))} |" for row in rows)
