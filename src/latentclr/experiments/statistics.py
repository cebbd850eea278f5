"""Statistics over several seeds that are measured on the same latents, with intervals.

Directions are chosen on other latents than those on which they are measured, as in
`latentclr.evaluate.rescoring`: on the even ones. Resamples for the intervals draw both seeds and latents.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentclr.evaluate.intervals import Bootstrap, Intervals, Weights, crossed, means, weighted_means
from latentclr.linalg import unit

OfMeans = Callable[[int, Float[Tensor, "b ..."]], Float[Tensor, "b m"]]
"""From the number of a seed and its means over latents (in b resamples) to m statistics."""


def over_seeds(values: Sequence[Float[Tensor, "n ..."]], of: OfMeans, bootstrap: Bootstrap) -> Intervals:
    """Means over seeds of statistics of means over latents.

    Args:
        values: for each seed, on the same n latents.
        of: computes the statistics.
        bootstrap: of the intervals. With few seeds these are too short: see `Bootstrap.seeds`.
    """
    seeds, n = len(values), len(values[0])

    def statistic(rows: Weights) -> Float[Tensor, "b m"]:
        blocks = rows.view(len(rows), seeds, n)
        drawn = blocks.sum(2) / n  # how often each seed was; the latents of one that was not have no mean
        total = torch.zeros(())
        for s, value in enumerate(values):
            weights = torch.where(drawn[:, s : s + 1] > 0, blocks[:, s], torch.ones(()))
            total = total + drawn[:, s : s + 1] * of(s, weighted_means(value, weights))
        return total / drawn.sum(1, keepdim=True)

    rng = torch.Generator().manual_seed(bootstrap.seed)
    return bootstrap.of(statistic, seeds * n, weights=crossed(seeds, n, bootstrap.draws, rng))


def strongest(choosing: Float[Tensor, "n k a"]) -> Int[Tensor, " a"]:
    """For each attribute the direction that changes it most, in the mean over these latents."""
    return means(choosing).abs().nan_to_num(-1.0).argmax(0)


def halves(values: Float[Tensor, "n ..."]) -> tuple[Float[Tensor, "half ..."], Float[Tensor, "rest ..."]]:
    """Latents to choose by and latents to measure on."""
    return values[::2], values[1::2]


def others(sizes: Float[Tensor, "*b a a2"]) -> Float[Tensor, "*b a"]:
    """Mean of the sizes off the diagonal, for each row: side effects of the attributes' own directions."""
    a = sizes.shape[-1]
    off = sizes.masked_fill(torch.eye(a, dtype=torch.bool), torch.nan)
    return off.nanmean(-1)


def cosine(one: Float[Tensor, "... d"], other: Float[Tensor, "... d"]) -> Float[Tensor, "..."]:
    """Cosine between vectors, row by row (broadcast); 0 where one of them is zero.

    Args:
        one: vectors.
        other: vectors.

    >>> cosine(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([0.6000])
    """
    found: Tensor = (unit(one) * unit(other)).sum(-1)
    return found
