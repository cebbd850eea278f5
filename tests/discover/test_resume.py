"""A training that was stopped or killed at any step goes on as if nothing had happened."""

import functools
import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.discover.logs import Recorder
from tests.discover.test_latentclr import TINY
from tests.toy import Toy

from latentclr import Directions, InputError
from latentclr.discover.latentclr import LatentCLR
from latentclr.engine.checkpoint import BEFORE, CHECKPOINT, Keeper, read_state

STEPS = 13
"""More than from one look at the loss to the next, so that some checkpoints fall in between."""
SETTINGS = {
    model: replace(TINY, steps=STEPS, validate_every=3, model=model) for model in ("global", "nonlinear")
}
QUICK = {(0, 0.0), (5, 0.0), (9, 1000.0), (11, 0.0), (STEPS, 0.0)}
"""Of the steps after which trainings are stopped, and how often they are kept: those in `make test`."""
every_model = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


class Killed(BaseException):
    """The process is no more."""


def keeper(folder: Path, every: float = 0.0) -> Keeper:
    return Keeper(folder, every=every)


def file_of(directions: Directions, folder: Path) -> bytes:
    directions.save(folder / "directions")
    return (folder / "directions").read_bytes()


def told(log: Recorder) -> dict[int, dict[str, float]]:
    """All values at each step, but for the speed."""
    together: dict[int, dict[str, float]] = {}
    for step, values in log.calls:
        for name, value in values.items():
            if name != "steps_per_second":
                assert name not in together.setdefault(step, {}), "told once"
                together[step][name] = value
    return together


def stop_after(settings: LatentCLR, toy: Toy, folder: Path, steps: int, every: float = 0.0) -> Directions:
    log = Recorder()
    return settings.fit(toy, log=log, stop=log.at(steps), keep=keeper(folder, every))


def step_kept(folder: Path) -> int:
    found = read_state(folder)
    assert found is not None
    return int(found[1]["values"]["step"])


@functools.cache
def whole_of(model: str) -> tuple[bytes, Recorder]:
    """The file of a training that nothing stopped, and what it told."""
    log = Recorder()
    directions = SETTINGS[model].fit(Toy(), log=log)
    with tempfile.TemporaryDirectory() as folder:
        return file_of(directions, Path(folder)), log


@pytest.mark.parametrize("model", SETTINGS)
@pytest.mark.parametrize(
    ("steps", "every"),  # at the start, between two validations, at one, after the tenth, at the end
    [
        pytest.param(steps, every, marks=() if (steps, every) in QUICK else pytest.mark.kills)
        for every in (0.0, 1000.0)
        for steps in range(STEPS + (every == 0))
    ],
)
def test_stopped_after_any_step(toy: Toy, tmp_path: Path, model: str, steps: int, every: float) -> None:
    settings, (expected, whole) = SETTINGS[model], whole_of(model)
    assert stop_after(settings, toy, tmp_path, steps, every).origin["trained_steps"] == steps
    assert step_kept(tmp_path) == steps
    log = Recorder()
    assert file_of(settings.fit(toy, log=log, keep=keeper(tmp_path, every)), tmp_path) == expected
    assert told(log) == told(whole)
    assert [step for step, _ in log.calls] == sorted(step for step, _ in log.calls)


@pytest.mark.kills
@every_model
def test_killed_whenever_it_said_something(toy: Toy, tmp_path: Path, settings: LatentCLR) -> None:
    whole = Recorder()
    expected = file_of(settings.fit(toy, log=whole, keep=keeper(tmp_path)), tmp_path)
    for calls in range(len(whole.calls)):
        folder = tmp_path / str(calls)
        folder.mkdir()
        log = Recorder()

        def die(step: int, values: Any, log: Recorder = log, calls: int = calls) -> None:
            log(step, values)
            if len(log.calls) > calls:
                raise Killed

        with pytest.raises(Killed):
            settings.fit(toy, log=die, keep=keeper(folder))
        assert step_kept(folder) >= whole.calls[calls][0] - 1
        log = Recorder()
        assert file_of(settings.fit(toy, log=log, keep=keeper(folder)), folder) == expected
        assert told(log) == told(whole)


def test_killed_again_and_again(toy: Toy, tmp_path: Path) -> None:
    settings = SETTINGS["nonlinear"]
    expected = file_of(settings.fit(toy), tmp_path)

    def die(step: int, values: Any) -> None:
        if not values and step > (step_kept(tmp_path) if (tmp_path / CHECKPOINT).exists() else 0):
            raise Killed

    for _ in range(3):
        with pytest.raises(Killed):
            settings.fit(toy, log=die, keep=keeper(tmp_path))
    assert file_of(settings.fit(toy, keep=keeper(tmp_path)), tmp_path) == expected


