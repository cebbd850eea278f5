"""latentclr invert: from photos to a folder with latents, sheet and figures."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.cli.command import Command, Result, tree
from tests.cli.test_resume import at_step
from tests.invert.photos import BAD, png, saved

from latentclr import load_generator
from latentclr.cli import main
from latentclr.cli.console import Follower
from latentclr.engine.checkpoint import has_state
from latentclr.invert.artefact import Inversion
from latentclr.invert.difference import Difference
from latentclr.runs.folders import unfinished
from latentclr.runs.inversions import FIGURES, LATENTS, LOG, SHEET, TUNING, TUNING_STATE

OUT = Path("out/me")
WHOLE = {LATENTS, SHEET, FIGURES, LOG}
STEPS = 6
QUICK = ("--steps", STEPS, "--starts", 2, "--pixels-only", "--device", "cpu")

Inverts = Callable[..., Result]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two files whose pictures the small generator of `inverted` can draw, and something around them."""
    folder, generator = tmp_path_factory.mktemp("photos"), load_generator("scenes")
    drawn = generator(generator.from_seeds([1, 2]))
    paths = []
    for i, picture in enumerate(drawn):
        pixels = ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        wide = np.pad(pixels.repeat(2, 0).repeat(2, 1), ((0, 0), (40, 40), (0, 0)))
        path = folder / f"photo{i}.png"
        path.write_bytes(png(wide))
        paths.append(path)
    return paths


@pytest.fixture
def inverts(latentclr: Command, photos: list[Path]) -> Inverts:
    """The command, into the same folder each time."""

    def run(*options: object, which: slice = slice(None)) -> Result:
        return latentclr("invert", *photos[which], "--generator", "scenes", "--out", OUT, *QUICK, *options)

    return run


