"""The contrastive loss for so many edits that their similarity matrix cannot be held.

The same loss as in `contrastive`, a strip ("tile") of the matrix at a time. The backward pass computes the
strips a second time: all that the forward pass keeps of them is two sums for each row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from latentclr.discover.contrastive import Similarity

TILE_BUFFERS = 4
"""Buffers of tile x m numbers that are alive at once. The backward pass has three of numbers and two of bytes
(which directions are the same; signs); the two count as one here, which leaves room for what a product of
matrices needs inside. The forward pass has fewer."""


def tiled_loss(
    rows: Float[Tensor, "m f"],
    direction: Int[Tensor, " m"],
    *,
    temperature: float,
    similarity: Similarity,
    own: slice | None = None,
    tile: int,
) -> Float[Tensor, ""]:
    """Sum of the losses of some edits, divided by the number of all (LatentCLR, section 3.2).

    The loss of edit i, with sim the cosine (or its absolute value) of two rows, is

        log sum_{j of another direction} exp(sim_ij / tau)
            - log sum_{j != i of the same direction} exp(sim_ij / tau)

    Over all edits that is `contrastive_loss(divergences, ...)` for `rows = divergences.flatten(0, 1)`, in
    value and in gradient. The values of parts that cover all rows once add up to it, and so do their
    gradients (each is one at *all* rows): machines that each have every row may each answer for some.

    Beside the gradient, memory is TILE_BUFFERS x tile x m numbers and a few vectors: no m x m matrix and no
    second copy of the rows. The work is three products of (m, f) with (f, m), one forward and two backward.
    (For a part it is four of its share: its gradient lacks the symmetry that saves one.) There is no second
    derivative.

    Nothing is checked here: to look at `direction` is to wait for the GPU.

    Args:
        rows: the divergences of all edits, one a row, in any order; float32 or float64. Their lengths do not
            matter, as long as products of two of them are neither infinite nor so small as to be zero. A zero
            row has similarity 0 to everything, and gradient zero, as its direction is undefined.
        direction: which direction made each row. The numbers need not be consecutive, and directions may have
            different numbers of rows, but at least two each, and there must be two directions.
        temperature: tau, a divisor, above 0.
        similarity: see `contrastive.similarities`.
        own: the rows whose loss is summed, from a start to a stop. None: all.
        tile: rows of the similarity matrix at a time, see `tile_rows`. More is faster, up to some hundreds.
    """
    start, stop, _ = (own or slice(None)).indices(len(rows))
    how = _How(temperature, similarity, start, stop, min(tile, stop - start))
    return _TiledLoss.apply(rows, direction, how)  # type: ignore[no-untyped-call]


def tile_rows(m: int, bytes_free: int, element: int = 4) -> int:
    """How many rows of a similarity matrix of m x m fit at once: at least 1, at most m.

    Args:
        m: rows in all.
        bytes_free: memory for all buffers of the tiles together. (The gradient, as large as the rows, and a
            few vectors come on top.)
        element: bytes of a number, 4 for float32.

    >>> tile_rows(32_768, 256 << 20)
    512
    """
    return max(1, min(m, bytes_free // (TILE_BUFFERS * element * m)))


@dataclass(frozen=True)
class _How:
    """Which rows' losses are summed, from `start` to `stop`, and how."""

    temperature: float
    similarity: Similarity
    start: int
    stop: int
    tile: int

    def tiles(self) -> Iterator[tuple[int, int]]:
        """The first row of each tile and the one after its last."""
        return ((a, min(a + self.tile, self.stop)) for a in range(self.start, self.stop, self.tile))


