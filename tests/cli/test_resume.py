"""A discovery that was stopped, or that broke off, goes on with the same command and --resume."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command import SMALL, Command, Result, tree

from latentclr import Directions, LatentCLR, load_generator
from latentclr.cli.console import Follower
from latentclr.cli.options import open_generator
from latentclr.engine.checkpoint import BEFORE, CHECKPOINT, read_state
from latentclr.report import contact_sheet
from latentclr.runs.discovery import DIRECTIONS, LOG, RECORD, SHEET
from latentclr.runs.folders import unfinished

STEPS = 23
STOP = 12
SETTINGS = (*SMALL, "--steps", STEPS)
WHOLE = {DIRECTIONS, SHEET, RECORD, LOG}
signals = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
OUT = Path("runs/r")

HERE = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

Discover = Callable[..., Result]


@pytest.fixture
def discovery(latentclr: Command, dcgan_file: Path) -> Discover:
    """The command, into the same folder each time."""

    def run(*options: object) -> Result:
        return latentclr(
            "discover", "latentclr", "--generator", dcgan_file, "--out", OUT, *SETTINGS, *options
        )

    return run


@pytest.fixture(scope="module")
def expected(dcgan_file: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The directions of a run that nothing happened to."""
    settings = LatentCLR(k=3, steps=STEPS, batch=3, held_out=4, validate_every=2)
    path = tmp_path_factory.mktemp("expected") / DIRECTIONS
    settings.fit(load_generator(dcgan_file)).save(path)
    return path.read_bytes()


def at_step(patch: pytest.MonkeyPatch, step: int, happens: Callable[[], object]) -> None:
    """Let something happen when it is told that a step is done."""
    told = Follower.__call__
    happened = False

    def follow(self: Follower, done: int, values: Mapping[str, float]) -> None:
        nonlocal happened
        told(self, done, values)
        if done == step and not happened:
            happened = True
            happens()

    patch.setattr(Follower, "__call__", follow)


def stop(discovery: Discover, number: int, *options: object, step: int = STOP) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, step, lambda: signal.raise_signal(number))
        return discovery(*options)


def step_in(folder: Path) -> int:
    found = read_state(folder)
    assert found is not None
    return int(found[1]["values"]["step"])


def check_whole(result: Result, expected: bytes) -> None:
    """The run is what it would have been without any stop, and nothing else is left."""
    assert result.code == 0, result.err
    assert (OUT / DIRECTIONS).read_bytes() == expected
    assert tree(OUT.parent) == {OUT.name, *(f"{OUT.name}/{name}" for name in WHOLE)}


