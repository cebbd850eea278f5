"""Direction models: length one, K at once, and what each may depend on."""

import pytest
import torch
from tests.rounding import assert_rounded
from torch import Tensor, nn
from torch.testing import assert_close

from latentclr import InputError
from latentclr.directions import DirectionModel, Global, Linear, Nonlinear

K, DIM = 3, 5


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


MODELS = {
    "global": lambda: Global(K, DIM, rng=rng()),
    "linear": lambda: Linear(K, DIM, rng=rng()),
    "linear with bias": lambda: Linear(K, DIM, bias=True, rng=rng()),
    "nonlinear": lambda: Nonlinear(K, DIM, rng=rng()),
    "nonlinear, deep, wide, normalised": lambda: Nonlinear(
        K, DIM, depth=3, width=7, normalization="layer", rng=rng()
    ),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> DirectionModel:
    made: DirectionModel = MODELS[request.param]()  # type: ignore[no-untyped-call]
    return made


@pytest.fixture
def latents() -> Tensor:
    return torch.randn(4, DIM, generator=rng(1))


def test_directions_have_length_one(model: DirectionModel, latents: Tensor) -> None:
    directions = model(latents)
    assert directions.shape == (K, 4, DIM)
    assert_close(directions.norm(dim=-1), torch.ones(K, 4))


def test_each_latent_is_on_its_own(model: DirectionModel, latents: Tensor) -> None:
    together = model(latents)
    alone = torch.cat([model(latent.unsqueeze(0)) for latent in latents], dim=1)
    assert_close(together, alone)


def test_training_mode_changes_nothing(model: DirectionModel, latents: Tensor) -> None:
    assert torch.equal(model.train()(latents), model.eval()(latents))


def test_conditional_is_what_it_says(model: DirectionModel, latents: Tensor) -> None:
    directions = model(latents)
    assert bool((directions == directions[:, :1]).all()) != model.conditional


def test_directions_start_apart(model: DirectionModel, latents: Tensor) -> None:
    cosines = torch.einsum("knd,lnd->nkl", model(latents), model(latents)).abs()
    cosines.diagonal(dim1=1, dim2=2).zero_()
    assert cosines.max() < 0.999


def test_select_chooses_and_reorders(model: DirectionModel, latents: Tensor) -> None:
    chosen = model.select([2, 0])
    assert chosen.k == 2
    assert_close(chosen(latents), model(latents)[[2, 0]])


@pytest.mark.parametrize("indices", [[], [3], [-1]])
def test_impossible_selection_is_refused(model: DirectionModel, indices: list[int]) -> None:
    with pytest.raises(InputError, match="there are 0 to 2"):
        model.select(indices)


def test_flipped_turns_exactly_those_directions(model: DirectionModel, latents: Tensor) -> None:
    signs = torch.tensor([1.0, -1.0, 1.0])
    before = model(latents).clone()
    assert torch.equal(model.flipped(signs)(latents), before * signs.view(-1, 1, 1))
    assert torch.equal(model(latents), before)


def test_no_two_directions_share_parameters(model: DirectionModel, latents: Tensor) -> None:
    model(latents)[1].sum().backward()
    for parameter in model.parameters():
        if parameter.grad is not None:
            assert parameter.grad[[0, 2]].abs().max() == 0


def test_global_directions_start_orthonormal_and_may_be_more_than_dimensions() -> None:
    theta = Global(K, DIM, rng=rng())(torch.zeros(1, DIM))[:, 0]
    assert_rounded(theta @ theta.T, torch.eye(K), terms=2 * DIM * DIM)
    assert Global(12, DIM, rng=rng())(torch.zeros(1, DIM)).shape == (12, 1, DIM)


def test_linear_is_a_matrix_product(latents: Tensor) -> None:
    model = Linear(K, DIM, bias=True, rng=rng())
    assert model.bias is not None
    for k in range(K):
        for i, z in enumerate(latents):
            raw = model.matrix[k] @ z + model.bias[k]
            assert_close(model(latents)[k, i], raw / raw.norm())


def test_nonlinear_is_k_separate_networks(latents: Tensor) -> None:
    model = Nonlinear(K, DIM, depth=3, width=7, normalization="layer", rng=rng())
    for k in range(K):
        layers: list[nn.Module] = []
        for i, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
            linear = nn.Linear(*weight.shape[1:])
            linear.load_state_dict({"weight": weight[k].T, "bias": bias[k]})
            layers += [linear] if i == 0 else [nn.LayerNorm(7), nn.ReLU(), linear]
        raw = nn.Sequential(*layers)(latents)
        assert_close(model(latents)[k], raw / raw.norm(dim=1, keepdim=True))


def test_a_linear_direction_at_zero_is_no_direction_and_no_nan() -> None:
    model = Linear(K, DIM, rng=rng())
    latents = torch.stack([torch.zeros(DIM), torch.ones(DIM)])
    directions = model(latents)
    directions.square().sum(-1).sub(2).square().sum().backward()
    assert directions[:, 0].abs().max() == 0
    assert_close(directions[:, 1].norm(dim=-1), torch.ones(K))
    assert model.matrix.grad is not None
    assert torch.isfinite(model.matrix.grad).all()


def test_a_nonlinear_direction_exists_at_zero() -> None:
    directions = Nonlinear(K, DIM, rng=rng())(torch.zeros(1, DIM))
    assert_close(directions.norm(dim=-1), torch.ones(K, 1))


@pytest.mark.parametrize(("depth", "width", "said"), [(1, None, "depth=1"), (2, 0, "width=0")])
def test_impossible_networks_are_refused(depth: int, width: int | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Nonlinear(K, DIM, depth=depth, width=width, rng=rng())
