"""Linear algebra that more than one method needs."""

from collections.abc import Callable

import pytest
import torch
from torch.testing import assert_close

from latentclr.linalg import (
    WORTH_BLOCKS,
    compilable_cosines,
    cosines,
    mean_absolute_cosine,
    pairs_above,
    unit,
)

Cosines = Callable[[torch.Tensor], torch.Tensor]
both_cosines = pytest.mark.parametrize("cosines", [cosines, compilable_cosines])


def test_unit_has_the_gradient_of_its_definition() -> None:
    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(unit, x.requires_grad_())


def test_a_zero_vector_has_no_direction_and_a_finite_gradient() -> None:
    x = torch.zeros(2, 3, requires_grad=True)
    unit(x).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert unit(x).abs().max() == 0


def test_tiny_and_huge_vectors_have_length_one() -> None:
    x = torch.tensor([[1e-18, 1e-18], [1e18, -1e18]])
    assert_close(unit(x).norm(dim=1), torch.ones(2))


def test_mean_absolute_cosine_equals_a_loop() -> None:
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = mean_absolute_cosine(x)
    for k in range(3):
        for other in range(3):
            cosines = [
                float(torch.nn.functional.cosine_similarity(x[k, i], x[other, i], dim=0)) for i in range(5)
            ]
            assert float(found[k, other]) == pytest.approx(sum(map(abs, cosines)) / 5, rel=1e-9)


def test_pairs_are_each_named_once_and_sorted() -> None:
    matrix = torch.tensor([[1.0, 0.91, 0.2], [0.91, 1.0, 0.99], [0.2, 0.99, 1.0]])
    assert pairs_above(matrix, 0.9) == [(1, 2, 0.99), (0, 1, 0.91)]
    assert pairs_above(matrix, 0.999) == []


def random_rows(n: int, d: int = 3) -> torch.Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@both_cosines
@pytest.mark.parametrize("n", [5, WORTH_BLOCKS + 1])
def test_cosines_equal_those_of_scaled_rows_in_value_and_gradient(n: int, cosines: Cosines) -> None:
    rows, weights = random_rows(n), random_rows(n, n)
    one, other = rows.clone().requires_grad_(), rows.clone().requires_grad_()
    (cosines(one) * weights).sum().backward()
    scaled = unit(other)
    (scaled @ scaled.T * weights).sum().backward()
    assert_close(cosines(rows), unit(rows) @ unit(rows).T)
    assert_close(one.grad, other.grad)


@both_cosines
def test_a_zero_row_has_no_angle_and_no_gradient(cosines: Cosines) -> None:
    rows = random_rows(4)
    rows[2] = 0
    rows.requires_grad_()
    found = cosines(rows)
    found.square().sum().backward()
    assert rows.grad is not None
    assert found[2].abs().max() == 0
    assert found[:, 2].abs().max() == 0
    assert torch.isfinite(rows.grad).all()
    assert rows.grad[2].abs().max() == 0
