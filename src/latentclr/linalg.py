"""Linear algebra that more than one method needs."""

from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def unit(x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """Scale vectors to length one; a zero vector stays zero.

    Where the length is zero the direction is undefined: the result is zero and so is its effect on
    the gradient of the others (a plain division would give NaN in both).

    >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / torch.where(length > 0, length, torch.ones_like(length))


def inverse_lengths(x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
    """1 / |x|; 0 for a zero vector."""
    length = torch.linalg.vector_norm(x, dim=-1)
    return torch.where(length > 0, length, torch.inf).reciprocal()


BLOCKS = 4
"""Strips of rows in which a symmetric product is computed, each from the diagonal on: 5/8 of the work."""
WORTH_BLOCKS = 256
"""Rows from which strips are faster on a CPU."""


def gram(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """Inner products of all rows, no gradient: one half is computed, the other is its mirror image."""
    n = len(rows)
    if n < WORTH_BLOCKS or rows.is_cuda:  # on a GPU, one large product is faster than the parts of it
        return rows @ rows.T
    product = rows.new_empty(n, n)
    edges = [n * i // BLOCKS for i in range(BLOCKS + 1)]
    for start, end in pairwise(edges):
        torch.mm(rows[start:end], rows[start:].T, out=product[start:end, start:])
        product[end:, start:end] = product[start:end, end:].T
    return product


def cosines(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """Cosine of the angle between every two rows; a zero row has cosine 0 with everything.

    Rows are never scaled: their products are, so that nothing of the rows' size is computed but products of
    matrices, two in the forward pass (half of each) and one in the backward pass.
    """
    if torch.compiler.is_compiling():
        return compilable_cosines(rows)
    return _Cosines.apply(rows)  # type: ignore[no-untyped-call]


def compilable_cosines(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """`cosines`, values and gradients, from operations that torch's compiler knows.

    (Some versions of the compiler give a custom backward pass gradients of zero.) There is still one product
    in each pass: the second factor counts as a constant, and what that leaves out of the gradient is added at
    the size of the result, where small operations cost nothing once they are compiled.
    """
    product = rows @ rows.detach().T
    inverse = inverse_lengths(rows.detach())
    half = product * inverse * inverse[:, None]
    cosine = half.detach()
    # d |x_i| / |x_i| = x_i . d x_i / |x_i|^2, and x_i . d x_i is what the product's diagonal changes by.
    own = half.diagonal() - cosine.diagonal()  # 0, with that gradient
    return half + (half - cosine).T - cosine * (own + own[:, None])


class _Cosines(torch.autograd.Function):
    """c_ij = x_i . x_j / (|x_i| |x_j|), so with g_ij + g_ji = s_ij the gradient at x_i is

        sum_j s_ij (x_j / (|x_i| |x_j|) - c_ij x_i / |x_i|^2),

    one product of a matrix with the rows: the symmetry saves the second.
    """  # noqa: D415

    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor) -> Tensor:
        inverse = inverse_lengths(rows)
        cosine = gram(rows).mul_(inverse).mul_(inverse[:, None])
        ctx.save_for_backward(rows, inverse, cosine)
        return cosine

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        rows, inverse, cosine = ctx.saved_tensors
        both = gradient + gradient.T
        own = (both * cosine).sum(1)
        weights = both.mul_(inverse).mul_(inverse[:, None])
        weights.diagonal().sub_(own * inverse.square())
        return weights @ rows


def mean_absolute_cosine(vectors: Float[Tensor, "k n d"]) -> Float[Tensor, "k k"]:
    """Mean over n of |cos| between every two of k vectors that depend on n samples.

    The measure of repetition among directions: 1 is the same direction (or its opposite) everywhere.
    """
    directions = unit(vectors)
    return torch.einsum("knd,lnd->nkl", directions, directions).abs().mean(0)


def best_pairs(values: Float[Tensor, "k l"]) -> tuple[tuple[int, int], ...]:
    """The one-to-one matching of rows and columns with the largest sum, as (row, column), by row.

    The Hungarian method; in a matrix that is not square, some of the longer side have no match.

    >>> best_pairs(torch.tensor([[0.9, 0.8], [0.8, 0.1]]))
    ((0, 1), (1, 0))
    """
    from scipy.optimize import linear_sum_assignment  # half a second and 30 MB that others need not have

    rows, columns = linear_sum_assignment(values.double().numpy(), maximize=True)
    return tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True))


def pairs_above(matrix: Float[Tensor, "k k"], threshold: float) -> list[tuple[int, int, float]]:
    """Pairs (i, j, value) with i < j whose entry exceeds a threshold, largest first.

    Args:
        matrix: symmetric.
        threshold: entries at or below it are left out.

    >>> pairs_above(torch.tensor([[1.0, 0.95], [0.95, 1.0]]), 0.9)
    [(0, 1, 0.95)]
    """
    upper = matrix.triu(diagonal=1)
    found = [(int(i), int(j), round(float(upper[i, j]), 4)) for i, j in (upper > threshold).nonzero()]
    return sorted(found, key=lambda pair: -pair[2])
