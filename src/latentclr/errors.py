"""The one kind of error that is meant for users."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Input that cannot be used.

    The message is one sentence for users: what was given, what is allowed, what to do. Commands print it and
    exit with 2; any other exception that reaches them is a defect of this project.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for an error about an unknown name: the most similar known one in parentheses, or nothing.

    Args:
        name: the unknown name.
        known: all names that exist.

    >>> did_you_mean("facez", ["faces", "celebs"]), did_you_mean("x", ["faces"])
    (" (did you mean 'faces'?)", '')
    """
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def unknown(kind: str, name: str, known: Collection[str]) -> InputError:
    """The error for a name that does not exist.

    >>> unknown("method", "sefu", ["sefa", "random"])
    InputError("there is no method 'sefu' (did you mean 'sefa'?); choose one of sefa, random.")

    Args:
        kind: what is named.
        name: the unknown name.
        known: all names that exist.
    """
    return InputError(
        f"there is no {kind} {name!r}{did_you_mean(name, known)}; choose one of {', '.join(known)}."
    )


class UnsafeFileError(InputError):
    """A file asks for what no checkpoint needs: to run code, or for more memory than its contents fill.

    Nothing of what it asks for has been done.
    """
