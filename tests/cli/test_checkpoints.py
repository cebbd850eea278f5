"""Commands on checkpoint files of all kinds: inspect, import, classes, spaces, a whole discovery."""

import json
import pickle  # noqa: TID251  (a hostile file is written by it)
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.checkpoints.published import nvidia_torch, torch_file
from tests.checkpoints.test_biggan_formats import DEEP_CONFIG, deep_for_export, deep_layout
from tests.checkpoints.test_stylegan2_formats import as_nvidia_torch, exact
from tests.cli.command import SMALL, Command, tree

from latentclr import Directions, load_generator
from latentclr.checkpoints.cache import CACHE_VARIABLE


@pytest.fixture
def pkl(tmp_path: Path) -> Path:
    """A small StyleGAN2 in NVIDIA's container."""
    path = tmp_path / "my.pkl"
    path.write_bytes(nvidia_torch(as_nvidia_torch(exact(clamp=256.0)), 4))
    return path


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A small BigGAN-deep in Hugging Face's layout, its config beside it."""
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(torch_file(deep_layout(deep_for_export()), 2, zipped=False))
    (tmp_path / "config.json").write_text(json.dumps(DEEP_CONFIG))
    return path


class Touch:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self.canary,)


class TestInspect:
    def test_a_file_that_loads(self, latentclr: Command, pkl: Path) -> None:
        result = latentclr("generators", "inspect", pkl)
        assert result.code == 0
        for fact in (
            "verdict:            loads",
            "NVIDIA PyTorch pickle",
            "StyleGAN2 (NVIDIA, PyTorch)",
            "16 x 16",
            "w, 12 dimensions",
            "note: also holds:",
            "b8.conv0",
            "convs.0",
            "resample_filter, ...)",
        ):
            assert fact in result.out

    def test_as_json(self, latentclr: Command, pkl: Path) -> None:
        facts = json.loads(latentclr("generators", "inspect", pkl, "--json").out)
        assert facts["verdict"] == "loads"
        assert facts["architecture"] == "StyleGAN2"
        assert facts["settings"]["clamp"] == 256
        assert (facts["resolution"], facts["slots"], facts["classes"]) == (16, 6, 0)
        assert facts["layers"][0]["aliases"] == ["synthesis.b4.conv1", "conv1"]
        assert facts["sha256"] == load_generator(pkl).fingerprint()

    def test_a_hostile_file_is_refused_with_1(self, latentclr: Command, tmp_path: Path) -> None:
        path, canary = tmp_path / "hostile.pkl", tmp_path / "canary"
        path.write_bytes(pickle.dumps({"G_ema": Touch(canary)}))
        result = latentclr("generators", "inspect", path)
        assert result.code == 1
        assert result.err.startswith(f"latentclr: unsafe: {path}: ")
        assert "pathlib" in result.err
        verdict = json.loads(latentclr("generators", "inspect", path, "--json").out)
        assert verdict["verdict"] == "unsafe"
        assert not canary.exists()
        assert latentclr("discover", "random", "--generator", path, "--out", "x").code == 2

    def test_other_files_are_not_understood_with_2(self, latentclr: Command, tmp_path: Path) -> None:
        texts = {
            "page.pkl": (b"<!DOCTYPE html><html>log in</html>", "web page"),
            "empty.pt": (b"", "empty"),
            "noise.bin": (bytes(range(256)), "noise.bin"),
        }
        for name, (content, said) in texts.items():
            path = tmp_path / name
            path.write_bytes(content)
            result = latentclr("generators", "inspect", path)
            assert result.code == 2, result
            assert said in result.err
            assert result.err.count("\n") == 1
        assert latentclr("generators", "inspect", "nowhere.pkl").code == 2


