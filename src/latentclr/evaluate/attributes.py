"""What the scores of a scorer are: how their differences are defined, and the unit of effects.

A score is a number on a line, a place on a circle, or the number of a category; the difference of two scores
is defined for each kind. The unit of effects is the standard deviation over unedited pictures.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Kind = Literal["interval", "circular", "category"]

UNIFORM = 1 / math.sqrt(12)
"""Standard deviation of a uniform distribution over a circle of length 1."""


@dataclass(frozen=True)
class Scale:
    """The scale of one attribute's scores.

    Attributes:
        name: of the attribute, as the scorer returns it.
        kind: "interval": a number; "circular": in turns, 1 is 0 again; "category": the number of a class.
        unit: for people.
    """

    name: str
    kind: Kind = "interval"
    unit: str = ""

    @property
    def signed(self) -> bool:
        """Whether scores are ordered: there is more and less of the attribute."""
        return self.kind == "interval"

    def difference(self, before: Float[Tensor, "*n"], after: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """After - before; on a circle the shorter way round, in [-.5, .5); of categories 1 where they differ.

        Args:
            before: scores; NaN: unknown, as is the difference.
            after: scores of the same pictures after an edit.

        >>> Scale("hue", "circular").difference(torch.tensor([0.9, 0.2]), torch.tensor([0.1, 0.1]))
        tensor([ 0.2000, -0.1000])
        """
        change = after - before
        if self.kind == "circular":
            return (change + 0.5) % 1 - 0.5
        if self.kind == "category":
            return torch.where(change.isnan(), change, (change != 0).to(change.dtype))
        return change

    def deviation(self, values: Float[Tensor, " n"]) -> float:
        """The unit of effects: the standard deviation over unedited pictures.

        For circles it is that of a uniform distribution; for categories 1, so that effects are shares of
        pictures. NaN where the pictures do not differ: then there is no unit.
        """
        if self.kind != "interval":
            return UNIFORM if self.kind == "circular" else 1.0
        known = values[~values.isnan()].double()
        found = float(known.std()) if len(known) > 1 else math.nan
        # A smaller deviation is rounding.
        return found if found > 1e-6 * max(float(known.abs().mean()), 1e-6) else math.nan
