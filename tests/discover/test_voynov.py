"""Voynov and Babenko's method, and the measure that comes from it."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from tests.conftest import small_dcgan
from tests.discover.logs import Recorder
from tests.generators.small_stylegan2 import small_stylegan2
from tests.toy import Toy
from torch.testing import assert_close

from latentclr import Directions, InputError
from latentclr.directions import DirectionModel, Global, Nonlinear
from latentclr.directions.edits import moved
from latentclr.discover.deformators import Kind, Linear
from latentclr.discover.random import Random
from latentclr.discover.reconstructors import make_reconstructor
from latentclr.discover.voynov import TEACHING, Voynov, _epsilons, _judged, separability
from latentclr.engine.checkpoint import Keeper

TINY = Voynov(k=3, steps=6, batch=4, held_out=3, validate_every=2, pixels=8)
QUICK = replace(TEACHING, pixels=8, steps=20)


class HalfSeen(Toy):
    """A toy of twelve dimensions whose picture shows six of them: moving along the others does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_dim = 12
        rng = torch.Generator().manual_seed(2000)
        basis = torch.linalg.qr(torch.randn(12, 12, generator=rng))[0]
        self.axes = torch.nn.Parameter(basis[: self.PLANTED])
        self.mapping = torch.nn.Parameter(torch.randn(12, self.z_dim, generator=rng) / self.z_dim**0.5)
        self.freeze()

    def seen(self, directions: Directions) -> torch.Tensor:
        """Share of each direction's squared length that the picture shows, largest first."""
        rows = directions.model(torch.zeros(1, 12))[:, 0]
        shares: torch.Tensor = (rows @ self.axes.T).square().sum(1)
        return shares.sort(descending=True).values


def as_directions(toy: Toy, model: DirectionModel) -> Directions:
    """Directions of the toy by another model."""
    return replace(Random(k=model.k).fit(toy), model=model.requires_grad_(False))


def rows(values: torch.Tensor) -> DirectionModel:
    return Global.from_state({"theta": values.detach().clone()}, k=len(values), dim=values.shape[1])


@pytest.mark.training
@pytest.mark.parametrize("seed", [0, 1])
def test_it_turns_directions_to_what_pictures_show(seed: int) -> None:
    # "Nothing changed" can be recognised too, but for one direction only: of two that nobody sees, half the
    # edits are called wrong. So to be recognised always, all directions but one must be seen.
    generator = HalfSeen()
    settings = Voynov(
        k=3, steps=500, batch=16, pixels=8, max_shift=1.0, min_shift=0.1, learning_rate=0.01, seed=seed
    )
    directions = settings.fit(generator)
    assert directions.origin["accuracy"] > 0.95
    learnt, drawn = generator.seen(directions), generator.seen(Random(k=3, seed=seed).fit(generator))
    assert learnt[:2].min() > 0.85
    assert drawn[1] < 0.75, "it would show nothing where random directions do as well"
    found = directions.model(torch.zeros(1, 12))[:, 0]
    assert_close(found @ found.T, torch.eye(3), atol=1e-5, rtol=0)


@pytest.mark.training
def test_planted_directions_are_told_apart_and_equal_ones_less(toy: Toy) -> None:
    planted = separability(toy, as_directions(toy, rows(toy.axes)), replace(QUICK, steps=200))
    twice = separability(
        toy, as_directions(toy, rows(toy.axes[[0, 0, 2, 3, 4, 5]])), replace(QUICK, steps=200)
    )
    assert planted > 0.9
    assert twice > 0.7


@pytest.mark.parametrize(("axes", "most"), [([0, 0, 2, 3, 4, 5], 5 / 6), ([0, 0, 0, 3, 4, 5], 4 / 6)])
def test_equal_directions_cannot_be_told_apart(toy: Toy, axes: list[int], most: float) -> None:
    # At most one of m equal pairs is called right, whatever the network: a bound without exception.
    found = separability(toy, as_directions(toy, rows(toy.axes[axes])), QUICK)
    assert 1 / 6 < found <= most + 1e-6


def test_what_nobody_sees_is_guessed() -> None:
    generator = HalfSeen()
    hidden = torch.linalg.svd(generator.axes, full_matrices=True).Vh[6:]
    directions = as_directions(generator, rows(hidden[:4]))
    assert separability(generator, directions, replace(QUICK, steps=5)) == 0.25


def test_separability_of_conditional_directions_and_of_scaled_ones(toy: Toy) -> None:
    # A network with zero weights and the planted axes for biases is the planted axes.
    model = Nonlinear(6, 6, rng=torch.Generator())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.biases[-1].copy_(toy.axes)
    conditional = as_directions(toy, model)
    fixed = as_directions(toy, rows(toy.axes))
    quick = replace(QUICK, held_out=16)
    score = separability(toy, fixed, quick)
    assert separability(toy, conditional, quick) == score
    assert separability(toy, fixed, quick) == score, "the same every time"
    # An edit is as long as alpha * scale: with a scale of nothing, nothing is left to see.
    assert score > 0.25
    assert_close(separability(toy, replace(fixed, scale=1e-9 * fixed.scale), quick), 1 / 6)


