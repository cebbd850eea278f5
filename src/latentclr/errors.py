"""The one error that is meant for people."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Something that was given cannot be used.

    The message is one sentence: what was given, what is allowed, what to do. Commands print it as it
    is and exit with 2; any other exception that reaches them is a defect of this project.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for a sentence about a wrong name: the nearest right one in brackets, or nothing.

    >>> did_you_mean("facez", ["faces", "celebs"]), did_you_mean("x", ["faces"])
    (" (did you mean 'faces'?)", '')
    """
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


class UnsafeFileError(InputError):
    """A file asks for something that no checkpoint needs: to run code, or more memory than it fills.

    Nothing of what it asked for was done.
    """
