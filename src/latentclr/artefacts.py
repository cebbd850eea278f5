"""What the files of results share: tensors under a JSON header that says how they were made."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import Tensor

from latentclr.errors import InputError
from latentclr.files import not_finite, read_tensors, tensors_bytes, write_tensors
from latentclr.generators import Generator

Kind = TypeVar("Kind", bound="Artefact")


class Artefact(ABC):
    """A result in one safetensors file. Equal artefacts give equal bytes; loading one runs no code.

    Attributes:
        KIND: what such a file is, for error messages.
        MARK: entries that the header of every such file has.
        MAY_BE_NAN: names of the tensors that may hold NaN or infinity.
    """

    KIND: ClassVar[str]
    MARK: ClassVar[Mapping[str, Any]] = {"format": 1}
    MAY_BE_NAN: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def _contents(self) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
        """Tensors and header of the file; `MARK` is added."""

    @classmethod
    @abstractmethod
    def _from_contents(cls: type[Kind], tensors: dict[str, Tensor], header: dict[str, Any]) -> Kind:
        """The inverse of `_contents`. Any exception that wrong contents can cause is reported to people."""

    def save(self, path: Path | str) -> None:
        """Write the file, whole or not at all.

        Raises:
            InputError: the place cannot be written.
        """
        tensors, header = self._contents()
        write_tensors(Path(path), tensors, {**self.MARK, **header})

    def to_bytes(self) -> bytes:
        """The bytes of the file that `save` writes."""
        tensors, header = self._contents()
        return tensors_bytes(tensors, {**self.MARK, **header})

    @classmethod
    def load(cls: type[Kind], path: Path | str) -> Kind:
        """Read what `save` wrote.

        Raises:
            InputError: a file of another kind or format, damaged, or with values that are not finite.
        """
        path = Path(path)
        tensors, header = read_tensors(path, kind=cls.KIND, mark=cls.MARK)
        if broken := [name for name in not_finite(tensors) if name not in cls.MAY_BE_NAN]:
            raise InputError(f"{path} holds values that are not finite, in {', '.join(broken)}.")
        try:
            if not isinstance(header.get("origin", {}), dict):
                raise InputError("its origin is no JSON object.")
            return cls._from_contents(tensors, header)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise InputError(f"{path} is not {cls.KIND}: {' '.join(str(error).split())}") from error


@dataclass(frozen=True)
class GeneratorRecord:
    """Which generator an artefact belongs to.

    Attributes:
        name: of the generator; "": not known.
        sha256: its fingerprint; "": not known, so every generator with the same latents is accepted.
        label: number of the class that it drew, or the weights of a mixture of classes; None: no class.
    """

    name: str = ""
    sha256: str = ""
    label: int | list[float] | None = None

    @classmethod
    def of(cls, generator: Generator) -> "GeneratorRecord":
        """The record of a generator and of the class that is chosen in it."""
        label = None
        if generator.label is not None:
            number = generator.label_number
            label = generator.label.tolist() if number is None else number
        return cls(generator.name, generator.fingerprint(), label)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "GeneratorRecord":
        """The record that `to_json` wrote.

        Raises:
            InputError: a value of another type.
        """
        label = _typed(values, "class", int | list | None, None)
        return cls(_typed(values, "name", str | None, "") or "", _typed(values, "sha256", str, ""), label)

    def to_json(self) -> dict[str, Any]:
        """JSON values for the header of a file."""
        values: dict[str, Any] = {"name": self.name, "sha256": self.sha256}
        return values if self.label is None else {**values, "class": self.label}

    @property
    def class_number(self) -> int | None:
        """Number of the class; None: no class, or a mixture."""
        return self.label if isinstance(self.label, int) else None

    def require(
        self, generator: Generator, latents: tuple[str, int, int], *, what: str, done: str, again: str = ""
    ) -> None:
        """Make sure that an artefact fits a generator.

        Args:
            generator: to be used with the artefact.
            latents: space, number of slots and length of the artefact's latents.
            what: the artefact in the message, a plural ("these directions").
            done: what was done in the recorded generator ("found").
            again: end of the advice, after "use the generator that they were found in".

        Raises:
            InputError: the artefact was made in another generator or in another latent space.
        """
        offered = (generator.space, generator.num_slots, generator.latent_dim)
        if latents == offered and self.sha256 in ("", generator.fingerprint()):
            return
        ours, theirs = (
            f"(space {space}, {slots} slots of {dim})" for space, slots, dim in (latents, offered)
        )
        raise InputError(
            f"{what} were {done} in {self.name or 'another generator'!r} {ours} and do not fit "
            f"{generator.name or 'this generator'!r} {theirs}; use the generator that they were {done} in"
            f"{again}."
        )


@dataclass(frozen=True)
class Calibration:
    """What the scale of directions was matched to (`evaluate.calibration`).

    Attributes:
        target: change of the picture that an edit with alpha = 1 makes.
        measure: name of the distance between pictures; "": not known.
        too_weak: numbers of the directions that do not reach the target.
        scale_before: scale of each direction before; empty: not known.
    """

    target: float
    measure: str = ""
    too_weak: tuple[int, ...] = ()
    scale_before: tuple[float, ...] = ()

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Calibration":
        """The part of the record that is used after the calibration.

        Raises:
            InputError: a missing target, or a value of another type.
        """
        target = _typed(values, "target", int | float, None)
        if not 0 < target < float("inf"):
            raise InputError(f"the target {target!r} of the calibration must be above 0 and finite.")
        return cls(
            float(target),
            _typed(values, "measure", str, ""),
            tuple(int(index) for index in _typed(values, "too_weak", list | tuple, ())),
            tuple(float(scale) for scale in _typed(values, "scale_before", list | tuple, ())),
        )


class Origin(dict[str, Any]):
    """How an artefact was made: JSON values, of which the shared ones are checked and have typed attributes.

    Whatever else a method records is an entry only: `origin["accuracy"]`. A value: never changed in place.

    Args:
        entries: JSON values, as they stand in the file.

    Attributes:
        method: name of the method; "": not known.
        hyperparameters: of the method, by name.
        generator: in which the artefact was made.
        truncation: of that generator; 1 where the method does not truncate.
        calibration: of directions; None: they are not calibrated.

    Raises:
        InputError: an entry of another type, or a truncation outside (0, 1].
    """

    def __init__(self, entries: Mapping[str, Any] | None = None) -> None:
        super().__init__(entries or {})
        self.method: str = _typed(self, "method", str, "")
        self.hyperparameters: Mapping[str, Any] = _typed(self, "hyperparameters", Mapping, {})
        self.generator = GeneratorRecord.from_json(_typed(self, "generator", Mapping, {}))
        truncation = self.get("truncation", self.hyperparameters.get("truncation", 1.0))
        if not isinstance(truncation, int | float) or not 0 < truncation <= 1:
            raise InputError(f"truncation {truncation!r} must be above 0 and at most 1.")
        self.truncation = float(truncation)
        calibration = _typed(self, "calibration", Mapping | None, None)
        self.calibration = None if calibration is None else Calibration.from_json(calibration)


def _typed(values: Mapping[str, Any], name: str, kinds: Any, default: Any) -> Any:
    value = values.get(name, default)
    if not isinstance(value, kinds):
        raise InputError(f"the recorded {name} cannot be {value!r}.")
    return value
