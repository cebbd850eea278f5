"""The oracle that ships, on renders that it has not seen; and what its numbers mean."""

import math
from pathlib import Path

import pytest
import torch

from latentclr import InputError
from latentclr.files import write_tensors
from latentclr.images import blurred
from latentclr.scenes import FACTORS, draw, render
from latentclr.scorers import Oracle, load_oracle


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return load_oracle()


def r2(found: torch.Tensor, truth: torch.Tensor, *, circular: bool) -> float:
    error = found - truth
    if circular:
        error = (error + 0.5) % 1 - 0.5
        return float(1 - error.square().mean() * 12)
    return float(1 - error.square().mean() / truth.var(correction=0))


def test_factors_of_unseen_renders_sharp_and_soft(oracle: Oracle) -> None:
    rng = torch.Generator().manual_seed(777)
    factors = draw(200, rng)
    pictures = render(factors)
    soft = blurred(pictures, 0.7) + 0.05 * torch.randn(pictures.shape, generator=rng)
    for seen, least, named in ((pictures, 0.99, 0.995), (soft, 0.985, 0.98)):
        found = oracle(seen)
        assert (found["shape"] == factors["shape"]).float().mean() >= named
        for factor in FACTORS:
            if factor.kind != "category":
                score = r2(found[factor.name], factors[factor.name], circular=factor.kind == "circular")
                assert score >= least, (factor.name, score)


def test_larger_and_smaller_pictures_are_scaled(oracle: Oracle) -> None:
    factors = draw(40, torch.Generator().manual_seed(5))
    for size in (32, 128):
        found = oracle(render(factors, size=size))
        assert r2(found["floor_hue"], factors["floor_hue"], circular=True) > 0.99
        assert (found["shape"] == factors["shape"]).float().mean() > 0.9


def test_the_loss_by_hand() -> None:
    torch.manual_seed(0)
    oracle = Oracle().double().requires_grad_(False)
    factors = {name: values.double() for name, values in draw(6, torch.Generator().manual_seed(3)).items()}
    pictures = render({name: values.float() for name, values in factors.items()}).double()
    raw = oracle.raw(pictures)
    expected = 0.0
    for i in range(6):
        for factor in FACTORS:
            value, truth = raw[factor.name][i].tolist(), float(factors[factor.name][i])
            if factor.kind == "category":
                total = sum(math.exp(v) for v in value)
                expected += -0.2 * math.log(math.exp(value[int(truth)]) / total)
            elif factor.kind == "circular":
                angle = 2 * math.pi * truth
                expected += (value[0] - math.cos(angle)) ** 2 + (value[1] - math.sin(angle)) ** 2
            else:
                scaled = 2 * (truth - factor.low) / (factor.high - factor.low) - 1
                expected += (value[0] - scaled) ** 2
    assert float(oracle.loss(pictures, factors)) == pytest.approx(expected / 6, rel=1e-9)


def test_files_that_are_no_oracle(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.zeros(1)}, {"format": 1, "kind": "oracle"})
    with pytest.raises(InputError, match="an oracle of other sizes"):
        load_oracle(path)
    write_tensors(path, {"a": torch.zeros(1)}, {"format": 1, "kind": "directions"})
    with pytest.raises(InputError, match="holds no oracle"):
        load_oracle(path)
