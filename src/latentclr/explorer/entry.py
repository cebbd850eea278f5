"""A run as a page sees it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from latentclr.directions import Directions

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
        return str(self.directions.origin.get("method") or "")

    @property
    def found_in(self) -> str:
        """Name of the generator that they were found in; empty: not known."""
        return str(self._home.get("name") or "")

    @property
    def sha256(self) -> str:
        """Fingerprint of that generator; empty: not known."""
        return str(self._home.get("sha256") or "")

    @property
    def label(self) -> int | None:
        """Number of the class that they were found in; None: of none, or a mixture."""
        label = self._home.get("class")
        return label if type(label) is int and label >= 0 else None

    @property
    def truncation(self) -> float:
        """That they were found at; 1 where it is not known, or could not be."""
        hyperparameters = self.directions.origin.get("hyperparameters")
        found = hyperparameters.get("truncation") if isinstance(hyperparameters, Mapping) else None
        return float(found) if isinstance(found, int | float) and 0 < found <= 1 else 1.0

    @property
    def shown(self) -> tuple[int, ...]:
        """Numbers of the directions as a page lists them: those with a star first, hidden ones not at all."""
        seen = [i for i in range(self.directions.k) if i not in self.directions.hidden]
        return tuple(sorted(seen, key=lambda i: i not in self.directions.starred))

    @property
    def _home(self) -> Mapping[str, Any]:
        found = self.directions.origin.get("generator")
        return found if isinstance(found, Mapping) else {}


def run_id(directions: Directions) -> str:
    """What tells directions from others: a hash of the model, scale, slots, latent space and generator.

    Names, marks, scores and how they were found are no part of it.
    """
    about = f"{type(directions.model).__name__}{sorted(directions.model.settings().items())}"
    about += f"|{directions.space}|{directions.num_slots}|{list(directions.slots)}"
    home = directions.origin.get("generator")
    # Random directions of two generators may be the same numbers.
    about += f"|{home.get('sha256') if isinstance(home, Mapping) else None}"
    digest = hashlib.sha256(about.encode())
    tensors = {**directions.model.state_dict(), "scale": directions.scale}
    for name, tensor in sorted(tensors.items()):
        digest.update(f"|{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:ID]
