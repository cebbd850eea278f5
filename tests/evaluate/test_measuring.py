"""Measured tables are what one edit at a time gives."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from jaxtyping import Float
from tests.evaluate.tables import rng
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import Directions, InputError, Random
from latentclr.directions import Linear
from latentclr.discover.base import Setup
from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.calibration import rms
from latentclr.evaluate.measuring import measure
from latentclr.evaluate.reading import Reading, cosine_distance
from latentclr.evaluate.scored import Scored
from latentclr.scorers.attributes import attribute

NAMES = ("brightness", "warmth")
MULTIPLES = (1.0, -1.0, 0.5)


def score(pictures: Float[Tensor, "n 3 h w"]) -> Mapping[str, Float[Tensor, " n"]]:
    return {name: attribute(name)(pictures) for name in NAMES}


USUAL = Reading(score, tuple(map(Scale, NAMES)))


def conditional(toy: Toy) -> Directions:
    model = Linear(3, toy.latent_dim, rng=rng())
    return Random(k=3).result(
        Setup(toy, (0, 1), rng()), model, scale=torch.ones(3), scores=torch.ones(3), sorted_by="nothing"
    )


def measured(toy: Toy, latents: Float[Tensor, "n s d"], reading: Reading = USUAL, **changes: Any) -> Scored:
    """Measured with other options, or other fields of the directions."""
    options = {name: changes.pop(name) for name in ("multiples", "population", "log") if name in changes}
    return measure(toy, replace(conditional(Toy()), **changes), reading, latents, **options)


def test_scores_are_those_of_one_edit_at_a_time(toy: Toy) -> None:
    directions, latents = conditional(toy), toy.sample(25, rng=rng(1))  # more than one batch
    lengths = torch.tensor([0.5, 1.0, 2.0])
    reading = replace(USUAL, identity=lambda pictures: pictures.flatten(1), distance=rms)
    scored = measured(toy, latents, reading, multiples=MULTIPLES, scale=lengths, slots=(1,))
    assert scored.multiples == (-1.0, 0.5, 1.0)
    before = toy(latents)
    assert_close(scored.base, torch.stack(list(score(before).values()), dim=1))
    assert scored.identity is not None
    assert scored.change is not None
    assert scored.steps is not None
    # Pictures come of some forty roundings, in other batches: 2e-6 of numbers up to .5.
    for k, length in enumerate(lengths.tolist()):
        edited = {m: toy(directions.edit(latents, k, m * length, slots=(1,))) for m in (-1.0, 0.0, 0.5, 1.0)}
        for s, multiple in enumerate(scored.multiples):
            after = edited[multiple]
            assert_close(
                scored.edited[k, s], torch.stack(list(score(after).values()), dim=1), atol=1e-5, rtol=1e-4
            )
            assert_close(scored.change[k, s], rms(before, after), atol=1e-5, rtol=1e-4)
            expected = cosine_distance(before.flatten(1), after.flatten(1))
            assert_close(scored.identity[k, s], expected, atol=1e-5, rtol=1e-4)
        for s, (a, b) in enumerate(((-1.0, 0.0), (0.0, 0.5), (0.5, 1.0))):
            assert_close(scored.steps[k, s], rms(edited[a], edited[b]), atol=1e-5, rtol=1e-4)
    assert scored.facts["slots"] == [1]
    assert scored.facts["generator"]["sha256"] == toy.fingerprint()


def test_units_are_those_of_a_population(toy: Toy) -> None:
    latents, population = toy.sample(3, rng=rng(1)), toy.sample(70, rng=rng(2))
    scored = measured(toy, latents, population=population)
    expected = torch.stack([values.std() for values in score(toy(population)).values()])
    assert_close(scored.units, expected, atol=1e-6, rtol=1e-4)
    alone = measured(toy, latents)
    assert_close(alone.units, alone.base.std(0), atol=1e-6, rtol=1e-4)


def test_a_scorer_that_cannot_tell_and_identities_that_are_none(toy: Toy) -> None:
    def half_blind(pictures: Float[Tensor, "n 3 h w"]) -> Mapping[str, Float[Tensor, " n"]]:
        values = pictures.mean((1, 2, 3))
        return {"a": torch.where(values > values.median(), math.nan, values), "b": values}

    reading = Reading(half_blind, (Scale("a"), Scale("b")))
    scored = measured(toy, toy.sample(6, rng=rng()), reading, multiples=(-1.0, 1.0))
    assert 0 < scored.missing["a"] < scored.edited[..., 0].numel()
    assert "b" not in scored.missing
    assert scored.identity is scored.change is scored.steps is None


def test_progress_is_told(toy: Toy) -> None:
    told: list[int] = []
    measured(toy, toy.sample(20, rng=rng()), log=lambda step, _: told.append(step))
    assert told == [8, 16, 20]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"multiples": (0.0, 1.0)}, "other than 0"),
        ({"multiples": ()}, "other than 0"),
        ({"multiples": (1.0, 1.0)}, "each once"),
        ({"multiples": (math.inf,)}, "finite"),
        ({"scale": torch.tensor([1.0, 0.0, 1.0])}, "finite numbers above 0"),
        ({"scale": torch.tensor([1.0, math.inf, 1.0])}, "finite numbers above 0"),
        ({"slots": (5,)}, "slots"),
        (
            {"reading": replace(USUAL, scales=(Scale("smile"),))},
            "no 'smile'; it returns brightness, warmth",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(toy: Toy, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        measured(toy, toy.sample(2, rng=rng()), **changes)


def test_directions_of_another_generator_are_refused() -> None:
    other = Toy(seed=1)
    with pytest.raises(InputError, match="do not fit"):
        measured(other, other.sample(2, rng=rng()))
