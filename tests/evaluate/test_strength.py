"""Strengths are those of the closed form, and a direction that is too weak is told."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from tests.report.linear import Flat, planted
from tests.rounding import rounding_bound
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError, Random
from latentclr.directions import Linear
from latentclr.discover.base import Setup
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.strength import Measure, Strengths, match_strength

STRENGTHS = (0.5, 2.0, 0.03, 7.0)


def latents_of(generator: Flat | Toy, n: int = 5) -> Float[Tensor, "n slots dim"]:
    return generator.sample(n, rng=torch.Generator().manual_seed(1))


def matched(generator: Flat, target: float, *, layer: str | None = None, longest: float = 24.0) -> Strengths:
    start = torch.full((4,), 3.0)
    edits = Edits(planted(generator, torch.eye(4)).model, start, (0,))
    change = Measure(generator, layer).changes(edits, latents_of(generator))
    return match_strength(change, start, change([0, 1, 2, 3], start), target=target, longest=longest)


def test_a_linear_change_is_length_times_strength() -> None:
    flat = Flat(STRENGTHS)
    lengths = torch.tensor([1.0, 2.0, 3.0, 4.0])
    model = planted(flat, torch.eye(4)).model
    found = Measure(flat).change(Edits(model, lengths, (0,)), latents_of(flat))
    # Each of 48 numbers is a sum over four axes, with and without the edit: a difference of numbers that are
    # up to a thousand times as large as the weakest edit's.
    exact = lengths * torch.tensor(STRENGTHS)
    assert_close(found, exact, rtol=1e-4, atol=1e-6)
    found = Measure(flat).change(Edits(model, lengths, (1,)), latents_of(flat))
    assert_close(found, 0.5 * exact, rtol=1e-4, atol=1e-6)


def test_features_of_a_layer_are_measured_by_themselves() -> None:
    found = matched(Flat(STRENGTHS), 6.0, layer="first")
    assert_close(found.lengths, 0.6 / torch.tensor(STRENGTHS), rtol=2e-3, atol=0.0)


def test_a_length_to_start_from_that_is_too_long_is_shortened() -> None:
    found = matched(Flat(STRENGTHS), 0.6, longest=1.0)
    assert found.too_weak == [0, 2]
    assert_close(found.lengths, torch.tensor([1.0, 0.3, 1.0, 0.6 / 7]), rtol=2e-3, atol=0.0)
    assert float(found.changes[0]) == pytest.approx(0.5, rel=1e-3)


@settings(max_examples=30)
@given(
    target=st.floats(0.01, 0.99),
    rates=st.lists(st.floats(0.05, 40.0), min_size=1, max_size=5),
    power=st.sampled_from([0.3, 1.0, 4.0]),
)
def test_bent_changes_are_inverted(target: float, rates: list[float], power: float) -> None:
    # c(x) = 1 - exp(-(r x)^p) is target at (-log(1 - target))^(1/p) / r.
    rate = torch.tensor(rates)
    rounds: list[int] = []

    def change(which: list[int], lengths: Float[Tensor, " m"]) -> Float[Tensor, " m"]:
        rounds.append(len(which))
        return -torch.expm1(-((rate[which] * lengths) ** power))

    start = torch.full((len(rates),), 3.0)
    every = list(range(len(rates)))
    found = match_strength(change, start, change(every, start), target=target, longest=1e6)
    assert found.too_weak == []
    assert_close(change(every, found.lengths), torch.full_like(rate, target), rtol=1.5e-3, atol=1e-5)
    assert len(rounds) < 90


def test_a_jump_over_the_target_ends_at_the_jump() -> None:
    def change(which: list[int], lengths: Float[Tensor, " m"]) -> Float[Tensor, " m"]:
        return (lengths > 5.0).float()

    found = match_strength(change, torch.tensor([3.0]), torch.zeros(1), target=0.5)
    assert found.reached.tolist() == [True]
    assert float(found.lengths[0]) == pytest.approx(5.0, rel=1e-4)


def test_a_change_that_is_not_a_number_is_too_weak() -> None:
    found = match_strength(
        lambda which, lengths: torch.full((len(which),), float("nan")),
        torch.tensor([3.0]),
        torch.tensor([0.1]),
        target=0.5,
    )
    assert found.too_weak == [0]


def test_conditional_directions_and_bends_are_measured_as_edits_change_pictures() -> None:
    # By another route: one edit at a time.
    toy = Toy()
    latents = latents_of(toy)
    model = Linear(3, toy.latent_dim, rng=torch.Generator().manual_seed(0))
    directions = Random(k=3).result(
        Setup(toy, (1,), torch.Generator()),
        model,
        scale=torch.ones(3),
        scores=torch.ones(3),
        sorted_by="nothing",
    )
    lengths = torch.tensor([0.5, 1.0, 2.0])
    found = Measure(toy).change(Edits(model, lengths, (1,)), latents)
    for index, length in enumerate(lengths.tolist()):
        changes = [
            (toy(directions.edit(latents[i : i + 1], index, sign * length)) - toy(latents[i : i + 1]))
            .square()
            .mean()
            .sqrt()
            for sign in (1, -1)
            for i in range(len(latents))
        ]
        # Pictures up to .5 come of some forty roundings; the smallest change is .0002.
        assert_close(found[index], torch.stack(changes).mean(), rtol=0, atol=rounding_bound(40) / 2)


@pytest.mark.parametrize("name", ["target", "longest"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_what_cannot_be_reached_is_refused(name: str, value: float) -> None:
    given = {"target": 0.5, "longest": 24.0, name: value}
    with pytest.raises(InputError, match="must be above 0 and finite"):
        match_strength(lambda _, lengths: lengths, torch.ones(1), torch.ones(1), **given)
