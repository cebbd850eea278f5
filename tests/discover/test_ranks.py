"""Two processes that share a batch find what one finds."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.discover.ranks import SETTINGS
from torch.testing import assert_close

from latentclr import Directions, load_generator

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.discover.ranks", "2", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=300,
    )
    alone = SETTINGS.fit(load_generator("scenes"))
    alone_otherwise = replace(SETTINGS, negatives="same-latent").fit(load_generator("scenes"))
    latents = torch.randn(4, alone.model.dim, generator=torch.Generator().manual_seed(0))
    for name in ("whole", "resumed", "budgeted", "same-latent"):
        alone = alone_otherwise if name == "same-latent" else alone
        found = Directions.load(tmp_path / f"{name}.safetensors")
        assert_close(found.model(latents), alone.model(latents), atol=1e-3, rtol=0)
        assert_close(found.scores, alone.scores, atol=1e-4, rtol=1e-3)
        assert found.origin["best_step"] == alone.origin["best_step"]
        assert found.origin["validation_loss"] == pytest.approx(alone.origin["validation_loss"], abs=1e-4)
        assert found.origin["accuracy"] == alone.origin["accuracy"]
    whole, resumed = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("whole", "resumed"))
    assert whole == resumed
    for rank in range(2):
        assert (
            "batch=7 cannot be divided evenly over 2 processes" in (tmp_path / f"refused-{rank}").read_text()
        )
