"""A run of the command that is killed again and again ends with the same bytes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 12


@pytest.mark.kills  # `make test` has one kill, in tests/cli/test_resume.py
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="forks, and waits for what it forked by a handle"
)
def test_killed_and_resumed() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.discover.kills", "--kills", str(KILLS), "--seed", "0"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # only a process without threads can be forked
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = re.match(r"(\d+) kills .* (\d+) finished runs, (\d+) identical", result.stdout)
    assert found is not None
    kills, runs, identical = map(int, found.groups())
    assert kills == KILLS
    assert runs == identical > 0
