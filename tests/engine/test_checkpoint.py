"""At every moment one whole checkpoint is there, and a damaged one is never used."""

import errno
import json
import math
import os
import random
import re
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from latentclr import InputError, files
from latentclr.engine import checkpoint
from latentclr.engine.checkpoint import (
    BEFORE,
    CHECKPOINT,
    CHECKPOINTS,
    Keeper,
    has_state,
    read_state,
    remove_state,
    write_state,
)
from latentclr.engine.training import Training, adam


@cache
def contents(number: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Of a small checkpoint that holds its number in its tensors and in its values."""
    tensors = {
        "model.theta": torch.linspace(0, 1, 12).view(3, 4) + number,
        "adam.0.step": torch.tensor(float(number)),
        "rng": torch.arange(20, dtype=torch.uint8) + number,
        "flags": torch.tensor([True, False]),
        "counts": torch.tensor([number, -1]),
        "none": torch.zeros(0, 3),
    }
    curve = [[step, 1.25e-07 / (step + 1)] for step in range(number + 2)]
    return tensors, {"about": {"k": 3, "slots": [0, 1]}, "values": {"step": number, "loss": curve}}


def write(folder: Path, number: int) -> None:
    write_state(folder, *contents(number))


def number_of(folder: Path) -> int | None:
    """The number of the checkpoint that is read; fails if that is not one that was written."""
    found = read_state(folder)
    if found is None:
        return None
    tensors, values = found
    number: int = values["values"]["step"]
    expected, expected_values = contents(number)
    assert values == expected_values
    assert tensors.keys() == expected.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == expected[name].dtype
        assert torch.equal(tensor, expected[name])
    return number


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A folder with checkpoint 2, and 1 before it."""
    for number in range(3):
        write(tmp_path, number)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_last_comes_back_and_the_one_before_is_kept(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    assert not has_state(tmp_path)
    write(tmp_path, 0)
    assert (number_of(tmp_path), names(tmp_path)) == (0, {CHECKPOINT})
    before = (tmp_path / CHECKPOINT).read_bytes()
    write(tmp_path, 1)
    assert (number_of(tmp_path), names(tmp_path)) == (1, set(CHECKPOINTS))
    assert (tmp_path / BEFORE).read_bytes() == before
    (tmp_path / CHECKPOINT).unlink()
    assert has_state(tmp_path)
    assert number_of(tmp_path) == 0
    write(tmp_path, 2)
    assert (tmp_path / BEFORE).read_bytes() == before, "kept until there is a later one"
    remove_state(tmp_path)
    assert names(tmp_path) == set()
    remove_state(tmp_path)


def test_equal_states_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, 3)
    assert (tmp_path / "a" / CHECKPOINT).read_bytes() == (tmp_path / "b" / CHECKPOINT).read_bytes()


class TestDamage:
    """Refused or harmless: what is read is always one of the two that were written."""

    def test_a_changed_byte_of_any_field(self, two: Path) -> None:
        path = two / CHECKPOINT
        whole = path.read_bytes()
        data = 8 + int.from_bytes(whole[:8], "little")
        fields = [0, *(word.start() for word in re.finditer(rb"[\w.+-]+", whole[:data]) if word.start() >= 8)]
        fields += range(data, len(whole), 5)
        for position in fields:
            changed = bytearray(whole)
            changed[position] ^= 1
            path.write_bytes(changed)
            assert number_of(two) == 1, position

    @pytest.mark.fuzz
    def test_changed_bytes(self, two: Path) -> None:
        path = two / CHECKPOINT
        whole = path.read_bytes()
        rng = random.Random(0)
        read = {1: 0, 2: 0}
        for position in range(len(whole)):
            for value in rng.sample(range(1, 256), 4):
                changed = bytearray(whole)
                changed[position] ^= value
                path.write_bytes(changed)
                number = number_of(two)
                assert number is not None
                read[number] += 1
        assert read[1] > 0.98 * sum(read.values()), "only blanks in the header may be others"

    def test_a_number_that_became_too_large(self, two: Path) -> None:
        path = two / CHECKPOINT
        whole = path.read_bytes()
        assert b"1.25e-07" in whole
        for large in (b"1.25e907", b"Infinity"):
            path.write_bytes(whole.replace(b"1.25e-07", large))
            assert number_of(two) == 1

    def test_a_missing_end(self, two: Path) -> None:
        path = two / CHECKPOINT
        whole = path.read_bytes()
        for length in {*range(0, len(whole), 50), *range(10), len(whole) - 1}:
            path.write_bytes(whole[:length])
            assert number_of(two) == 1

    def test_more_behind_the_end(self, two: Path) -> None:
        path = two / CHECKPOINT
        whole = path.read_bytes()
        for more in (b"\0", b" ", b"x" * 100, whole):
            path.write_bytes(whole + more)
            assert number_of(two) == 1

    def test_a_part_that_never_reached_the_disk(self, two: Path) -> None:
        path = two / CHECKPOINT
        whole = path.read_bytes()
        for start in range(0, len(whole), 100):
            path.write_bytes(whole[:start] + bytes(len(whole[start:])))
            assert number_of(two) == 1

    def test_parts_of_two_checkpoints(self, two: Path) -> None:
        one, other = ((two / name).read_bytes() for name in CHECKPOINTS)
        for place in (100, len(one) // 2, len(one) - 30):
            (two / CHECKPOINT).write_bytes(one[:place] + other[place:])
            assert number_of(two) == 1

    def test_no_checksum(self, two: Path) -> None:
        tensors, header = files.read_tensors(two / CHECKPOINT, kind="a test")
        save_file(tensors, two / CHECKPOINT, {files.HEADER: json.dumps(header)})
        assert number_of(two) == 1

    def test_both(self, two: Path) -> None:
        for name in CHECKPOINTS:
            (two / name).write_bytes((two / name).read_bytes()[:-1])
        with pytest.raises(InputError, match=f"{CHECKPOINT} is not a whole safetensors file"):
            read_state(two)

    def test_the_only_one(self, tmp_path: Path) -> None:
        write(tmp_path, 0)
        data = bytearray((tmp_path / CHECKPOINT).read_bytes())
        data[-1] ^= 1
        (tmp_path / CHECKPOINT).write_bytes(data)
        with pytest.raises(InputError, match=r"is damaged: its contents do not have its checksum"):
            read_state(tmp_path)


def test_another_version_is_refused_and_not_passed_over(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
        write(two, 3)
    with pytest.raises(InputError, match="is not the checkpoint of a training that this version can read"):
        read_state(two)


class Killed(BaseException):
    """The process is no more: nothing handles it, and nothing is done after it."""


class Faults:
    """Lets the n-th operation on files go wrong, and counts them.

    Args:
        patch: puts everything back.
        n: the first that goes wrong.
        error: what is then raised.
        lasting: all that follow go wrong too.
        half: a file is half written when its writing goes wrong.
    """

    OPERATIONS = (
        *((tempfile, "mkstemp"), (os, "close"), (os, "fsync"), (os, "open"), (files, "save_file")),
        *((Path, name) for name in ("open", "exists", "chmod", "replace", "unlink")),
    )

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        n: int,
        error: Callable[[], BaseException],
        *,
        lasting: bool,
        half: bool,
    ) -> None:
        self.n, self.error, self.lasting, self.half = n, error, lasting, half
        self.done = 0
        for owner, name in self.OPERATIONS:
            patch.setattr(owner, name, self._watched(name, getattr(owner, name)))

    def _watched(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            self.done += 1
            if self.done == self.n or (self.lasting and self.done > self.n):
                if name == "save_file" and self.half:
                    operation(*arguments, **options)
                    os.truncate(arguments[1], arguments[1].stat().st_size // 2)
                raise self.error()
            return operation(*arguments, **options)

        return watched

    @property
    def happened(self) -> bool:
        return self.done >= self.n


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def broken() -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO))


def after_each_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: int, **fault: Any
) -> Iterator[tuple[Path, BaseException | None]]:
    """For n = 1, 2, ...: a folder in which a save met its n-th fault, and what it raised.

    Before, as many checkpoints had been saved as `saves` says; the next number was to be saved. Ends when a
    save met no fault.
    """
    for n in count(1):
        folder = tmp_path / str(n)
        folder.mkdir()
        for number in range(saves):
            write(folder, number)
        raised: BaseException | None = None
        with monkeypatch.context() as patch:
            faults = Faults(patch, n, **fault)
            try:
                write(folder, saves)
            except BaseException as error:
                raised = error
        if not faults.happened:
            assert raised is None
            assert n > 9, "a save is at least as many operations"
            return
        yield folder, raised


def check(folder: Path, saves: int, *, saved: bool) -> None:
    """There is the old one or the new one, whole, and the next save works."""
    old = saves - 1 if saves else None
    assert number_of(folder) == (saves if saved else old)
    write(folder, saves + 1)
    assert number_of(folder) == saves + 1
    (folder / CHECKPOINT).unlink()
    assert number_of(folder) in (saves, old)


@pytest.mark.parametrize(("saves", "error", "half"), [(0, full, False), (1, broken, True), (2, full, True)])
def test_any_operation_may_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: int, error: Callable[[], OSError], half: bool
) -> None:
    failed = 0
    for folder, raised in after_each_fault(
        tmp_path, monkeypatch, saves, error=error, lasting=False, half=half
    ):
        assert names(folder) <= set(CHECKPOINTS), "nothing else is left"
        if raised is not None:
            failed += 1
            assert isinstance(raised, InputError)
            reason = str(error().strerror).lower()
            assert str(raised) == f"cannot write {folder / CHECKPOINT}: {reason}."
        check(folder, saves, saved=raised is None)
    assert failed >= 7 + (saves > 0)