def test_separability_leaves_everything_as_it_was(toy: Toy) -> None:
    directions = Random(k=3).fit(toy)
    torch.manual_seed(3)
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in directions.model.state_dict().items()}
    fingerprint = toy.fingerprint()
    separability(toy, directions, replace(QUICK, steps=2, held_out=2))
    assert torch.equal(torch.get_rng_state(), before)
    assert toy.fingerprint() == fingerprint
    assert all(torch.equal(value, state[k]) for k, value in directions.model.state_dict().items())


def test_separability_refuses_what_cannot_work(toy: Toy) -> None:
    directions = Random(k=3).fit(toy)
    with pytest.raises(InputError, match="k=1 must be at least 2"):
        separability(toy, directions.select([0]))
    with pytest.raises(InputError, match="do not fit"):
        separability(small_dcgan(), directions)
    with pytest.raises(InputError, match="steps=0 must be at least 1"):
        separability(toy, directions, replace(QUICK, steps=0))
    with pytest.raises(InputError, match=r"min_shift=7\.0 must be from 0 to max_shift=6\.0"):
        separability(toy, directions, replace(QUICK, min_shift=7.0))
    with pytest.raises(InputError, match=r"slots \[5\]"):
        separability(toy, directions, replace(QUICK, slots=(5,)))


def test_judged_equals_a_loop_over_directions_and_latents(toy: Toy) -> None:
    network = make_reconstructor("lenet", 6, pixels=8, rng=torch.Generator().manual_seed(0))
    latents = toy.sample(70, rng=torch.Generator().manual_seed(1))  # more than are drawn at a time
    epsilon = torch.randn(70, generator=torch.Generator().manual_seed(2))

    def move(index: Any, epsilon: Any, latents: Any) -> Any:
        return moved(latents, epsilon[:, None] * toy.axes[index], (0, 1))

    logits, shifts = _judged(toy, network, move, latents, epsilon)
    for k, i in ((0, 0), (2, 63), (3, 64), (5, 69)):
        edited = latents[i : i + 1] + epsilon[i] * toy.axes[k]
        with torch.no_grad():
            one, shift = network(toy(latents[i : i + 1]), toy(edited))
        assert_close(logits[k, i], one[0], atol=1e-4, rtol=1e-3)
        assert_close(shifts[k, i], shift[0], atol=1e-4, rtol=1e-3)


def test_epsilons_are_of_either_sign_and_never_small() -> None:
    drawn = _epsilons(TEACHING, 20_000, torch.Generator().manual_seed(0))
    assert drawn.abs().min() >= 0.5
    assert 5.99 < drawn.abs().max() <= 6
    assert_close((drawn.abs() == 0.5).float().mean(), torch.tensor(0.5 / 6), atol=0.01, rtol=0)
    assert_close(drawn.mean(), torch.tensor(0.0), atol=0.1, rtol=0)
    assert_close(drawn[drawn > 1].mean(), torch.tensor(3.5), atol=0.1, rtol=0)


def test_what_is_told_is_the_objective_on_held_out_latents(toy: Toy) -> None:
    # Without training, with fixed directions: the first validation by another route.
    settings = replace(TINY, deformator="identity", steps=1, held_out=5, validate_every=1, shift_weight=0.7)
    log = Recorder()
    settings.fit(toy, log=log)
    rng = torch.Generator().manual_seed(settings.seed)
    network = make_reconstructor("lenet", 3, pixels=8, rng=rng)
    latents = toy.sample(5, rng=rng)
    epsilon = _epsilons(TEACHING, 5, rng)
    losses, right, errors = [], [], []
    for k in range(3):
        for i in range(5):
            edited = latents[i : i + 1].clone()
            edited[..., k] += epsilon[i]
            with torch.no_grad():
                logits, shift = network(toy(latents[i : i + 1]), toy(edited))
            errors.append(float((shift - epsilon[i]).abs()))
            losses.append(-float(logits[0].log_softmax(0)[k]) + 0.7 * errors[-1])
            right.append(float(logits[0].argmax() == k))
    assert math.isclose(log.of("validation_loss")[0], sum(losses) / 15, rel_tol=1e-4)
    assert math.isclose(log.of("shift_error")[0], sum(errors) / 15, rel_tol=1e-4)
    assert math.isclose(log.of("accuracy")[0], sum(right) / 15, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("deformator", "reconstructor"),
    [*((kind, "lenet") for kind in get_args(Kind)), ("orthonormal", "resnet")],
)
def test_stopped_and_gone_on_with_is_the_same(
    toy: Toy, tmp_path: Path, deformator: Any, reconstructor: Any
) -> None:
    settings = replace(TINY, deformator=deformator, reconstructor=reconstructor, bias=deformator == "linear")
    whole = Recorder()
    settings.fit(toy, log=whole).save(tmp_path / "whole")
    begun, gone_on = Recorder(), Recorder()
    settings.fit(toy, log=begun, keep=Keeper(tmp_path), stop=lambda: begun.calls[-1:] == [(3, {})])
    settings.fit(toy, log=gone_on, keep=Keeper(tmp_path)).save(tmp_path / "resumed")
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "resumed").read_bytes()
    for name in ("accuracy", "validation_loss", "shift_error", "loss"):
        assert gone_on.of(name) == whole.of(name)
    assert [*begun.of("accuracy")] == [0, 2]


