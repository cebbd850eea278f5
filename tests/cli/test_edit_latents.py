"""latentclr edit --latents: an inverted photo is edited as a numbered picture is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.cli.command import Command
from tests.rounding import assert_same_pixels

from latentclr import Directions, load_generator
from latentclr.artefacts import GeneratorRecord, Origin
from latentclr.images import to_pil
from latentclr.invert.artefact import Inversion, Photo
from latentclr.invert.difference import WHOLE, Difference
from latentclr.runs.inversions import LATENTS, TUNING


def inversion(
    name: str, *, label: int | None = None, space: str | None = None, truncation: float = 1.0
) -> Inversion:
    """Of two photos: pictures of seeds."""
    generator = load_generator(name).at(truncation)
    generator = generator.in_space(space or generator.space)
    return Inversion(
        generator.from_seeds([11, 12]),
        generator.space,
        (label, label),
        torch.zeros(2),
        torch.zeros(2),
        (Photo("a.jpg"), Photo("b.jpg")),
        Origin({"generator": GeneratorRecord.of(generator).to_json(), "truncation": truncation}),
    )


@pytest.fixture
def run(latentclr: Command) -> Path:
    """A run on scenes."""
    result = latentclr(
        "discover", "sefa", "--generator", "scenes", "--k", 3, "--out", "runs/s", "--device", "cpu"
    )
    assert result.code == 0, result.err
    return Path("runs/s")


@pytest.fixture
def photos() -> Path:
    """A folder of inverted photos."""
    folder = Path("me")
    folder.mkdir()
    inversion("scenes").save(folder / LATENTS)
    return folder


def pixels(path: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def expected(run: Path, photo: int, alpha: float) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    directions, generator = Directions.load(run / "directions.safetensors"), load_generator("scenes")
    latents = generator.from_seeds([11 + photo])
    picture = to_pil(generator(directions.edit(latents, 0, alpha))[0])
    return np.asarray(picture.resize((256, 256), Image.Resampling.LANCZOS))


def test_the_photo_is_edited(run: Path, photos: Path, latentclr: Command) -> None:
    for place, photo in ((photos, 0), (photos / LATENTS, 1)):
        result = latentclr("edit", run, "--latents", place, "--photo", photo, "--edits", "0:+4")
        assert result.code == 0, result.err
        assert_same_pixels(pixels("edited.png"), expected(run, photo, 4.0))


def test_strips_and_videos(run: Path, photos: Path, latentclr: Command) -> None:
    assert latentclr("edit", run, "--latents", photos, "--edits", "0:+4", "--strip").code == 0
    strip = pixels("strip.png")
    assert_same_pixels(strip[:, 3 * 256 : 4 * 256], expected(run, 0, 0.0))
    assert_same_pixels(strip[:, 6 * 256 :], expected(run, 0, 4.0))
    result = latentclr("edit", run, "--latents", photos, "--edits", "0:+4", "--video", "--size", 64)
    assert result.code == 0, result.err
    with Image.open("edited.gif") as video:
        assert getattr(video, "n_frames", 1) > 10


def test_what_tuned_the_generator_is_used(run: Path, photos: Path, latentclr: Command) -> None:
    generator = load_generator("scenes")
    colours = [(name, weight) for name, weight in generator.named_parameters() if weight.shape == (3,)]
    name, weight = colours[-1]
    change = Difference(
        {f"{WHOLE}{name}": torch.full_like(weight, 0.5)},
        GeneratorRecord.of(generator),
    )
    change.save(photos / TUNING)
    result = latentclr("edit", run, "--latents", photos, "--edits", "0:+4")
    assert result.code == 0, result.err
    assert "drawn by the generator as tuned to these photos" in result.err
    assert pixels("edited.png").mean() > expected(run, 0, 4.0).mean() + 10


def test_the_class_is_the_photos(latentclr: Command) -> None:
    result = latentclr(
        *("discover", "sefa", "--generator", "scenes-biggan", "--k", 3, "--out", "runs/b", "--device", "cpu")
    )
    assert result.code == 0, result.err
    inversion("scenes-biggan", label=5).save(Path("b.safetensors"))
    generator = load_generator("scenes-biggan")
    for label, option in ((5, ()), (2, ("--class", "2"))):
        assert latentclr("edit", "runs/b", "--latents", "b.safetensors", "--edits", "0:0", *option).code == 0
        picture = to_pil(generator.for_class(label)(generator.from_seeds([11]))[0])
        wanted = np.asarray(picture.resize((256, 256), Image.Resampling.LANCZOS))
        assert_same_pixels(pixels("edited.png"), wanted)


def test_what_does_not_fit_is_one_sentence(run: Path, photos: Path, latentclr: Command) -> None:
    def refused(*options: object) -> str:
        result = latentclr("edit", run, "--edits", "0:+1", "--out", "no.png", *options)
        assert result.code == 2
        assert result.err.count("latentclr: ") == 1
        assert not Path("no.png").exists()
        return result.err

    assert "there are 0 to 1" in refused("--latents", photos, "--photo", 2)
    assert "there are 0 to 1" in refused("--latents", photos, "--photo", -1)
    assert "exclude each other" in refused("--latents", photos, "--truncation", "0.5")
    assert "there is no file none" in refused("--latents", "none")
    inversion("scenes", space="z").save(Path("z.safetensors"))
    assert "do not fit" in refused("--latents", "z.safetensors")
    inversion("scenes-biggan").save(Path("other.safetensors"))
    assert "were inverted in 'scenes-biggan'" in refused("--latents", "other.safetensors")
    assert "directions.safetensors" in refused("--latents", run / "directions.safetensors")
    Path("broken.safetensors").write_bytes((photos / LATENTS).read_bytes()[:-10])
    assert "not a whole safetensors file" in refused("--latents", "broken.safetensors")


def test_the_truncation_is_that_of_the_inversion(run: Path, latentclr: Command) -> None:
    one = inversion("scenes", truncation=0.5)
    one.save(Path("t.safetensors"))
    assert latentclr("edit", run, "--latents", "t.safetensors", "--edits", "0:0").code == 0
    generator = load_generator("scenes").at(0.5)
    wanted = np.asarray(to_pil(generator(one.latents[:1])[0]).resize((256, 256), Image.Resampling.LANCZOS))
    assert_same_pixels(pixels("edited.png"), wanted)
    assert replace(one, origin=Origin()).origin.truncation == 1.0
