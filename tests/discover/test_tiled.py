"""The tiled loss against the plain one, a loop over the definition, and a limit on memory."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from latentclr.discover.contrastive import Similarity, contrastive_loss
from latentclr.discover.tiled import TILE_BUFFERS, tile_rows, tiled_loss
from latentclr.engine.memory import peak_bytes

BOTH = pytest.mark.parametrize("similarity", ["cosine", "absolute"])
K, N, F = 4, 5, 6
M = K * N


def divergences(seed: int = 0) -> Tensor:
    """Of different lengths."""
    rng = torch.Generator().manual_seed(seed)
    values = torch.randn(K, N, F, generator=rng, dtype=torch.float64)
    return values * (torch.rand(K, N, 1, generator=rng, dtype=torch.float64) * 3 + 0.1)


def directions() -> Tensor:
    return torch.arange(K).repeat_interleave(N)


def plain(x: Tensor, similarity: Similarity, tau: float = 0.5) -> tuple[Tensor, Tensor]:
    """Value of the loss and its gradient, one row for an edit."""
    x = x.clone().requires_grad_()
    loss = contrastive_loss(x, temperature=tau, similarity=similarity)
    return loss.detach(), torch.autograd.grad(loss, x)[0].flatten(0, 1)


def tiled(
    rows: Tensor,
    direction: Tensor,
    similarity: Similarity,
    *,
    tile: int = 3,
    own: slice | None = None,
    tau: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """Value of the loss and its gradient."""
    rows = rows.clone().requires_grad_()
    loss = tiled_loss(rows, direction, temperature=tau, similarity=similarity, own=own, tile=tile)
    return loss.detach(), torch.autograd.grad(loss, rows)[0]


def slow_loss(rows: Tensor, direction: list[int], tau: float, similarity: str, own: range) -> float:
    """The definition, term by term."""
    total = 0.0
    for i in own:
        positives = negatives = 0.0
        for j in range(len(rows)):
            cosine = float(rows[i] @ rows[j] / (rows[i].norm() * rows[j].norm()))
            term = math.exp((abs(cosine) if similarity == "absolute" else cosine) / tau)
            if direction[j] != direction[i]:
                negatives += term
            elif j != i:
                positives += term
        total += math.log(negatives) - math.log(positives)
    return total / len(rows)


@BOTH
@pytest.mark.parametrize("tile", [1, 2, 3, 7, M, M + 5])
def test_equals_the_plain_loss_in_value_and_gradient(tile: int, similarity: Similarity) -> None:
    x = divergences()
    found = tiled(x.flatten(0, 1), directions(), similarity, tile=tile)
    assert_close(found, plain(x, similarity), rtol=1e-12, atol=1e-14)


@BOTH
@pytest.mark.parametrize("tau", [1e-3, 1e3])
def test_equals_the_plain_loss_at_extreme_temperatures(tau: float, similarity: Similarity) -> None:
    x = divergences()
    found = tiled(x.flatten(0, 1), directions(), similarity, tau=tau)
    assert_close(found, plain(x, similarity, tau), rtol=1e-9, atol=1e-12)
    single = tiled(x.flatten(0, 1).float(), directions(), similarity, tau=tau)
    assert all(value.isfinite().all() for value in single)


@BOTH
def test_single_precision_is_as_good_as_the_plain_loss_in_it(similarity: Similarity) -> None:
    x = divergences()
    value, gradient = tiled(x.flatten(0, 1).float(), directions(), similarity)
    assert value.dtype == gradient.dtype == torch.float32
    expected = tuple(each.float() for each in plain(x, similarity))
    assert_close((value, gradient), expected, rtol=1e-5, atol=1e-6)


@BOTH
@pytest.mark.parametrize("tile", [3, M])
def test_rows_may_come_in_any_order_and_directions_under_any_number(
    tile: int, similarity: Similarity
) -> None:
    x = divergences()
    order = torch.randperm(M, generator=torch.Generator().manual_seed(1))
    numbers = torch.tensor([7, -2, 1000, 3])[directions()]
    value, gradient = tiled(x.flatten(0, 1)[order], numbers[order], similarity, tile=tile)
    expected, expected_gradient = plain(x, similarity)
    assert_close(value, expected)
    assert_close(gradient, expected_gradient[order])


@BOTH
@pytest.mark.parametrize("own", [range(7), range(2, 5), range(6, 7)])
def test_equals_a_loop_over_the_definition_for_directions_of_different_sizes(
    own: range, similarity: Similarity
) -> None:
    rows = divergences().flatten(0, 1)[:7]
    direction = [0, 1, 0, 2, 1, 2, 0]
    value, _ = tiled(
        rows, torch.tensor(direction), similarity, tile=2, tau=0.3, own=slice(own.start, own.stop)
    )
    assert float(value) == pytest.approx(slow_loss(rows, direction, 0.3, similarity, own), rel=1e-12)


@BOTH
@pytest.mark.parametrize("own", [None, slice(2, 5), slice(3, None)])
def test_gradient_is_that_of_finite_differences(own: slice | None, similarity: Similarity) -> None:
    rows = divergences().flatten(0, 1)[:7].requires_grad_()
    direction = torch.tensor([0, 1, 0, 2, 1, 2, 0])
    assert torch.autograd.gradcheck(
        lambda x: tiled_loss(x, direction, temperature=0.5, similarity=similarity, own=own, tile=2),
        rows,
    )


@BOTH
def test_parts_add_up_to_the_whole_in_value_and_gradient(similarity: Similarity) -> None:
    rows = divergences().flatten(0, 1)
    whole = tiled(rows, directions(), similarity)
    owns = (slice(None, 2), slice(2, 3), slice(3, 13, 1), slice(13, None))
    parts = [tiled(rows, directions(), similarity, own=own) for own in owns]
    values, gradients = zip(*parts, strict=True)
    assert_close((sum(values), sum(gradients)), whole)
    assert all(gradient.abs().sum(1).min() > 0 for gradient in gradients)  # each is one at all rows


def test_what_follows_the_loss_scales_the_gradient() -> None:
    rows = divergences().flatten(0, 1).requires_grad_()
    loss = tiled_loss(rows, directions(), temperature=0.5, similarity="cosine", tile=3)
    (gradient,) = torch.autograd.grad(-3 * loss, rows)
    assert_close(gradient, -3 * tiled(rows.detach(), directions(), "cosine")[1])


def test_rows_need_not_be_contiguous() -> None:
    rows = divergences().flatten(0, 1)
    columns = rows.T.contiguous().T
    assert not columns.is_contiguous()
    for own in (None, slice(3, 9)):
        assert_close(
            tiled(columns, directions(), "cosine", own=own), tiled(rows, directions(), "cosine", own=own)
        )


@BOTH
@pytest.mark.parametrize("own", [None, slice(6, 12)])
def test_a_zero_divergence_is_similar_to_nothing(own: slice | None, similarity: Similarity) -> None:
    x = divergences()
    x[1, 2] = 0
    value, gradient = tiled(x.flatten(0, 1), directions(), similarity, own=own)
    assert value.isfinite()
    assert gradient.isfinite().all()
    assert (gradient[N + 2] == 0).all()
    if own is None:
        expected, expected_gradient = plain(x, similarity)
        others = torch.arange(M) != N + 2
        assert_close(value, expected)
        assert_close(gradient[others], expected_gradient[others])


def test_orthogonal_rows_have_no_sign() -> None:
    # |cos| has a kink at 0: the gradient there is 0, as in the plain loss.
    x = torch.eye(4, dtype=torch.float64).view(2, 2, 4)
    found = tiled(x.flatten(0, 1), torch.tensor([0, 0, 1, 1]), "absolute")
    assert_close(found, plain(x, "absolute"))
    assert (found[1] == 0).all()


@BOTH
@pytest.mark.parametrize("own", [None, slice(8, 40)])
def test_tensors_take_no_more_than_the_tiles_and_the_gradient(
    own: slice | None, similarity: Similarity
) -> None:
    m, f, tile = 512, 8, 16
    rows = torch.randn(m, f, generator=torch.Generator().manual_seed(0), requires_grad=True)
    direction = torch.arange(m) % 32

    def step() -> None:
        loss = tiled_loss(rows, direction, temperature=0.5, similarity=similarity, own=own, tile=tile)
        torch.autograd.grad(loss, rows)

    gradient, vectors = m * f, 10 * m
    limit = 4 * (TILE_BUFFERS * tile * m + gradient + vectors)
    assert limit / 2 < peak_bytes(step) <= limit < 4 * m * m, "less than the whole matrix"


def test_tile_rows_fit() -> None:
    m = 1000
    free = TILE_BUFFERS * 4 * m * 10
    assert tile_rows(m, free) == 10
    assert tile_rows(m, free - 1) == 9
    assert tile_rows(m, free, element=8) == 5
    assert tile_rows(m, 0) == tile_rows(m, 1) == 1
    assert tile_rows(m, 1 << 40) == m
