"""The encoder: what it gives, that files keep it, and that it learns."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import Float
from tests.conftest import small_dcgan
from tests.generators.small_biggan import small_biggan_deep
from tests.generators.small_stylegan2 import small_stylegan2
from tests.invert.stopping import stop_after
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import Generator, InputError
from latentclr.engine.checkpoint import Keeper
from latentclr.files import read_tensors, write_tensors
from latentclr.generators import IMAGE, Latents, Layer
from latentclr.invert.encoder import LatentEncoder, Shape
from latentclr.invert.prior import Prior
from latentclr.invert.train import EncoderSettings, draw_samples, train_encoder
from latentclr.pretrain.data import Pool, to_bytes

TINY = EncoderSettings(
    steps=8, latents_only=4, batch=4, pictures=4, held_out=8, validate_every=2, learning_rate=1e-3
)


def fresh(generator: Generator, *, deviations: bool = True) -> LatentEncoder:
    encoder = LatentEncoder(Shape.of(generator, deviations=deviations))
    encoder.initialize(Prior.of(generator), torch.Generator().manual_seed(0))
    return encoder.eval()


@pytest.mark.parametrize("generator", [Toy(), small_dcgan(), small_biggan_deep(), small_stylegan2()])
def test_it_gives_latents_and_classes(generator: Generator) -> None:
    encoder = fresh(generator)
    pictures = draw_samples(generator, 3, torch.Generator().manual_seed(0)).pictures.requires_grad_()
    found = encoder(pictures)
    assert found.latents.shape == (3, generator.num_slots, generator.latent_dim)
    assert found.logits.shape == (3, generator.num_classes)
    found.latents.square().sum().backward()
    assert pictures.grad is not None
    assert pictures.grad.abs().sum() > 0


def test_w_holds_its_class() -> None:
    generator = small_stylegan2(num_classes=3, embed_dim=5).for_class(1)
    assert Shape.of(generator).num_classes == 0
    assert Shape.of(generator.in_space("z")).num_classes == 3


def test_the_first_guess_is_near_the_mean(toy: Toy) -> None:
    prior = Prior.of(toy)
    found = fresh(toy)(toy(toy.sample(4, rng=torch.Generator().manual_seed(0)))).latents
    assert (found - prior.mean).square().mean().sqrt() < prior.scale
    assert_close(found[:, 0], found[:, 1])


def test_pictures_of_every_size(toy: Toy) -> None:
    encoder = fresh(toy).double()
    small = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).double()
    large = small.repeat_interleave(16, 2).repeat_interleave(16, 3)
    assert encoder(small).latents.shape == encoder(large).latents.shape
    middle = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert_close(encoder(middle).latents, encoder(large).latents)  # both in float64


def test_a_file_gives_it_back(toy: Toy, tmp_path: Path) -> None:
    encoder = fresh(toy)
    encoder.generator_sha256 = toy.fingerprint()
    encoder.save(tmp_path / "a")
    loaded = LatentEncoder.load(tmp_path / "a")
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    # Weights of 16 bits are rounded by up to .0005 of their size, in each of seven layers.
    assert_close(loaded(pictures).latents, encoder(pictures).latents, atol=0.02, rtol=0.02)
    assert loaded.shape == encoder.shape
    loaded.require(toy)
    loaded.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with pytest.raises(InputError, match="trained for another generator"):
        loaded.require(Toy(seed=1))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"kind": "x"}, "has kind 'x'; this version reads kind 'latent encoder'"),
        ({"format": 7}, "has format 7; this version reads format 1"),
        ({"dim": 7}, "of other sizes"),
        ({"dim": 10**9}, "describe no encoder"),
        ({"slots": "2"}, "describe no encoder"),
    ],
)
def test_damaged_files(toy: Toy, tmp_path: Path, header: dict[str, Any], message: str) -> None:
    fresh(toy).save(tmp_path / "a")
    tensors, told = read_tensors(tmp_path / "a", kind=LatentEncoder.KIND)
    write_tensors(tmp_path / "b", tensors, told | header)
    with pytest.raises(InputError, match=message):
        LatentEncoder.load(tmp_path / "b")
    tensors["dense.bias"][0] = torch.nan
    write_tensors(tmp_path / "b", tensors, told)
    with pytest.raises(InputError, match=r"not finite, in dense\.bias"):
        LatentEncoder.load(tmp_path / "b")


@pytest.mark.training
def test_it_learns_where_pictures_come_from(toy: Toy) -> None:
    settings = EncoderSettings(
        steps=100, latents_only=80, batch=16, pictures=8, held_out=32, validate_every=50
    )
    values: list[dict[str, float]] = []
    trained = train_encoder(
        toy, settings, log=lambda _, now: values.append(dict(now)) if "latent_error" in now else None
    )
    assert values[0]["latent_error"] > 0.7
    assert trained.values["latent_error"] < 0.6 * values[0]["latent_error"]
    assert trained.values["psnr"] > values[0]["psnr"] + 3
    assert trained.encoder.generator_sha256 == toy.fingerprint()


def test_equal_settings_give_equal_encoders_also_after_a_stop(dcgan: Generator, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    whole = train_encoder(dcgan, TINY)
    assert torch.equal(torch.get_rng_state(), state)
    (tmp_path / "keep").mkdir()
    keep = Keeper(tmp_path / "keep", every=0.0)
    part = train_encoder(dcgan, TINY, keep=keep, stop=stop_after(5))
    assert part.steps == 5
    again = train_encoder(dcgan, TINY, keep=keep)
    assert again.steps == 8
    assert again.best_step > 5  # so that it is not the encoder before the stop that is compared
    for name, value in whole.encoder.state_dict().items():
        assert torch.equal(value, again.encoder.state_dict()[name]), name
    with pytest.raises(InputError, match="seed=0, now seed=1"):
        train_encoder(dcgan, replace(TINY, seed=1), keep=keep)


def outside(n: int = 8, *, labels: bool, size: int = 64) -> Pool:
    rng = torch.Generator().manual_seed(0)
    pictures = torch.rand(n, 3, size, size, generator=rng) * 2 - 1
    return Pool(to_bytes(pictures), torch.arange(n) % 3 if labels else None)


ONCE = replace(TINY, steps=2, latents_only=1, adversarial_weight=0.0)
"""Pictures count in one step."""


def after(generator: Generator, settings: EncoderSettings, pool: Pool | None) -> dict[str, float]:
    """Of the last step, not of the best."""
    told: list[dict[str, float]] = []
    train_encoder(generator, settings, outside=pool, log=lambda _, values: told.append(dict(values)))
    return told[-1]


def test_outside_pictures_are_learned_from(toy: Toy) -> None:
    pool = outside(labels=False, size=toy.resolution)
    assert after(toy, ONCE, pool) == after(toy, ONCE, pool) != after(toy, ONCE, None)


class Large(Toy):
    """Its pictures are those of the toy, of 64 x 64 pixels, as the discriminator needs them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = (*self.layers[:2], Layer(IMAGE, 1, 3, 64))

    def run(self, latents: Latents) -> Iterator[tuple[str, Float[Tensor, "n c h w"]]]:
        for name, output in super().run(latents):
            yield name, output.repeat_interleave(8, 2).repeat_interleave(8, 3) if name == IMAGE else output


