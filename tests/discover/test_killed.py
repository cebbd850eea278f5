"""A run of the command that is killed again and again ends with the same bytes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("kills", "steps"),
    [(1, 12), pytest.param(12, 60, marks=pytest.mark.kills)],  # a step saves itself
)
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="forks, and waits for what it forked by a handle"
)
def test_killed_and_resumed(kills: int, steps: int) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.discover.kills", "--kills", str(kills), "--steps", str(steps)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # only a process without threads can be forked
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = re.match(r"(\d+) kills .* (\d+) finished runs, (\d+) identical", result.stdout)
    assert found is not None
    survived, runs, identical = map(int, found.groups())
    assert survived == kills
    assert runs == identical > 0