@pytest.mark.parametrize("deformator", get_args(Kind))
def test_directions_are_what_the_deformator_learnt(toy: Toy, deformator: Any) -> None:
    start, end = (
        replace(TINY, deformator=deformator, steps=steps, learning_rate=0.1).fit(toy) for steps in (1, 20)
    )
    assert end.origin["best_step"] > 0
    one, two = (d.model(torch.zeros(1, 6))[:, 0] for d in (start, end))
    assert_close(two.norm(dim=1), torch.ones(3))
    if deformator in ("random", "identity"):
        assert torch.equal(one, two)
    else:
        assert (one @ two.T).abs().max(1).values.min() < 0.999
    assert torch.equal(end.scale, torch.ones(3)) == (deformator != "linear")
    assert (end.scale > 0).all()
    found = end.model.state_dict()["theta"]
    assert_close(found.norm(dim=1), torch.ones(3))


def test_a_linear_ones_lengths_go_with_their_directions(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    # Lengths are put in at the start, to follow them through the sorting.
    made = Linear(3, 6, bias=False, rng=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made.theta.copy_(torch.tensor([[2.0], [3.0], [4.0]]) * toy.axes[[5, 0, 3]])
    monkeypatch.setattr("latentclr.discover.voynov.make_deformator", lambda *_, **__: made)
    directions = replace(TINY, deformator="linear", steps=1, learning_rate=1e-12, min_shift=0.0).fit(toy)
    assert_close(directions.model(torch.zeros(1, 6))[:, 0], toy.axes[[0, 3, 5]], atol=1e-5, rtol=0)
    assert_close(directions.scale, torch.tensor([3.0, 4.0, 2.0]))


def test_edits_that_no_picture_shows_are_refused() -> None:
    # At 8 pixels, what is drawn ends before the last slot is read.
    generator = small_stylegan2()
    assert generator.resolution > 8
    last = generator.num_slots - 1
    with pytest.raises(InputError, match=f"pictures of 8 pixels do not show edits of slots {last}"):
        replace(TINY, slots=(last,)).fit(generator)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"k": 1}, "k=1 must be at least 2"),
        ({"k": 7}, "k=7 must be at most 6"),
        ({"k": 7, "deformator": "random"}, "for the random deformator"),
        ({"batch": 0}, "batch=0 must be at least 1"),
        ({"steps": 0}, "steps=0 must be at least 1"),
        ({"held_out": 0}, "held_out=0 must be at least 1"),
        ({"validate_every": 0}, "validate_every=0 must be at least 1"),
        ({"pixels": 4}, "pixels=4 must be at least 8"),
        ({"max_shift": 0.0}, "max_shift=0.0 must be above 0"),
        ({"max_shift": float("inf")}, "max_shift=inf must be above 0 and finite"),
        ({"min_shift": 6.5}, "min_shift=6.5 must be from 0 to max_shift=6.0"),
        ({"min_shift": float("nan")}, "min_shift=nan must be from 0"),
        ({"shift_weight": -1.0}, "shift_weight=-1.0 must be at least 0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be above 0"),
        ({"reconstructor_learning_rate": float("nan")}, "reconstructor_learning_rate=nan must be above 0"),
        ({"bias": True}, "bias=True is for the linear deformator"),
        ({"slots": (2,)}, r"slots \[2\] are not possible"),
        ({"truncation": 0.0}, "truncation=0.0"),
    ],
)
def test_what_cannot_work_is_refused_before_training(toy: Toy, changes: dict[str, Any], said: str) -> None:
    log = Recorder()
    with pytest.raises(InputError, match=said):
        replace(TINY, **changes).fit(toy, log=log)
    assert log.calls == []


def test_more_directions_than_dimensions_where_the_deformator_allows_it(toy: Toy) -> None:
    directions = replace(TINY, k=8, deformator="projective").fit(toy)
    assert directions.k == 8


def test_an_unknown_deformator_is_refused_by_name(toy: Toy) -> None:
    settings = replace(TINY)
    object.__setattr__(settings, "deformator", "affine")  # the tests' constructor checks types
    with pytest.raises(InputError, match="deformator='affine' must be one of orthonormal, projective"):
        settings.__post_init__()
