"""A run as a page sees it."""

from dataclasses import dataclass
from pathlib import Path

from latentclr.directions import Directions
from latentclr.files import tensors_sha256

ID = 12
"""Hexadecimal digits of an id."""


@dataclass(frozen=True)
class Entry:
    """One run on the shelf. A value: renaming puts a new one in its place.

    Attributes:
        id: first digits of a hash over what the directions are (not over their names), so that links and
            recipes stay valid when somebody renames one.
        title: what the run is called on the page; unique on the shelf.
        path: of the artefact; None: it is in memory only.
        directions: the artefact.
    """

    id: str
    title: str
    path: Path | None
    directions: Directions

    @property
    def method(self) -> str:
        """Name of the method that found them; empty: not known."""
        return self.directions.origin.method

    @property
    def found_in(self) -> str:
        """Name of the generator that they were found in; empty: not known."""
        return self.directions.origin.generator.name

    @property
    def sha256(self) -> str:
        """Fingerprint of that generator; empty: not known."""
        return self.directions.origin.generator.sha256

    @property
    def label(self) -> int | None:
        """Number of the class that they were found in; None: of none, or a mixture."""
        return self.directions.origin.generator.class_number

    @property
    def truncation(self) -> float:
        """That they were found at; 1 where it is not known, or could not be."""
        return self.directions.origin.truncation

    @property
    def shown(self) -> tuple[int, ...]:
        """Numbers of the directions as a page lists them: those with a star first, hidden ones not at all."""
        seen = [i for i in range(self.directions.k) if i not in self.directions.hidden]
        return tuple(sorted(seen, key=lambda i: i not in self.directions.starred))


def run_id(directions: Directions) -> str:
    """What tells directions from others: a hash of the model, scale, slots, latent space and generator.

    Names, marks, scores and how they were found are no part of it.
    """
    about = f"{type(directions.model).__name__}{sorted(directions.model.settings().items())}"
    about += f"|{directions.space}|{directions.num_slots}|{list(directions.slots)}"
    # Random directions of two generators may be the same numbers.
    about += f"|{directions.origin.generator.sha256 or None}"
    tensors = {**directions.model.state_dict(), "scale": directions.scale}
    return tensors_sha256(tensors, start=about)[:ID]
