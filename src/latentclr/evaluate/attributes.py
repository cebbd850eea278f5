"""What the scores of a scorer are: how their differences are defined, and the unit of effects.

A score is a number on a line, a place on a circle, or the number of a category; the difference of two scores
is defined for each kind. The unit of effects is the standard deviation over unedited pictures.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.generators import Generator
from latentclr.scenes.factors import BY_NAME, FACTORS, WORLDS
from latentclr.scorers import Scorer, load_oracle
from latentclr.scorers.attributes import attribute

Pictures = Float[Tensor, "n 3 h w"]
Vectors = Float[Tensor, "n d"]
Kind = Literal["interval", "circular", "category"]

UNIFORM = 1 / math.sqrt(12)
"""Standard deviation of a uniform distribution over a circle of length 1."""
STATISTICS = ("brightness", "contrast", "saturation", "warmth", "sharpness")
"""Attributes of pictures that are computed without a network."""
FACES = ("faces", "celebs")
"""Generators of faces, whose pictures face networks can score."""


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


@dataclass(frozen=True)
class Statistics:
    """A scorer for pictures of any kind: attributes that are computed without a network.

    Attributes:
        names: of `latentclr.scorers.attributes.ATTRIBUTES`.
    """

    names: Sequence[str] = STATISTICS

    def __call__(self, pictures: Pictures) -> Mapping[str, Float[Tensor, " n"]]:
        """Scores of pictures, by name of the attribute."""
        return {name: attribute(name)(pictures) for name in self.names}


@dataclass(frozen=True)
class Joined:
    """Several scorers as one.

    Attributes:
        scorers: without a name in common.
    """

    scorers: Sequence[Scorer]

    def __call__(self, pictures: Pictures) -> Mapping[str, Float[Tensor, " n"]]:
        """Scores of all scorers, by name of the attribute."""
        return {name: values for scorer in self.scorers for name, values in scorer(pictures).items()}


def factor_scales(names: Sequence[str] = tuple(BY_NAME)) -> tuple[Scale, ...]:
    """Scales of factors of scenes, as the oracle scores them."""
    return tuple(Scale(factor.name, factor.kind, factor.unit) for factor in FACTORS if factor.name in names)


def statistic_scales(names: Sequence[str] = STATISTICS) -> tuple[Scale, ...]:
    """Scales of statistics of pictures."""
    return tuple(Scale(name) for name in names)


def scorer_of(generator: Generator) -> tuple[Scorer, tuple[Scale, ...]]:
    """The scorer for a generator's pictures, and the scales of its scores.

    For scenes these are the factors that vary in them; for faces, the attributes of face networks and
    statistics of the picture; for other generators the statistics.

    Raises:
        InputError: the networks cannot be fetched.
    """
    if generator.name.startswith("scenes"):
        world = WORLDS.get(generator.name)
        return load_oracle().to(generator.device), factor_scales(world.free if world else tuple(BY_NAME))
    if generator.name in FACES:
        from latentclr.scorers.faces import SCORES, load_faces  # slow to import, and only faces need it

        faces = load_faces(generator.name, device=generator.device)
        scales = tuple(Scale(name, unit=about) for name, about in SCORES.items())
        return Joined((faces, Statistics())), (*scales, *statistic_scales())
    return Statistics(), statistic_scales()


def identity_of(
    scorer: Scorer,
) -> tuple[Callable[[Pictures], Vectors], Callable[[Vectors, Vectors], Float[Tensor, " n"]]] | None:
    """The identity vectors of a scorer from `scorer_of`, and the distance to compare them by.

    None for a scorer of other pictures than faces.
    """
    if not isinstance(scorer, Joined):
        return None
    from latentclr.scorers.faces import FaceScorer, identity_distance  # as above

    faces = [one for one in scorer.scorers if isinstance(one, FaceScorer)]
    return (faces[0].identity, identity_distance) if faces else None
