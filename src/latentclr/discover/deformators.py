"""Deformators: matrices that turn (which direction, how far) into a shift of the latent.

Voynov and Babenko: Unsupervised Discovery of Interpretable Directions in the GAN Latent Space (ICML 2020),
section 3.2: the columns of a matrix A are the directions, and a shift by epsilon along direction k is
A(epsilon e_k). Their section 4 compares what A is restricted to. Here every column lies in memory as a row.
"""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad

from latentclr.directions import Global
from latentclr.discover.settings.voynov import Kind as Kind
from latentclr.errors import InputError
from latentclr.linalg import unit


class Deformator(nn.Module, ABC):
    """K directions in a latent space of `dim` dimensions, to be learnt.

    Attributes:
        k: number of directions.
        dim: length of a latent.
    """

    def __init__(self, k: int, dim: int) -> None:
        super().__init__()
        self.k, self.dim = k, dim

    @abstractmethod
    def directions(self) -> Float[Tensor, "k dim"]:
        """What epsilon = 1 adds to a latent along each direction; differentiable."""

    def forward(self, shifts: Float[Tensor, "n k"]) -> Float[Tensor, "n dim"]:
        """Shifts of n latents, of which each moves by shifts[i, k] along direction k."""
        return shifts @ self.directions()

    @final
    def along(self, index: Int[Tensor, " n"], epsilon: Float[Tensor, " n"]) -> Float[Tensor, "n dim"]:
        """Shifts along one direction each: A(epsilon[i] e_index[i]).

        Args:
            index: numbers of the directions.
            epsilon: how far, with its sign.
        """
        which = one_hot(index, self.k).to(epsilon.dtype)
        shift: Tensor = self(epsilon.unsqueeze(1) * which)
        return shift


class Orthonormal(Deformator):
    """The first K columns of an orthogonal matrix: exp(S - S^T) Q, with Q random and S learnt from zero.

    The exponential of a skew matrix is a rotation, and every rotation is one. The authors start from a random
    S; here the start is Q, drawn uniformly, and S is zero: there the exponential does not bend the gradient,
    and it takes the fewest products to compute.

    With fewer directions than dimensions the other columns are not used, and of S only K rows are learnt:
    rotations of the unused columns among themselves do not move the K that are, and every frame of K can be
    reached without them. (The authors always take K = dim.)
    """

    start: Tensor

    def __init__(self, k: int, dim: int, *, rng: torch.Generator) -> None:
        super().__init__(k, dim)
        _at_most_a_basis(k, dim, "orthonormal")
        self.register_buffer("start", _rows(dim, dim, rng))
        self.skew = nn.Parameter(torch.zeros(k, dim))

    def directions(self) -> Float[Tensor, "k dim"]:
        """Orthonormal rows, up to rounding."""
        square = pad(self.skew, (0, 0, 0, self.dim - self.k))
        rows: Tensor = rotation(square)[: self.k] @ self.start
        return rows


class Projective(Deformator):
    """Any matrix, but the shift is scaled to the length of its input: |A(epsilon e_k)| = |epsilon|."""

    def __init__(self, k: int, dim: int, *, rng: torch.Generator) -> None:
        super().__init__(k, dim)
        self.theta = nn.Parameter(_rows(k, dim, rng))

    def directions(self) -> Float[Tensor, "k dim"]:
        """The rows of the matrix, scaled to length one."""
        return unit(self.theta)

    def forward(self, shifts: Float[Tensor, "n k"]) -> Float[Tensor, "n dim"]:
        """The matrix's shifts, as long as what they come from; zero where the matrix gives zero."""
        length: Tensor = shifts.norm(dim=1, keepdim=True)
        return length * unit(shifts @ self.theta)


class Linear(Deformator):
    """Any matrix: directions may become longer or shorter, and with a bias all shifts share a part.

    Args:
        k: number of directions.
        dim: length of a latent.
        bias: add a vector that is learnt to every shift, whatever its epsilon.
        rng: draws the start: orthonormal rows (blocks of them, where k is above dim); the bias is zero.
    """

    def __init__(self, k: int, dim: int, *, bias: bool, rng: torch.Generator) -> None:
        super().__init__(k, dim)
        self.theta = nn.Parameter(_rows(k, dim, rng))
        self.bias = nn.Parameter(torch.zeros(dim)) if bias else None

    def directions(self) -> Float[Tensor, "k dim"]:
        """The matrix; the bias is not in it, since it is in no direction more than in another."""
        return self.theta

    def forward(self, shifts: Float[Tensor, "n k"]) -> Float[Tensor, "n dim"]:
        """The matrix's shifts and the bias."""
        moved = shifts @ self.theta
        return moved if self.bias is None else moved + self.bias


class Fixed(Deformator):
    """Orthonormal directions that are not learnt."""

    rows: Tensor

    def __init__(self, rows: Float[Tensor, "k dim"]) -> None:
        super().__init__(*rows.shape)
        self.register_buffer("rows", rows)

    def directions(self) -> Float[Tensor, "k dim"]:
        """The same as at the start."""
        return self.rows


def make_deformator(kind: Kind, k: int, dim: int, *, bias: bool = False, rng: torch.Generator) -> Deformator:
    """A deformator of k directions in dim dimensions, on the CPU.

    Args:
        kind: "orthonormal", "projective" and "linear" are learnt; "random" (a fixed orthonormal frame) and
            "identity" (the first k coordinates) are what they are compared with.
        k: number of directions.
        dim: length of a latent.
        bias: give the linear one a bias.
        rng: draws the start.

    Raises:
        InputError: k is above dim for a kind that is orthonormal, or a bias for one that has none.
    """
    if bias and kind != "linear":
        raise InputError(f"bias=True is for the linear deformator; the {kind} one has none.")
    if kind == "orthonormal":
        return Orthonormal(k, dim, rng=rng)
    if kind == "projective":
        return Projective(k, dim, rng=rng)
    if kind == "linear":
        return Linear(k, dim, bias=bias, rng=rng)
    _at_most_a_basis(k, dim, kind)
    return Fixed(_rows(k, dim, rng) if kind == "random" else torch.eye(k, dim))


def rotation(square: Float[Tensor, "d d"]) -> Float[Tensor, "d d"]:
    """exp(S - S^T): orthogonal, with determinant 1, for every square matrix S; differentiable."""
    rotated: Tensor = torch.linalg.matrix_exp(square - square.T)
    return rotated


def _rows(k: int, dim: int, rng: torch.Generator) -> Float[Tensor, "k dim"]:
    return Global(k, dim, rng=rng).theta.detach()


def _at_most_a_basis(k: int, dim: int, kind: str) -> None:
    if k > dim:
        raise InputError(
            f"k={k} must be at most {dim}, the dimensions of this latent space, for the {kind} deformator; "
            "the projective and the linear one allow more."
        )
