"""Inversions: files give back what was saved, and refuse what they are not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.generators.small_biggan import small_biggan_deep
from tests.toy import Toy
from torch.testing import assert_close

from latentclr import InputError
from latentclr.artefacts import Origin
from latentclr.files import read_tensors, write_tensors
from latentclr.invert.artefact import Inversion, Photo


def inversion_of(toy: Toy, n: int = 3) -> Inversion:
    return Inversion(
        latents=toy.sample(n, rng=torch.Generator().manual_seed(0)),
        space=toy.space,
        labels=(None,) * n,
        psnr=torch.arange(n) + 30.0,
        lpips=torch.arange(n) / 100,
        photos=tuple(Photo(f"{i}.png", f"{i:064x}", (1.0, 2.0, 3.5, 4.0)) for i in range(n)),
        origin=Origin({"generator": {"name": "toy", "sha256": toy.fingerprint()}, "truncation": 0.7}),
    )


@pytest.fixture
def inversion(toy: Toy) -> Inversion:
    return inversion_of(toy)


def test_a_file_gives_back_what_was_saved(inversion: Inversion, tmp_path: Path) -> None:
    inversion.save(tmp_path / "a")
    loaded = Inversion.load(tmp_path / "a")
    assert torch.equal(loaded.latents, inversion.latents)
    assert torch.equal(loaded.psnr, inversion.psnr)
    assert (loaded.photos, loaded.labels, loaded.origin) == (
        inversion.photos,
        inversion.labels,
        inversion.origin,
    )
    loaded.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_figure_may_be_unknown(inversion: Inversion, tmp_path: Path) -> None:
    replace(inversion, lpips=torch.full((3,), torch.nan)).save(tmp_path / "a")
    assert Inversion.load(tmp_path / "a").lpips.isnan().all()


def test_it_is_drawn_at_its_truncation(inversion: Inversion, toy: Toy) -> None:
    generator = inversion.require(toy)
    assert generator.truncation == 0.7
    assert_close(inversion.pictures(generator), toy(inversion.latents))
    moved = inversion.latents + 1
    assert_close(inversion.pictures(generator, moved), toy(moved))


def test_another_generator_is_refused(inversion: Inversion) -> None:
    with pytest.raises(InputError, match=r"inverted in 'toy' .* use the generator that they were inverted"):
        inversion.require(Toy(seed=1))
    with pytest.raises(InputError, match="space w, 2 slots of 6"):
        inversion.require(small_biggan_deep())


def test_select(inversion: Inversion) -> None:
    some = inversion.select([2, 0])
    assert some.photos == (inversion.photos[2], inversion.photos[0])
    assert torch.equal(some.latents, inversion.latents[[2, 0]])
    assert some.psnr.tolist() == [32.0, 30.0]
    with pytest.raises(InputError, match=r"photos \[3\]: there are 0 to 2"):
        inversion.select([3])
    with pytest.raises(InputError, match="there are 0 to 2"):
        inversion.select([])


@pytest.mark.parametrize(
    ("header", "tensors", "message"),
    [
        ({"format": 9}, {}, "reads format 1"),
        ({"photos": []}, {}, "must be as many"),
        ({"photos": [{"name": "a"}] * 3}, {}, "is not a file of inverted photos"),
        ({"labels": [None, -1, 0]}, {}, "numbers of classes"),
        ({"labels": ["a", 1, 0]}, {}, "numbers of classes"),
        ({"labels": 3}, {}, "is not a file of inverted photos"),
        ({"space": "y"}, {}, "no latent space"),
        ({"origin": {"truncation": 0}}, {}, "truncation 0 must be above 0"),
        ({"origin": 5}, {}, "its origin is no JSON object"),
        ({}, {"psnr": torch.zeros(2)}, "a value for each photo"),
        ({}, {"latents": torch.full((3, 2, 6), torch.nan)}, "not finite"),
        ({}, {"latents": torch.zeros(3, 6)}, "must be as many"),
    ],
)
def test_damaged_files_are_refused(
    inversion: Inversion, tmp_path: Path, header: dict[str, Any], tensors: dict[str, Any], message: str
) -> None:
    inversion.save(tmp_path / "a")
    before, told = read_tensors(tmp_path / "a", kind=Inversion.KIND)
    write_tensors(tmp_path / "b", before | tensors, told | header)
    with pytest.raises(InputError, match=message):
        Inversion.load(tmp_path / "b")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", {"x": torch.zeros(1)}, {"format": 1})
    with pytest.raises(InputError, match="is not a file of inverted photos"):
        Inversion.load(tmp_path / "a")
    with pytest.raises(InputError, match="there is no file"):
        Inversion.load(tmp_path / "b")
