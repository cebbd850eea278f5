"""LatentCLR: it finds planted directions, validates on held-out latents, and refuses what cannot work."""

import importlib.util
import math
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from tests.conftest import small_dcgan
from tests.discover.logs import Recorder
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError, LatentCLR, load_generator
from latentclr.directions import Global, Linear, Nonlinear
from latentclr.discover import Effects, contrastive_loss
from latentclr.discover.latentclr import first_of_size
from latentclr.linalg import unit

TINY = LatentCLR(k=3, steps=6, batch=3, held_out=4, validate_every=2, layer="early")
ON_TOY = LatentCLR(k=Toy.PLANTED, layer="early", steps=600, alpha=2.0, learning_rate=0.03, validate_every=50)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.training)])
def test_global_directions_are_the_planted_ones_in_order_of_effect(toy: Toy, seed: int) -> None:
    directions = replace(ON_TOY, seed=seed).fit(toy)
    found = directions.model(torch.zeros(1, toy.latent_dim))[:, 0]
    cosines = found @ toy.axes.T  # (found, planted)
    # Effects fall with the planted strength, and along every planted axis the picture gets brighter.
    assert_close(cosines.diagonal(), torch.ones(Toy.PLANTED), atol=0.03, rtol=0)
    assert directions.origin["accuracy"] == 1
    assert directions.origin["duplicates"] == []


@pytest.mark.training
def test_of_more_candidates_than_there_are_factors_the_planted_ones_are_kept(toy: Toy) -> None:
    # Twice the steps: after 600, processors differ by whether the weakest is found to within .05 or .09.
    directions = replace(ON_TOY, candidates=2 * Toy.PLANTED, unlike="what", steps=1200).fit(toy)
    found = directions.model(torch.zeros(1, toy.latent_dim))[:, 0]
    assert directions.k == Toy.PLANTED
    assert directions.origin["candidates"] == 2 * Toy.PLANTED
    assert_close((found @ toy.axes.T).abs().amax(1), torch.ones(Toy.PLANTED), atol=0.05, rtol=0)
    assert directions.origin["duplicates"] == []


def test_candidates_are_pruned_to_k(toy: Toy) -> None:
    directions = replace(TINY, candidates=5).fit(toy)
    assert directions.k == directions.scores.numel() == 3
    assert directions.origin["candidates"] == 5
    assert 0 < directions.origin["least_new"] <= 1


@pytest.mark.training
@pytest.mark.parametrize("model", ["linear", "nonlinear"])
def test_conditional_directions_find_the_planted_ones_too(toy: Toy, model: Any) -> None:
    settings = replace(ON_TOY, model=model, bias=True, steps=800, seed=1)
    directions = settings.fit(toy)
    latents = toy.sample(32, rng=torch.Generator().manual_seed(9))[:, 0]
    cosines = (directions.model(latents) @ toy.axes.T).abs().mean(1)  # (found, planted)
    assert sorted(cosines.argmax(1).tolist()) == list(range(Toy.PLANTED))
    assert cosines.max(1).values.min() > 0.85


@pytest.mark.parametrize("model", [Global, Linear, Nonlinear])
@pytest.mark.parametrize("compare", ["difference", "unit-features"])
@pytest.mark.parametrize("slots", [(0,), (1,), (0, 1)])
def test_changes_equal_a_loop_over_directions_and_latents(
    toy: Toy, model: Any, compare: Any, slots: tuple[int, ...]
) -> None:
    made = model(3, toy.latent_dim, rng=torch.Generator().manual_seed(0))
    latents = toy.sample(4, rng=torch.Generator().manual_seed(1))
    alphas = torch.randn(3, 4, generator=torch.Generator().manual_seed(2))
    together = Effects(toy, "late", slots, compare).changes(made, latents, alphas)
    for k in range(3):
        for i in range(4):
            z = latents[i : i + 1]
            edited = z.clone()
            for slot in slots:
                edited[0, slot] += alphas[k, i] * made(z[:, slots[0]])[k, 0]
            after, before = (toy.features(x, "late").permute(0, 2, 3, 1).flatten() for x in (edited, z))
            if compare == "unit-features":
                after, before = unit(after), unit(before)
            assert_close(together[k, i], after - before, atol=1e-5, rtol=1e-4)


def test_validation_is_on_the_latents_kept_out_and_keeps_the_best_step(toy: Toy) -> None:
    log = Recorder()
    directions = replace(TINY, steps=40, learning_rate=0.5).fit(toy, log=log)
    losses = log.of("validation_loss")
    assert list(losses) == list(range(0, 41, 2))
    best = min(losses, key=lambda step: losses[step])
    assert directions.origin["best_step"] == best
    assert directions.origin["validation_loss"] == losses[best]
    assert directions.origin["accuracy"] == log.of("accuracy")[best]
    assert best < 40, "a rate this high should overshoot; else the test shows nothing"
    # What is returned does score that: in some order and with some signs, which the loss is blind to.
    rng = torch.Generator().manual_seed(0)
    TINY.direction_model(toy.latent_dim, rng)
    z, alphas = TINY.sample(4, toy.z_dim, rng)
    held_out = toy.map(z)
    scores = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            model = directions.model.select(order).flipped(torch.tensor(signs))
            seen = Effects(toy, "early", (0, 1)).changes(model, held_out, alphas)
            loss = contrastive_loss(seen, temperature=TINY.temperature, similarity="absolute")
            scores.append(float(loss))
    assert min(abs(score - losses[best]) for score in scores) < 1e-4


