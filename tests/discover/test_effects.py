"""Edits in chunks give what edits at once give."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.rounding import assert_rounded
from tests.toy import Toy
from torch import Tensor

from latentclr import InputError, load_generator
from latentclr.directions import DirectionModel, Global, Linear, Nonlinear
from latentclr.discover.contrast import Contrast
from latentclr.discover.effects import Effects, check_visible

K, N = 4, 3


def case(generator: Any, kind: type[DirectionModel] = Nonlinear) -> tuple[DirectionModel, Tensor, Tensor]:
    model = kind(K, generator.latent_dim, rng=torch.Generator().manual_seed(0))
    latents = generator.sample(N, rng=torch.Generator().manual_seed(1))
    return model, latents, torch.randn(K, N, generator=torch.Generator().manual_seed(2))


def gradients(model: DirectionModel) -> Tensor:
    found = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    model.zero_grad()
    return found


def assert_same_gradients(found: Tensor, expected: Tensor) -> None:
    # The longest chain: cosines of 768 products, and sums over the edits; a change is the difference of
    # features that are up to ten times as large.
    assert_rounded(found, expected, terms=768 + K * N, condition=10)


@pytest.mark.parametrize(
    ("kind", "slots", "compare"),
    [
        (Global, (0, 1), "difference"),
        (Linear, (1,), "unit-features"),
        (Nonlinear, (0,), "unit-features"),
        (Nonlinear, (0, 1), "difference"),
    ],
)
def test_chunks_change_nothing(toy: Toy, kind: Any, slots: tuple[int, ...], compare: Any) -> None:
    model, latents, alphas = case(toy, kind)
    plain = Effects(toy, "late", slots, compare)
    loss = Contrast(0.5, "cosine").loss
    value, expected = plain.backward(model, latents, alphas, loss), gradients(model)
    changes = plain.changes(model, latents, alphas)
    # A change is the difference of two features, each of so few operations; lengths are sums of squares.
    size = float(plain.features(latents).abs().max() + changes.detach().abs().max())
    terms = 20 if compare == "difference" else 768
    for chunk in (1, 2, N, 5, 2 * N, 100):
        pieces = replace(plain, chunk=chunk)
        assert_rounded(pieces.changes(model, latents, alphas), changes, terms=terms, scale=size)
        assert not pieces.changes(model, latents, alphas).requires_grad
        assert_same_gradients(pieces.backward(model, latents, alphas, loss), value)
        assert_same_gradients(gradients(model), expected)


@pytest.mark.parametrize("chunk", [1, 5, K * N])
def test_no_more_than_a_chunk_goes_through_the_generator_at_a_time(chunk: int) -> None:
    sizes: list[tuple[int, int]] = []

    class Watched(Toy):
        def run(self, latents: Tensor) -> Iterator[tuple[str, Tensor]]:
            sizes.append((latents.shape[0], latents.shape[1]))
            yield from super().run(latents)

    generator = Watched()
    model, latents, alphas = case(generator)
    Effects(generator, "early", (0, 1), chunk=chunk).backward(
        model, latents, alphas, Contrast(0.5, "cosine").loss
    )
    assert max(n for n, _ in sizes) <= chunk
    # The latents once, and every edit twice, but for the last chunk, whose graph is there from the start.
    assert sum(n for n, _ in sizes) == N + 2 * K * N - chunk
    assert {slots for _, slots in sizes} == {1}, "the layer reads no later slot"


def test_tiles_change_nothing(toy: Toy) -> None:
    model, latents, alphas = case(toy)
    effects = Effects(toy, "late", (0, 1))
    value = effects.backward(model, latents, alphas, Contrast(0.5, "absolute").loss)
    expected = gradients(model)
    for tile in (1, 5, 100):
        tiled = Contrast(0.5, "absolute", tile=tile)
        assert_same_gradients(effects.backward(model, latents, alphas, tiled.loss), value)
        assert_same_gradients(gradients(model), expected)
        total = tiled.total(effects.changes(model, latents, alphas).detach())
        assert_same_gradients(torch.tensor(total), value)


def test_later_slots_are_not_needed(toy: Toy) -> None:
    model, latents, alphas = case(toy)
    other = latents.clone()
    other[:, 1] += 1
    effects = Effects(toy, "early", (0,))
    changes = effects.changes(model, latents, alphas)
    assert torch.equal(changes, effects.changes(model, other, alphas))  # the same computation
    assert effects.features_length(latents) == changes.shape[2] == 12 * 4 * 4


@pytest.mark.parametrize(("slots", "named"), [((1,), "slot 1"), ((0, 1), "slots 0, 1")])
def test_a_layer_that_does_not_see_an_edit_is_refused_by_name(slots: tuple[int, ...], named: str) -> None:
    changes = torch.ones(2, 3, 4)
    check_visible(changes, "b8", slots)
    changes[1, 2] = 0
    sentence = (
        f"layer 'b8' does not see edits of {named}: its features do not change at all; choose a later layer "
        "or earlier slots."
    )
    with pytest.raises(InputError, match=f"^{re.escape(sentence)}$"):
        check_visible(changes, "b8", slots)


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
