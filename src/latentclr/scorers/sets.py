"""How far a set of pictures is from another, or from what it should be."""

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.scenes.factors import Factor


def frechet_distance(one: Float[Tensor, "n f"], other: Float[Tensor, "m f"]) -> float:
    """Between two sets of features, each taken for a normal distribution (Heusel et al. 2017, equation 6):

        |mu_1 - mu_2|^2 + tr(C_1 + C_2 - 2 (C_1^1/2 C_2 C_1^1/2)^1/2)

    Raises:
        InputError: a set has fewer than two pictures.
    """  # noqa: D415
    if len(one) < 2 or len(other) < 2:
        raise InputError("a Frechet distance needs two or more pictures on each side.")
    first, second = one.double(), other.double()
    gap = (first.mean(0) - second.mean(0)).square().sum()
    covariances = torch.cov(first.T), torch.cov(second.T)
    root = _root(covariances[0])
    mixed = _root(root @ covariances[1] @ root)
    return float(gap + covariances[0].trace() + covariances[1].trace() - 2 * mixed.trace())


def _root(matrix: Float[Tensor, "f f"]) -> Float[Tensor, "f f"]:
    """The symmetric square root of a positive matrix."""
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root


def distance_to_uniform(values: Float[Tensor, " n"], factor: Factor, *, bins: int = 10) -> float:
    """Total variation distance between the histogram of a factor's values and the uniform one, in [0, 1].

    Values beyond the factor's range count for its ends.

    Args:
        values: of the factor.
        factor: gives the range; a category's values are its bins.
        bins: of other factors.
    """
    if factor.kind == "category":
        counts = torch.bincount(values.long().clamp(0, int(factor.high) - 1), minlength=int(factor.high))
    else:
        share = (values - factor.low) / (factor.high - factor.low)
        counts = torch.bincount((share * bins).long().clamp(0, bins - 1), minlength=bins)
    expected = 1 / len(counts)
    return 0.5 * float((counts / counts.sum() - expected).abs().sum())
