"""Scales: differences as they are meant, and the right scorer for each generator."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.toy import Toy
from torch.testing import assert_close

from latentclr import load_generator
from latentclr.evaluate.attributes import (
    STATISTICS,
    UNIFORM,
    Joined,
    Scale,
    Statistics,
    identity_of,
    scorer_of,
)
from latentclr.scenes import BY_NAME
from latentclr.scorers import Oracle

HUE, SHAPE, SIZE = Scale("hue", "circular"), Scale("shape", "category"), Scale("size")


@settings(max_examples=60)
@given(st.floats(0, 1), st.floats(-0.49, 0.49), st.integers(-3, 3))
def test_a_turn_is_found_again_wherever_it_begins(start: float, turn: float, whole: int) -> None:
    before = torch.tensor([start], dtype=torch.float64)
    after = before + turn + whole
    assert float(HUE.difference(before, after)) == pytest.approx(turn, abs=1e-9)
    assert float(HUE.difference(after, before)) == pytest.approx(-turn, abs=1e-9)


def test_differences_by_kind_and_what_is_missing() -> None:
    before, after = torch.tensor([1.0, 2.0, math.nan, 3.0]), torch.tensor([1.0, 4.0, 3.0, math.nan])
    for scale, expected in ((SIZE, [0.0, 2.0]), (SHAPE, [0.0, 1.0])):
        found = scale.difference(before, after)
        assert found[:2].tolist() == expected
        assert bool(found[2:].isnan().all())


def test_units_are_deviations() -> None:
    values = torch.tensor([1.0, 3.0, math.nan, 5.0])
    assert SIZE.deviation(values) == pytest.approx(2.0)
    assert SHAPE.deviation(values) == 1.0
    uniform = torch.rand(100_000, generator=torch.Generator().manual_seed(0))
    assert HUE.deviation(values) == UNIFORM == pytest.approx(float(uniform.std()), rel=0.01)


@pytest.mark.parametrize("values", [[2.0, 2.0, 2.0], [7.0], [math.nan, 1.0], [0.0, 0.0]])
def test_what_does_not_vary_has_no_unit(values: list[float]) -> None:
    assert math.isnan(SIZE.deviation(torch.tensor(values)))


def test_scenes_are_read_by_the_oracle_as_far_as_they_vary() -> None:
    generator = load_generator("scenes")
    scorer, scales = scorer_of(generator)
    assert isinstance(scorer, Oracle)
    assert len(scales) == len({scale.name for scale in scales}) == 6
    assert all(scale.kind == BY_NAME[scale.name].kind for scale in scales)
    _, more = scorer_of(load_generator("scenes-biggan"))
    assert len(more) == 8


def test_anything_else_has_statistics_of_its_pictures(toy: Toy) -> None:
    scorer, scales = scorer_of(toy)
    found = scorer(toy(toy.sample(2, rng=torch.Generator().manual_seed(0))))
    assert tuple(found) == STATISTICS == tuple(scale.name for scale in scales)


def test_joined_scorers_say_what_each_says() -> None:
    pictures = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    joined = Joined((Statistics(("warmth",)), Statistics(("brightness", "contrast"))))(pictures)
    alone = Statistics(("warmth", "brightness", "contrast"))(pictures)
    assert list(joined) == list(alone)
    for name in joined:
        assert_close(joined[name], alone[name])


@pytest.mark.network
def test_faces_are_read_by_networks_and_statistics() -> None:
    generator = load_generator("faces")
    scorer, scales = scorer_of(generator)
    names = [scale.name for scale in scales]
    assert names == ["smile", "mouth", "yaw", "gender", *STATISTICS]
    pictures = generator.preview(generator.from_seeds([0, 1, 0]), 256)
    found = scorer(pictures)
    assert all(found[name].shape == (3,) for name in names)
    whose = identity_of(scorer)
    assert whose is not None
    vectors = whose[0](pictures)
    assert whose[1](vectors[:1], vectors[1:2]).item() > 0.1
    assert whose[1](vectors[:1], vectors[2:]).item() < 1e-5


def test_scorers_without_faces_tell_nobody_apart() -> None:
    assert identity_of(Statistics()) is None
    assert identity_of(Joined((Statistics(),))) is None
