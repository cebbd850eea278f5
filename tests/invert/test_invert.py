"""The front function: from pictures to an artefact, by every method."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import small_dcgan
from tests.generators.small_biggan import small_biggan_deep
from tests.generators.small_stylegan2 import small_stylegan2
from tests.invert.stopping import stop_after
from tests.rounding import rounding_bound
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import Generator, InputError
from latentclr.engine.checkpoint import Keeper
from latentclr.invert.artefact import Inversion, Photo
from latentclr.invert.drawing import draw
from latentclr.invert.encoder import LatentEncoder, Shape
from latentclr.invert.invert import METHODS, Method, Settings, invert
from latentclr.invert.prior import Prior
from latentclr.invert.settings import Space
from latentclr.invert.shipped import find_encoder, load_encoder

QUICK = Settings(steps=24, starts=2, lpips_weight=0.0)


def encoder_of(generator: Generator) -> LatentEncoder:
    encoder = LatentEncoder(Shape.of(generator, deviations=True))
    encoder.initialize(Prior.of(generator), torch.Generator().manual_seed(0))
    encoder.generator_sha256 = generator.fingerprint()
    return encoder.eval().requires_grad_(False)


def pictures_of(generator: Generator, n: int = 3) -> Tensor:
    latents = generator.sample(n, rng=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return draw(generator, latents).clamp(-1, 1)


@pytest.mark.parametrize(
    ("method", "space"),
    [(method, space) for method in METHODS for space in ("shared", "slots")][1:],  # the encoder gives slots
)
def test_every_method_gives_an_artefact(method: Method, space: Space, tmp_path: Path) -> None:
    generator = small_stylegan2()
    generator.name = "small"
    pictures = pictures_of(generator)
    photos = [Photo(f"{i}.png", "0" * 64) for i in range(3)]
    settings = replace(QUICK, steps=10, method=method, space=space)
    found = invert(generator, pictures, settings, photos=photos, encoder=encoder_of(generator))
    assert found.latents.shape == (3, generator.num_slots, generator.latent_dim)
    assert found.photos == tuple(photos)
    assert found.lpips.isnan().all()
    assert found.origin["method"] == method
    drawn = found.pictures(found.require(generator)).clamp(-1, 1)
    # Decibels of the mean over 768 numbers: 10 / ln 10 times its relative error.
    expected = 10 * torch.log10(4 / (drawn - pictures).square().mean((1, 2, 3)))
    assert_close(found.psnr, expected, rtol=0, atol=10 * rounding_bound(1000))
    found.save(tmp_path / "a")
    assert Inversion.load(tmp_path / "a").origin == found.origin


def test_equal_calls_give_equal_files(toy: Toy, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    for name in "ab":
        invert(toy, pictures_of(toy), QUICK).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert torch.equal(torch.get_rng_state(), state)


def test_the_class_is_found_or_given() -> None:
    generator = small_biggan_deep()
    latents = generator.sample(4, rng=torch.Generator().manual_seed(5))
    labels = [0, 1, 2, 1]
    with torch.no_grad():
        pictures = draw(generator, latents, labels)
    # After a tenth of the steps the best start of each photo goes on alone: its class stays.
    settings = replace(QUICK, steps=60, starts=6, finish=0)
    found = invert(generator, pictures, settings, stop=stop_after(7))
    right = sum(a == b for a, b in zip(found.labels, labels, strict=True))
    assert right >= 3  # by chance one or two
    given = invert(generator, pictures, QUICK, labels=[2, None, 2, 0], stop=stop_after(1))
    assert (given.labels[0], given.labels[2], given.labels[3]) == (2, 2, 0)


def test_an_encoder_tells_classes() -> None:
    generator = small_biggan_deep()
    encoder = encoder_of(generator)
    pictures = pictures_of(generator)
    with torch.no_grad():
        assert encoder.logits is not None
        encoder.logits.bias.copy_(torch.tensor([0.0, 50.0, 0.0]))
    found = invert(generator, pictures, replace(QUICK, method="encoder"), encoder=encoder)
    assert found.labels == (1, 1, 1)
    # The other classes are far less likely: all starts are of the first.
    assert invert(generator, pictures, QUICK, encoder=encoder, stop=stop_after(1)).labels == (1, 1, 1)


def test_truncation_is_kept(dcgan: Generator) -> None:
    found = invert(dcgan.at(0.6), pictures_of(dcgan.at(0.6)), replace(QUICK, steps=2))
    assert found.origin.truncation == 0.6
    assert found.require(dcgan).truncation == 0.6


def test_a_stopped_inversion_goes_on(toy: Toy, tmp_path: Path) -> None:
    pictures = pictures_of(toy)
    whole = invert(toy, pictures, QUICK)
    keep = Keeper(tmp_path, every=0.0)
    part = invert(toy, pictures, QUICK, keep=keep, stop=stop_after(9))
    assert part.origin["steps"] == 9
    begun = (part.latents - whole.latents).abs().max()
    # Another batch is the same search, up to what 15 steps make of its rounding.
    again = invert(toy, pictures, replace(QUICK, batch=2), keep=keep)
    assert again.origin["steps"] == 24
    assert (again.latents - whole.latents).abs().max() < 0.05 * begun
    with pytest.raises(InputError, match="go on with the same settings"):
        invert(toy, pictures.flip(0), QUICK, keep=keep)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "magic"}, "method='magic' must be one of encoder, optimise, in-domain"),
        ({"space": "w"}, "space='w' must be one of shared, slots"),
        ({"starts": 0}, "starts=0 must be at least 1"),
        ({"steps": 0}, "steps=0 must be at least 1"),
        ({"finish": -1}, "finish=-1 must be at least 0"),
        ({"batch": 0}, "batch=0 must be at least 1"),
        ({"rate": 0.0}, "rate=0.0 must be above 0"),
        ({"rate": float("nan")}, "rate=nan must be above 0"),
        ({"prior_weight": -1.0}, "prior_weight=-1.0 must be at least 0"),
        ({"pixel_weight": 0.0}, "nothing would be compared"),
    ],
)
def test_settings_out_of_range(toy: Toy, change: dict[str, Any], message: str) -> None:
    settings = replace(QUICK)
    for name, value in change.items():  # past the types, as from a file or a web page
        object.__setattr__(settings, name, value)
    with pytest.raises(InputError, match=message):
        settings.__post_init__()


def test_pictures_that_do_not_fit(toy: Toy) -> None:
    pictures = pictures_of(toy)
    with pytest.raises(InputError, match="pictures of 9 x 8 pixels: this generator draws 8 x 8"):
        invert(toy, torch.zeros(1, 3, 9, 8), QUICK)
    with pytest.raises(InputError, match="no pictures"):
        invert(toy, pictures[:0], QUICK)
    with pytest.raises(InputError, match="not finite"):
        invert(toy, pictures * torch.nan, QUICK)
    with pytest.raises(InputError, match="for each of 3 pictures"):
        invert(toy, pictures, QUICK, labels=[None])
    with pytest.raises(InputError, match="has no classes"):
        invert(toy, pictures, QUICK, labels=[1, None, None])


def test_methods_that_need_an_encoder(toy: Toy) -> None:
    for method in ("encoder", "in-domain"):
        with pytest.raises(InputError, match=f"method='{method}' needs an encoder"):
            invert(toy, pictures_of(toy), replace(QUICK, method=method))
    with pytest.raises(InputError, match="trained for another generator"):
        invert(toy, pictures_of(toy), QUICK, encoder=encoder_of(small_dcgan()))
    with pytest.raises(InputError, match="there is no encoder of 'this generator'"):
        load_encoder(toy)
    toy.name = "scenes"  # a name is not enough
    assert find_encoder(toy) is None
