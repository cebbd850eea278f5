"""What only a GPU can show; skipped where there is none. `benchmarks/gpu.sh` runs it first."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.discover.logs import Recorder
from tests.pretrain.toy_training import KINDS, small, stripes
from torch import Tensor

from latentclr import load_generator
from latentclr.discover.latentclr import LatentCLR
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.graph import Graphed
from latentclr.engine.precision import products
from latentclr.engine.training import fill
from latentclr.generators import Generator
from latentclr.linalg import cosines
from latentclr.pretrain import train


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """Convolutions with all bits, which is not torch's default."""
    with products("float32"):
        yield


pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
SHORT = LatentCLR(k=8, batch=8, steps=60, held_out=16, model="nonlinear", width=64)
CUDA = torch.device("cuda")


def generator(name: str) -> Generator:
    return load_generator(name).to(CUDA)


def curve(settings: LatentCLR, on: Generator, **options: object) -> Tensor:
    log = Recorder()
    settings.fit(on, log=log, **options)  # type: ignore[arg-type]
    return torch.tensor([values["loss"] for _, values in log.calls if "loss" in values])


@pytest.mark.parametrize("name", ["scenes", "scenes-biggan"])
def test_features_and_pictures_are_those_of_a_cpu(name: str) -> None:
    here, there = load_generator(name), generator(name)
    latents = here.sample(4, rng=torch.Generator().manual_seed(0))
    for layer in here.layers:
        torch.testing.assert_close(
            there.features(latents.to(CUDA), layer.name).cpu(),
            here.features(latents, layer.name),
            rtol=1e-3,
            atol=1e-4,
        )
    torch.testing.assert_close(there(latents.to(CUDA)).cpu(), here(latents), rtol=0, atol=1e-3)


def test_a_graph_does_what_its_function_does() -> None:
    total = torch.zeros(3, device=CUDA)

    def add(x: Tensor, y: Tensor) -> None:
        total.add_(x * y)

    before = {"total": total.clone()}
    graph = Graphed(add, [torch.ones(3), torch.ones(3)], CUDA, lambda: fill({"total": total}, before))
    assert total.tolist() == [0, 0, 0], "the warm-up is undone"
    for i in range(100):  # inputs that change before the last launch is over
        graph(torch.full((3,), float(i)), torch.tensor([1.0, 2.0, 3.0]))
    assert total.tolist() == [4950, 9900, 14850]


@pytest.mark.parametrize("model", ["global", "nonlinear"])
@pytest.mark.parametrize("name", ["scenes", "scenes-biggan"])
def test_a_training_of_graphs_is_that_of_single_launches(name: str, model: str) -> None:
    settings = replace(SHORT, model=model)  # type: ignore[arg-type]
    on = generator(name)
    one, other = (curve(replace(settings, graph=graph), on) for graph in (True, False))
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_a_compiled_training_is_the_plain_one() -> None:
    subprocess.run([sys.executable, "-m", "tests.discover.fused", "cuda"], check=True)


def test_a_training_begins_as_on_a_cpu() -> None:
    """Later, rounding grows with every step of Adam."""
    settings = replace(SHORT, steps=10)
    here, there = (curve(settings, on) for on in (load_generator("scenes"), generator("scenes")))
    torch.testing.assert_close(there, here, rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_a_training_of_less_precision_ends_as_well(precision: str) -> None:
    on = generator("scenes")
    best = [
        replace(SHORT, steps=200, precision=p).fit(on).origin["accuracy"]  # type: ignore[arg-type]
        for p in ("float32", precision)
    ]
    assert best[1] > best[0] - 0.05


def test_a_training_that_was_stopped_goes_on(tmp_path: Path) -> None:
    on = generator("scenes")
    whole = curve(SHORT, on)
    log = Recorder()
    keep = Keeper(tmp_path, every=0.0)
    SHORT.fit(on, log=log, keep=keep, stop=lambda: bool(log.calls) and log.calls[-1][0] >= 25)
    torch.testing.assert_close(curve(SHORT, on, keep=keep), whole, rtol=1e-3, atol=1e-3)


def test_a_budget_is_kept() -> None:
    on = generator("scenes")
    settings = LatentCLR(k=32, batch=32, steps=3, held_out=32, layer="b64.conv1", graph=False)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    settings.fit(on)
    whole = torch.cuda.max_memory_allocated()
    for graph in (False, True):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        replace(settings, memory="2200MB", graph=graph).fit(on)
        assert torch.cuda.max_memory_allocated() < 2.2e9 < whole


def test_cosines_are_those_of_float64() -> None:
    rows = torch.randn(500, 300, generator=torch.Generator().manual_seed(0))
    exact = torch.nn.functional.normalize(rows.double())
    torch.testing.assert_close(cosines(rows.to(CUDA)).cpu().double(), exact @ exact.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_generators_train(kind: str, tmp_path: Path) -> None:
    made = train(small(kind, pictures=256, device="cuda"), stripes, tmp_path)
    if made.num_classes:
        made = made.for_class(1)
    pictures = made(made.sample(2, rng=torch.Generator().manual_seed(0)))
    assert pictures.is_cuda
    assert pictures.isfinite().all()
