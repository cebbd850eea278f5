"""InterFaceGAN: planted hyperplanes are found, projections are exact, and what cannot work is refused."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError, load_generator
from latentclr.discover.base import Setup
from latentclr.discover.interfacegan import (
    InterFaceGAN,
    _scored_latents,
    _separate,
    _split,
    project,
)
from latentclr.engine.world import World
from latentclr.generators import Generator, Latents
from latentclr.linalg import unit
from latentclr.scorers.attributes import attributes_of, check_varies

TINY = InterFaceGAN(samples=64, chosen=0.25, batch=16)


class Painter(Toy):
    """Paints every picture in one colour, each of red, green and blue a linear function of the latent.

    So the latents with more than a certain brightness (or warmth) are exactly those beyond a hyperplane.
    """

    def __init__(self) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(7)
        mixing = torch.randn(3, self.latent_dim, generator=rng)
        self.mixing = torch.nn.Parameter(mixing, requires_grad=False)

    def map(self, z: Tensor) -> Latents:
        return z[:, None, : self.latent_dim].repeat(1, self.num_slots, 1)

    def run(self, latents: Latents) -> Any:
        *first, (name, _) = super().run(latents)
        yield from first
        colour = 0.1 * latents[:, 0] @ self.mixing.T
        yield name, colour[:, :, None, None].expand(-1, 3, 8, 8)

    def normal(self, name: str) -> Tensor:
        """Of the planted hyperplane."""
        weights = {"brightness": [0.2126, 0.7152, 0.0722], "warmth": [1.0, 0.0, -1.0]}[name]
        return unit(torch.tensor(weights) @ self.mixing)


PLANTED = InterFaceGAN(attributes=("brightness", "warmth"), samples=2000)


@pytest.mark.parametrize("seed", [0, 1])
def test_normals_are_those_of_the_planted_hyperplanes(seed: int) -> None:
    painter = Painter()
    directions = replace(PLANTED, seed=seed).fit(painter)
    assert sorted(directions.names) == ["brightness", "warmth"]
    found = directions.model(torch.zeros(1, painter.latent_dim))[:, 0]
    for name, normal in zip(directions.names, found, strict=True):
        assert float(normal @ painter.normal(name)) > 0.995
        facts = directions.origin["boundaries"][name]
        assert facts["held_out"] == facts["unconditioned_held_out"] == 1
        assert facts["train"] == 1
        assert facts["remaining"] > 0.97
    expected = float(painter.normal(directions.names[0]) @ painter.normal(directions.names[1]))
    assert directions.origin["cosines"][0][1] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("conditions", [("warmth",), ("brightness", "warmth")])
def test_a_conditioned_direction_leaves_the_condition_as_it_is(conditions: tuple[str, ...]) -> None:
    painter = Painter()
    plain = PLANTED.fit(painter)
    directions = replace(PLANTED, conditions=conditions).fit(painter)
    direction = directions.select([directions.index("brightness")]).model(torch.zeros(1, 6))[0, 0]
    others = plain.select([plain.index("warmth")]).model(torch.zeros(1, 6))[0, 0]
    own = plain.select([plain.index("brightness")]).model(torch.zeros(1, 6))[0, 0]
    assert abs(float(direction @ others)) < 1e-6
    assert_close(direction, unit(own - (own @ others) * others), atol=1e-5, rtol=0)
    facts = directions.origin["boundaries"]["brightness"]
    assert facts["kept"] == pytest.approx((1 - float(own @ others) ** 2) ** 0.5, abs=1e-5)
    assert facts["kept"] < 1
    assert facts["held_out"] <= facts["unconditioned_held_out"]
    kept = directions.origin["boundaries"]["warmth"]["kept"]
    assert (kept == 1) == (conditions == ("warmth",)), "no direction is made orthogonal to itself"


@pytest.mark.parametrize("c", [1, 2, 3, 7])
def test_projection_is_gram_schmidts(c: int) -> None:
    rng = torch.Generator().manual_seed(c)
    primal = torch.randn(12, generator=rng, dtype=torch.float64)
    conditions = torch.randn(c, 12, generator=rng, dtype=torch.float64) * 5
    basis: list[Tensor] = []
    for row in conditions:
        for other in basis:
            row = row - (row @ other) * other
        basis.append(row / row.norm())
    expected = primal
    for other in basis:
        expected = expected - (expected @ other) * other
    found = project(primal, conditions)
    assert_close(found, expected / expected.norm(), atol=1e-12, rtol=0)
    assert (conditions @ found).abs().max() < 1e-12
    # The normal equations (the Gram system), too.
    weights = torch.linalg.solve(conditions @ conditions.T, conditions @ primal)
    assert_close(found, unit(primal - conditions.T @ weights), atol=1e-12, rtol=0)


def test_projection_under_dependent_conditions_and_none() -> None:
    primal = torch.tensor([3.0, 4.0, 5.0])
    twice = torch.tensor([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [-1.0, 1e-12, 0.0]])
    assert_close(project(primal, twice[:2]), unit(torch.tensor([0.0, 4.0, 5.0])))
    assert_close(project(primal, twice[:0]), unit(primal))
    with pytest.raises(InputError, match="nothing of it is left"):
        project(primal, torch.eye(3))
    with pytest.raises(InputError, match="nothing of it is left"):
        project(torch.tensor([1.0, 2.0, 0.0]), torch.tensor([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]))


def test_the_machine_solves_its_quadratic_problem() -> None:
    # Few points whose widest margin is known: between (1, 1) and (-1, -1).
    high = torch.tensor([[1.0, 1.0], [3.0, 2.0], [2.0, 5.0]])
    low = torch.tensor([[-1.0, -1.0], [-4.0, -1.0]])
    boundary = _separate(high, low)
    assert_close(boundary.normal, torch.tensor([1.0, 1.0], dtype=torch.float64) / 2**0.5, atol=1e-3, rtol=0)
    assert boundary.offset == pytest.approx(0, abs=1e-3)
    assert boundary.accuracy(high, low) == 1
    assert boundary.accuracy(low, high) == 0
    assert boundary.accuracy(high, high[:1]) == 0.75


def test_split_takes_the_extremes_and_holds_some_out() -> None:
    scores = torch.randn(200, generator=torch.Generator().manual_seed(0))
    order = scores.argsort(descending=True)
    parts = _split(scores, 0.1, torch.Generator().manual_seed(1))
    assert (
        (len(parts.train_high), len(parts.held_high))
        == (len(parts.train_low), len(parts.held_low))
        == (14, 6)
    )
    assert set(torch.cat([parts.train_high, parts.held_high]).tolist()) == set(order[:20].tolist())
    assert set(torch.cat([parts.train_low, parts.held_low]).tolist()) == set(order[-20:].tolist())
    rest = torch.cat([parts.rest_high, parts.rest_low])
    assert set(rest.tolist()) == set(order[20:180].tolist())
    assert scores[parts.rest_high].min() >= scores[rest].median() >= scores[parts.rest_low].max()
    other = _split(scores, 0.1, torch.Generator().manual_seed(2))
    assert set(other.held_high.tolist()) != set(parts.held_high.tolist())


def test_with_half_on_each_side_nothing_remains(toy: Toy) -> None:
    directions = replace(TINY, chosen=0.5).fit(toy)
    assert all(facts["remaining"] is None for facts in directions.origin["boundaries"].values())


class Rank(World):
    """One of three processes, which keeps what it would send."""

    size = 3

    def __init__(self, rank: int) -> None:
        self.rank = rank


def test_shares_of_processes_are_the_whole(toy: Toy) -> None:
    scored = attributes_of(("brightness", "warmth"))

    def drawn(world: World) -> tuple[Tensor, Tensor]:
        rng = torch.Generator().manual_seed(0)
        return _scored_latents(Setup(toy, (0, 1), rng, world=world), scored, 50, batch=8)

    whole = drawn(World())
    parts = [drawn(Rank(rank)) for rank in range(3)]
    assert all(len(points) < 50 for points, _ in parts)
    for i in range(2):
        assert torch.equal(torch.cat([part[i] for part in parts]), whole[i])
    assert_close(
        whole[1], torch.stack([score(toy(whole[0][:, None].repeat(1, 2, 1))) for score in scored], 1)
    )


def test_log_is_told_the_accuracies(toy: Toy) -> None:
    told: list[tuple[int, dict[str, float]]] = []

    def log(step: int, values: Mapping[str, float]) -> None:
        told.append((step, dict(values)))

    directions = TINY.fit(toy, log=log)
    ((step, values),) = told
    assert step == 1
    assert values["accuracy"] == pytest.approx(float(directions.scores.mean()))
    for name, score in zip(directions.names, directions.scores.tolist(), strict=True):
        assert values[f"accuracy_{name}"] == pytest.approx(score)
        assert directions.origin["boundaries"][name]["held_out"] == pytest.approx(score)


class Grey(Painter):
    """A generator without colours."""

    def run(self, latents: Latents) -> Any:
        *first, (name, picture) = super().run(latents)
        yield from first
        yield name, picture.mean(1, keepdim=True).expand(-1, 3, -1, -1)


@pytest.mark.parametrize(
    ("generator", "changes", "said"),
    [
        (Toy, {"k": 3}, r"k=3 must be 0 \(all\) or 4, the number of attributes"),
        (Toy, {"attributes": ("brightnes",)}, "did you mean 'brightness'"),
        (Toy, {"attributes": ()}, "give at least one attribute"),
        (Toy, {"conditions": ("warmht",)}, r"'warmht' is none of the attributes \(did you mean 'warmth'\?\)"),
        (Toy, {"samples": 30}, "samples=30 with chosen=0.25 leaves 7 pictures on each side"),
        (Toy, {"chosen": 0.6}, "chosen=0.6 must be above 0 and at most 0.5"),
        (Toy, {"chosen": float("nan")}, "chosen=nan must be above 0"),
        (Toy, {"batch": 0}, "batch=0 must be at least 1"),
        (Toy, {"truncation": 0.0}, "truncation=0.0"),
        (Toy, {"slots": (2,)}, r"slots \[2\] are not possible"),
        (Toy, {"attributes": ("scale",)}, "'scale' is read by the oracle of scenes"),
        (
            Grey,
            {"attributes": ("brightness", "warmth")},
            "attribute 'warmth' is the same, 0, in all pictures",
        ),
    ],
)
def test_what_cannot_work_is_refused(
    generator: Callable[[], Generator], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        replace(TINY, **changes).fit(generator())


def test_a_direction_in_the_span_of_its_conditions_is_refused_by_name() -> None:
    # In two dimensions, what is orthogonal to two normals is nothing.
    class Flat(Painter):
        def __init__(self) -> None:
            super().__init__()
            self.latent_dim = 2
            self.axes = torch.nn.Parameter(self.axes[:, :2].clone(), requires_grad=False)
            self.mixing = torch.nn.Parameter(self.mixing[:, :2].clone(), requires_grad=False)

    names = ("brightness", "warmth", "saturation")
    with pytest.raises(
        InputError, match="direction 'brightness' under its conditions: nothing of it is left"
    ):
        replace(TINY, attributes=names, conditions=("warmth", "saturation")).fit(Flat())


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="'warmth' is not finite"):
        check_varies("warmth", torch.tensor([1.0, float("nan")]))


@pytest.mark.training
def test_orientation_of_scenes_is_told_by_a_plane() -> None:
    directions = InterFaceGAN(attributes=("orientation", "saturation"), samples=800).fit(
        load_generator("scenes")
    )
    assert min(directions.scores.tolist()) > 0.8
