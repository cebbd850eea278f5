"""A compiled step computes what the plain one does."""

import subprocess
import sys

import pytest


@pytest.mark.training  # compiles, too: a minute
def test_a_compiled_training_is_the_plain_one() -> None:
    subprocess.run([sys.executable, "-m", "tests.discover.fused"], check=True)
