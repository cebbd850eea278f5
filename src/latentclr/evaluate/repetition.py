"""Repetition: how many of the directions are distinct?

Two directions may be the same vector, look the same (their edits change the same pixels), or have the same
effects on attributes. Directions that repeat each other, directly or by way of others, form a group; the
number of groups is the number of distinct directions.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import Directions
from latentclr.discover.ordering import REPEATED
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.scored import Scored
from latentclr.evaluate.strength import Measure
from latentclr.generators import Generator, Latents
from latentclr.linalg import mean_absolute_cosine, pairs_above


@dataclass(frozen=True)
class Repetition:
    """Which of k directions repeat each other.

    Attributes:
        overlaps: (k, k), |cos| between each pair of directions.
        threshold: a pair with a larger overlap is a repetition.
        pairs: the repetitions as (i, j, overlap), largest first.
        groups: a partition of all directions into those that repeat each other, ordered by their first.
    """

    overlaps: Float[Tensor, "k k"]
    threshold: float
    pairs: tuple[tuple[int, int, float], ...]
    groups: tuple[tuple[int, ...], ...]

    @property
    def distinct(self) -> int:
        """Number of distinct directions: the groups."""
        return len(self.groups)

    @property
    def rate(self) -> float:
        """Share of all pairs that are repetitions; 0 for a single direction."""
        k = len(self.overlaps)
        return len(self.pairs) / max(k * (k - 1) // 2, 1)


def repetition(overlaps: Float[Tensor, "k k"], threshold: float = REPEATED) -> Repetition:
    """Pairs above a threshold, and the groups that they form (connected components).

    Args:
        overlaps: (k, k), symmetric.
        threshold: a pair with a larger overlap is a repetition.

    >>> overlaps = torch.eye(4)
    >>> overlaps[0, 2] = overlaps[2, 0] = overlaps[2, 3] = overlaps[3, 2] = 0.95
    >>> repetition(overlaps).groups
    ((0, 2, 3), (1,))
    """
    pairs = pairs_above(overlaps, threshold)
    leader = list(range(len(overlaps)))
    for i, j, _ in pairs:
        kept, gone = sorted((leader[i], leader[j]))
        leader = [kept if one == gone else one for one in leader]
    groups = (tuple(i for i, one in enumerate(leader) if one == first) for first in sorted(set(leader)))
    return Repetition(overlaps, threshold, tuple(pairs), tuple(groups))


@torch.no_grad()
def latent_repetition(directions: Directions, latents: Latents, *, threshold: float = REPEATED) -> Repetition:
    """Directions that are nearly the same vector or opposite ones: mean |cos| over latents.

    Args:
        directions: k directions.
        latents: n latents at which conditional directions are compared.
        threshold: a pair with a larger overlap is a repetition.
    """
    vectors = Edits.along(directions, latents.device).vectors(latents)
    return repetition(mean_absolute_cosine(vectors).cpu(), threshold)


def visible_repetition(
    generator: Generator, directions: Directions, latents: Latents, *, threshold: float = REPEATED
) -> Repetition:
    """Directions whose edits look nearly the same: |cos| between their changes of small pictures.

    Args:
        generator: the directions' generator.
        directions: k directions; their scales are the lengths: best those of equal visible change.
        latents: n latents; all k n changes of pictures are held in memory.
        threshold: a pair with a larger overlap is a repetition.
    """
    edits = Edits.along(directions, generator.device)
    return repetition(mean_absolute_cosine(Measure(generator).differences(edits, latents)).cpu(), threshold)


def effect_repetition(scored: Scored, *, multiple: float = 1.0, threshold: float = REPEATED) -> Repetition:
    """Directions with nearly the same effects on the attributes of the same pictures.

    The effects of a direction on all attributes of all pictures, in population deviations, form one vector;
    an effect that is missing for one direction is left out for all.

    Args:
        scored: with edits by -multiple and +multiple.
        multiple: of each direction's length.
        threshold: a pair with a larger overlap is a repetition.

    Raises:
        InputError: these edits were not measured.
    """
    effects = scored.effects(multiple)  # (k, n, a)
    known = ~effects.isnan().any(0)
    rows = effects.masked_fill(~known, 0.0).flatten(1).double()
    return repetition(mean_absolute_cosine(rows.unsqueeze(1)), threshold)
