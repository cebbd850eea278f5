"""Pivotal tuning: the photos come out, other pictures stay, and a small file holds the change."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.conftest import small_dcgan
from tests.generators.small_biggan import small_biggan_deep
from tests.generators.small_stylegan import small_progan, small_stylegan
from tests.generators.small_stylegan2 import small_stylegan2
from tests.invert.stopping import stop_after
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import Generator, InputError
from latentclr.artefacts import GeneratorRecord, Origin
from latentclr.engine.checkpoint import Keeper
from latentclr.files import read_tensors, write_tensors
from latentclr.invert.artefact import Inversion, Photo
from latentclr.invert.difference import Difference
from latentclr.invert.drawing import draw
from latentclr.invert.pivotal import Tuning, tune

FEW = Tuning(steps=6, rank=2, rate=0.02)


def photos(generator: Generator) -> tuple[Inversion, Tensor]:
    """Two pivots, and pictures that the generator does not draw."""
    latents = generator.sample(2, rng=torch.Generator().manual_seed(0))
    labels = (1, 0) if generator.num_classes and generator.space == "z" else (None, None)
    with torch.no_grad():
        pictures = draw(generator, latents, labels).clamp(-1, 1)
    other = (0.8 * pictures.flip(3) + 0.1).clamp(-1, 1)
    unknown = torch.zeros(2)
    origin = Origin({"generator": GeneratorRecord.of(generator).to_json()})
    return Inversion(latents, generator.space, labels, unknown, unknown, (Photo(), Photo()), origin), other


def error(generator: Generator, inversion: Inversion, pictures: Tensor) -> float:
    return float((inversion.pictures(generator).clamp(-1, 1) - pictures).square().mean())


# Convolutions of a DCGAN, styles and folded weights of StyleGAN2, conditional batch norm, none of these.
MAKERS: dict[str, Callable[[], Generator]] = {
    "dcgan": small_dcgan,
    "stylegan2": small_stylegan2,
    "stylegan": small_stylegan,
    "progan": small_progan,
    "biggan-deep": small_biggan_deep,
    "toy": Toy,
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.pairs if name in ("stylegan", "progan") else ())
        for name in MAKERS
    ],
)
def test_the_tuned_copy_draws_the_photos_better(name: str, tmp_path: Path) -> None:
    generator = MAKERS[name]()
    before = generator.fingerprint()
    inversion, pictures = photos(generator)
    told: list[float] = []
    found = tune(
        generator,
        inversion,
        pictures,
        FEW,
        log=lambda _, values: told.append(values["validation_loss"]) if "psnr" in values else None,
    )
    assert generator.fingerprint() == before
    found.save(tmp_path / "a")
    loaded = Difference.load(tmp_path / "a")
    loaded.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    tuned = loaded.apply(generator)
    assert tuned.fingerprint() != before
    assert tuned.name.endswith("(tuned)")
    old, new = error(generator, inversion, pictures), error(tuned, inversion, pictures)
    assert new < 0.95 * old
    # What the file draws is what was validated: nothing stale was folded, and 16 bits are enough.
    assert new == pytest.approx(min(told), rel=0.05)


def test_locality_keeps_other_pictures() -> None:
    generator = small_stylegan2()
    inversion, pictures = photos(generator)
    others = generator.sample(16, rng=torch.Generator().manual_seed(9))
    moved = []
    for weight in (0.0, 30.0):
        tuned = tune(generator, inversion, pictures, replace(FEW, locality_weight=weight)).apply(generator)
        moved.append(float((tuned(others) - generator(others)).square().mean()))
    assert moved[1] < 0.5 * moved[0]


def test_the_mapping_network_is_left_alone() -> None:
    generator = small_stylegan2()
    found = tune(generator, *photos(generator), replace(FEW, steps=1))
    assert found.names
    assert not any(name.startswith("mapping") for name in found.names)
    z = torch.randn(2, generator.z_dim, generator=torch.Generator().manual_seed(0))
    assert_close(found.apply(generator).map(z), generator.map(z))


def test_rank_is_the_size_of_the_file(dcgan: Generator, tmp_path: Path) -> None:
    sizes = []
    for rank in (1, 4):
        found = tune(dcgan, *photos(dcgan), replace(FEW, steps=1, rank=rank))
        sizes.append(sum(value.numel() for value in found.tensors.values()))
        assert all(value.dtype == torch.float16 for value in found.tensors.values())
    assert sizes[0] < sizes[1] < sum(parameter.numel() for parameter in dcgan.parameters())


def test_stopped_and_gone_on_with(dcgan: Generator, tmp_path: Path) -> None:
    inversion, pictures = photos(dcgan)
    whole = tune(dcgan, inversion, pictures, FEW)
    keep = Keeper(tmp_path, every=0.0)
    assert tune(dcgan, inversion, pictures, FEW, keep=keep, stop=stop_after(3)).origin["steps"] == 3
    again = tune(dcgan, inversion, pictures, FEW, keep=keep)
    assert all(torch.equal(value, again.tensors[name]) for name, value in whole.tensors.items())


def test_what_does_not_fit_is_refused(dcgan: Generator, toy: Toy, tmp_path: Path) -> None:
    inversion, pictures = photos(dcgan)
    with pytest.raises(InputError, match="1 pictures for 2 inverted photos"):
        tune(dcgan, inversion, pictures[:1], FEW)
    with pytest.raises(InputError, match="do not fit"):
        tune(toy, inversion, pictures, FEW)
    with pytest.raises(InputError, match="rank=0"):
        tune(dcgan, inversion, pictures, replace(FEW, rank=0))
    found = tune(dcgan, inversion, pictures, replace(FEW, steps=1))
    with pytest.raises(InputError, match="this tuning is of 'small' and does not fit 'this generator'"):
        found.apply(toy)
    wrong = replace(found, tensors={**found.tensors, "whole.nothing": torch.zeros(1)})
    with pytest.raises(InputError, match="changes nothing, which this generator does not have"):
        wrong.apply(dcgan)
    left = {name: value[:, :1] if name.startswith("left") else value for name, value in found.tensors.items()}
    with pytest.raises(InputError, match="has another shape"):
        replace(found, tensors=left).apply(dcgan)
    found.save(tmp_path / "a")
    tensors, header = read_tensors(tmp_path / "a", kind=Difference.KIND)
    for change, message in (
        ({"kind": "x"}, "has kind 'x'"),
        ({"generator": 1}, "does not say what was tuned"),
    ):
        write_tensors(tmp_path / "b", tensors, header | change)
        with pytest.raises(InputError, match=message):
            Difference.load(tmp_path / "b")
    write_tensors(tmp_path / "b", {**tensors, "other": torch.zeros(1)}, header)
    with pytest.raises(InputError, match="holds other tensors"):
        Difference.load(tmp_path / "b")
