"""Streaming moments: what one would get from all vectors at once, however they come."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from latentclr.discover.moments import Moments, Sketch, basis_of, principal, signed

PIECES = [[400], [1, 399], [100] * 4, [7, 250, 143]]


def planted(n: int, deviations: Tensor, *, offset: float = 0.0) -> tuple[Tensor, Tensor]:
    """n vectors with these standard deviations along orthonormal axes; the axes."""
    rng = torch.Generator().manual_seed(0)
    d = len(deviations)
    axes = torch.linalg.qr(torch.randn(d, d, generator=rng, dtype=torch.float64))[0].T
    drawn = torch.randn(n, d, generator=rng, dtype=torch.float64)
    return (drawn * deviations) @ axes + offset, axes


def moments_of(rows: Tensor, pieces: list[int]) -> Moments:
    moments = Moments(rows[:5].double().mean(0))
    for piece in rows.split(pieces):
        moments.add(piece)
    return moments


def sketch_of(rows: Tensor, pieces: list[int], rank: int) -> Sketch:
    sketch = Sketch(rows[:5].double().mean(0), basis_of(rows[: 2 * rank], rank))
    for piece in rows.split(pieces):
        sketch.add(piece)
    return sketch


def subspace_cosine(a: Tensor, b: Tensor) -> float:
    """Of the largest angle between the spans of orthonormal rows."""
    return float(torch.linalg.svdvals(a @ b.T).min())


@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_stream_equals_one_shot(pieces: list[int], offset: float) -> None:
    rows, _ = planted(400, torch.linspace(2, 0.1, 9), offset=offset)
    moments = moments_of(rows, pieces)
    assert_close(moments.mean, torch.from_numpy(rows.numpy().mean(0)), rtol=1e-12, atol=1e-12)
    centred = rows.numpy() - rows.numpy().mean(0)
    assert_close(moments.covariance, torch.from_numpy(centred.T @ centred / 399), rtol=1e-9, atol=1e-9)
    assert moments.variance == pytest.approx(np.square(centred).sum() / 399, rel=1e-9)


def test_float32_vectors_are_summed_in_float64() -> None:
    # 2^24 + 1 is no float32: sums of these would stop growing.
    moments = Moments(torch.zeros(1, dtype=torch.float64))
    moments.add(torch.full((1, 1), 2.0**12))
    for _ in range(3):
        moments.add(torch.ones(1, 1))
    assert float(moments.parts[2]) == 2.0**24 + 3


@pytest.mark.parametrize("make", [lambda r: moments_of(r, [200]), lambda r: sketch_of(r, [200], 4)])
def test_parts_of_several_processes_add_up(make: Callable[[Tensor], Moments | Sketch]) -> None:
    rows, _ = planted(200, torch.linspace(2, 0.1, 9), offset=3.0)
    whole, left, right = (make(rows) for _ in range(3))
    for part in (*left.parts, *right.parts):
        part.zero_()
    left.add(rows[:130])
    right.add(rows[130:])
    for mine, other in zip(left.parts, right.parts, strict=True):
        mine += other
    assert_close(left.mean, whole.mean)
    assert left.variance == pytest.approx(whole.variance, rel=1e-12)
    assert_close(left.axes(3), whole.axes(3), rtol=1e-9, atol=1e-9)


def test_planted_axes_are_found() -> None:
    deviations = 1.5 ** -torch.arange(8.0, dtype=torch.float64)
    rows, planted_axes = planted(50_000, deviations, offset=2.0)
    variances, axes = moments_of(rows, [50_000]).axes(5)
    assert_close(variances, deviations[:5].square(), rtol=0.03, atol=0)
    assert (axes * planted_axes[:5]).sum(1).abs().min() > 0.999


def test_axes_equal_the_singular_vectors_of_the_centred_vectors() -> None:
    rows, _ = planted(300, torch.linspace(2, 0.1, 12), offset=5.0)
    variances, axes = moments_of(rows, [100] * 3).axes(12)
    _, lengths, vectors = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
    assert_close(variances, lengths.square() / 299)
    assert_close(axes, signed(vectors), rtol=1e-6, atol=1e-7)
    assert_close(axes @ axes.T, torch.eye(12, dtype=torch.float64))


def test_principal_is_sorted_and_never_negative() -> None:
    tall = torch.randn(3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values, rows = principal(tall.T @ tall, 6)  # of rank 3
    assert values.tolist() == sorted(values.tolist(), reverse=True)
    assert values.min() >= 0
    assert_close((tall.T @ tall) @ rows.T, rows.T * values, atol=1e-12, rtol=0)


def test_signed_is_blind_to_the_sign_given() -> None:
    rows = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(signed(rows), signed(-rows))
    assert signed(rows).amax(1).equal(rows.abs().amax(1))
    assert torch.equal(signed(torch.tensor([[-2.0, 2.0]])), torch.tensor([[2.0, -2.0]]))
    assert torch.equal(signed(torch.zeros(1, 3)), torch.zeros(1, 3))


@pytest.mark.parametrize("pieces", PIECES)
def test_sketch_is_exact_where_the_basis_holds_all_dimensions(pieces: list[int]) -> None:
    deviations = torch.cat([torch.linspace(3, 1, 6), torch.zeros(44)]).double()
    rows, _ = planted(400, deviations, offset=4.0)
    exact, sketch = moments_of(rows, pieces), sketch_of(rows, pieces, 10)
    assert_close(sketch.mean, exact.mean)
    assert sketch.variance == pytest.approx(exact.variance, rel=1e-10)
    assert_close(sketch.axes(6), exact.axes(6), rtol=1e-6, atol=1e-7)
    assert sketch.axes(8).variances[6:].max() < 1e-10


def test_sketch_is_near_where_it_does_not_and_nearer_than_its_basis() -> None:
    deviations = torch.arange(1, 201.0, dtype=torch.float64) ** -0.5  # hardly falls: variances 1/i
    rows, _ = planted(4000, deviations)
    exact, basis = moments_of(rows, [4000]).axes(5), basis_of(rows[:60], 25)
    sketch = Sketch(torch.zeros(200, dtype=torch.float64), basis)
    sketch.add(rows)
    found = sketch.axes(5)
    assert_close(found.variances, exact.variances, rtol=0.05, atol=0)
    assert subspace_cosine(found.rows, exact.rows) > 0.97
    projected = torch.linalg.qr(basis @ (basis.T @ exact.rows.T))[0].T  # the nearest that the basis has
    assert subspace_cosine(found.rows, exact.rows) > subspace_cosine(projected, exact.rows) + 0.02


def test_sketch_of_what_never_varies() -> None:
    rows = torch.ones(10, 50)
    sketch = Sketch(torch.ones(50, dtype=torch.float64), basis_of(rows, 4))
    sketch.add(rows)
    variances, axes = sketch.axes(3)
    assert variances.tolist() == [0, 0, 0]
    assert_close(axes @ axes.T, torch.eye(3, dtype=torch.float64))


def test_basis_holds_the_leading_singular_vectors_and_is_orthonormal_whatever_the_rank() -> None:
    rows, _ = planted(40, torch.linspace(3, 0.1, 100))
    basis = basis_of(rows, 7)
    vectors = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:7]
    assert subspace_cosine(basis.T, vectors) == pytest.approx(1, abs=1e-9)
    flat = basis_of(torch.cat([rows[:2]] * 5), 6)  # one dimension after the mean
    assert_close(flat.T @ flat, torch.eye(6, dtype=torch.float64))