@signals
def test_a_signal_leaves_a_run_that_can_be_used_and_gone_on_with(
    discovery: Discover, latentclr: Command, expected: bytes, number: signal.Signals
) -> None:
    handlers = [signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)]
    stopped = stop(discovery, number)
    assert stopped.code == 128 + number
    assert [signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert "stopping after this step; once more ends at once" in stopped.err
    assert f"stopped after step {STOP}; the best directions so far, of step" in stopped.err
    assert "are saved and can be used. The same command with --resume continues." in stopped.err
    assert "Traceback" not in stopped.err

    assert tree(OUT) == {*WHOLE, CHECKPOINT}
    assert tree(OUT.parent) == {OUT.name, *(f"{OUT.name}/{name}" for name in tree(OUT))}
    assert step_in(OUT) == STOP
    record = json.loads((OUT / RECORD).read_text())
    assert (record["interrupted"], record["trained_steps"]) == (True, STOP)
    assert Directions.load(OUT / DIRECTIONS).k == 3
    assert latentclr("edit", OUT, "--edits", "0:+2", "--size", 32).code == 0
    Path("edited.png").unlink()

    check_whole(discovery("--resume"), expected)
    again = json.loads((OUT / RECORD).read_text())
    assert again["interrupted"] is False
    assert [step for step, _ in again["curves"]["loss"]] == [10, 20, STEPS]
    assert [step for step, _ in again["curves"]["accuracy"]] == [*range(0, STEPS, 2), STEPS]
    logged = [json.loads(line)["step"] for line in (OUT / LOG).read_text().splitlines()]
    assert logged == sorted(logged)


def test_stopped_more_than_once(discovery: Discover, expected: bytes) -> None:
    for step in (3, 4, 17):
        assert stop(discovery, signal.SIGINT, "--resume", step=step).code == 130
        assert step_in(OUT) == step
        assert tree(OUT) - {BEFORE} == {*WHOLE, CHECKPOINT}
    check_whole(discovery("--resume"), expected)


def test_stopped_before_the_first_step(
    discovery: Discover, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:

    def interrupted(*arguments: Any, **options: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return open_generator(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr("latentclr.cli.discover.open_generator", interrupted)
        assert discovery().code == 130
    assert step_in(OUT) == 0
    check_whole(discovery("--resume"), expected)


def test_stopped_while_the_sheet_is_drawn(
    discovery: Discover, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def interrupted(*arguments: Any, **options: Any) -> Any:
            signal.raise_signal(signal.SIGINT)
            return contact_sheet(*arguments, **options)

        patch.setattr("latentclr.report.contact_sheet", interrupted)
        assert discovery("--save-every", 0).code == 130
    assert (OUT / DIRECTIONS).read_bytes() == expected
    check_whole(discovery("--resume"), expected)


def test_a_second_signal_ends_at_once_and_what_was_kept_stays(discovery: Discover, expected: bytes) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    for options, kept in (((), False), (("--save-every", 0), True)):
        with pytest.MonkeyPatch.context() as patch:
            at_step(patch, STOP, twice)
            assert discovery(*options).code == 130
        assert not OUT.exists()
        assert unfinished(OUT).exists() == kept
    assert step_in(unfinished(OUT)) == STOP - 1
    check_whole(discovery("--resume"), expected)


def test_resume_where_nothing_is_left_or_nothing_was_begun(discovery: Discover, expected: bytes) -> None:
    check_whole(discovery("--resume"), expected)
    before = {path: path.stat().st_mtime_ns for path in OUT.iterdir()}
    result = discovery("--resume")
    assert (result.code, result.out) == (0, "")
    assert result.err.strip() == f"{OUT} is finished: there is nothing to resume."
    assert {path: path.stat().st_mtime_ns for path in OUT.iterdir()} == before


def test_a_stopped_run_is_not_replaced_without_a_word(discovery: Discover) -> None:
    assert stop(discovery, signal.SIGINT).code == 130
    before = {path: path.read_bytes() for path in OUT.iterdir()}
    refused = discovery()
    assert refused.code == 2
    assert f"{OUT} exists; --resume goes on with it, choose another folder, or add --overwrite" in refused.err
    other = discovery("--resume", "--seed", 1)
    assert other.code == 2
    assert "has seed=0, now seed=1 is given: go on with the same settings, or" in other.err
    assert {path: path.read_bytes() for path in OUT.iterdir()} == before

    assert discovery("--overwrite", "--seed", 1).code == 0
    assert tree(OUT.parent) == {OUT.name, *(f"{OUT.name}/{name}" for name in WHOLE)}
    assert json.loads((OUT / RECORD).read_text())["seed"] == 1


def test_a_run_that_broke_off(discovery: Discover, expected: bytes) -> None:
    def full() -> None:
        raise OSError(28, os.strerror(28))

    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, STOP, full)
        broken = discovery("--save-every", 0)
    assert broken.code == 2
    assert broken.err.splitlines()[-1] == "latentclr: cannot continue: [Errno 28] No space left on device."
    assert not OUT.exists()
    assert step_in(unfinished(OUT)) == STOP - 1

    refused = discovery()
    assert refused.code == 2
    said = (
        f"latentclr: a run to {OUT} was begun and not finished: add --resume to go on with it, or --overwrite"
    )
    assert refused.err.splitlines()[-1].startswith(said)
    check_whole(discovery("--resume"), expected)


def test_a_disk_that_is_full_when_it_saves(discovery: Discover, expected: bytes) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, STOP, lambda: patch.setattr("latentclr.files.save_file", full))
        broken = discovery("--save-every", 0)
    assert broken.code == 2
    path = unfinished(OUT) / CHECKPOINT
    assert broken.err.splitlines()[-1] == f"latentclr: cannot write {path}: no space left on device."
    assert step_in(unfinished(OUT)) == STOP - 1
    check_whole(discovery("--resume"), expected)


class Killed(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("stopped", [False, True])
def test_killed_while_the_run_is_moved_to_its_place(
    discovery: Discover, expected: bytes, stopped: bool
) -> None:
    if stopped:
        assert stop(discovery, signal.SIGINT).code == 130
    rename = Path.rename

    def die(path: Path, target: Path) -> Path:
        if path == unfinished(OUT):
            raise Killed
        return rename(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", die)
        with pytest.raises(Killed):
            discovery("--resume")
    assert not OUT.exists()
    check_whole(discovery("--resume"), expected)


def test_begun_anew(discovery: Discover, expected: bytes) -> None:
    def broken() -> None:
        raise OSError(5, os.strerror(5))

    with pytest.MonkeyPatch.context() as patch:
        at_step(patch, STOP, broken)
        assert discovery("--save-every", 0, "--seed", 1).code == 2
    assert discovery("--resume").code == 2, "another seed"
    check_whole(discovery("--overwrite"), expected)


@pytest.mark.parametrize("seconds", ["-1", "nan"])
def test_seconds_between_checkpoints(discovery: Discover, seconds: str) -> None:
    result = discovery(f"--save-every={seconds}")
    assert result.code == 2
    assert "give seconds, at least 0" in result.err
    assert not OUT.parent.exists()


KILLED = f"""
import os, signal, sys
from pathlib import Path
import pytest
from latentclr.cli import main
from tests.cli.test_resume import at_step

with pytest.MonkeyPatch.context() as patch:
    at_step(patch, {STOP}, lambda: os.kill(os.getpid(), signal.SIGKILL))
    main(sys.argv[1:])
"""
"""A process that is killed at a step: nothing in it is closed, flushed or tidied up."""


def test_a_process_that_is_killed(discovery: Discover, dcgan_file: Path, expected: bytes) -> None:
    command = ("discover", "latentclr", "--generator", dcgan_file, "--out", OUT, *SETTINGS, "--save-every", 0)
    process = subprocess.run([sys.executable, "-c", KILLED, *map(str, command)], env=HERE, check=False)
    assert process.returncode == -signal.SIGKILL
    assert not OUT.exists()
    assert step_in(unfinished(OUT)) == STOP - 1
    check_whole(discovery("--resume"), expected)
