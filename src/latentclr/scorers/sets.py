"""Distances between sets of pictures, and between a set and the distribution that it should have."""

import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError, did_you_mean
from latentclr.scenes.factors import Factor
from latentclr.scorers.efficientnet import load_efficientnet
from latentclr.scorers.oracle import load_oracle

Features = Callable[[Float[Tensor, "n 3 h w"]], Float[Tensor, "n f"]]
"""A row of numbers for each picture in [-1, 1]."""

FRECHET_FEATURES: Mapping[str, str] = {
    "efficientnet-lite0": "of any pictures: the 1280 of a network that knows the ImageNet classes",
    "oracle": "of scenes: the 128 of the network that reads their factors",
}
"""The features on which distances between sets of pictures can be taken, with a description, by name.

None of them are those of the Inception network that the FID is defined by (Heusel et al. 2017). Distances on
other features are on another scale, so they are called by their features' name, and only compared with each
other.
"""


def frechet_features(
    name: str, *, device: torch.device | str = "cpu", log: Callable[[str], None] = lambda _: None
) -> Features:
    """A function that computes the features of pictures for `frechet_distance`, without gradients.

    Args:
        name: one of `FRECHET_FEATURES`.
        device: where they are computed; the results are on the CPU.
        log: called with a sentence when weights are fetched.

    Raises:
        InputError: the name is unknown, or weights cannot be fetched.
    """
    if name not in FRECHET_FEATURES:
        raise InputError(
            f"there are no features {name!r}{did_you_mean(name, FRECHET_FEATURES)} for a distance of sets; "
            f"there are {', '.join(FRECHET_FEATURES)}."
        )
    network = load_oracle().to(device) if name == "oracle" else load_efficientnet(device=device, log=log)

    @torch.no_grad()
    def features(pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n f"]:
        return network.features(pictures.to(device)).cpu()

    return features


def frechet_distance(one: Float[Tensor, "n f"], other: Float[Tensor, "m f"]) -> float:
    """The Frechet distance between two sets of features, as if they were normally distributed.

    Heusel et al. 2017, equation 6: |mu_1 - mu_2|^2 + tr(C_1 + C_2 - 2 (C_1^1/2 C_2 C_1^1/2)^1/2). With fewer
    pictures than features it is too large, since their covariances are not known: compare sets of the same
    number of pictures.

    Args:
        one: the features of one set.
        other: the features of the other set.

    Raises:
        InputError: a set has fewer than two pictures.
    """
    if len(one) < 2 or len(other) < 2:
        raise InputError("a Frechet distance needs two or more pictures on each side.")
    gap = (one.double().mean(0) - other.double().mean(0)).square().sum()
    first, second = _deviations(one), _deviations(other)
    # With C_1 = A^T A and C_2 = B^T B, the last trace is the sum of the singular values of A B^T: no root is
    # taken of a covariance, which loses half of the digits and costs far more when pictures are few.
    mixed = torch.linalg.svdvals(first @ second.T).sum()
    distance = gap + first.square().sum() + second.square().sum() - 2 * mixed
    return float(distance.clamp_min(0))  # equal sets are at zero, give or take the rounding


def _deviations(features: Float[Tensor, "n f"]) -> Float[Tensor, "m f"]:
    """A matrix A with as few rows as possible, so that A^T A is the covariance."""
    values = features.double()
    centred: Tensor = (values - values.mean(0)) / math.sqrt(len(values) - 1)
    return centred if len(centred) <= centred.shape[1] else torch.linalg.qr(centred, mode="r").R


def distance_to_uniform(values: Float[Tensor, " n"], factor: Factor, *, bins: int = 10) -> float:
    """Total variation distance between the histogram of a factor's values and the uniform one, in [0, 1].

    Values beyond the factor's range count for its ends.

    Args:
        values: of the factor.
        factor: gives the range; a category has a bin for each value.
        bins: number of bins of other factors.
    """
    if factor.kind == "category":
        counts = torch.bincount(values.long().clamp(0, int(factor.high) - 1), minlength=int(factor.high))
    else:
        share = (values - factor.low) / (factor.high - factor.low)
        counts = torch.bincount((share * bins).long().clamp(0, bins - 1), minlength=bins)
    expected = 1 / len(counts)
    return 0.5 * float((counts / counts.sum() - expected).abs().sum())
