"""Bounds for comparisons of floating-point numbers, from the unit roundoff and a count of operations."""

import numpy as np
import torch
from torch import Tensor


def rounding_bound(terms: float, *, condition: float = 1.0, dtype: torch.dtype = torch.float32) -> float:
    """How far apart two correct computations of one number may be, relative to its size.

    A chain of n rounded operations, such as a sum of n products in any order, is off by at most
    n u / (1 - n u) of the sum of the magnitudes of its terms, u being the unit roundoff (Higham, Accuracy and
    Stability of Numerical Algorithms, 2002, equation 3.5). Two computations may be off to either side: twice
    that. This holds for every processor, number of threads and order of summation.

    Args:
        terms: the longest chain of rounded operations from the inputs to the result.
        condition: by how much the computation magnifies a relative error of its inputs or of its intermediate
            results: for a sum, the sum of the magnitudes over the magnitude of the sum.
        dtype: in which the less precise of the two routes computes.

    Returns:
        The bound on the relative difference.

    Raises:
        ValueError: with so many terms nothing is known of the result.
    """
    lost = terms * torch.finfo(dtype).eps / 2
    if not 0 < lost < 0.5:
        raise ValueError(f"terms={terms} must be above 0 and below {1 / torch.finfo(dtype).eps:.0f}.")
    return 2 * lost / (1 - lost) * condition


def assert_rounded(
    actual: Tensor, expected: Tensor, *, terms: float, condition: float = 1.0, scale: float | None = None
) -> None:
    """Assert that two tensors are equal but for rounding, by `rounding_bound` in the less precise dtype.

    Args:
        actual: what the code computes.
        expected: the same by another route, of the same shape; float64 where the route is to be exact.
        terms: the longest chain of rounded operations behind an entry.
        condition: by how much the computation magnifies relative errors.
        scale: the magnitude to which the bound is relative; None: the largest of `expected`.

    Raises:
        AssertionError: other shapes, NaN, or a difference above the bound.
    """
    dtype = max(actual.dtype, expected.dtype, key=lambda one: torch.finfo(one).eps)
    size = float(expected.detach().abs().max()) if scale is None else scale
    atol = rounding_bound(terms, condition=condition, dtype=dtype) * size
    torch.testing.assert_close(
        actual, expected, rtol=0, atol=atol, check_dtype=False, check_stride=False, check_device=False
    )


def assert_same_pixels(actual: np.ndarray, expected: np.ndarray) -> None:
    """Assert that two pictures of 8 bits are one picture, computed with other shapes of batch.

    Kernels sum in another order for another shape, so a value that lies within rounding of the border between
    two grey levels may fall to either side: by one level, and in few places. (The chance for one value is
    255 times the difference before rounding, below 1e-3 for differences up to 4e-6.)
    """
    assert actual.shape == expected.shape
    apart = np.abs(actual.astype(np.int16) - expected.astype(np.int16))
    assert apart.max(initial=0) <= 1, f"pixels differ by {apart.max()} grey levels"
    assert (apart > 0).mean() <= 0.01, f"{(apart > 0).mean():.1%} of the values differ"
