"""Paths: do attributes change steadily along a direction?

Along a direction, pictures are scored at several multiples, from one end to the other. A useful direction
changes an attribute the same way all along the path; one that goes up and down, or jumps, is no slider.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.evaluate.intervals import BOOTSTRAP, Bootstrap, Intervals
from latentclr.evaluate.scored import Scored


@dataclass(frozen=True)
class Paths:
    """How attributes change along directions, in the mean over latents.

    For categories, which have no order, all are NaN; latents whose score does not change at all are dropped.

    Attributes:
        monotone: (k, a), share of steps in the direction of the whole path, in [0, 1]; for noise near 1/2.
        kendall: (k, a), Kendall's tau between multiple and score: 1 where scores always rise, -1 where they
            always fall, the same way for all latents.
        pearson: (k, a), Pearson's correlation between them (WarpedGANSpace's ranking of paths): below 1 also
            where scores rise along a curve.
    """

    monotone: Intervals
    kendall: Intervals
    pearson: Intervals

    @property
    def selective_correlation(self) -> Float[Tensor, "k a"]:
        """|Pearson| as shares of each direction's sum (WarpedGANSpace's "corr_l1", without signs)."""
        size = self.pearson.value.abs().nan_to_num(0.0)
        return size / size.sum(1, keepdim=True)


def follow(
    scored: Scored,
    *,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Paths:
    """Monotonicity and correlation along the path, for every direction and attribute.

    Args:
        scored: with two or more multiples.
        bootstrap: of the intervals.

    Raises:
        InputError: a single multiple makes no path.
    """
    if len(scored.multiples) < 2:
        raise InputError("a path needs edits of two or more multiples.")
    multiples, scores = scored.paths()
    ordered = torch.tensor([scale.kind != "category" for scale in scored.scales])
    scores = torch.where(ordered, scores, torch.nan).double()
    found = [
        bootstrap.means(one.transpose(0, 1))
        for one in (monotone_share(scores), kendall(scores), pearson(multiples.double(), scores))
    ]
    return Paths(*found)


def unevenness(
    scored: Scored,
    *,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Intervals:
    """(k,), how unevenly pictures change along the path: standard deviation over mean of the visible speed.

    Speed is the distance between neighbouring pictures over that between their multiples. 0: all steps are
    equal; the larger, the more of the change is in a few jumps.

    Args:
        scored: with distances along paths of two or more multiples.
        bootstrap: of the intervals.

    Raises:
        InputError: distances were not measured, or of a single multiple only.
    """
    if scored.steps is None or len(scored.multiples) < 2:
        raise InputError(
            "unevenness needs distances along the path: give `measure` a distance and multiples."
        )
    multiples, _ = scored.paths()
    speeds = scored.steps.double() / multiples.diff().view(1, -1, 1)
    return bootstrap.means((speeds.std(1, correction=0) / speeds.mean(1)).T)


def monotone_share(scores: Float[Tensor, "k p n a"]) -> Float[Tensor, "k n a"]:
    """Share of steps with the sign of the whole path; a step of 0 has neither. NaN where the whole is 0.

    >>> monotone_share(torch.tensor([0.0, 1.0, 0.5, 2.0]).view(1, 4, 1, 1)).item()
    0.6666666865348816
    """
    whole = scores[:, -1] - scores[:, 0]
    same = (scores.diff(dim=1).sign() == whole.sign().unsqueeze(1)).to(scores.dtype).mean(1)
    broken = scores.isnan().any(1) | (whole == 0)
    return torch.where(broken, torch.nan, same)


def kendall(scores: Float[Tensor, "k p n a"]) -> Float[Tensor, "k n a"]:
    """Kendall's tau-a of scores and the order of points (ties count as half). NaN where all are equal."""
    points = scores.shape[1]
    first, second = torch.triu_indices(points, points, offset=1)
    signs = (scores[:, second] - scores[:, first]).sign()  # of NaN: 0
    unknown = scores.isnan().any(1) | (signs == 0).all(1)
    return torch.where(unknown, torch.nan, signs.mean(1))


def pearson(multiples: Float[Tensor, " p"], scores: Float[Tensor, "k p n a"]) -> Float[Tensor, "k n a"]:
    """Pearson's correlation between multiples and scores. NaN where all scores are equal.

    Args:
        multiples: of the p points.
        scores: at these points.
    """
    x = (multiples - multiples.mean()).view(1, -1, 1, 1)
    y = scores - scores.mean(1, keepdim=True)
    length = y.square().sum(1).sqrt()
    flat = scores.amax(1) == scores.amin(1)
    found = (x * y).sum(1) / (x.square().sum().sqrt() * length)
    return torch.where(flat, torch.nan, found)
