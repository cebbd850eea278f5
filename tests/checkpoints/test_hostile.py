"""Hostile files are refused, with a reason, and nothing happens on the side."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.checkpoints import fuzz
from tests.checkpoints.hostile import (
    CANARY,
    TOUCH,
    Attack,
    call,
    files,
    in_pickle,
    name,
)
from tests.checkpoints.samples import Module, modules, pickled
from tests.checkpoints.watch import SLOWEST
from torch import Tensor

from latentclr import InputError, load_generator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def attacks() -> dict[str, Attack]:
    return files()


@pytest.fixture(scope="module", params=[40, pytest.param(1, marks=pytest.mark.fuzz)])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened when a fresh process read hostile files of each family, or all, in an empty folder."""
    # An honest file before: three networks of 16 MB each, of which one becomes tensors.
    parts: dict[str, Tensor | None] = {f"weight{i}": torch.full((1 << 19,), float(i)) for i in range(8)}
    nets = {name: Module("Net", parts) for name in ("G", "D", "G_ema")}
    large = tmp_path_factory.mktemp("large") / "large.pkl"
    large.write_bytes(pickled(modules(**nets), 4))
    done = python(
        "watch", "--every", str(request.param), "--large", str(large), cwd=tmp_path_factory.mktemp("w")
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def python(module: str, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a module of this folder."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", f"tests.checkpoints.{module}", *options],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_is_refused_with_its_kind_of_error(attacks: dict[str, Attack], watched: dict[str, Any]) -> None:
    assert len(watched["results"]) >= len(attacks) // 40
    for title, result in watched["results"].items():
        assert result[0] == attacks[title].error.__name__, (title, result)


def test_each_reason_is_one_plain_line(watched: dict[str, Any]) -> None:
    for title, (_, reason, _) in watched["results"].items():
        assert reason.startswith("cannot be read as a checkpoint: "), title
        assert reason.endswith("."), title
        assert reason.isascii(), title
        assert reason.isprintable(), title
        assert len(reason) < 600, title


def test_nothing_happens_on_the_side(watched: dict[str, Any]) -> None:
    # Not one audit event: no import, no open file, no process, no socket, no compiled or executed code.
    assert watched["events"] == []
    assert watched["modules"] == []
    assert watched["made"] == []


def test_none_takes_long_or_much_memory(watched: dict[str, Any]) -> None:
    # In units of one that is refused after the most steps that a file may have.
    unit = watched["results"][SLOWEST][2]
    slow = {
        title: seconds / unit for title, (_, _, seconds) in watched["results"].items() if seconds > 20 * unit
    }
    assert not slow
    assert watched["grown"] < 200 << 20
    tensors, taken = watched["large"]
    assert tensors == 16 << 20
    assert taken < 4 * tensors + (20 << 20)  # the file of three networks, and the tensors of one


def test_the_command_names_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.pkl"
    path.write_bytes(in_pickle(call(name("os", "system"), TOUCH)))
    with pytest.raises(InputError, match="it asks for 'os system', which is not among the names") as caught:
        load_generator(path)
    assert str(path) in str(caught.value)
    assert not Path(CANARY).exists()


def test_some_changed_files_are_read_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "SECONDS", 60.0)
    found = {fuzz.attempt(fuzz.made(1, index)) for index in range(150)}
    assert found == {"read", "refused"}


@pytest.mark.fuzz
def test_fuzzing(tmp_path: Path) -> None:
    done = python("fuzz", "--inputs", "20000", "--seed", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"done": 20000' in done.stdout
