"""Order and sign by visible effect."""

from typing import Any

import pytest
import torch
from tests.generators.small_stylegan2 import small_stylegan2
from tests.toy import Toy
from torch import Tensor

from latentclr.directions import Global
from latentclr.discover.ordering import visible_first


def planted(toy: Toy, rows: Tensor) -> Global:
    model = Global(len(rows), toy.latent_dim, rng=torch.Generator())
    model.theta.data.copy_(rows)
    return model


def test_strongest_first_and_brighter_is_positive(toy: Toy) -> None:
    signs = torch.tensor([-1.0, 1.0, -1.0, 1.0, 1.0, -1.0])
    model = planted(toy, (toy.axes * signs.unsqueeze(1))[[2, 0, 5, 3, 1, 4]])
    latents = toy.sample(16, rng=torch.Generator().manual_seed(0))
    ordered, effects, record = visible_first(toy, model, latents, shift=1.0, slots=(0, 1))
    found = ordered(latents[:, 0])[:, 0]
    assert torch.allclose(found, toy.axes, atol=1e-6)
    assert effects.tolist() == sorted(effects.tolist(), reverse=True)
    assert record["duplicates"] == []


def test_effects_equal_a_loop_over_their_definition(toy: Toy) -> None:
    model = planted(toy, toy.axes)
    latents = toy.sample(3, rng=torch.Generator().manual_seed(0))
    _, effects, _ = visible_first(toy, model, latents, shift=2.0, slots=(0,))
    expected = []
    for k in range(Toy.PLANTED):
        total = 0.0
        for z in latents:
            for sign in (2.0, -2.0):
                moved = z.clone()
                moved[0] += sign * toy.axes[k]
                change = toy(moved.unsqueeze(0)) - toy(z.unsqueeze(0))
                total += float(change.square().mean().sqrt())
        expected.append(total / 6)
    assert effects.tolist() == pytest.approx(sorted(expected, reverse=True), rel=1e-4)


def test_repetitions_are_named(toy: Toy) -> None:
    nearly = toy.axes[0] + 0.1 * toy.axes[5]
    model = planted(toy, torch.stack([toy.axes[0], toy.axes[1], -nearly]))
    latents = toy.sample(8, rng=torch.Generator().manual_seed(0))
    _, _, record = visible_first(toy, model, latents, shift=1.0, slots=(0, 1))
    ((first, second, cosine),) = record["duplicates"]
    assert (first, second) == (0, 1)
    assert cosine == pytest.approx(1 / 1.01**0.5, abs=1e-3)
    assert [0, 1] in [pair[:2] for pair in record["look_alikes"]]


def test_large_generators_draw_few_and_small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = small_stylegan2()
    model = Global(5, generator.latent_dim, rng=torch.Generator().manual_seed(0))
    latents = generator.sample(30, rng=torch.Generator().manual_seed(0))
    drawn: list[tuple[int, int]] = []
    preview = type(generator).preview

    def watched(self: Any, some: Tensor, pixels: int) -> Tensor:
        drawn.append((len(some), pixels))
        return preview(self, some, pixels)

    monkeypatch.setattr(type(generator), "preview", watched)
    slots = range(generator.num_slots)
    for small, pixels, pictures in ((8, 8, 5 * 2 * 30 + 30), (4, 2, 5 * 2 * 4 + 4)):
        monkeypatch.setattr("latentclr.discover.ordering.SMALL", small)
        monkeypatch.setattr("latentclr.discover.ordering.PICTURES", {True: 1024, False: 40})
        drawn.clear()
        _, effects, _ = visible_first(generator, model, latents, shift=1.0, slots=slots)
        assert {size for _, size in drawn} == {pixels}
        assert sum(n for n, _ in drawn) == pictures
        assert effects.shape == (5,)
