"""The generators that ship: cards say what they are, and LatentCLR finds the world's factors in them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from latentclr import ZOO, LatentCLR, load_generator
from latentclr.invert.shipped import NAMES as ENCODERS
from latentclr.pretrain.scene_metrics import SceneMetrics
from latentclr.scenes import BY_NAME, WORLDS
from latentclr.scorers import load_oracle

SHIPPED = tuple(WORLDS)
PICTURES = 800


def card(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(ZOO[name].path.with_suffix(".json").read_text())
    return read


@pytest.mark.parametrize("name", SHIPPED)
def test_files_beside_the_weights(name: str) -> None:
    path = ZOO[name].path
    assert path.stat().st_size < 8_000_000
    assert card(name)["licence"] == ZOO[name].licence
    assert all(stage["settings"]["kind"] for stage in card(name)["stages"])
    lines = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    assert any("frechet" in values for values in lines)


def test_classes_look_as_they_are_called() -> None:
    generator, oracle = load_generator("scenes-biggan"), load_oracle()
    right = []
    for label in range(generator.num_classes):
        one = generator.for_class(label)
        shapes = oracle(one(one.sample(6, rng=torch.Generator().manual_seed(label))))["shape"]
        right += [int(shape) == label for shape in shapes]
    # The card's share was counted over thousands; 48 pictures may differ from it by three deviations.
    said = card("scenes-biggan")["measured"]["shape accuracy"]
    assert sum(right) / len(right) > said - 3 * (said * (1 - said) / len(right)) ** 0.5 - 0.01


@pytest.mark.statistics
@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_says_what_is_measured(name: str) -> None:
    metrics = SceneMetrics(load_oracle(), name, pictures=PICTURES)
    found, said = metrics(load_generator(name)), card(name)["measured"]
    # With fewer pictures a Frechet distance is larger: by about that between two sets of renders.
    few = metrics.references["frechet of renders"] - said["frechet of renders"]
    assert found["frechet"] == pytest.approx(said["frechet"] + few, rel=0.3)
    for key, value in found.items():
        if key.startswith("uniform"):
            assert value == pytest.approx(said[key], abs=0.06), key
    for key in ("shape accuracy", "worst class"):
        assert (key in found) == (name == "scenes-biggan")
        if key in found:
            assert found[key] == pytest.approx(said[key], abs=0.1), key


@pytest.mark.training
@pytest.mark.parametrize("name", SHIPPED)
def test_latentclr_finds_hues_size_and_turn(name: str) -> None:
    """The best of its directions for each, by the oracle; how much in turns, or in shares of the range."""
    generator, oracle = load_generator(name), load_oracle()
    directions = LatentCLR(steps=100, seed=0).fit(generator)
    latents = generator.sample(32, rng=torch.Generator().manual_seed(9))
    factors = ("floor_hue", "wall_hue", "object_hue", "scale", "orientation")
    best = dict.fromkeys(factors, 0.0)
    with torch.inference_mode():
        for k in range(directions.k):
            up, down = (oracle(generator(directions.edit(latents, k, alpha))) for alpha in (3.0, -3.0))
            for name_of in factors:
                factor, change = BY_NAME[name_of], up[name_of] - down[name_of]
                if factor.kind == "circular":
                    change = ((change + 0.5) % 1 - 0.5).abs()
                effect = float(change.mean().abs()) / (factor.high - factor.low)
                best[name_of] = max(best[name_of], effect)
    assert min(best.values()) > 0.05, best
    assert sum(effect > 0.1 for effect in best.values()) >= 4, best


def test_no_other_weights_lie_there() -> None:
    folder = ZOO["scenes"].path.parent
    names = {path.name for path in Path(folder).iterdir()}
    expected = {f"{name}.{kind}" for name in SHIPPED for kind in ("safetensors", "json", "jsonl")}
    readers = ("oracle", *(f"encoder-{name}" for name in ENCODERS))
    assert names == expected | {f"{name}.{kind}" for name in readers for kind in ("safetensors", "json")}
