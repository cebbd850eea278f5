"""What every method lets choose."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeVar, final

from latentclr.errors import InputError
from latentclr.limits import check_settings

Method = TypeVar("Method", bound="MethodSettings")


@dataclass(frozen=True)
class MethodSettings:
    """The hyperparameters of a method: the docstring of each field is the help of its option."""

    method: ClassVar[str]
    """Name of the method in `DISCOVERERS`, in artefacts and on the command line."""
    paper: ClassVar[str]
    """Where the method comes from."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Named settings: the fields that each changes from the defaults."""
    strong: ClassVar[float] = 6.0
    """An alpha that is a strong edit, of what the method calls 1: contact sheets go so far both ways."""

    k: int = 16
    """Number of directions."""
    seed: int = 0
    """Same seed, same directions (on one machine, with the same number of threads)."""

    def __post_init__(self) -> None:
        """Refuse values that no generator allows.

        Raises:
            InputError: a field is out of its limits or is not one of its choices.
        """
        check_settings(self)

    @classmethod
    def preset(cls: type[Method], name: str, **changes: Any) -> Method:
        """The settings of that name, with changes.

        >>> from latentclr import LatentCLR
        >>> LatentCLR.preset("paper-stylegan2", seed=1).k
        100

        Raises:
            InputError: there is no such preset.
        """
        if name not in cls.presets:
            known = ", ".join(cls.presets) or "none"
            raise InputError(f"{cls.method} has no preset {name!r}; there are: {known}.")
        return cls(**{**cls.presets[name], **changes})

    @final
    def hyperparameters(self) -> dict[str, Any]:
        """All fields, as JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


def check_count(k: int, names: Sequence[str], what: str) -> None:
    """Refuse a number of directions that is neither 0 nor that of what each direction is found for.

    Args:
        k: number of directions; 0 means all.
        names: of what each has one direction.
        what: what they are, such as "attributes".

    Raises:
        InputError: it is another number.
    """
    if k not in (0, len(names)):
        raise InputError(
            f"k={k} must be 0 (all) or {len(names)}, the number of {what}: each has one direction."
        )