def test_log_is_told_every_step_and_at_every_tenth_loss_and_speed(toy: Toy) -> None:
    log = Recorder()
    replace(TINY, steps=20, validate_every=5).fit(toy, log=log)
    assert list(log.of("loss")) == list(log.of("steps_per_second")) == [10, 20]
    assert list(log.of("accuracy")) == [0, 5, 10, 15, 20]
    assert sorted({step for step, _ in log.calls}) == list(range(21))
    assert all(math.isfinite(value) for _, values in log.calls for value in values.values())


def test_stop_returns_the_best_so_far(toy: Toy) -> None:
    log = Recorder()
    directions = replace(TINY, steps=1000).fit(toy, log=log, stop=lambda: log.calls[-1:] == [(5, {})])
    assert directions.origin["trained_steps"] == 5
    assert directions.origin["best_step"] <= 5
    assert directions.k == 3


def test_alphas_per_direction_and_per_sample() -> None:
    rng = torch.Generator().manual_seed(0)
    _, shared = replace(TINY, alpha=2.0, k=200, alpha_per="direction").sample(5, 3, rng)
    _, own = replace(TINY, alpha=2.0, k=200, alpha_per="sample").sample(5, 3, rng)
    assert shared.shape == own.shape == (200, 5)
    assert bool((shared == shared[:, :1]).all())
    assert not bool((own == own[:, :1]).all(1).any())
    for alphas in (shared, own):
        assert 1.8 < alphas.abs().max() <= 2
        assert alphas.abs().min() > 0
        assert 0.3 < (alphas > 0).float().mean() < 0.7


def test_default_layer_is_the_first_of_eight_pixels(toy: Toy) -> None:
    assert first_of_size(small_dcgan(), 8) == "b8"
    assert first_of_size(toy, 8) == "late"
    assert first_of_size(toy, 512) == "image"
    assert replace(TINY, layer=None).fit(toy).origin["layer"] == "late"


def test_a_papers_name_for_a_layer_will_do(toy: Toy) -> None:
    assert replace(TINY, layer="conv1").fit(toy).origin["layer"] == "early"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"k": 1}, "k=1 must be at least 2"),
        ({"k": 4, "candidates": 3}, "candidates=3 must be 0, or at least k=4"),
        ({"batch": 1}, "batch=1 must be at least 2"),
        ({"alpha": float("nan")}, "alpha=nan must be above 0"),
        ({"alpha": float("inf")}, "alpha=inf must be above 0 and finite"),
        ({"temperature": -1.0}, "temperature=-1.0 must be above 0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be above 0"),
        ({"weight_decay": -1.0}, "weight_decay=-1.0 must be at least 0"),
        ({"steps": 0}, "steps=0 must be at least 1"),
        ({"held_out": 1}, "held_out=1 must be at least 2"),
        ({"validate_every": 0}, "validate_every=0 must be at least 1"),
        ({"layer": "b7"}, "no layer 'b7'"),
        ({"slots": (2,)}, r"slots \[2\] are not possible"),
        ({"truncation": 0.0}, "truncation=0.0"),
        ({"model": "nonlinear", "depth": 1}, "depth=1 must be at least 2"),
    ],
)
def test_what_cannot_work_is_refused_before_training(toy: Toy, changes: dict[str, Any], said: str) -> None:
    log = Recorder()
    with pytest.raises(InputError, match=said):
        replace(TINY, **changes).fit(toy, log=log)
    assert log.calls == []


def test_edits_that_the_layer_cannot_see_are_refused_by_name(toy: Toy) -> None:
    with pytest.raises(InputError, match="layer 'early' does not see edits of slot 1"):
        replace(TINY, slots=(1,)).fit(toy)


@pytest.mark.training
@pytest.mark.network
def test_defaults_on_a_real_gan_are_identified_and_do_not_repeat() -> None:
    # A fifth of the default's steps; the documented figures are of whole runs.
    directions = LatentCLR(steps=60, validate_every=60, held_out=16).fit(load_generator("faces"))
    assert directions.origin["accuracy"] >= 0.95
    assert len(directions.origin["duplicates"]) <= 1
    assert directions.origin["best_step"] == 60


@pytest.fixture
def example() -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / "train_latentclr.py"
    spec = importlib.util.spec_from_file_location("train_latentclr", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_computes_the_same_loss(example: ModuleType, dcgan: Any) -> None:
    theta = torch.randn(3, dcgan.latent_dim, generator=torch.Generator().manual_seed(0))
    z = torch.randn(4, dcgan.latent_dim, generator=torch.Generator().manual_seed(1))
    alpha = torch.tensor([1.0, -2.0, 0.5])
    plain = example.contrastive_loss(example.changes(dcgan, z, theta, alpha), example.TAU)
    model = Global(3, dcgan.latent_dim, rng=torch.Generator())
    model.theta.data.copy_(theta)
    alphas: Tensor = alpha[:, None].expand(3, 4)
    seen = Effects(dcgan, example.LAYER, (0,)).changes(model, z[:, None], alphas)
    ours = contrastive_loss(seen, temperature=example.TAU, similarity="absolute")
    assert_close(plain, ours)
