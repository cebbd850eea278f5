"""A command as a person calls it, and what came of it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SMALL = ("--k", "3", "--steps", "4", "--batch", "3", "--held-out", "4", "--validate-every", "2")
"""Options of a discovery that takes no time."""


class Result(NamedTuple):
    """Exit code, and what was printed on stdout and stderr."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]
"""The command as a person calls it."""


def tree(folder: Path) -> set[str]:
    """Everything in a folder, by its path there."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "latentclr", *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
