"""Deformators: what they promise of their directions, and their numbers by another route."""

import math
from typing import Any, get_args

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError
from latentclr.discover.deformators import Deformator, Kind, Linear, Orthonormal, make_deformator, rotation

KINDS = get_args(Kind)
LEARNT = ("orthonormal", "projective", "linear")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shaken(kind: Any, k: int, dim: int, **settings: Any) -> Deformator:
    """A deformator in float64 far from its start."""
    made = make_deformator(kind, k, dim, rng=seeded(), **settings).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=seeded(1)))
    return made


def series(matrix: Tensor, terms: int = 80) -> Tensor:
    total = term = torch.eye(len(matrix), dtype=matrix.dtype)
    for i in range(1, terms):
        term = term @ matrix / i
        total = total + term
    return total


def test_rotation_is_the_exponential_series_of_a_skew_matrix() -> None:
    square = torch.randn(7, 7, generator=seeded(), dtype=torch.float64)
    turned = rotation(square)
    assert_close(turned, series(square - square.T), atol=1e-11, rtol=0)
    assert_close(turned @ turned.T, torch.eye(7, dtype=torch.float64), atol=1e-12, rtol=0)
    assert_close(torch.linalg.det(turned), torch.tensor(1.0, dtype=torch.float64))
    assert torch.autograd.gradcheck(rotation, square.requires_grad_())


def test_rotation_in_the_plane_is_by_the_angle() -> None:
    angle = 0.7
    square = torch.tensor([[0.0, 0.0], [angle, 0.0]])
    c, s = math.cos(angle), math.sin(angle)
    assert_close(rotation(square), torch.tensor([[c, -s], [s, c]]))


@pytest.mark.parametrize("k", [3, 8])
@pytest.mark.parametrize("kind", ["orthonormal", "random", "identity"])
def test_orthonormal_kinds_are_orthonormal_wherever_they_are(kind: Any, k: int) -> None:
    rows = shaken(kind, k, 8).directions()
    assert_close(rows @ rows.T, torch.eye(k, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("k", [3, 8])
def test_the_frame_is_the_first_columns_of_a_rotation_of_its_start(k: int) -> None:
    made = shaken("orthonormal", k, 8)
    assert isinstance(made, Orthonormal)
    square = torch.zeros(8, 8, dtype=torch.float64)
    square[:k] = made.skew.detach()
    expected = (made.start.T @ series(square.T - square, 150)).T[:k]  # columns, as in the paper
    assert_close(made.directions(), expected, atol=1e-9, rtol=0)


def test_another_frame_can_be_learnt_from_the_start() -> None:
    # Of K < dim rows, although the rest of S is not learnt.
    made = make_deformator("orthonormal", 3, 8, rng=seeded())
    wanted = make_deformator("random", 3, 8, rng=seeded(9)).directions()
    optimizer = torch.optim.Adam(made.parameters(), 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (made.directions() - wanted).square().sum().backward()
        optimizer.step()
    assert_close(made.directions(), wanted, atol=0.02, rtol=0)


@pytest.mark.parametrize(("kind", "bias"), [(kind, False) for kind in LEARNT] + [("linear", True)])
def test_gradients_are_those_of_finite_differences(kind: Any, bias: bool) -> None:
    made = shaken(kind, 3, 4, bias=bias)
    shifts = torch.randn(2, 3, generator=seeded(2), dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in made.named_parameters()]

    def shifted(shifts: Tensor, *values: Tensor) -> Any:
        return torch.func.functional_call(made, dict(zip(names, values, strict=True)), (shifts,))

    assert torch.autograd.gradcheck(shifted, (shifts, *made.parameters()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_along_one_direction_is_epsilon_times_it(kind: Any) -> None:
    made = shaken(kind, 3, 8)
    index, epsilon = torch.tensor([2, 0, 2, 1]), torch.tensor([1.5, -2.0, -0.5, 6.0], dtype=torch.float64)
    assert_close(made.along(index, epsilon), epsilon.unsqueeze(1) * made.directions()[index])


def test_a_bias_is_in_every_shift_and_in_no_direction() -> None:
    made = shaken("linear", 3, 8, bias=True)
    assert isinstance(made, Linear)
    assert made.bias is not None
    along = made.along(torch.tensor([1, 1]), torch.tensor([2.0, -2.0], dtype=torch.float64))
    assert_close(along.mean(0), made.bias)
    assert_close((along[0] - along[1]) / 4, made.directions()[1])
    with pytest.raises(InputError, match="bias=True is for the linear deformator; the random one has none"):
        make_deformator("random", 3, 8, bias=True, rng=seeded())


def test_projective_shifts_are_as_long_as_their_input() -> None:
    made = shaken("projective", 5, 8)
    shifts = torch.randn(6, 5, generator=seeded(3), dtype=torch.float64)
    assert_close(made(shifts).norm(dim=1), shifts.norm(dim=1))
    assert_close(made.directions().norm(dim=1), torch.ones(5, dtype=torch.float64))
    assert torch.equal(made(torch.zeros(1, 5, dtype=torch.float64)), torch.zeros(1, 8, dtype=torch.float64))
    assert shaken("linear", 5, 8).directions().norm(dim=1).std() > 0.1, "a linear one keeps its lengths"


@pytest.mark.parametrize("kind", KINDS)
def test_start_is_orthonormal_and_the_seeds(kind: Any) -> None:
    before = torch.get_rng_state()
    one, two, other = (make_deformator(kind, 4, 6, rng=seeded(s)).directions() for s in (0, 0, 1))
    assert_close(one @ one.T, torch.eye(4), atol=1e-5, rtol=0)
    assert torch.equal(one, two)
    assert torch.equal(one, other) == (kind == "identity")
    assert torch.equal(torch.get_rng_state(), before)


def test_only_some_learn() -> None:
    learnt = {kind for kind in KINDS if list(make_deformator(kind, 3, 4, rng=seeded()).parameters())}
    assert learnt == set(LEARNT)
    assert torch.equal(make_deformator("identity", 2, 3, rng=seeded()).directions(), torch.eye(2, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_more_directions_than_dimensions(kind: Any) -> None:
    if kind in ("projective", "linear"):
        assert make_deformator(kind, 5, 4, rng=seeded()).directions().shape == (5, 4)
        return
    with pytest.raises(InputError, match=f"k=5 must be at most 4.*for the {kind} deformator"):
        make_deformator(kind, 5, 4, rng=seeded())
