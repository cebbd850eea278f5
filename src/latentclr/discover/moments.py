"""Mean and covariance of a stream of vectors, and the axes along which they vary. Nothing here knows of GANs.

Vectors come in pieces and are forgotten, so that memory depends on their length and not on their number. All
sums are float64, and of differences from a shift (a vector near the mean, the same for all pieces): sums of
squares of vectors far from zero would lose in rounding what the mean takes away again. What was summed in
several processes is added up (`parts`), which is why none of this depends on an order or on a piece's length,
up to the rounding of float64.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

Rows = Float[Tensor, "n d"]


class Axes(NamedTuple):
    """Principal axes, largest variance first.

    Attributes:
        variances: along each axis.
        rows: the axes, orthonormal, with signs by `signed`.
    """

    variances: Float64[Tensor, " k"]
    rows: Float64[Tensor, "k d"]


def signed(rows: Float[Tensor, "k d"]) -> Float[Tensor, "k d"]:
    """Each row or its opposite: the one whose entry of largest magnitude (the first of equals) is positive.

    An axis has no sign; with this rule two computations of it agree on one.

    >>> signed(torch.tensor([[1.0, -3.0], [2.0, 1.0]]))
    tensor([[-1.,  3.],
            [ 2.,  1.]])
    """
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    return torch.where(largest < 0, -rows, rows)


def principal(matrix: Float64[Tensor, "d d"], k: int) -> Axes:
    """The k eigenvectors of a symmetric positive matrix with the largest eigenvalues.

    Args:
        matrix: a covariance, or the gram matrix of columns.
        k: in 1 .. d.
    """
    values, columns = torch.linalg.eigh(matrix)  # in ascending order
    return Axes(values.flip(0)[:k].clamp(min=0), signed(columns.T.flip(0)[:k]))


class _Sums:
    """Count and mean of a stream.

    Attributes:
        parts: everything that changes: sums over the vectors seen. To be added up over processes in place.
    """

    parts: tuple[Tensor, ...]

    def __init__(self, shift: Float64[Tensor, " d"]) -> None:
        self._shift = shift
        self._count, self._total = shift.new_zeros(()), torch.zeros_like(shift)

    @property
    def mean(self) -> Float64[Tensor, " d"]:
        """Mean of all vectors so far."""
        return self._shift + self._total / self._count


class Moments(_Sums):
    """Count, mean and covariance of a stream, exact.

    Args:
        shift: near the mean of the stream; equal in all processes.
    """

    def __init__(self, shift: Float64[Tensor, " d"]) -> None:
        super().__init__(shift)
        self._products = shift.new_zeros(len(shift), len(shift))
        self.parts = (self._count, self._total, self._products)

    def add(self, rows: Rows) -> None:
        """Add some vectors to the sums."""
        centred = rows - self._shift  # float64
        self._count += len(rows)
        self._total += centred.sum(0)
        self._products.addmm_(centred.T, centred)

    @property
    def covariance(self) -> Float64[Tensor, "d d"]:
        """Covariance of all vectors so far (at least two): the unbiased estimate, which divides by n - 1."""
        beside = torch.outer(self._total, self._total) / self._count
        return (self._products - beside) / (self._count - 1)

    @property
    def variance(self) -> float:
        """Of all coordinates together: the covariance's trace."""
        return float(self.covariance.trace())

    def axes(self, k: int) -> Axes:
        """The k principal axes, largest variance first."""
        return principal(self.covariance, k)


class Sketch(_Sums):
    """Principal axes of a stream of long vectors, of whose covariance C only C Q is kept.

    Q is an orthonormal basis of a few dimensions, a guess at where the stream varies. One pass gives Y = C Q,
    and of all matrices that agree with C on Q, Y (Q^T Y)^-1 Y^T is the smallest positive one (Nystroem); its
    axes are nearer to those of C than Q is, by one step of the power method, and are C's own where C has no
    more dimensions than Q. Method and numerics: Tropp, Yurtsever, Udell, Cevher, Fixed-Rank Approximation of
    a Positive-Semidefinite Matrix from Streaming Data (NeurIPS 2017).

    Sums like those of `Moments`, in contrast to the usual incremental PCA, whose result depends on the order
    in which the vectors come and cannot be put together from several processes.

    Args:
        shift: near the mean of the stream; equal in all processes.
        basis: Q, with orthonormal columns; equal in all processes.
    """

    def __init__(self, shift: Float64[Tensor, " d"], basis: Float64[Tensor, "d r"]) -> None:
        super().__init__(shift)
        self._basis, self._squares = basis, shift.new_zeros(())
        self._products = torch.zeros_like(basis)
        self.parts = (self._count, self._squares, self._total, self._products)

    def add(self, rows: Rows) -> None:
        """Add some vectors to the sums."""
        centred = rows - self._shift
        self._count += len(rows)
        self._squares += torch.linalg.vector_norm(centred).square()
        self._total += centred.sum(0)
        self._products.addmm_(centred.T, centred @ self._basis)

    @property
    def variance(self) -> float:
        """Of all coordinates together (exact, not only along the axes)."""
        return float((self._squares - self._total.square().sum() / self._count) / (self._count - 1))

    def axes(self, k: int) -> Axes:
        """The k principal axes, k at most the dimensions of the basis."""
        beside = torch.outer(self._total, self._total @ self._basis) / self._count
        y = (self._products - beside) / (self._count - 1)  # C Q
        # A little more of every dimension of Q keeps the small matrix positive; taken off again at the end.
        more = torch.finfo(y.dtype).eps * len(y) ** 0.5 * torch.linalg.matrix_norm(y)
        y = y + more * self._basis
        if more == 0:  # no variance at all: any axes will do
            return Axes(y.new_zeros(k), signed(self._basis.T[:k]))
        core = self._basis.T @ y
        lower = torch.linalg.cholesky((core + core.T) / 2)
        half = torch.linalg.solve_triangular(lower, y.T, upper=False)  # (r, d), half^T half is nearly C
        _, lengths, rows = torch.linalg.svd(half, full_matrices=False)
        return Axes((lengths.square() - more).clamp(min=0)[:k], signed(rows[:k]))


def basis_of(rows: Rows, rank: int) -> Float64[Tensor, "d rank"]:
    """An orthonormal basis of the dimensions in which some long vectors vary most.

    By the n x n matrix of inner products, which is the smaller one for vectors longer than they are many.

    Args:
        rows: n vectors.
        rank: at most n and d.
    """
    values = rows.double()
    centred = values - values.mean(0)
    axes = principal(centred @ centred.T, rank)
    basis: Tensor = torch.linalg.qr(centred.T @ axes.rows.T)[0]
    return basis
