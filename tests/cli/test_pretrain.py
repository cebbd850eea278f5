"""latentclr pretrain and scenes, as a user runs them."""

import json
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.command import Command
from tests.cli.test_commands import SMALL, latentclr

from latentclr import load_generator
from latentclr.scenes import SHAPES

__all__ = ["latentclr"]

TINY = ("--resolution", "16", "--pool", "24", "--batch", "4", "--log-every", "2")


@pytest.mark.parametrize("kind", ["stylegan2", "biggan-deep"])
def test_train_stop_resume_and_use(latentclr: Command, kind: str) -> None:
    settings = ("--channels", "8", "8", "4") if kind == "stylegan2" else ("--standing", "8")
    train = ("pretrain", kind, "--data", "scenes", "--out", "small", *TINY, *settings)
    first = latentclr(*train, "--pictures", "8")
    assert first.code == 0, first.err
    assert latentclr(*train, "--pictures", "16").code == 2  # there is a training in the folder
    again = latentclr(*train, "--pictures", "16", "--resume")
    assert again.code == 0, again.err
    assert json.loads(Path("small/training.json").read_text())["pictures"] == 16
    generator = load_generator("small/generator.safetensors")
    assert generator.resolution == 16
    assert generator.class_names == (SHAPES[:4] if generator.num_classes else ())
    label = ("--class", "sphere") if generator.num_classes else ()
    used = latentclr(
        *("discover", "latentclr", "--generator", "small/generator.safetensors", "--layer", "image"),
        *(*label, "--out", "run", *SMALL),
    )
    assert used.code == 0, used.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stylegan3", "--data", "scenes", "--out", "x"], "no architecture 'stylegan3'"),
        (["stylegan2", "--data", "nowhere", "--out", "x"], "--data nowhere: give scenes"),
        (["stylegan2", "--data", "scenes", "--out", "x", "--resolution", "20"], "resolution=20"),
    ],
)
def test_what_cannot_be_trained(latentclr: Command, arguments: list[str], said: str) -> None:
    result = latentclr("pretrain", *arguments)
    assert result.code == 2
    assert said in result.err
    assert not Path("x").exists()


def test_sheets_of_scenes(latentclr: Command) -> None:
    assert latentclr("scenes", "render", "--size", "16", "--out", "sweep.png").code == 0
    assert latentclr("scenes", "render", "--size", "16", "--random", "--out", "random.png").code == 0
    with Image.open("sweep.png") as sweep, Image.open("random.png") as scenes:
        assert sweep.height == 8 * 19
        assert scenes.size == (11 * 19 - 3, 8 * 19 - 3)
    assert latentclr("scenes", "render", "--size", "4").code == 2
    assert "there is: render" in latentclr("scenes", "draw").err
    assert "scenes render [options]" in latentclr("scenes").out