@pytest.mark.parametrize("saves", [0, 2])
def test_a_disk_may_stay_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: int) -> None:
    for folder, raised in after_each_fault(
        tmp_path, monkeypatch, saves, error=broken, lasting=True, half=True
    ):
        assert raised is None or isinstance(raised, InputError)
        check(folder, saves, saved=raised is None)


@pytest.mark.parametrize(("saves", "half"), [(0, True), (1, False), (2, True)])
def test_a_kill_at_any_operation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: int, half: bool
) -> None:
    found = []
    for folder, raised in after_each_fault(
        tmp_path, monkeypatch, saves, error=Killed, lasting=True, half=half
    ):
        assert isinstance(raised, Killed)
        new = number_of(folder) == saves
        found.append(new)
        check(folder, saves, saved=new)
    assert found == sorted(found), "the old one until the new one is there"
    assert set(found) == {False, True}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sets a limit that Linux has")
def test_no_room_for_the_file(two: Path) -> None:
    import resource

    size = (two / CHECKPOINT).stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the system then fails the write instead
    said = []
    try:
        for limit in (0, 1, 8, size // 2, size - 1):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            with pytest.raises(InputError) as raised:
                write(two, 3)
            said.append(str(raised.value))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert all(line.startswith(f"cannot write {two / CHECKPOINT}: ") for line in said)
    assert all("File too large" in line and "\n" not in line for line in said)
    assert number_of(two) == 2
    assert names(two) == set(CHECKPOINTS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(two: Path) -> None:
    two.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(InputError, match=r"^cannot write .*: permission denied\.$"):
            write(two, 3)
        assert number_of(two) == 2
    finally:
        two.chmod(stat.S_IRWXU)


class TestKeeper:
    ABOUT: ClassVar = {"method": "latentclr", "k": 3, "slots": [0, 1], "steps": 6}

    def keeper(self, folder: Path, **about: Any) -> Keeper:
        keeper = Keeper(folder, every=0.0)
        keeper.save({**self.ABOUT, **about}, {"x": torch.ones(2)}, {"step": 4})
        return keeper

    def test_equal_settings(self, tmp_path: Path) -> None:
        assert Keeper(tmp_path).load(self.ABOUT) is None
        found = self.keeper(tmp_path).load(self.ABOUT)
        assert found is not None
        assert found[0]["x"].tolist() == [1, 1]
        assert found[1] == {"step": 4}

    @pytest.mark.parametrize(("name", "now"), [("k", 4), ("slots", None), ("method", "other"), ("new", 1)])
    def test_others_are_refused_by_name(self, tmp_path: Path, name: str, now: object) -> None:
        keeper = self.keeper(tmp_path)
        before = self.ABOUT.get(name)
        with pytest.raises(InputError) as raised:
            keeper.load({**self.ABOUT, name: now}, may_differ=("steps",))
        assert f"has {name}={before}, now {name}={now} is given" in str(raised.value)

    def test_some_may_differ(self, tmp_path: Path) -> None:
        keeper = self.keeper(tmp_path)
        assert keeper.load({**self.ABOUT, "steps": 60}, may_differ=("steps",)) is not None
        with pytest.raises(InputError, match="has steps=6, now steps=60 is given"):
            keeper.load({**self.ABOUT, "steps": 60})

    def test_when_it_is_due(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        always, sometimes = Keeper(tmp_path, every=0.0), Keeper(tmp_path, every=60.0)
        assert (always.due(), sometimes.due()) == (True, False)
        now = 160.0
        assert sometimes.due()
        sometimes.save({}, {"x": torch.ones(1)}, {})
        assert not sometimes.due()

    @pytest.mark.parametrize("every", [-1.0, math.nan])
    def test_seconds_are_at_least_none(self, tmp_path: Path, every: float) -> None:
        with pytest.raises(InputError, match="give seconds, at least 0"):
            Keeper(tmp_path, every=every)


class TestTraining:
    @staticmethod
    def begin(width: int = 4) -> Training:
        model = nn.Linear(3, width)
        rng = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=rng))
        optimizer = adam(model.parameters(), 0.1, 0.01, torch.device("cpu"))
        return Training({"model": model}, {"adam": optimizer}, rng, torch.zeros(()))

    @staticmethod
    def step(training: Training) -> None:
        """One that needs all of the state."""
        optimizer = training.optimizers["adam"]
        optimizer.zero_grad()
        loss: Tensor = training.modules["model"](torch.randn(5, 3, generator=training.rng)).square().mean()
        loss.backward()
        optimizer.step()
        training.total += loss.detach()
        training.step += 1
        training.note({"loss": float(loss.detach())})
        if training.step == 2:
            training.best = {k: v.clone() for k, v in training.modules["model"].state_dict().items()}
            training.values = {"validation_loss": float(training.total) / 3, "best_step": 2}

    @classmethod
    def equal(cls, one: Training, other: Training) -> bool:
        mine, theirs = one.tensors(), other.tensors()
        return (
            mine.keys() == theirs.keys()
            and all(torch.equal(mine[name], theirs[name]) for name in mine)
            and one.header() == other.header()
        )

    @pytest.mark.parametrize("steps", range(4))
    def test_it_goes_on_as_if_it_had_not_stopped(self, tmp_path: Path, steps: int) -> None:
        whole = self.begin()
        for _ in range(steps):
            self.step(whole)
        keeper = Keeper(tmp_path, every=0.0)
        keeper.save({}, whole.tensors(), whole.header())
        restored = self.begin()
        self.step(restored)  # what it was before is all replaced
        found = keeper.load({})
        assert found is not None
        restored.restore(*found)
        assert self.equal(whole, restored)
        for _ in range(3):
            self.step(whole)
            self.step(restored)
        assert self.equal(whole, restored)
        assert not self.equal(whole, self.begin())

    @pytest.mark.parametrize("steps", [0, 3])
    def test_other_networks_are_refused(self, steps: int) -> None:
        training = self.begin(width=5)
        for _ in range(steps):
            self.step(training)
        before = {name: tensor.clone() for name, tensor in training.tensors().items()}
        with pytest.raises(InputError, match="holds other networks than these settings describe"):
            self.begin().restore(training.tensors(), training.header())
        missing = {name: tensor for name, tensor in before.items() if name != "adam.0.step"}
        with pytest.raises(InputError, match="holds other networks than these settings describe"):
            training.restore(missing, training.header())

    def test_adam_prepared_is_adam_itself(self) -> None:
        lazy, prepared = nn.Linear(3, 2), nn.Linear(3, 2)
        prepared.load_state_dict(lazy.state_dict())
        optimizers = [adam(model.parameters(), 0.1, 0.01, torch.device("cpu")) for model in (lazy, prepared)]
        Training({"model": prepared}, {"adam": optimizers[1]}, torch.Generator(), torch.zeros(()))
        for _ in range(3):
            for model, optimizer in zip((lazy, prepared), optimizers, strict=True):
                optimizer.zero_grad()
                model(torch.ones(1, 3)).square().sum().backward()
                optimizer.step()
        assert all(torch.equal(a, b) for a, b in zip(lazy.parameters(), prepared.parameters(), strict=True))
        states = [optimizer.state_dict()["state"] for optimizer in optimizers]
        for i, state in states[0].items():
            assert all(torch.equal(value, states[1][i][key]) for key, value in state.items())
