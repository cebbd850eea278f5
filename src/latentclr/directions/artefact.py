"""Directions: what every method returns, and all that is needed to edit with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from filelock import FileLock, Timeout
from jaxtyping import Float
from torch import Tensor

from latentclr.artefacts import Artefact, Origin
from latentclr.directions.edits import moved, read
from latentclr.directions.models import MODELS, DirectionModel, model_name
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents, check_slots

MARKS = ("starred", "hidden")
"""What people mark directions with."""

PATIENCE = 10.0
"""Seconds to wait for another program that changes the same file."""

_MODEL = "model."
"""Prefix of the names of the model's tensors in a file."""


@dataclass(frozen=True)
class Directions(Artefact):
    """K directions of one generator, ready to be applied, named and saved. A value: never changed in place.

    Attributes:
        model: gives the unit directions at a latent.
        space: the latent space that they live in, "z" or "w".
        num_slots: number of slots of the generator that they were found in.
        slots: numbers of the slots that an edit moves by default.
        scale: (k,), length of an edit with alpha = 1, in that latent space.
        scores: (k,), what the method sorts by, largest first ("sorted_by" in `origin` says what it is).
        names: what people call the directions; "" for those without a name.
        origin: how they were found: "method", "hyperparameters", "generator" (name and sha256), "versions"
            and whatever the method adds. JSON values only.
        starred: numbers of the directions that people marked as worth keeping.
        hidden: numbers of the directions that pages do not list; nothing else changes for them.
    """

    KIND: ClassVar[str] = "a directions file (directions.safetensors of a run)"

    model: DirectionModel
    space: str
    num_slots: int
    slots: tuple[int, ...]
    scale: Float[Tensor, " k"]
    scores: Float[Tensor, " k"]
    names: tuple[str, ...]
    origin: Origin = field(default_factory=Origin)
    starred: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()

    @property
    def k(self) -> int:
        """The number of directions, K."""
        return self.model.k

    @property
    def dim(self) -> int:
        """The length of a latent."""
        return self.model.dim

    def edit(
        self,
        latents: Latents,
        index: int | str,
        alpha: float | Float[Tensor, " n"],
        slots: Sequence[int] | None = None,
        *,
        steps: int = 1,
    ) -> Latents:
        """New latents, moved along one direction.

        The shift has length |alpha| * scale[index] in every moved slot (with several steps: the path has).
        A conditional direction is read at the mean of the moved slots' latents, which for the usual latents
        (the same in all slots) is the latent itself.

        Args:
            latents: (n, num_slots, dim).
            index: number of the direction, or its name.
            alpha: how far, either way; one number, or one for each picture. 0 gives the latents back.
            slots: slots to move; None: the artefact's own `slots`.
            steps: number of equal steps; a conditional direction is read again at each.

        Raises:
            InputError: unknown direction or slot, latents of another shape, steps below 1.
        """
        index = self.index(index)
        chosen = self.slots if slots is None else check_slots(slots, self.num_slots)
        if latents.shape[1:] != (self.num_slots, self.dim):
            raise InputError(
                f"latents of shape {tuple(latents.shape)} do not fit these directions, which edit "
                f"(n, {self.num_slots}, {self.dim})."
            )
        if steps < 1:
            raise InputError(f"steps={steps} must be at least 1.")
        one = self.model.select([index]).to(latents.device)
        stride = torch.as_tensor(alpha, dtype=latents.dtype, device=latents.device) / steps
        stride = (stride * float(self.scale[index])).expand(len(latents)).unsqueeze(1)  # (n, 1)
        edited = latents.clone()
        with torch.no_grad():
            for _ in range(steps):
                edited = moved(edited, stride * one(read(edited, chosen))[0], chosen)
        return edited

    def index(self, which: int | str) -> int:
        """The number of a direction, given its number or name.

        Raises:
            InputError: there is no such direction.
        """
        if isinstance(which, str) and which in self.names and which:
            return self.names.index(which)
        if isinstance(which, str) or not 0 <= which < self.k:
            named = [name for name in self.names if name]
            also = f" or by name: {', '.join(named)}" if named else ""
            raise InputError(f"no direction {which!r}; there are 0 to {self.k - 1}{also}.")
        return which

    def label(self, index: int) -> str:
        """The direction's number and, where it has one, its name.

        >>> import latentclr
        >>> directions = latentclr.Random(k=2).fit(latentclr.generators.DCGAN((8, 4), z_dim=6))
        >>> directions.rename({1: "smile"}).label(1)
        '1 smile'
        """
        return f"{index} {self.names[index]}".rstrip()

    def select(self, indices: Sequence[int]) -> "Directions":
        """The directions at `indices`, in that order.

        Raises:
            InputError: an index is out of range, or none is given.
        """
        model = self.model.select(indices)
        chosen = list(indices)
        return replace(
            self,
            model=model,
            scale=self.scale[chosen],
            scores=self.scores[chosen],
            names=tuple(self.names[i] for i in chosen),
            starred=frozenset(i for i, old in enumerate(chosen) if old in self.starred),
            hidden=frozenset(i for i, old in enumerate(chosen) if old in self.hidden),
        )

    def rename(self, names: Mapping[int, str]) -> "Directions":
        """The same directions with new names for some; an empty name takes the name away.

        Raises:
            InputError: no such direction, two directions of one name, or a name that a number could mean.
        """
        renamed = list(self.names)
        for index, name in names.items():
            name = " ".join(name.split())
            if name.lstrip("+-").isdigit() or any(mark in name for mark in ":,"):
                raise InputError(f"name {name!r} must not be a number nor contain ':' or ','.")
            renamed[self.index(index)] = name
        given = [name for name in renamed if name]
        twice = sorted({name for name in given if given.count(name) > 1})
        if twice:
            raise InputError(f"name {twice[0]!r} is taken; every direction needs a name of its own.")
        return replace(self, names=tuple(renamed))

    def star(self, index: int | str, on: bool = True) -> "Directions":
        """The same directions with a star on one, or without it.

        Args:
            index: number of the direction, or its name.
            on: whether it gets a star.

        Raises:
            InputError: no such direction.
        """
        return replace(self, starred=_with_mark(self.starred, self.index(index), on))

    def hide(self, index: int | str, on: bool = True) -> "Directions":
        """The same directions with one hidden, or shown again. Edits along it are still possible.

        Args:
            index: number of the direction, or its name.
            on: whether it is hidden.

        Raises:
            InputError: no such direction.
        """
        return replace(self, hidden=_with_mark(self.hidden, self.index(index), on))

    def require(self, generator: Generator) -> None:
        """Make sure that these directions belong to this generator.

        Raises:
            InputError: they were found in another latent space or in another generator's.
        """
        self.origin.generator.require(
            generator, (self.space, self.num_slots, self.dim), what="these directions", done="found"
        )

    def _contents(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {f"{_MODEL}{name}": value for name, value in self.model.state_dict().items()}
        header: dict[str, Any] = {
            "model": {
                "kind": model_name(self.model),
                "k": self.k,
                "dim": self.dim,
                **self.model.settings(),
            },
            "space": self.space,
            "num_slots": self.num_slots,
            "slots": list(self.slots),
            "names": list(self.names),
            "origin": dict(self.origin),
        }
        # Only where there are any: files without marks are what they were before there were marks.
        header |= {name: sorted(marks) for name in MARKS if (marks := getattr(self, name))}
        return tensors | {"scale": self.scale, "scores": self.scores}, header

    @classmethod
    def _from_contents(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> "Directions":
        settings = dict(header["model"])
        kind, k, num_slots = MODELS[settings.pop("kind")], settings["k"], header["num_slots"]
        scale, scores = tensors.pop("scale"), tensors.pop("scores")
        names = tuple(str(name) for name in header["names"])
        if not len(names) == len(scale) == len(scores) == k:
            raise InputError(f"names, scales and scores must be {k} each.")
        marks = {name: _read_marks(header.get(name, []), k) for name in MARKS}
        state = {name.removeprefix(_MODEL): value for name, value in tensors.items()}
        model = kind.from_state(state, **settings)
        return cls(
            model=model,
            space=header["space"],
            num_slots=num_slots,
            slots=check_slots(header["slots"], num_slots),
            scale=scale,
            scores=scores,
            names=names,
            origin=Origin(header["origin"]),
            **marks,
        )


@dataclass(frozen=True)
class Move:
    """An edit along one direction.

    Attributes:
        directions: that the direction belongs to.
        index: its number.
        alpha: how far, either way, in units of its scale.
        slots: to move; None: the directions' own.
    """

    directions: Directions
    index: int
    alpha: float
    slots: tuple[int, ...] | None = None


def edit_all(
    latents: Latents, moves: Sequence[Move], *, share: float | Float[Tensor, " n"] = 1.0, steps: int = 1
) -> Latents:
    """New latents after several edits; a conditional direction is read where the edit before it led.

    Args:
        latents: (n, num_slots, dim).
        moves: the edits in their order, along directions that may come from several runs.
        share: factor of each alpha; one number, or one for each picture.
        steps: see `Directions.edit`.

    Raises:
        InputError: see `Directions.edit`.
    """
    for move in moves:
        latents = move.directions.edit(latents, move.index, share * move.alpha, move.slots, steps=steps)
    return latents


def change(path: Path, how: Callable[[Directions], Directions], *, patience: float = PATIENCE) -> Directions:
    """Change a file of directions; no change by another program is lost in between.

    Args:
        path: of the file; a link to it stays a link.
        how: gives the new directions from those in the file.
        patience: seconds to wait for another program that changes the same file.

    Returns:
        The directions that are in the file now.

    Raises:
        InputError: see `Directions.load`; whatever `how` raises; the place cannot be written, or another
            program keeps the file locked.
    """
    path = path.resolve()
    how(Directions.load(path))  # a change that fails leaves nothing behind, not even a lock
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise InputError(f"another program is changing {path}; try again once it is done.") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot write {path}: {reason}; copy the run to a place of your own.") from error
    try:
        before = Directions.load(path)
        after = how(before)
        if after is not before:
            after.save(path)
        return after
    finally:
        lock.release()


def _with_mark(marks: frozenset[int], index: int, on: bool) -> frozenset[int]:
    return marks | {index} if on else marks - {index}


def _read_marks(numbers: Any, k: int) -> frozenset[int]:
    if not isinstance(numbers, list) or any(type(i) is not int or not 0 <= i < k for i in numbers):
        raise InputError(f"marks must be numbers of directions, 0 to {k - 1}.")
    return frozenset(numbers)