class TestImport:
    def test_then_use_by_name(
        self, latentclr: Command, pkl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
        result = latentclr("generators", "import", pkl, "--out", "cat.safetensors", "--name", "my-cat")
        assert result.code == 0, result.err
        assert result.out.strip() == "cat.safetensors"
        assert load_generator("my-cat").fingerprint() == load_generator(pkl).fingerprint()
        assert "my-cat" in latentclr("generators", "list").out
        shown = latentclr("generators", "show", "my-cat")
        assert shown.code == 0
        inspected = latentclr("generators", "inspect", "cat.safetensors")
        assert "note: layout:" in inspected.out

    def test_cut_to_a_height(self, latentclr: Command, pkl: Path) -> None:
        assert latentclr("generators", "import", pkl, "--out", "x.safetensors", "--height", "12").code == 0
        assert "12 x 16" in latentclr("generators", "show", "x.safetensors").out

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--out", "x.pt"], "ends in .safetensors"),
            (["--out", "nowhere/x.safetensors"], "there is no folder nowhere"),
            (["--out", "x.safetensors", "--height", "99"], "height=99: give 1 to 16 rows"),
        ],
    )
    def test_bad_options_leave_nothing(
        self, latentclr: Command, pkl: Path, tmp_path: Path, options: list[str], said: str
    ) -> None:
        before = tree(tmp_path)
        result = latentclr("generators", "import", pkl, *options)
        assert result.code == 2
        assert said in result.err
        assert tree(tmp_path) == before


def test_the_papers_preset_on_a_pickle(latentclr: Command, pkl: Path) -> None:
    preset = ("--preset", "paper-stylegan2", "--steps", "2", "--k", "5", "--held-out", "4")
    result = latentclr("discover", "latentclr", "--generator", pkl, *preset, "--out", "runs/x")
    assert result.code == 0, result.err
    record = json.loads(Path("runs/x/run.json").read_text())
    assert record["layer"] == "b4.conv1"
    assert record["hyperparameters"]["truncation"] == 0.7
    assert Directions.load(Path("runs/x/directions.safetensors")).space == "w"
    assert latentclr("edit", "runs/x", "--edits", "0:+2", "--strip").code == 0


def test_in_the_other_space(latentclr: Command, pkl: Path) -> None:
    result = latentclr(
        "discover", "latentclr", "--generator", pkl, "--space", "z", "--layer", "conv1", "--out", "z", *SMALL
    )
    assert result.code == 0, result.err
    assert Directions.load(Path("z/directions.safetensors")).space == "z"


def test_classes_on_the_command_line(latentclr: Command, deep: Path) -> None:
    missing = latentclr("discover", "random", "--generator", deep, "--k", "3", "--out", "x")
    assert missing.code == 2
    assert "choose one with for_class(number or name), on the command line with --class" in missing.err
    result = latentclr(
        *("discover", "latentclr", "--generator", deep, "--class", "2", "--layer", "generator.layers.1"),
        *("--truncation", "0.4", "--out", "run", *SMALL),
    )
    assert result.code == 0, result.err
    assert json.loads(Path("run/run.json").read_text())["generator"]["class"] == 2
    pictures = {}
    for options in ((), ("--class", "2"), ("--class", "1"), ("--truncation", "0.9")):
        assert latentclr("edit", "run", "--edits", "0:+2", "--out", "e.png", *options).code == 0
        pictures[options] = Path("e.png").read_bytes()
    assert pictures[()] == pictures[("--class", "2")]
    assert len(set(pictures.values())) == 3
    unknown = latentclr("edit", "run", "--edits", "0:+2", "--class", "99")
    assert unknown.code == 2
    assert "no class 99" in unknown.err


def test_a_config_that_is_no_json_is_one_sentence(latentclr: Command, deep: Path) -> None:
    deep.with_name("config.json").write_text("{")
    result = latentclr("generators", "inspect", deep)
    assert result.code == 2
    assert "config.json, beside the checkpoint, is no JSON that can be read" in result.err


def test_a_long_run_of_a_large_generator_draws_some_of_its_directions(
    latentclr: Command, pkl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latentclr.cli.discover.CHEAP", 8)
    monkeypatch.setattr("latentclr.cli.discover.ROWS", 2)
    result = latentclr("discover", "random", "--generator", pkl, "--k", "5", "--out", "r")
    assert result.code == 0
    assert "drawing the first 2 of 5 directions" in result.err
    assert "latentclr sheet r --directions 2-4 --columns 2 --out others.png" in result.err
    assert torch.isfinite(Directions.load(Path("r/directions.safetensors")).scores).all()
