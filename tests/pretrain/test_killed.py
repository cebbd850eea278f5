"""A training that is killed at any moment goes on as if nothing had happened."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.pretrain.toy_training import KINDS

SCRIPT = """
import sys, torch
from pathlib import Path
from tests.pretrain.toy_training import small, stripes
from latentclr.pretrain import train
torch.set_num_threads(1)
settings = small(sys.argv[1], pictures=240, export_every=80, checkpoint_every=4)
train(settings, stripes, Path(sys.argv[2]), resume=True, log=lambda step, _: print(step, flush=True))
"""


def start(kind: str, out: Path) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, kind, str(out)], cwd=root, stdout=subprocess.PIPE, text=True
    )


def run_through(kind: str, out: Path) -> None:
    with start(kind, out) as process:
        process.communicate(timeout=300)
    assert process.returncode == 0


@pytest.mark.kills
@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_resumed(kind: str, tmp_path: Path) -> None:
    run_through(kind, tmp_path / "whole")
    moments = random.Random(0)
    kills = 0
    for _ in range(4):
        with start(kind, tmp_path / "parts") as process:
            assert process.stdout is not None
            for _ in range(moments.randint(1, 6)):
                process.stdout.readline()
            time.sleep(moments.random() * 0.05)  # whatever it does by then
            process.kill()
        kills += process.returncode == -signal.SIGKILL
    assert kills >= 2
    run_through(kind, tmp_path / "parts")
    for name in ("checkpoint.safetensors", "generator.safetensors", "training.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
