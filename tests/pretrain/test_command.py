"""`latentclr pretrain`, as a user runs it."""

import json
from pathlib import Path

import pytest
from PIL import Image

from latentclr import load_generator
from latentclr.cli import main
from latentclr.generators import BigGANDeep, StyleGAN2

SMALL = ("--resolution", "16", "--batch", "4", "--pictures", "16", "--log-every", "2", "--z-dim", "6")
STYLEGAN2 = (*SMALL, "--channels", "8", "8", "4", "--w-dim", "8", "--mapping-layers", "1")
BIGGAN = (*SMALL, "--width", "4", "--d-channels", "8", "8", "4", "--standing", "4")


def run(*arguments: object) -> int:
    try:
        main(["pretrain", *(str(argument) for argument in arguments)])
    except SystemExit as error:
        return int(error.code or 0)
    return 0


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name, colour in (("ants", "red"), ("bees", "yellow")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for size in (20, 24):
            Image.new("RGB", (size, 20), colour).save(tmp_path / "data" / name / f"{size}.png")
    return tmp_path / "data"


def test_a_folder_of_pictures(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run("stylegan2", "--data", pictures, "--out", out, "--flip", *STYLEGAN2) == 0
    said = capsys.readouterr()
    assert f"generator: {out / 'generator.safetensors'}" in said.out
    assert "4 pictures in" in said.err
    assert "pictures/s" in said.err
    assert isinstance(load_generator(str(out / "generator.safetensors")), StyleGAN2)
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [2, 4]

    assert run("stylegan2", "--data", pictures, "--out", out, "--flip", *STYLEGAN2) == 2
    assert "holds a training already" in capsys.readouterr().err
    longer = [*STYLEGAN2, "--pictures", "24", "--resume"]
    assert run("stylegan2", "--data", pictures, "--out", out, "--flip", *longer) == 0
    assert json.loads((out / "training.json").read_text())["pictures"] == 24


def test_folders_as_classes(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "out" / "generator.safetensors"
    assert run("biggan-deep", "--data", pictures, "--out", tmp_path / "out", "--classes", *BIGGAN) == 0
    generator = load_generator(str(file))
    assert isinstance(generator, BigGANDeep)
    assert generator.num_classes == 2
    assert "--class 0" in capsys.readouterr().err
    assert generator.class_names == ("ants", "bees")
    assert generator.for_class("bees").label_number == 1


def test_one_class_where_none_are_asked_for(pictures: Path, tmp_path: Path) -> None:
    assert run("biggan-deep", "--data", pictures, "--out", tmp_path / "out", *BIGGAN) == 0
    assert load_generator(str(tmp_path / "out" / "generator.safetensors")).num_classes == 1


@pytest.mark.parametrize(("world", "classes"), [("scenes", 4), ("scenes-biggan", 8)])
def test_scenes(world: str, classes: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("biggan-deep", "--data", world, "--pool", 12, "--out", out, *BIGGAN) == 0
    assert load_generator(str(out / "generator.safetensors")).num_classes == classes


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("stylegan", "--data", "scenes"), "did you mean 'stylegan2'?"),
        (("stylegan2", "--data", "nowhere"), "or a folder of pictures"),
        (("stylegan2", "--data", "scenes", "--pool", "0"), "at least 1"),
        (("stylegan2", "--data", "scenes", "--resolution", "50"), "a power of two"),
        (("stylegan2", "--data", "scenes", "--start", "scenez"), "did you mean 'scenes'?"),
        (("stylegan2", "--data", "scenes", "--start", "."), "there is no training in this folder"),
        (("biggan-deep", "--data", "scenes", "--width", "3"), "a multiple of 4"),
    ],
)
def test_what_cannot_be_trained_is_said_in_a_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "drawing" not in said
    assert not (tmp_path / "out").exists()


def test_help_lists_the_architectures(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    said = capsys.readouterr().out
    assert "stylegan2" in said
    assert "biggan-deep" in said
