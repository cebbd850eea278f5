"""What is read off pictures: scores of attributes and, where they are measured, distances and identities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.evaluate.attributes import Scale
from latentclr.generators import Generator
from latentclr.linalg import unit
from latentclr.scenes.factors import BY_NAME, FACTORS, WORLDS
from latentclr.scorers import Scorer, load_oracle
from latentclr.scorers.attributes import attribute

Pictures = Float[Tensor, "n 3 h w"]
Vectors = Float[Tensor, "n d"]
Distance = Callable[[Pictures, Pictures], Float[Tensor, " n"]]
"""How different pictures look, pair by pair."""
Identity = Callable[[Pictures], Vectors]
"""A vector of each picture; vectors of one person are close. NaN: there is no face."""

STATISTICS = ("brightness", "contrast", "saturation", "warmth", "sharpness")
"""Attributes of pictures that are computed without a network."""
FACES = ("faces", "celebs")
"""Generators of faces, whose pictures face networks can score."""


def cosine_distance(one: Vectors, other: Vectors) -> Float[Tensor, " n"]:
    """1 - cosine, row by row: how far apart identity vectors are.

    Args:
        one: n vectors.
        other: n vectors.

    >>> cosine_distance(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]))
    tensor([1.])
    """
    found: Float[Tensor, " n"] = 1 - (unit(one) * unit(other)).sum(-1)
    return found


@dataclass(frozen=True)
class Reading:
    """How pictures are read.

    Attributes:
        scorer: gives the scores of the attributes.
        scales: of the attributes that are kept, by the scorer's names.
        distance: between pictures; None: not measured.
        identity: gives vectors of identity; None: pictures show no persons.
        identity_distance: between these, row by row.
    """

    scorer: Scorer
    scales: tuple[Scale, ...]
    distance: Distance | None = None
    identity: Identity | None = None
    identity_distance: Callable[[Vectors, Vectors], Float[Tensor, " n"]] = cosine_distance

    def scores(self, pictures: Pictures) -> Float[Tensor, "n a"]:
        """Scores of pictures, in the order of the scales.

        Raises:
            InputError: the scorer does not return one of the attributes.
        """
        found = self.scorer(pictures)
        if unknown := [scale.name for scale in self.scales if scale.name not in found]:
            raise InputError(f"the scorer returns no {unknown[0]!r}; it returns {', '.join(found)}.")
        return torch.stack([found[scale.name].float() for scale in self.scales], dim=1).cpu()


def reading_of(generator: Generator, distance: Distance | None = None) -> Reading:
    """How a generator's pictures are read.

    For scenes the attributes are the factors that vary in them; for faces, attributes of face networks and
    statistics of the picture; for other generators the statistics.

    Args:
        generator: draws the pictures.
        distance: between them; None: not measured.

    Raises:
        InputError: the networks cannot be fetched.
    """
    if generator.name.startswith("scenes"):
        world = WORLDS.get(generator.name)
        free = world.free if world else tuple(BY_NAME)
        scales = tuple(Scale(one.name, one.kind, one.unit) for one in FACTORS if one.name in free)
        return Reading(load_oracle().to(generator.device), scales, distance)
    scales = tuple(map(Scale, STATISTICS))
    if generator.name not in FACES:
        return Reading(_statistics, scales, distance)
    from latentclr.scorers.faces import SCORES, identity_distance, load_faces  # slow to import

    faces = load_faces(generator.name, device=generator.device)

    def scorer(pictures: Pictures) -> Mapping[str, Float[Tensor, " n"]]:
        return {**faces(pictures), **_statistics(pictures)}

    scales = (*(Scale(name, unit=about) for name, about in SCORES.items()), *scales)
    return Reading(scorer, scales, distance, faces.identity, identity_distance)


def _statistics(pictures: Pictures) -> Mapping[str, Float[Tensor, " n"]]:
    return {name: attribute(name)(pictures) for name in STATISTICS}
