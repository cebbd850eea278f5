"""Limits of settings: declared in a table beside the fields, checked in one place. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from latentclr.errors import InputError

INFINITY = float("inf")


@dataclass(frozen=True)
class Limit:
    """An interval of allowed numbers; NaN is in none.

    Attributes:
        least: the smallest allowed number; None: no limit.
        above: numbers must be larger than this; None: no limit.
        most: the largest allowed number; None: no limit.
        below: numbers must be smaller than this; infinity: finite; None: no limit.
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def allows(self, value: float) -> bool:
        """Whether a number lies in the interval."""
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        ends = {"at least": self.least, "above": self.above, "at most": self.most, "below": self.below}
        words = [f"{word} {end:g}" for word, end in ends.items() if end is not None]
        return " and ".join(words).replace("below inf", "finite")


Limits = Mapping[str, Limit]
"""The limit of each field that has one, by the field's name."""

POSITIVE = Limit(above=0, below=INFINITY)
NOT_NEGATIVE = Limit(least=0, below=INFINITY)


def at_least(least: float) -> Limit:
    """The limit of a count."""
    return Limit(least=least)


def check_limits(values: Mapping[str, Any], limits: Limits) -> None:
    """Refuse the first value that is outside its limit.

    Args:
        values: by name; None and names without a limit are not checked.
        limits: by name; a name without a value is ignored.

    Raises:
        InputError: says which value was given and what is allowed.
    """
    for name, limit in limits.items():
        value = values.get(name)
        if value is not None and not limit.allows(value):
            raise InputError(f"{name}={value} must be {limit}.")


def limits_of(kind: type) -> dict[str, Limit]:
    """The limits of a class's fields: its own `limits`, and those of its bases that it does not change."""
    limits: dict[str, Limit] = {}
    for base in reversed(kind.__mro__):
        limits |= vars(base).get("limits", {})
    return limits


def check_settings(settings: object) -> None:
    """Check the fields of a dataclass: limits in its class's `limits`, and the choices of `Literal` types.

    Args:
        settings: an instance of a dataclass.

    Raises:
        InputError: a value is out of its limits or is not one of the choices.
    """
    check_limits(vars(settings), limits_of(type(settings)))
    for name, kind in get_type_hints(type(settings)).items():
        if get_origin(kind) is Literal and vars(settings).get(name) not in get_args(kind):
            allowed = ", ".join(map(str, get_args(kind)))
            raise InputError(f"{name}={vars(settings)[name]!r} must be one of {allowed}.")
