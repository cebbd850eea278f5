"""The encoders in the package: small, whole, and as good as their cards say."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from latentclr import load_generator
from latentclr.errors import InputError
from latentclr.invert.drawing import draw
from latentclr.invert.objective import psnr
from latentclr.invert.shipped import NAMES, card, load_encoder, shipped
from latentclr.invert.train import draw_samples

every = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name.startswith("scenes") else pytest.mark.network) for name in NAMES],
)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_has_a_card(name: str) -> None:
    assert shipped(name).path.stat().st_size <= 4_000_000
    known = card(name)
    assert known["licence"] == "MIT"
    assert known["command"].startswith(f"python -m benchmarks.train_encoder {name}")
    assert known["processor seconds"] > 0


@every
def test_it_is_as_good_as_its_card_says(name: str) -> None:
    generator = load_generator(name)
    encoder = load_encoder(generator)
    own = draw_samples(generator, 32, torch.Generator().manual_seed(77))
    with torch.no_grad():
        found = encoder(own.pictures)
        drawn = draw(generator, found.latents, own.labels).clamp(-1, 1)
    decibels = psnr((drawn - own.pictures).square().mean((1, 2, 3))).mean()
    told = card(name)["held-out samples"]
    assert float(decibels) == pytest.approx(told["psnr"], abs=1.0)
    if generator.num_classes:
        right = found.logits.argmax(1) == torch.tensor([label for label in own.labels if label is not None])
        assert float(right.float().mean()) > 0.95


def test_a_picture_takes_sixty_million_multiplications() -> None:
    encoder = load_encoder(load_generator("scenes"))
    assert 1.6e6 < sum(parameter.numel() for parameter in encoder.parameters()) < 1.8e6
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder(torch.zeros(1, 3, 64, 64))
    assert counter.get_total_flops() / 2 < 6e7


def test_no_other_ships() -> None:
    with pytest.raises(InputError, match="no encoder of 'ffhq' is part of this package"):
        card("ffhq")
