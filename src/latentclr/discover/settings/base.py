"""What every method lets choose."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeVar, final

from latentclr.errors import InputError

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
