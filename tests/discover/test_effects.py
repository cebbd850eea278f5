"""Edits in chunks give what edits at once give."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import load_generator
from latentclr.directions import DirectionModel, Global, Linear, Nonlinear
from latentclr.discover.contrast import Contrast
from latentclr.discover.effects import Effects

K, N = 4, 3


def case(generator: Any, kind: type[DirectionModel] = Nonlinear) -> tuple[DirectionModel, Tensor, Tensor]:
    model = kind(K, generator.latent_dim, rng=torch.Generator().manual_seed(0))
    latents = generator.sample(N, rng=torch.Generator().manual_seed(1))
    return model, latents, torch.randn(K, N, generator=torch.Generator().manual_seed(2))


def gradients(model: DirectionModel) -> Tensor:
    found = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    model.zero_grad()
    return found


@pytest.mark.parametrize("compare", ["difference", "unit-features"])
@pytest.mark.parametrize("slots", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("kind", [Global, Linear, Nonlinear])
def test_chunks_change_nothing(toy: Toy, kind: Any, slots: tuple[int, ...], compare: Any) -> None:
    model, latents, alphas = case(toy, kind)
    plain = Effects(toy, "late", slots, compare)
    loss = Contrast(0.5, "cosine").loss
    value, expected = plain.backward(model, latents, alphas, loss), gradients(model)
    for chunk in (1, 2, N, 5, 2 * N, 100):
        pieces = replace(plain, chunk=chunk)
        assert_close(pieces.changes(model, latents, alphas), plain.changes(model, latents, alphas))
        assert_close(pieces.backward(model, latents, alphas, loss), value)
        assert_close(gradients(model), expected, atol=1e-5, rtol=1e-4)


def test_tiles_change_nothing(toy: Toy) -> None:
    model, latents, alphas = case(toy)
    effects = Effects(toy, "late", (0, 1))
    value = effects.backward(model, latents, alphas, Contrast(0.5, "absolute").loss)
    expected = gradients(model)
    for tile in (1, 5, 100):
        tiled = Contrast(0.5, "absolute", tile=tile)
        assert_close(effects.backward(model, latents, alphas, tiled.loss), value)
        assert_close(gradients(model), expected, atol=1e-5, rtol=1e-4)
        assert tiled.total(effects.changes(model, latents, alphas).detach()) == pytest.approx(float(value))


def test_later_slots_are_not_needed(toy: Toy) -> None:
    model, latents, alphas = case(toy)
    other = latents.clone()
    other[:, 1] += 1
    effects = Effects(toy, "early", (0,))
    assert_close(effects.changes(model, latents, alphas), effects.changes(model, other, alphas))


def test_bfloat16_activations_change_little() -> None:
    generator = load_generator("scenes")
    model = Nonlinear(8, generator.latent_dim, rng=torch.Generator().manual_seed(0))
    latents = generator.sample(8, rng=torch.Generator().manual_seed(1))
    alphas = torch.full((8, 8), 3.0)
    exact = Effects(generator, "b8.conv1", range(generator.num_slots))
    loss = Contrast(0.2, "absolute").loss
    value, expected = float(exact.backward(model, latents, alphas, loss)), gradients(model)
    value_16 = float(replace(exact, bfloat16=True).backward(model, latents, alphas, loss))
    found = gradients(model)
    assert value_16 == pytest.approx(value, abs=0.02)
    assert value_16 != value, "it did compute with fewer bits"
    assert float(torch.cosine_similarity(found, expected, dim=0)) > 0.99