class _TiledLoss(torch.autograd.Function):
    """The loss of row i is a_i - b_i, logarithms of the sums over its negatives and its positives, and so

        g_ij = d(a_i - b_i) / dl_ij = exp(l_ij - a_i) for a negative j, -exp(l_ij - b_i) for a positive,

    with l_ij the logits. The gradient at x_i takes g_ij + g_ji. As l_ij = l_ji, the second is g_ij with a_j
    and b_j in the place of a_i and b_i: if they are known for all rows, a tile has all its gradient needs.

    The cosine c_ij of x_i and x_j has the gradient x_j / (|x_i| |x_j|) - c_ij x_i / |x_i|^2 at x_i. The first
    term is summed over j by a product of matrices. What the second takes away from that sum is all of it that
    is along x_i (a change of length changes nothing), so it needs no sum of its own.
    """  # noqa: D415

    @staticmethod
    def forward(ctx: Any, rows: Tensor, direction: Tensor, how: _How) -> Tensor:
        length = torch.linalg.vector_norm(rows, dim=1)
        inverse = torch.where(length > 0, length, torch.inf).reciprocal_()
        tiles = _Tiles(rows, direction, inverse, how)
        work = tiles.buffer()
        negatives, positives = inverse.new_empty(2, how.stop - how.start)
        never = inverse.new_full((), -torch.inf)
        for a, b in how.tiles():
            logits, same = tiles.logits(a, b)
            if how.similarity == "absolute":
                logits.abs_()
            logits[:, a:b].fill_diagonal_(-torch.inf)  # an edit is no positive of its own
            here = slice(a - how.start, b - how.start)
            negatives[here] = _logsumexp_(torch.where(same, never, logits, out=work[: b - a]))
            positives[here] = _logsumexp_(torch.where(same, logits, never, out=work[: b - a]))
        ctx.save_for_backward(rows, direction, inverse, negatives, positives)
        ctx.how = how
        return (negatives - positives).sum() / len(rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, direction, inverse, negatives, positives = ctx.saved_tensors
        how: _How = ctx.how
        m = len(rows)
        all_rows = how.stop - how.start == m
        scale = gradient * inverse / (m * how.temperature)
        tiles = _Tiles(rows, direction, inverse, how)
        one, other = tiles.buffer(), tiles.buffer()
        signs = tiles.buffer(torch.int8) if how.similarity == "absolute" else None
        result = torch.empty_like(rows) if all_rows else torch.zeros_like(rows)
        for a, b in how.tiles():
            logits, same = tiles.logits(a, b)
            weights, second = one[: b - a], other[: b - a]
            if signs is not None:
                signs[: b - a].copy_(torch.sign(logits, out=second))
                logits.abs_()
            logits[:, a:b].fill_diagonal_(-torch.inf)
            here = slice(a - how.start, b - how.start)
            _shares(logits, same, negatives[here, None], positives[here, None], out=weights)
            if all_rows:  # g_ji beside g_ij
                weights.add_(_shares(logits, same, negatives[None], positives[None], out=second))
            weights.mul_(torch.where(same, -scale[a:b, None], scale[a:b, None], out=second))
            if signs is not None:
                weights.mul_(second.copy_(signs[: b - a]))
            weights.mul_(inverse)
            if all_rows:
                torch.mm(weights, rows, out=result[a:b])
            else:
                result[a:b].addmm_(weights, rows)
                result.addmm_(weights.T, rows[a:b])
        along = torch.bmm(result.unsqueeze(1), rows.unsqueeze(2)).view(m, 1)
        result.addcmul_(rows, along.mul_(inverse.square()[:, None]), value=-1)
        return result, None, None


class _Tiles:
    """Logits of a tile of rows to all rows, in buffers that are written over by the next tile."""

    def __init__(
        self,
        rows: Float[Tensor, "m f"],
        direction: Int[Tensor, " m"],
        inverse: Float[Tensor, " m"],
        how: _How,
    ) -> None:
        self._rows, self._direction, self._inverse, self._how = rows, direction, inverse, how
        self._logits, self._same = self.buffer(), self.buffer(torch.bool)

    def buffer(self, dtype: torch.dtype | None = None) -> Tensor:
        """Memory for the numbers of one tile."""
        return self._rows.new_empty(self._how.tile, len(self._rows), dtype=dtype)

    def logits(self, a: int, b: int) -> tuple[Float[Tensor, "t m"], Bool[Tensor, "t m"]]:
        """Cosines / tau of the rows from a to b with all, and where both are of one direction."""
        logits, same = self._logits[: b - a], self._same[: b - a]
        torch.mm(self._rows[a:b], self._rows.T, out=logits)
        # The products are scaled, not the rows: a scaled copy of them would be the largest thing in memory.
        logits.mul_(self._inverse).mul_((self._inverse[a:b] / self._how.temperature)[:, None])
        torch.eq(self._direction[a:b, None], self._direction, out=same)
        return logits, same


def _logsumexp_(x: Float[Tensor, "t m"]) -> Float[Tensor, " t"]:
    """Logarithm of the sum of the exponentials of each row; the rows are lost, and nothing is allocated."""
    largest = x.amax(1)
    return x.sub_(largest[:, None]).exp_().sum(1).log_().add_(largest)


def _shares(
    logits: Float[Tensor, "t m"],
    same: Bool[Tensor, "t m"],
    negatives: Float[Tensor, "#t #m"],
    positives: Float[Tensor, "#t #m"],
    out: Float[Tensor, "t m"],
) -> Float[Tensor, "t m"]:
    """Each term as a share of a sum of its kind, whose logarithms are given for each row or each column."""
    torch.where(same, positives, negatives, out=out)
    return torch.sub(logits, out, out=out).exp_()
