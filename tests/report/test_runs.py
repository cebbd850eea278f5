"""Run folders are whole or not there, and nothing else is ever replaced."""

from pathlib import Path

import pytest

from latentclr import InputError
from latentclr.report.runs import DIRECTIONS, RECORD, directions_file, new_run


def write(folder: Path, text: str, *, overwrite: bool = False) -> None:
    with new_run(folder, overwrite=overwrite) as staging:
        (staging / RECORD).write_text(text)


def test_it_appears_when_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with new_run(folder, overwrite=False) as staging:
        (staging / RECORD).write_text("new")
        assert not folder.exists()
    assert (folder / RECORD).read_text() == "new"
    assert list(folder.parent.iterdir()) == [folder]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with new_run(tmp_path / "deep" / "er" / "run", overwrite=False):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_replaced_only_if_asked(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write(folder, "old")
    with pytest.raises(InputError, match="exists; choose another folder, or add --overwrite"):
        write(folder, "new")
    assert (folder / RECORD).read_text() == "old"
    write(folder, "new", overwrite=True)
    assert (folder / RECORD).read_text() == "new"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_failed_replacement_keeps_the_old_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write(folder, "old")

    def fail() -> None:
        with new_run(folder, overwrite=True):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (folder / RECORD).read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_other_folders_and_files_are_never_replaced(tmp_path: Path) -> None:
    precious = tmp_path / "thesis" / "chapter1.txt"
    precious.parent.mkdir()
    precious.write_text("years of work")
    with pytest.raises(InputError, match="is not the folder of a run"):
        write(precious.parent, "new", overwrite=True)
    with pytest.raises(InputError, match="is a file"):
        write(precious, "new", overwrite=True)
    assert precious.read_text() == "years of work"


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write(tmp_path / "run", "new")
    assert (tmp_path / "run" / RECORD).read_text() == "new"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot create the folder"):
        write(tmp_path / "file" / "run", "new")


def test_directions_are_found_in_a_folder_or_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / DIRECTIONS
    path.write_text("")
    assert directions_file(tmp_path) == directions_file(path) == path
    with pytest.raises(InputError, match="there is no run at"):
        directions_file(tmp_path / "none")
