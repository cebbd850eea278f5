"""latentclr pretrain and scenes, as a user runs them."""

import json
from pathlib import Path

from PIL import Image
from tests.cli.command import SMALL, Command

from latentclr import load_generator
from latentclr.scenes import SHAPES

TINY = ("--resolution", "16", "--pool", "24", "--batch", "4", "--log-every", "2")


def test_train_stop_resume_and_use(latentclr: Command) -> None:
    train = ("pretrain", "biggan-deep", "--data", "scenes", "--out", "small", *TINY, "--standing", "2")
    first = latentclr(*train, "--pictures", "8")
    assert first.code == 0, first.err
    assert latentclr(*train, "--pictures", "16").code == 2  # there is a training in the folder
    again = latentclr(*train, "--pictures", "16", "--resume")
    assert again.code == 0, again.err
    assert json.loads(Path("small/training.json").read_text())["pictures"] == 16
    generator = load_generator("small/generator.safetensors")
    assert generator.resolution == 16
    assert generator.class_names == SHAPES[:4]
    used = latentclr(
        *("discover", "latentclr", "--generator", "small/generator.safetensors", "--layer", "image"),
        *("--class", "sphere", "--out", "run", *SMALL),
    )
    assert used.code == 0, used.err


def test_sheets_of_scenes(latentclr: Command) -> None:
    assert latentclr("scenes", "render", "--size", "16", "--out", "sweep.png").code == 0
    assert latentclr("scenes", "render", "--size", "16", "--random", "--out", "random.png").code == 0
    with Image.open("sweep.png") as sweep, Image.open("random.png") as scenes:
        assert sweep.height == 8 * 19
        assert scenes.size == (11 * 19 - 3, 8 * 19 - 3)
    assert latentclr("scenes", "render", "--size", "4").code == 2
    assert "choose one of render" in latentclr("scenes", "draw").err
    assert "scenes render [options]" in latentclr("scenes").out
