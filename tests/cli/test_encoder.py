"""`latentclr encoder`: an encoder in a folder, which `invert` takes."""

import json
from pathlib import Path

from tests.cli.command import Command

from latentclr import load_generator
from latentclr.invert.shipped import load_encoder

TINY = ("--steps", "4", "--latents-only", "2", "--batch", "4", "--pictures", "4", "--held-out", "4")


def test_it_leaves_an_encoder_of_the_generator(latentclr: Command, dcgan_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "encoder"
    result = latentclr("encoder", "--generator", str(dcgan_file), "--out", str(out), *TINY, "--pixels-only")
    assert result.code == 0
    assert "held-out samples" in result.out
    assert "--encoder" in result.err
    assert {path.name for path in out.iterdir()} == {"encoder.safetensors", "encoder.json", "log.jsonl"}
    card = json.loads((out / "encoder.json").read_text())
    assert card["steps"] == 4
    assert card["settings"]["batch"] == 4
    load_encoder(load_generator(dcgan_file), out / "encoder.safetensors")


def test_what_it_refuses(latentclr: Command, dcgan_file: Path, tmp_path: Path) -> None:
    given = ("encoder", "--generator", str(dcgan_file), "--out", str(tmp_path / "a"), "--pixels-only")
    result = latentclr(*given, "--outside", "nowhere")
    assert result.code == 2
    assert "--outside nowhere: give a folder of pictures, or scenes, scenes-biggan." in result.err
    result = latentclr(*given, "--batch", "1")
    assert result.code == 2
    assert "batch=1 must be at least 2" in result.err
    assert not (tmp_path / "a").exists()
