"""Each generator's pictures are read by the right scorer."""

import pytest
import torch
from tests.toy import Toy

from latentclr import load_generator
from latentclr.evaluate.reading import STATISTICS, reading_of
from latentclr.scenes import BY_NAME
from latentclr.scorers import Oracle


def test_scenes_are_read_by_the_oracle_as_far_as_they_vary() -> None:
    reading = reading_of(load_generator("scenes"))
    assert isinstance(reading.scorer, Oracle)
    assert len(reading.scales) == len({scale.name for scale in reading.scales}) == 6
    assert all(scale.kind == BY_NAME[scale.name].kind for scale in reading.scales)
    assert len(reading_of(load_generator("scenes-biggan")).scales) == 8


def test_anything_else_has_statistics_of_its_pictures_and_nobody_in_them(toy: Toy) -> None:
    reading = reading_of(toy)
    found = reading.scorer(toy(toy.sample(2, rng=torch.Generator().manual_seed(0))))
    assert tuple(found) == STATISTICS == tuple(scale.name for scale in reading.scales)
    assert reading.identity is None


@pytest.mark.network
def test_faces_are_read_by_networks_and_statistics() -> None:
    generator = load_generator("faces")
    reading = reading_of(generator)
    names = [scale.name for scale in reading.scales]
    assert names == ["smile", "mouth", "yaw", "gender", *STATISTICS]
    pictures = generator.preview(generator.from_seeds([0, 1, 0]), 256)
    assert reading.scores(pictures).shape == (3, len(names))
    assert reading.identity is not None
    vectors = reading.identity(pictures)
    assert reading.identity_distance(vectors[:1], vectors[1:2]).item() > 0.1
    assert reading.identity_distance(vectors[:1], vectors[2:]).item() < 1e-5
