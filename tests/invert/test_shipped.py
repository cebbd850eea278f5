"""The encoders in the package: small, whole, and as good as their cards say."""

import time

import pytest
import torch

from latentclr import load_generator
from latentclr.errors import InputError
from latentclr.invert.drawing import draw
from latentclr.invert.objective import psnr
from latentclr.invert.samples import draw_samples
from latentclr.invert.shipped import NAMES, card, load_encoder, shipped

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
    own = draw_samples(generator, 64, torch.Generator().manual_seed(77))
    with torch.no_grad():
        found = encoder(own.pictures)
        drawn = draw(generator, found.latents, own.labels).clamp(-1, 1)
    decibels = psnr((drawn - own.pictures).square().mean((1, 2, 3))).mean()
    told = card(name)["held-out samples"]
    assert float(decibels) == pytest.approx(told["psnr"], abs=1.0)
    if generator.num_classes:
        right = found.logits.argmax(1) == torch.tensor([label for label in own.labels if label is not None])
        assert float(right.float().mean()) > 0.95


def test_a_picture_takes_less_than_a_tenth_of_a_second() -> None:
    generator = load_generator("scenes")
    encoder = load_encoder(generator)
    picture = torch.zeros(1, 3, 64, 64)
    times = []
    for _ in range(5):
        began = time.process_time()
        with torch.no_grad():
            encoder(picture)
        times.append(time.process_time() - began)
    assert min(times) < 0.1


def test_no_other_ships() -> None:
    with pytest.raises(InputError, match="no encoder of 'ffhq' is part of this package"):
        card("ffhq")
