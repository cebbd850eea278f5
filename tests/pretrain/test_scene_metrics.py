"""Metrics of scenes: perfect generators of a world pass, broken ones do not."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from latentclr.generators import IMAGE, Generator, Latents, Layer
from latentclr.pretrain.scene_metrics import SceneMetrics
from latentclr.scenes import draw, render
from latentclr.scorers import load_oracle


class Renders(Generator):
    """A generator that is the renderer itself: its latent is a seed. With classes, of the shapes."""

    def __init__(self, *, classes: int, stuck: bool = False, wrong: bool = False) -> None:
        super().__init__()
        self.space = "z"
        self.z_dim = self.latent_dim = self.num_slots = 1
        self.num_classes = classes
        self.layers = (Layer(IMAGE, 0, 3, 64),)
        self.stuck, self.wrong = stuck, wrong
        self.nothing = torch.nn.Parameter(torch.zeros(1))
        self.freeze()

    def settings(self) -> dict[str, Any]:
        return {"classes": self.num_classes}

    def map(self, z: Tensor) -> Latents:
        return z.unsqueeze(1)

    def run(self, latents: Latents) -> Iterator[tuple[str, Tensor]]:
        rng = torch.Generator().manual_seed(int(latents.flatten()[0].abs() * 1e6))
        factors = draw(len(latents), rng)
        if self.stuck:
            factors["wall_hue"] = torch.full((len(latents),), 0.5)
        label = self.label_number
        if label is not None:
            shown = (label + 1) % 8 if self.wrong and label == 3 else label
            factors["shape"] = torch.full((len(latents),), float(shown))
        yield IMAGE, render(factors)

    def style_weight(self, layer: str) -> Tensor:
        raise NotImplementedError


@pytest.fixture(scope="module")
def metrics() -> SceneMetrics:
    return SceneMetrics(load_oracle(), "scenes-biggan", pictures=280)


def test_the_renderer_itself_is_at_the_floor(metrics: SceneMetrics) -> None:
    found = metrics(Renders(classes=8))
    assert found["frechet"] < 2 * metrics.references["frechet of renders"]
    assert metrics.references["frechet of renders"] < metrics.references["frechet of blurred renders"]
    assert found["shape accuracy"] > 0.99
    assert found["worst class"] > 0.95
    assert all(value < 0.15 for name, value in found.items() if name.startswith("uniform"))


def test_shapes_that_are_not_in_the_world_have_no_share() -> None:
    metrics = SceneMetrics(load_oracle(), "scenes", pictures=40)
    even = torch.arange(100) % 4
    assert metrics._distance_of_shapes(even.float()) == 0
    one_is_a_cross = even.clone()
    one_is_a_cross[0] = 7
    assert metrics._distance_of_shapes(one_is_a_cross.float()) == pytest.approx(0.01)
    assert metrics._distance_of_shapes((even % 2).float()) == pytest.approx(0.5)


def test_what_is_stuck_or_wrong_is_seen(metrics: SceneMetrics) -> None:
    stuck = metrics(Renders(classes=0, stuck=True))
    assert stuck["uniform wall_hue"] > 0.8
    assert stuck["uniform floor_hue"] < 0.15
    assert stuck["frechet"] > 3 * metrics.references["frechet of renders"]
    assert "shape accuracy" not in stuck
    wrong = metrics(Renders(classes=8, wrong=True))
    assert wrong["worst class"] < 0.1
    assert wrong["shape accuracy"] == pytest.approx(7 / 8, abs=0.03)
