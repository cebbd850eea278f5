"""GANalyze: known gradients are found, numbers agree with other routes, and what cannot work is refused."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.conftest import small_dcgan
from tests.discover.logs import Recorder
from tests.discover.test_interfacegan import Grey, Painter, Rank
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError, load_generator
from latentclr.discover.ganalyze import GANalyze, _agreement, _first_order, _gradients_of, _walked
from latentclr.engine.world import World
from latentclr.generators import Generator
from latentclr.linalg import unit
from latentclr.scorers.attributes import attributes_of

TINY = GANalyze(steps=4, batch=3, held_out=6, measured=12, validate_every=2)


def direction(directions: Any, name: str) -> Tensor:
    found: Tensor = directions.select([directions.index(name)]).model(torch.zeros(1, directions.dim))[0, 0]
    return found


def mean_slope(toy: Generator, name: str, latents: Tensor, step: float = 0.02) -> Tensor:
    """Mean gradient of an attribute, by differences along the axes of the latent space."""
    (score,) = attributes_of((name,))
    shifts = step * torch.eye(toy.latent_dim)
    return torch.stack(
        [(score(toy(latents + s)) - score(toy(latents - s))).mean() / (2 * step) for s in shifts]
    )


def test_the_direction_of_brightness_starts_as_its_mean_gradient(toy: Toy) -> None:
    settings = GANalyze(
        attributes=("brightness", "warmth"), steps=1, learning_rate=1e-6, measured=512, held_out=8
    )
    slope = mean_slope(toy, "brightness", toy.sample(512, rng=torch.Generator().manual_seed(99)))
    start = settings.fit(toy)
    # Means over two draws of 512 gradients, whose spread is a tenth of their mean: cosines of .999 and more.
    assert float(direction(start, "brightness") @ unit(slope)) > 0.995
    # Up to the bend: along each axis pictures get brighter by its strength times its patterns.
    analytic = toy.strengths * (toy.pattern.mean((1, 2, 3)) + 0.1) @ toy.axes
    assert float(direction(start, "brightness") @ unit(analytic)) > 0.95


@pytest.mark.training
@pytest.mark.parametrize("seed", [0, 1])
def test_training_bends_it_a_little_towards_what_serves_best_far_from_the_start(toy: Toy, seed: int) -> None:
    settings = GANalyze(attributes=("brightness", "warmth"), seed=seed, measured=1024)
    latents = toy.sample(1024, rng=torch.Generator().manual_seed(99))
    slope = mean_slope(toy, "brightness", latents)
    start = replace(settings, steps=1, learning_rate=1e-6).fit(toy)
    trained = replace(settings, learning_rate=0.005).fit(toy)
    assert float(direction(trained, "brightness") @ unit(slope)) > 0.95
    r2 = [found.origin["achieved"]["brightness"]["r2"] for found in (start, trained)]
    assert r2[1] > r2[0]
    # One unit of alpha is a standard deviation.
    deviation = float(values_of(toy, latents, "brightness").std())
    scale = float(trained.scale[trained.index("brightness")])
    assert scale * float(direction(trained, "brightness") @ slope) == pytest.approx(deviation, rel=0.2)


@pytest.mark.training
def test_long_training_goes_to_the_least_squares_answer(toy: Toy) -> None:
    # For small alphas the objective is the mean of (g . w - 1)^2 over gradients g, whose least is known.
    settings = GANalyze(
        attributes=("brightness",), alpha=0.2, steps=1200, batch=16, learning_rate=0.05, validate_every=200
    )
    directions = settings.fit(toy)
    z = torch.randn(4096, toy.z_dim, generator=torch.Generator().manual_seed(99))
    _, gradients = _gradients_of(toy, attributes_of(("brightness",)), z, slots=(0, 1), batch=512)
    slopes = gradients[:, 0] / directions.origin["achieved"]["brightness"]["deviation"]

    def objective(w: Tensor) -> float:
        return float((slopes @ w - 1).square().mean())

    best = objective(torch.linalg.lstsq(slopes, torch.ones(len(slopes), 1)).solution[:, 0])
    first = objective(_first_order(slopes[:, None])[0])
    found = objective(directions.scale[0] * direction(directions, "brightness"))
    assert best < found < best + 0.2 * (first - best)


def values_of(generator: Generator, latents: Tensor, name: str) -> Tensor:
    (score,) = attributes_of((name,))
    values: Tensor = score(generator(latents))
    return values


def test_where_attributes_are_linear_what_is_asked_is_what_is_achieved() -> None:
    painter = Painter()
    directions = GANalyze(attributes=("brightness", "warmth"), steps=20, measured=2048).fit(painter)
    assert directions.scores.min() > 0.999
    for name in directions.names:
        weights = {"brightness": [0.2126, 0.7152, 0.0722], "warmth": [1.0, 0.0, -1.0]}[name]
        slope = 0.05 * torch.tensor(weights) @ painter.mixing  # pictures in [0, 1] change half as much
        assert float(direction(directions, name) @ unit(slope)) > 0.999
        # Latents are standard normal, so the attribute's standard deviation is |slope|, and so w = u.
        assert float(directions.scale[directions.index(name)]) == pytest.approx(1, abs=0.05)
        facts = directions.origin["achieved"][name]
        assert facts["deviation"] == pytest.approx(float(slope.norm()), rel=0.05)
        assert facts["slope"] == pytest.approx(1, abs=0.02)


def test_an_edit_by_one_raises_the_attribute_by_one_deviation(toy: Toy) -> None:
    directions = GANalyze(steps=60, attributes=("brightness", "saturation")).fit(toy)
    latents = toy.sample(256, rng=torch.Generator().manual_seed(3))
    for name in directions.names:
        rise = values_of(toy, directions.edit(latents, name, 1.0), name) - values_of(toy, latents, name)
        deviation = directions.origin["achieved"][name]["deviation"]
        assert float(rise.mean()) == pytest.approx(deviation, rel=0.3)


def test_training_makes_a_bad_start_better() -> None:
    # Pictures bend, so the first-order answer is not the best; a real network's even less so.
    log = Recorder()
    settings = GANalyze(
        steps=100, attributes=("brightness", "contrast"), learning_rate=0.03, measured=16, seed=2
    )
    directions = settings.fit(small_dcgan(), log=log)
    losses = log.of("validation_loss")
    assert directions.origin["best_step"] > 0
    assert min(losses.values()) < 0.7 * losses[0]


@pytest.mark.parametrize("norm_preserving", [False, True])
def test_scores_are_those_of_edits_as_they_are_used(norm_preserving: bool) -> None:
    generator = small_dcgan()
    assert generator.space == "z"
    settings = replace(TINY, norm_preserving=norm_preserving, held_out=8, alpha=1.5)
    directions = settings.fit(generator)
    z, alphas = settings.sample(8, generator.z_dim, torch.Generator().manual_seed(0))
    latents = generator.map(z)
    for i, name in enumerate(directions.names):
        asked = alphas[settings.attributes.index(name)]
        change = values_of(generator, directions.edit(latents, name, asked), name)
        change = change - values_of(generator, latents, name)
        seen = change / directions.origin["achieved"][name]["deviation"]
        score = 1 - float((seen - asked).square().sum() / asked.square().sum())
        assert float(directions.scores[i]) == pytest.approx(score, abs=1e-3)
        correlation = float(torch.corrcoef(torch.stack([seen, asked]))[0, 1])
        assert directions.origin["achieved"][name]["correlation"] == pytest.approx(correlation, abs=1e-3)


def test_norms_are_kept_in_z_and_only_where_asked() -> None:
    latents = torch.randn(5, 3, 8, generator=torch.Generator().manual_seed(0))
    w, alphas = torch.ones(8), torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
    kept = _walked(latents, w, alphas, (0, 2), norm_preserving=True)
    assert_close(kept.norm(dim=-1), latents.norm(dim=-1))
    assert torch.equal(kept[:, 1], latents[:, 1])
    assert_close(unit(kept[3, 2]), unit(latents[3, 2] + w))
    assert_close(kept[2], latents[2])
    plain = _walked(latents, w, alphas, (0, 2), norm_preserving=False)
    assert_close(plain[:, [0, 2]], latents[:, [0, 2]] + alphas.view(5, 1, 1))


def test_norm_preserving_changes_trainings_in_z_and_none_in_w(toy: Toy) -> None:
    for generator, same in ((toy, True), (small_dcgan(), False)):
        one, other = (replace(TINY, norm_preserving=flag).fit(generator) for flag in (True, False))
        equal = torch.equal(direction(one, "contrast"), direction(other, "contrast"))
        assert equal is same


@pytest.mark.parametrize("slots", [(0,), (1,), (0, 1)])
def test_gradients_against_differences(toy: Toy, slots: tuple[int, ...]) -> None:
    toy = toy.double()
    names = ("brightness", "contrast", "saturation", "warmth", "sharpness")
    scored = attributes_of(names)
    z = torch.randn(5, toy.z_dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values, gradients = _gradients_of(toy, scored, z, slots=slots, batch=2)
    latents, h = toy.map(z), 1e-5
    for i, score in enumerate(scored):
        assert_close(values[:, i], score(toy(latents)).float(), check_dtype=False, atol=1e-6, rtol=1e-5)
        for d in range(toy.latent_dim):
            step = torch.zeros_like(latents)
            step[:, list(slots), d] = h
            change = (score(toy(latents + step)) - score(toy(latents - step))) / (2 * h)
            assert_close(gradients[:, i, d], change, check_dtype=False, atol=1e-6, rtol=1e-3)


def test_the_first_step_is_the_best_length_along_the_mean_gradient() -> None:
    gradients = torch.randn(50, 2, 6, generator=torch.Generator().manual_seed(0)) + torch.ones(6)
    first = _first_order(gradients)
    for i in range(2):
        g, w = gradients[:, i], first[i]
        assert_close(unit(w), unit(g.mean(0)))
        losses = [float((g @ (factor * w) - 1).square().mean()) for factor in (0.95, 1.0, 1.05)]
        assert losses[1] == min(losses)


def test_agreement_by_hand() -> None:
    asked = torch.tensor([-2.0, -1.0, 1.0, 2.0])
    same = _agreement(asked, asked)
    assert same == pytest.approx({"r2": 1, "correlation": 1, "slope": 1})
    assert _agreement(asked, asked / 2) == pytest.approx({"r2": 0.75, "correlation": 1, "slope": 0.5})
    assert _agreement(asked, torch.zeros(4)) == pytest.approx({"r2": 0, "correlation": 0, "slope": 0})
    assert _agreement(asked, -asked)["r2"] == pytest.approx(-3)


def test_log_and_the_best_step(toy: Toy) -> None:
    log = Recorder()
    directions = replace(TINY, steps=20, validate_every=5, learning_rate=0.5).fit(toy, log=log)
    assert list(log.of("loss")) == list(log.of("steps_per_second")) == [10, 20]
    losses = log.of("validation_loss")
    assert list(losses) == [0, 5, 10, 15, 20]
    each = [log.of(f"validation_loss_{name}") for name in TINY.attributes]
    for step, loss in losses.items():
        assert loss == pytest.approx(sum(one[step] for one in each) / 4)
    best = min(losses, key=lambda step: losses[step])
    assert directions.origin["best_step"] == best
    assert directions.origin["validation_loss"] == losses[best]
    assert best < 20, "a rate this high should overshoot; else the test shows nothing"
    # In w, what is validated is what is used: the scores say the same as the loss.
    _, alphas = replace(TINY).sample(6, toy.z_dim, torch.Generator().manual_seed(0))
    for i, name in enumerate(TINY.attributes):
        r2 = 1 - each[i][best] / float(alphas[i].square().mean())
        assert directions.origin["achieved"][name]["r2"] == pytest.approx(r2, abs=1e-4)
    assert all(math.isfinite(value) for _, values in log.calls for value in values.values())


def test_the_shares_of_processes_are_the_whole(toy: Toy) -> None:
    settings, scored = replace(TINY, measured=20), attributes_of(TINY.attributes)
    z = torch.randn(20, toy.z_dim, generator=torch.Generator().manual_seed(0))
    whole = _gradients_of(toy, scored, z, slots=(0,), batch=20)
    parts = [
        _gradients_of(toy, scored, z[Rank(rank).share(settings.measured)], slots=(0,), batch=3)
        for rank in range(3)
    ]
    for i in range(2):
        assert_close(torch.cat([part[i] for part in parts]), whole[i], atol=1e-6, rtol=1e-4)
    assert len(_gradients_of(toy, scored, z[:0], slots=(0,), batch=3)[1]) == 0


class Alone(World):
    """One process that counts how often it would have spoken."""

    def __init__(self) -> None:
        self.summed = 0

    def sum(self, tensors: Any) -> None:
        self.summed += 1


def test_gradients_are_summed_over_processes_at_every_step(toy: Toy) -> None:
    world = Alone()
    TINY.fit(toy, world=world)
    assert world.summed == TINY.steps
    with pytest.raises(InputError, match="batch=4 cannot be divided evenly over 3 processes"):
        replace(TINY, batch=4).fit(toy, world=Rank(0))


@pytest.mark.parametrize(
    ("generator", "changes", "said"),
    [
        (Toy, {"k": 3}, r"k=3 must be 0 \(all\) or 4, the number of attributes"),
        (Toy, {"attributes": ("contrst",)}, "did you mean 'contrast'"),
        (Toy, {"attributes": ()}, "give at least one attribute"),
        (Toy, {"steps": 0}, "steps=0 must be at least 1"),
        (Toy, {"batch": 0}, "batch=0 must be at least 1"),
        (Toy, {"held_out": 3}, "held_out=3 must be at least 4"),
        (Toy, {"measured": 7}, "measured=7 must be at least 8"),
        (Toy, {"validate_every": 0}, "validate_every=0 must be at least 1"),
        (Toy, {"alpha": 0.0}, "alpha=0.0 must be above 0"),
        (Toy, {"alpha": float("inf")}, "alpha=inf must be above 0 and finite"),
        (Toy, {"learning_rate": float("nan")}, "learning_rate=nan must be above 0"),
        (Toy, {"truncation": 2.0}, "truncation=2.0"),
        (Toy, {"slots": (2,)}, r"slots \[2\] are not possible"),
        (Toy, {"attributes": ("light",)}, "'light' is read by the oracle of scenes"),
        (Grey, {}, "attribute 'contrast' is the same, .*, in all pictures"),
        (
            Painter,
            {"attributes": ("warmth",), "slots": (1,)},
            "'warmth' does not change with edits of slots 1",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_training(
    generator: Callable[[], Generator], changes: dict[str, Any], said: str
) -> None:
    log = Recorder()
    with pytest.raises(InputError, match=said):
        replace(TINY, **changes).fit(generator(), log=log)
    assert log.calls == []


@pytest.mark.training
def test_objects_of_scenes_turn_as_far_as_asked() -> None:
    settings = GANalyze(attributes=("orientation", "saturation"), steps=40, measured=64, held_out=32)
    directions = settings.fit(load_generator("scenes"))
    assert min(directions.scores.tolist()) > 0.5