@pytest.mark.parametrize("damage", [bytes, lambda data: data[:-1], lambda data: data[:-1] + b"\1"])
def test_a_damaged_checkpoint_costs_the_time_since_the_one_before(
    toy: Toy, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    settings = SETTINGS["nonlinear"]
    expected = file_of(settings.fit(toy), tmp_path)
    stop_after(settings, toy, tmp_path, 8)
    data = (tmp_path / CHECKPOINT).read_bytes()
    damaged = (
        damage(data) if damage is not bytes else data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    )
    assert damaged != data
    (tmp_path / CHECKPOINT).write_bytes(damaged)
    log = Recorder()
    assert file_of(settings.fit(toy, log=log, keep=keeper(tmp_path)), tmp_path) == expected
    assert next(step for step, values in log.calls if not values) == 8, "from the checkpoint of step 7"
    (tmp_path / CHECKPOINT).write_bytes(b"")
    (tmp_path / BEFORE).write_bytes(b"")
    with pytest.raises(InputError, match="is not a whole safetensors file"):
        settings.fit(toy, keep=keeper(tmp_path))


@every_model
def test_a_training_that_diverges_is_kept_too(toy: Toy, tmp_path: Path, settings: LatentCLR) -> None:
    wild = replace(settings, learning_rate=1e38, weight_decay=0.1)
    whole = Recorder()
    expected = file_of(wild.fit(toy, log=whole), tmp_path)
    assert math.isnan(whole.of("loss")[10]), "else the test shows nothing"
    stop_after(wild, toy, tmp_path, 11)
    log = Recorder()
    assert file_of(wild.fit(toy, log=log, keep=keeper(tmp_path)), tmp_path) == expected
    assert told(log).keys() == told(whole).keys()
    for step, values in told(whole).items():
        assert told(log)[step] == pytest.approx(values, rel=0, abs=0, nan_ok=True)


@every_model
def test_keeping_changes_nothing(toy: Toy, tmp_path: Path, settings: LatentCLR) -> None:
    kept = file_of(settings.fit(toy, keep=keeper(tmp_path)), tmp_path)
    assert kept == file_of(settings.fit(toy), tmp_path)
    assert kept == file_of(settings.fit(toy, keep=keeper(tmp_path)), tmp_path), "nothing was left to do"


def test_checkpoints_of_equal_trainings_are_equal_bytes(toy: Toy, tmp_path: Path) -> None:
    for name, steps in (("straight", ()), ("stopped", (4, 9))):
        (tmp_path / name).mkdir()
        for some in (*steps, STEPS):
            stop_after(SETTINGS["global"], toy, tmp_path / name, some)
    assert (tmp_path / "straight" / CHECKPOINT).read_bytes() == (
        tmp_path / "stopped" / CHECKPOINT
    ).read_bytes()


@every_model
@pytest.mark.parametrize("first", [5, STEPS])
def test_more_steps_than_planned(toy: Toy, tmp_path: Path, settings: LatentCLR, first: int) -> None:
    stop_after(settings, toy, tmp_path, first)
    longer = replace(settings, steps=2 * STEPS)
    found = longer.fit(toy, keep=keeper(tmp_path))
    assert found.origin["trained_steps"] == 2 * STEPS
    assert file_of(found, tmp_path) == file_of(longer.fit(toy), tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 1}, "has seed=0, now seed=1 is given"),
        ({"k": 4}, "has k=3, now k=4 is given"),
        ({"model": "linear"}, "has model=global, now model=linear is given"),
        ({"learning_rate": 0.5}, "now learning_rate=0.5 is given"),
        ({"validate_every": 4}, "has validate_every=3, now validate_every=4 is given"),
        ({"slots": (0,)}, r"has slots=None, now slots=\[0\] is given"),
    ],
)
def test_other_settings_are_refused(toy: Toy, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    settings = SETTINGS["global"]
    stop_after(settings, toy, tmp_path, 4)
    before = (tmp_path / CHECKPOINT).read_bytes()
    log = Recorder()
    with pytest.raises(InputError, match=said):
        replace(settings, **changes).fit(toy, log=log, keep=keeper(tmp_path))
    assert log.calls == []
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_another_generator_is_refused(toy: Toy, tmp_path: Path) -> None:
    stop_after(SETTINGS["global"], toy, tmp_path, 4)
    with pytest.raises(InputError, match="now generator="):
        SETTINGS["global"].fit(Toy(seed=1), keep=keeper(tmp_path))


def test_what_does_not_change_the_result_may_differ(toy: Toy, tmp_path: Path) -> None:
    stop_after(SETTINGS["global"], toy, tmp_path, 4)
    found = replace(SETTINGS["global"], graph=False).fit(toy, keep=keeper(tmp_path))
    assert found.origin["trained_steps"] == STEPS
