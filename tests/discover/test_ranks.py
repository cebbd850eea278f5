"""Two processes that share a batch find what one finds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.discover.logs import Recorder
from tests.discover.ranks import SETTINGS, WAYS, first_step, gradients
from tests.rounding import assert_rounded
from tests.toy import Toy

from latentclr import Directions

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes leave, started once for all tests."""
    folder = tmp_path_factory.mktemp("ranks")
    subprocess.run(
        [sys.executable, "-m", "tests.discover.ranks", "2", str(folder)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=200,
    )
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_loss_and_gradients_are_those_of_one_process(found: Path, tmp_path: Path, way: str) -> None:
    first_step(WAYS[way], tmp_path)
    shared, alone = gradients(found / way), gradients(tmp_path)
    assert shared.keys() == alone.keys()
    # The longest chain is a cosine of 768 products, and a sum over 32 edits. A change is the difference of
    # features that are up to ten times as large, but for a few edits that are very short.
    for name, expected in alone.items():
        assert expected.abs().max() > 0
        assert_rounded(shared[name], expected, terms=768 + 32, condition=10)


def test_directions_do_what_those_of_one_process_do(found: Path) -> None:
    # Adam divides by the gradient's size, so where that is near zero rounding grows with every step: what is
    # compared of a training is how well its directions do, to a tenth of what they have gained.
    log = Recorder()
    alone, shared = SETTINGS.fit(Toy(), log=log), Directions.load(found / "whole.safetensors")
    start, end = log.of("validation_loss")[0], alone.origin["validation_loss"]
    assert end < start
    assert shared.origin["validation_loss"] == pytest.approx(end, abs=0.1 * (start - end))
    # No more than one of the 32 held-out edits is recognised by one and not by the other.
    assert shared.origin["accuracy"] == pytest.approx(alone.origin["accuracy"], abs=1.5 / 32)
    assert shared.origin["trained_steps"] == SETTINGS.steps


def test_stopped_and_gone_on_with_gives_the_same_file(found: Path) -> None:
    whole, resumed = ((found / f"{name}.safetensors").read_bytes() for name in ("whole", "resumed"))
    assert whole == resumed


def test_every_process_refuses_a_batch_that_cannot_be_shared(found: Path) -> None:
    for rank in range(2):
        said = (found / f"refused-{rank}").read_text()
        assert "batch=7 cannot be divided evenly over 2 processes" in said
