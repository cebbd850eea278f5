"""Diversity: how different are the pictures, and the attributes, that the directions lead to?"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import Directions
from latentclr.errors import InputError
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.intervals import (
    BOOTSTRAP,
    Bootstrap,
    Interval,
    Intervals,
    Weights,
    means,
    weighted_means,
)
from latentclr.evaluate.measuring import PIXELS
from latentclr.evaluate.reading import Distance
from latentclr.evaluate.scored import Scored
from latentclr.evaluate.strength import SIGNS
from latentclr.generators import Generator, Latents


@dataclass(frozen=True)
class Diversity:
    """How different directions look from each other.

    Attributes:
        mean: distance between pictures edited along two directions, in the mean over all pairs, both signs
            and all latents.
        pairs: (k, k), the same for each pair of directions; 0 on the diagonal.
    """

    mean: Interval
    pairs: Float[Tensor, "k k"]


@dataclass(frozen=True)
class Choice:
    """Effects as probabilities of attributes: softmax of |change|, as defined by xGA (2023).

    Attributes:
        entropy: (k,), of each direction, in [0, 1]: 0 where one attribute changes, 1 where all change
            equally; mean over pictures.
        diversity: standard deviation over directions of an attribute's mean probability, in the mean over
            attributes: the larger, the more the directions differ in what they change.
        probabilities: (k, a), in the mean over pictures.
    """

    entropy: Intervals
    diversity: Interval
    probabilities: Float[Tensor, "k a"]


@torch.no_grad()
def diversity(
    generator: Generator,
    directions: Directions,
    latents: Latents,
    *,
    distance: Distance,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Diversity:
    """Mean distance between the pictures that different directions make of the same latent.

    One latent at a time: k pictures of either sign are in memory.

    Args:
        generator: the directions' generator.
        directions: two or more; their scales are the lengths: best those of equal visible change.
        latents: n latents; n k (k - 1) distances are computed.
        distance: between pictures, pair by pair.
        bootstrap: of the interval, over latents.

    Raises:
        InputError: a single direction, or a slot that does not exist.
    """
    k = directions.k
    if k < 2:
        raise InputError("diversity is between directions: give two or more.")
    edits = Edits.along(directions, generator.device)
    pairs = torch.triu_indices(k, k, offset=1)
    rows = []
    for latent in latents.split(1):
        both = []
        for edited in edits.apply(latent, SIGNS).flatten(1, 2):
            pictures = torch.cat([generator.preview(some, PIXELS) for some in edited.split(16)])
            distances = [distance(pictures[i], pictures[j]).cpu() for i, j in pairs.split(32, dim=1)]
            both.append(torch.cat(distances))
        rows.append(torch.stack(both).mean(0))
    values = torch.stack(rows)  # (n, pairs)
    matrix = torch.zeros(k, k)
    matrix[*pairs] = values.mean(0)
    return Diversity(bootstrap.means(values.mean(1)).at(), matrix + matrix.T)


def choice(scored: Scored, *, multiple: float = 1.0, bootstrap: Bootstrap = BOOTSTRAP) -> Choice:
    """How concentrated effects are on few attributes, and how different over directions.

    Changes are in population deviations, from -multiple to +multiple. Pictures without a score of some
    attribute are dropped. (Of k directions without any effect, every entropy is 1 and the diversity 0.)

    Args:
        scored: with edits by -multiple and +multiple.
        multiple: of each direction's length.
        bootstrap: of the intervals, over latents.

    Raises:
        InputError: these edits were not measured, or fewer than two attributes vary.
    """
    usable = [i for i in range(len(scored.scales)) if scored.units[i] > 0]
    if len(usable) < 2:
        raise InputError("probabilities of attributes need two or more attributes that vary.")
    shares = scored.effects(multiple)[..., usable].double().abs().softmax(-1).transpose(0, 1)  # (n, k, a)
    surprise = -(shares * shares.clamp(min=1e-300).log()).sum(-1) / torch.tensor(float(len(usable))).log()

    def spread(weights: Weights) -> Float[Tensor, " b"]:
        return weighted_means(shares, weights).std(1, correction=0).mean(1)

    found = bootstrap.of(spread, scored.n).at()
    probabilities = torch.full((scored.k, len(scored.scales)), torch.nan, dtype=torch.float64)
    probabilities[:, usable] = means(shares)
    return Choice(bootstrap.means(surprise), found, probabilities)
