"""Files are whole or not there."""

import os
from pathlib import Path

import pytest
import torch

from latentclr import InputError
from latentclr.files import atomic, make_folder, read_tensors, write_bytes, write_tensors


def test_a_failure_in_the_middle_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def half() -> None:
        with atomic(path) as temporary:
            temporary.write_bytes(b"ne")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_every_failing_system_call_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fsync", "close"):
        with monkeypatch.context() as patch:

            def fail(*_: object) -> None:
                raise OSError(5, "Input/output error")

            patch.setattr(os, name, fail)
            with pytest.raises(InputError, match="input/output error"):
                write_bytes(tmp_path / "a", b"new")
        assert not (tmp_path / "a").exists()


def test_permissions_are_those_of_a_plain_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "ours", b"")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="cannot create the folder"):
        make_folder(tmp_path / "a" / "b")


def test_tensors_and_header_come_back(tmp_path: Path) -> None:
    tensors = {"x": torch.arange(6.0).view(2, 3).T, "n": torch.tensor(3)}
    write_tensors(tmp_path / "t", tensors, {"a": [1, 2.5, "x"]})
    found, header = read_tensors(tmp_path / "t", kind="a test")
    assert header == {"a": [1, 2.5, "x"]}
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_equal_contents_are_equal_bytes(tmp_path: Path) -> None:
    names = [f"tensor{i}" for i in range(20)]
    for path, order in (("a", names), ("b", names[::-1])):
        write_tensors(tmp_path / path, {name: torch.ones(3) for name in order}, {n: n for n in order})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
