"""Scores of edited pictures: the table that every metric of directions is computed from.

It holds the scores of each picture before and after the edit, for every direction, length and latent. It is
kept in a file, so that reports can be written again without drawing a picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError, did_you_mean
from latentclr.evaluate.attributes import Scale
from latentclr.files import read_tensors, write_tensors

FORMAT = 1
_KIND = "scores of edited pictures (scored.safetensors)"
PER_EDIT = ("edited", "identity", "change", "steps")
"""Fields of `Scored` with a value for every direction, multiple and latent."""


@dataclass(frozen=True)
class Scored:
    """Scores of pictures before and after edits. A value: never changed in place.

    Attributes:
        scales: of the a attributes.
        labels: of the k directions, for people.
        multiples: the s edits of each direction and latent, in units of its length, in ascending order;
            0 (the unedited picture) is not among them.
        lengths: (k,), of the edits with multiple 1, in latent space.
        units: (a,), population deviation of each attribute (see `Scale.deviation`).
        base: (n, a), scores of the unedited pictures.
        edited: (k, s, n, a), scores of the edited pictures. NaN: the scorer gave none.
        identity: (k, s, n), distance between the identities before and after the edit; None: not measured.
        change: (k, s, n), distance between the pictures before and after; None: not measured.
        steps: (k, s, n), distance between neighbouring pictures along the path, of which the unedited picture
            (multiple 0) is part; None: not measured.
        facts: further JSON values: the generator, slots and more.
    """

    scales: tuple[Scale, ...]
    labels: tuple[str, ...]
    multiples: tuple[float, ...]
    lengths: Float[Tensor, " k"]
    units: Float[Tensor, " a"]
    base: Float[Tensor, "n a"]
    edited: Float[Tensor, "k s n a"]
    identity: Float[Tensor, "k s n"] | None = None
    change: Float[Tensor, "k s n"] | None = None
    steps: Float[Tensor, "k s n"] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def k(self) -> int:
        """Number of directions."""
        return len(self.edited)

    @property
    def n(self) -> int:
        """Number of latents."""
        return len(self.base)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the attributes."""
        return tuple(scale.name for scale in self.scales)

    @property
    def missing(self) -> dict[str, int]:
        """By name of the attribute, how many edited pictures have no score; without zeros."""
        counts = self.edited.isnan().sum((0, 1, 2)).tolist()
        return {name: count for name, count in zip(self.names, counts, strict=True) if count}

    def attribute(self, which: int | str) -> int:
        """The number of an attribute, given its number or name.

        Raises:
            InputError: there is none.
        """
        if isinstance(which, str) and which in self.names:
            return self.names.index(which)
        if isinstance(which, str) or not 0 <= which < len(self.scales):
            hint = did_you_mean(str(which), self.names)
            raise InputError(f"no attribute {which!r}{hint}; there are {', '.join(self.names)}.")
        return which

    def step(self, multiple: float) -> int:
        """The index of a multiple among `multiples`.

        Raises:
            InputError: it was not measured.
        """
        if multiple not in self.multiples:
            known = ", ".join(f"{known:g}" for known in self.multiples)
            raise InputError(f"edits of {multiple:g} lengths were not measured; there are {known}.")
        return self.multiples.index(multiple)

    def changes(self) -> Float[Tensor, "k s n a"]:
        """Differences from before to after each edit, in population deviations.

        A circular score is followed from picture to picture along the path, the shorter way round, so that it
        can go further than half a turn; after a NaN on the path, the rest is NaN.
        """
        found = []
        for i, scale in enumerate(self.scales):
            before, after = self.base[:, i], self.edited[..., i]
            if scale.kind == "circular":
                outwards = (after[:, : self._zero].flip(1), after[:, self._zero :])
                below, above = (_followed(scale, before, side) for side in outwards)
                found.append(torch.cat([below.flip(1), above], dim=1))
            else:
                found.append(scale.difference(before.expand(after.shape), after))
        return torch.stack(found, dim=-1) / self.units

    def effects(self, multiple: float = 1.0) -> Float[Tensor, "k n a"]:
        """Differences from the edit by -multiple to the edit by +multiple, in population deviations.

        Raises:
            InputError: these were not measured.
        """
        minus, plus = self.step(-multiple), self.step(multiple)
        changes = self.changes()
        found = changes[:, plus] - changes[:, minus]
        for i, scale in enumerate(self.scales):
            if scale.kind == "category":
                found[..., i] = scale.difference(self.edited[:, minus, :, i], self.edited[:, plus, :, i])
        return found

    def paths(self) -> tuple[Float[Tensor, " p"], Float[Tensor, "k p n a"]]:
        """Multiples and changes along each path, including the unedited picture; p = s + 1."""
        zero = self._zero
        multiples = torch.tensor([*self.multiples[:zero], 0.0, *self.multiples[zero:]])
        changes = self.changes()
        here = torch.where(self.base.isnan(), torch.nan, 0.0).expand(self.k, 1, *self.base.shape)
        return multiples, torch.cat([changes[:, :zero], here, changes[:, zero:]], dim=1)

    def select(self, indices: Sequence[int]) -> "Scored":
        """The scores of some latents, given their indices."""
        which = list(indices)
        parts: dict[str, Any] = {name: values[:, :, which] for name, values in self._per_edit().items()}
        return replace(self, base=self.base[which], **parts)

    def _per_edit(self) -> dict[str, Tensor]:
        return {name: values for name in PER_EDIT if (values := getattr(self, name)) is not None}

    @property
    def _zero(self) -> int:
        """Index of the unedited picture on a path."""
        return sum(multiple < 0 for multiple in self.multiples)

    def save(self, path: Path | str) -> None:
        """Write a safetensors file; equal tables give equal bytes.

        Raises:
            InputError: the place cannot be written.
        """
        tensors = {name: getattr(self, name) for name in ("lengths", "units", "base")}
        header = {
            "format": FORMAT,
            "kind": "scored",
            "scales": [asdict(scale) for scale in self.scales],
            "labels": list(self.labels),
            "multiples": list(self.multiples),
            "facts": dict(self.facts),
        }
        write_tensors(Path(path), tensors | self._per_edit(), header)

    @classmethod
    def load(cls, path: Path | str) -> "Scored":
        """Read what `save` wrote.

        Raises:
            InputError: the file is of another kind or format, or damaged.
        """
        path = Path(path)
        tensors, header = read_tensors(path, kind=_KIND, checked=True)
        if header.get("kind") != "scored" or header.get("format") != FORMAT:
            raise InputError(f"{path} holds no {_KIND} of format {FORMAT}; measure again.")
        scales = tuple(Scale(**scale) for scale in header["scales"])
        return cls(
            scales, tuple(header["labels"]), tuple(header["multiples"]), facts=header["facts"], **tensors
        )


def _followed(
    scale: Scale, before: Float[Tensor, " n"], along: Float[Tensor, "k s n"]
) -> Float[Tensor, "k s n"]:
    """Differences from the start of a path, as the sum of those between neighbours."""
    start = before.expand(len(along), 1, len(before))
    places = torch.cat([start, along], dim=1)
    return scale.difference(places[:, :-1], places[:, 1:]).cumsum(1)