def test_the_discriminators_verdict_is_part_of_the_loss(toy: Toy) -> None:
    with pytest.raises(InputError, match="must be 64 x 64"):
        train_encoder(toy, TINY, outside=outside(labels=False, size=32))
    # The discriminator draws numbers, so that a weight of 0 would be another training.
    faint, loud = (
        after(Large(), replace(ONCE, adversarial_weight=weight), outside(labels=False))
        for weight in (1e-9, 1e3)
    )
    assert loud["latent_error"] != pytest.approx(faint["latent_error"], rel=1e-3)


def test_outside_pictures_have_classes_where_the_generator_has_some() -> None:
    generator, pool = small_biggan_deep(), outside(labels=True, size=32)
    with pytest.raises(InputError, match="have no classes"):
        train_encoder(generator, ONCE, outside=Pool(pool.pictures, None))
    assert pool.labels is not None
    told = after(generator, ONCE, pool)
    assert 0 <= told["accuracy"] <= 1
    assert told != after(generator, ONCE, Pool(pool.pictures, (pool.labels + 1) % 3))


@pytest.mark.parametrize(("field", "value"), [("steps", 1), ("pixel_weight", -1.0), ("learning_rate", 0.0)])
def test_settings_out_of_range(toy: Toy, field: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{field}={value}"):
        train_encoder(toy, replace(TINY, **{field: value}))