@pytest.fixture(scope="module")
def inverted(photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command leaves if nothing happens to it."""
    folder = tmp_path_factory.mktemp("inverted") / "me"
    main(list(map(str, ("invert", *photos, "--generator", "scenes", "--out", folder, *QUICK))))
    return folder


def test_photos_become_latents_a_sheet_and_figures(inverts: Inverts, photos: list[Path]) -> None:
    result = inverts()
    assert result.code == 0, result.err
    assert tree(OUT) == WHOLE
    found = Inversion.load(OUT / LATENTS)
    assert [photo.name for photo in found.photos] == ["photo0.png", "photo1.png"]
    assert [photo.crop for photo in found.photos] == [(40, 0, 128, 128)] * 2
    assert found.origin["method"] == "optimise"
    figures = json.loads((OUT / FIGURES).read_text())
    assert [photo["name"] for photo in figures["photos"]] == ["photo0.png", "photo1.png"]
    assert figures["photos"][0]["sha256"] == found.photos[0].sha256
    assert figures["photos"][0]["pixels"] == [208, 128]
    told = [photo["optimise"]["psnr"] for photo in figures["photos"]]
    assert told == pytest.approx(found.psnr.tolist(), abs=0.01)
    assert figures["interrupted"] is False
    generator = found.require(load_generator("scenes"))
    wanted = generator(generator.from_seeds([1, 2]))
    error = (found.pictures(generator).clamp(-1, 1) - wanted).square().mean((1, 2, 3))
    assert (10 * torch.log10(4 / error)).tolist() == pytest.approx(told, abs=0.2)
    with Image.open(OUT / SHEET) as sheet:
        assert sheet.width > 3 * 192
    assert "photo0.png" in result.out
    assert str(OUT / SHEET) in result.out
    assert f"latentclr edit runs/new --latents {OUT / LATENTS}" in result.err
    assert "latentclr discover latentclr --generator scenes --out runs/new" in result.err
    assert f"step {STEPS} of {STEPS}: " in result.err


def test_the_suggested_commands_work(inverted: Path, latentclr: Command) -> None:
    shutil.copytree(inverted, OUT)
    run = latentclr(
        *("discover", "sefa", "--generator", "scenes", "--k", 4, "--out", "runs/new", "--device", "cpu")
    )
    assert run.code == 0, run.err
    result = latentclr(
        *("edit", "runs/new", "--latents", OUT / LATENTS, "--edits", "0:+3", "--strip", "--out", "mine.png")
    )
    assert result.code == 0, result.err
    with Image.open("mine.png") as strip:
        assert strip.size == (7 * 256, 256)


def test_by_the_encoder_alone_it_takes_no_steps(inverts: Inverts) -> None:
    result = inverts("--method", "encoder")
    assert result.code == 0, result.err
    assert list(json.loads((OUT / FIGURES).read_text())["median"]) == ["encoder"]


def test_slots_and_z(inverts: Inverts) -> None:
    assert inverts("--space", "slots", which=slice(1)).code == 0
    found = Inversion.load(OUT / LATENTS)
    assert found.space == "w"
    assert not torch.equal(found.latents[:, 0], found.latents[:, 1])
    result = inverts("--space", "z", "--overwrite", which=slice(1))
    assert result.code == 0, result.err
    assert Inversion.load(OUT / LATENTS).space == "z"
    assert "--generator scenes --space z --out" in result.err


def test_classes_are_given_or_found(latentclr: Command, photos: list[Path]) -> None:
    common = ("invert", photos[0], "--generator", "scenes-biggan", "--out", OUT, *QUICK)
    result = latentclr(*common, "--class", "cone")
    assert result.code == 0, result.err
    found = Inversion.load(OUT / LATENTS)
    names = load_generator("scenes-biggan").class_names
    assert found.labels == (names.index("cone"),)
    assert f"--class {names.index('cone')}" in result.err
    result = latentclr(*common, "--overwrite", "--steps", 2, "--starts", 1)
    assert result.code == 0, result.err
    assert Inversion.load(OUT / LATENTS).labels[0] in range(8)


def test_tuning_is_kept_as_a_small_file(inverts: Inverts) -> None:
    result = inverts("--tune", "--tuning-steps", 4, which=slice(1))
    assert result.code == 0, result.err
    assert tree(OUT) == {*WHOLE, TUNING}
    generator = load_generator("scenes")
    change = Difference.load(OUT / TUNING)
    assert change.names
    assert change.apply(generator).name == "scenes (tuned)"
    assert {"optimise", "tuned"} <= set(json.loads((OUT / FIGURES).read_text())["median"])


@pytest.mark.network
def test_lpips_is_part_of_the_figures(latentclr: Command, photos: list[Path]) -> None:
    result = latentclr(
        "invert", photos[0], "--generator", "scenes", "--out", OUT, "--steps", 2, "--starts", 1
    )
    assert result.code == 0, result.err
    figures = json.loads((OUT / FIGURES).read_text())
    assert figures["photos"][0]["optimise"]["lpips"] > 0
    kept = float(Inversion.load(OUT / LATENTS).lpips[0])
    assert kept == pytest.approx(
        figures["photos"][0]["optimise"]["lpips"], abs=1e-3
    )  # told with 3 or 4 digits


def test_a_stopped_inversion_is_of_use_and_goes_on(inverts: Inverts, inverted: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, 3, lambda: signal.raise_signal(signal.SIGINT))
        result = inverts()
    assert result.code == 128 + signal.SIGINT
    assert "--resume continues" in result.err
    assert json.loads((OUT / FIGURES).read_text())["interrupted"] is True
    assert has_state(OUT)
    Inversion.load(OUT / LATENTS)
    result = inverts("--resume")
    assert result.code == 0, result.err
    assert tree(OUT) == WHOLE
    assert (OUT / LATENTS).read_bytes() == (inverted / LATENTS).read_bytes()
    assert "there is nothing to resume" in inverts("--resume").err


def test_what_breaks_off_goes_on_from_its_checkpoint(inverts: Inverts, inverted: Path) -> None:
    shutil.copytree(inverted, OUT)
    expected = (OUT / LATENTS).read_bytes()
    broken = OSError(28, "No space left on device")

    def fail() -> None:
        raise broken

    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, 4, fail)
        result = inverts("--overwrite", "--save-every", 0)
    assert result.code == 2
    assert (OUT / LATENTS).read_bytes() == expected  # what was there before
    assert has_state(unfinished(OUT))
    steps: list[int] = []
    told = Follower.__call__

    def noted(self: Follower, step: int, values: Any) -> None:
        steps.append(step)
        told(self, step, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Follower, "__call__", noted)
        result = inverts("--overwrite", "--resume")
    assert result.code == 0, result.err
    assert (OUT / LATENTS).read_bytes() == expected
    assert steps[-1] == STEPS
    assert not {1, 2, 3} & set(steps)  # they were done before


def test_a_stopped_tuning_goes_on(inverts: Inverts) -> None:
    tuned = ("--tune", "--tuning-steps", 8)
    assert inverts(*tuned, which=slice(1)).code == 0
    expected = (OUT / TUNING).read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, 7, lambda: signal.raise_signal(signal.SIGTERM))  # the search has no such step
        result = inverts(*tuned, "--overwrite", "--save-every", 0, which=slice(1))
    assert result.code == 128 + signal.SIGTERM
    assert has_state(OUT / TUNING_STATE)
    result = inverts(*tuned, "--resume", which=slice(1))
    assert result.code == 0, result.err
    assert tree(OUT) == {*WHOLE, TUNING}
    assert (OUT / TUNING).read_bytes() == expected


def test_other_settings_do_not_go_on(inverts: Inverts) -> None:
    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, 2, lambda: signal.raise_signal(signal.SIGINT))
        inverts()
    result = inverts("--resume", "--seed", 7)
    assert result.code == 2
    assert "go on with the same settings" in result.err
    assert json.loads((OUT / FIGURES).read_text())["interrupted"] is True


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--crop", "1,2,3"), "--crop 1,2,3: give four numbers, x,y,width,height"),
        (("--crop", "a"), "is no list of numbers"),
        (("--crop", "0,0,64,64", "--centre"), "--crop and --centre exclude each other; choose one."),
        (("--crop", "0,0,64,32"), "are square: give 0,0,32,32"),
        (("--steps", "0"), "steps=0 must be at least 1"),
        (("--crop-as", "nono"), "no generator 'nono' in the zoo whose crop"),
        (("--save-every", "-1"), "give seconds, at least 0"),
        (("--encoder", "none.safetensors"), "none.safetensors"),
    ],
)
def test_what_cannot_be_followed_is_one_sentence(
    inverts: Inverts, options: tuple[str, ...], sentence: str
) -> None:
    result = inverts(*options, which=slice(1))
    assert result.code == 2
    assert sentence in result.err
    assert result.err.count("latentclr: ") == 1
    assert not Path("out").exists()


def test_crops_by_hand_are_of_one_photo(inverts: Inverts) -> None:
    assert "--crop is for one photo" in inverts("--crop", "0,0,64,64").err
    result = inverts("--crop", "8,0,128,128", which=slice(1))
    assert result.code == 0, result.err
    assert Inversion.load(OUT / LATENTS).photos[0].crop == (8, 0, 128, 128)


@pytest.mark.parametrize("name", ["GIF", "PNG, a bomb"])  # every kind: tests/invert
def test_a_bad_photo_among_good_ones_leaves_nothing(
    latentclr: Command, photos: list[Path], name: str
) -> None:
    bad = Path("bad.png")
    bad.write_bytes(BAD[name][0]())
    result = latentclr("invert", photos[0], bad, "--generator", "scenes", "--out", OUT, *QUICK)
    assert result.code == 2
    assert BAD[name][1] in result.err
    assert result.err.startswith("latentclr: bad.png ")
    assert not Path("out").exists()


def test_no_photo_and_no_place(latentclr: Command, photos: list[Path]) -> None:
    assert "give one or more PNG, JPEG or WebP files" in latentclr("invert", "--out", OUT).err
    Path("taken").mkdir()
    Path("taken/file").write_text("mine")
    result = latentclr("invert", photos[0], "--generator", "scenes", "--out", "taken", *QUICK, "--overwrite")
    assert result.code == 2
    assert "is not the folder of an inversion and is not replaced" in result.err
    assert Path("taken/file").read_text() == "mine"


@pytest.mark.network
def test_a_photo_without_a_face_ends_with_what_can_be_done(latentclr: Command, tmp_path: Path) -> None:
    path = tmp_path / "sea.jpg"
    path.write_bytes(saved(Image.new("RGB", (300, 200), (30, 60, 120)), "JPEG"))
    common = ("invert", path, "--generator", "celebs", "--out", OUT, *QUICK)
    result = latentclr(*common)
    assert result.code == 2
    assert "no face is found in sea.jpg: give the place of one with --crop" in result.err
    assert latentclr(*common, "--centre", "--steps", 1, "--starts", 1).code == 0
    assert Inversion.load(OUT / LATENTS).photos[0].crop == (50, 0, 200, 200)
