"""A command as a person calls it, and what came of it."""

from collections.abc import Callable
from typing import NamedTuple


class Result(NamedTuple):
    """Exit code, and what was printed on stdout and stderr."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]
