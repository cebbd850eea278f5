"""Linear algebra that more than one method needs."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import FunctionCtx


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


def gram(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """Inner products of all rows. Its gradient takes one product of matrices; that of `rows @ rows.T` two."""
    return _Gram.apply(rows)  # type: ignore[no-any-return, no-untyped-call]


class _Gram(torch.autograd.Function):
    """d(X X^T) = dX X^T + X dX^T, so the gradient is (G + G^T) X: the symmetry saves a product."""

    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return rows @ rows.T

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        rows: Tensor = ctx.saved_tensors[0]
        return (gradient + gradient.T) @ rows


def mean_absolute_cosine(vectors: Float[Tensor, "k n d"]) -> Float[Tensor, "k k"]:
    """Mean over n of |cos| between every two of k vectors that depend on n samples.

    The measure of repetition among directions: 1 is the same direction (or its opposite) everywhere.
    """
    directions = unit(vectors)
    return torch.einsum("knd,lnd->nkl", directions, directions).abs().mean(0)


def pairs_above(matrix: Float[Tensor, "k k"], threshold: float) -> list[tuple[int, int, float]]:
    """Pairs (i, j, value) with i < j whose entry exceeds the threshold, largest first.

    >>> pairs_above(torch.tensor([[1.0, 0.95], [0.95, 1.0]]), 0.9)
    [(0, 1, 0.95)]
    """
    upper = matrix.triu(diagonal=1)
    found = [(int(i), int(j), round(float(upper[i, j]), 4)) for i, j in (upper > threshold).nonzero()]
    return sorted(found, key=lambda pair: -pair[2])
