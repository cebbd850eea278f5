"""A memory budget: it is kept, it changes no result, and one that is too small says what is needed."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.discover.ranks import first_step, gradients
from tests.rounding import assert_rounded
from tests.toy import Toy

from latentclr import InputError, LatentCLR
from latentclr.directions import Global, Nonlinear
from latentclr.discover.budget import LatentCounts, _fitting, planned
from latentclr.discover.effects import Effects
from latentclr.engine import memory
from latentclr.engine.memory import parse_bytes

ROOT = Path(__file__).parents[2]
SETTINGS = LatentCLR(k=32, batch=16, held_out=16, steps=4, validate_every=2, layer="b64.conv1")


@pytest.fixture
def nothing_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets then mean the training alone, whatever else this process holds."""
    monkeypatch.setattr("latentclr.discover.budget.in_use", lambda _: 0)


@pytest.mark.usefixtures("nothing_in_use")
def test_a_large_budget_is_the_plain_way(toy: Toy) -> None:
    effects = Effects(toy, "late", (0, 1))
    model = Global(4, toy.latent_dim, rng=torch.Generator())
    latent = toy.sample(1, rng=torch.Generator())
    for budget in (None, 10**9):
        same, tile = planned(effects, model, latent, LatentCounts(8, 8), budget)
        assert same == effects
        assert tile is None


@pytest.mark.usefixtures("nothing_in_use")
def test_smaller_budgets_have_smaller_chunks_until_one_says_what_is_needed(toy: Toy) -> None:
    effects = Effects(toy, "late", (0, 1))
    model = Nonlinear(8, toy.latent_dim, rng=torch.Generator().manual_seed(0))
    latent = toy.sample(1, rng=torch.Generator())

    def chunk(budget: int) -> int | None:
        return planned(effects, model, latent, LatentCounts(8, 8), budget)[0].chunk

    with pytest.raises(InputError, match="is not enough for the features of 64 edits") as refused:
        chunk(10**5)
    said = re.search(r"at least ([\d.]+ [MG]B)", str(refused.value))
    assert said is not None
    needed, plain = parse_bytes(said[1]), 10**7
    small = chunk(needed)
    assert small is not None
    assert chunk(plain) is None
    lower = needed  # the smallest budget for the plain way lies in between
    while plain - lower > 10**4:
        middle = (plain + lower) // 2
        plain, lower = (middle, lower) if chunk(middle) is None else (plain, middle)
    large = chunk(lower)
    assert large is not None
    assert 1 <= small < large <= 64


def test_a_chunk_shrinks_until_it_fits_with_its_workspace() -> None:
    asked: list[int] = []

    def taken(chunk: int) -> int:
        asked.append(chunk)
        return 300 + 10 * chunk + (200 if chunk > 40 else 0)

    assert _fitting(30, 600.0, taken) == 30
    assert asked == [30]
    assert 20 <= _fitting(100, 600.0, taken) <= 30
    assert len(asked) < 8
    assert _fitting(5, 10.0, taken) == 1, "nothing fits: the least"


@pytest.mark.usefixtures("nothing_in_use")
def test_the_gradient_is_that_of_the_plain_way(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = LatentCLR(k=8, batch=8, held_out=8, layer="late", model="nonlinear", steps=1)
    first_step(settings, tmp_path / "plain")
    chunks: list[int | None] = []

    def watched(*arguments: object, **more: object) -> tuple[Effects, int | None]:
        effects, tile = planned(*arguments, **more)  # type: ignore[arg-type]
        chunks.append(effects.chunk)
        return effects, tile

    monkeypatch.setattr("latentclr.discover.latentclr.planned", watched)
    first_step(replace(settings, memory="650KB"), tmp_path / "tight")
    assert chunks[0] is not None, "else the test shows nothing"
    assert chunks[0] < 64
    plain, tight = gradients(tmp_path / "plain"), gradients(tmp_path / "tight")
    for name, expected in plain.items():
        # Cosines of 768 products, sums over 64 edits; features are ten times their change.
        assert_rounded(tight[name], expected, terms=768 + 64, condition=10)


CHILD = """
import sys, torch
from latentclr import load_generator
from tests.discover.test_budget import LatentCounts, SETTINGS
from dataclasses import replace
torch.set_num_threads(1)
generator = load_generator("scenes")
replace(SETTINGS, memory=sys.argv[1] or None, steps=2).fit(generator)
print([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1])
"""


@pytest.mark.kills  # starts processes
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_process_keeps_within_its_budget() -> None:
    def peak(budget: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, budget], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return 1024 * int(done.stdout)

    free = peak("")
    assert free > 1.2e9, "else the test shows nothing"
    assert peak("900MB") < 9e8


@pytest.mark.parametrize("text", ["", "much", "-1GB", "0GB", "2 apples", "GB"])
def test_amounts_that_are_none_are_refused(text: str, toy: Toy) -> None:
    with pytest.raises(InputError, match='give an amount such as "2GB"'):
        replace(SETTINGS, layer="late", memory=text).fit(toy)


def test_peak_bytes_counts_what_lives_at_once() -> None:
    size = 4000

    def one_after_the_other() -> None:
        for _ in range(5):
            torch.zeros(size // 4)

    def together() -> list[torch.Tensor]:
        kept = [torch.zeros(size // 4) for _ in range(5)]
        return [tensor[1:] for tensor in kept]  # views hold no memory of their own

    assert memory.peak_bytes(one_after_the_other) == size
    assert memory.peak_bytes(together) == 5 * size
