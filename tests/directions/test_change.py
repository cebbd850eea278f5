"""Changing an artefact in its place."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from tests.toy import Toy

from latentclr import Directions, InputError, Random
from latentclr.directions import change


@pytest.fixture
def path(toy: Toy, tmp_path: Path) -> Path:
    path = tmp_path / "directions.safetensors"
    Random(k=6).fit(toy).save(path)
    return path


def named(index: int, name: str) -> Callable[[Directions], Directions]:
    return lambda directions: directions.rename({index: name})


def test_it_returns_what_is_in_the_file(path: Path) -> None:
    after = change(path, named(2, "smile"))
    assert after.names[2] == Directions.load(path).names[2] == "smile"


def test_what_changes_nothing_writes_nothing(path: Path) -> None:
    before = path.stat()
    change(path, lambda directions: directions)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_changes_by_many_at_a_time_are_all_kept(path: Path) -> None:
    start = threading.Barrier(6)

    def rename(index: int) -> None:
        start.wait()
        change(path, named(index, f"name {index}"))
        change(path, lambda directions: directions.star(index))

    threads = [threading.Thread(target=rename, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Directions.load(path)
    assert found.names == tuple(f"name {index}" for index in range(6))
    assert found.starred == frozenset(range(6))


def test_a_change_that_fails_leaves_the_file_and_frees_it(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(InputError, match="must not be a number"):
        change(path, named(0, "7"))
    assert path.read_bytes() == before
    assert change(path, named(0, "smile")).names[0] == "smile"


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.safetensors"
    link.symlink_to(path)
    change(link, named(0, "smile"))
    assert link.is_symlink()
    assert Directions.load(path).names[0] == "smile"


def test_another_program_that_holds_the_file_is_told_of(path: Path) -> None:
    with (
        FileLock(path.with_name(f".{path.name}.lock")),
        pytest.raises(InputError, match=r"another program is changing .*; try again"),
    ):
        change(path, named(0, "smile"), patience=0.05)


def test_a_place_that_cannot_be_written_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()
    real = os.open

    def refused(name: str, flags: int, *rest: int, **more: int) -> int:  # root may write anywhere
        if flags & os.O_WRONLY or flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied")
        return real(name, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(InputError, match=r"cannot write .*: permission denied; copy the run"):
        change(path, named(0, "smile"))
    monkeypatch.undo()
    assert path.read_bytes() == before
