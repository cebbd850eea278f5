"""The command in this process, and a small generator and run for all of its tests."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.cli.command import SMALL, Command, Result
from tests.conftest import example_layout, small_dcgan

from latentclr import Random, load_generator
from latentclr.cli import main
from latentclr.discover import ordering


@pytest.fixture(scope="module", autouse=True)
def few_pictures() -> Iterator[None]:
    """Directions are sorted by the look of few pictures: the usual thousand take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "PICTURES", {True: 24, False: 12})
        yield


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Signals do what they do in a program of one's own; tests in the background ignore Ctrl-C."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def latentclr(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run it in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        captured = capfd.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def dcgan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small DCGAN's checkpoint in the layout of the PyTorch project's example."""
    path = tmp_path_factory.mktemp("checkpoint") / "small-dcgan.pt"
    torch.save(example_layout(small_dcgan()), path)
    return path


@pytest.fixture(scope="module")
def small_run(dcgan_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on it, as the command leaves it."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    main(["discover", "latentclr", "--generator", str(dcgan_file), "--out", str(folder), *SMALL])
    return folder


@pytest.fixture
def run(small_run: Path, latentclr: Command) -> Path:
    """A copy of it in the folder where the command runs."""
    return Path(shutil.copytree(small_run, "runs/small"))


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs r0 of three and r1 of two directions on scenes: no more than their directions."""
    scenes, place = load_generator("scenes"), tmp_path_factory.mktemp("two")
    for seed, k in ((0, 3), (1, 2)):
        (place / f"r{seed}").mkdir()
        Random(k=k, seed=seed).fit(scenes).save(place / f"r{seed}" / "directions.safetensors")
    return place
