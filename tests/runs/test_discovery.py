"""Run folders are whole or not there, and nothing else is ever replaced."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from latentclr import InputError
from latentclr.engine.checkpoint import CHECKPOINT, has_state, read_state, remove_state, write_state
from latentclr.files import make_folder
from latentclr.runs import folders
from latentclr.runs.discovery import (
    DIRECTIONS,
    RECORD,
    RUN,
    directions_file,
)
from latentclr.runs.folders import LOCK, unfinished


class Killed(BaseException):
    """The process is no more."""


def write(folder: Path, text: str, *, overwrite: bool = False, resume: bool = False) -> None:
    """A run without checkpoints."""
    with RUN.new(folder, overwrite=overwrite, resume=resume) as staging:
        (staging / RECORD).write_text(text)


def keep(folder: Path, step: int) -> None:
    write_state(folder, {"x": torch.ones(3)}, {"step": step})


def step_in(folder: Path) -> int | None:
    found = read_state(folder)
    return None if found is None else int(found[1]["step"])


def stop(folder: Path, step: int, text: str = "stopped") -> None:
    """A run that was stopped: it stands in its place, with its checkpoint."""
    with RUN.new(folder, overwrite=False) as staging:
        keep(staging, step)
        (staging / RECORD).write_text(text)


def kill(folder: Path, step: int | None, *, overwrite: bool = False, resume: bool = False) -> None:
    """A run whose process ends in the middle."""
    with RUN.new(folder, overwrite=overwrite, resume=resume) as staging:
        if step is not None:
            keep(staging, step)
        (staging / "log.jsonl").write_text("half")
        (staging / ".checkpoint-half").write_text("half")
        raise Killed


def killed(folder: Path, step: int | None, *, overwrite: bool = False, resume: bool = False) -> None:
    with pytest.raises(Killed):
        kill(folder, step, overwrite=overwrite, resume=resume)


def test_it_appears_when_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with RUN.new(folder, overwrite=False) as staging:
        (staging / RECORD).write_text("new")
        assert not folder.exists()
    assert (folder / RECORD).read_text() == "new"
    assert list(folder.parent.iterdir()) == [folder]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with RUN.new(tmp_path / "deep" / "er" / "run", overwrite=False):
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
        with RUN.new(folder, overwrite=True):
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


class TestRunsThatDidNotEnd:
    """What there is to go on from is kept, and never lost by accident."""

    def test_one_that_failed_keeps_its_checkpoint(self, tmp_path: Path) -> None:
        folder = tmp_path / "deep" / "run"
        killed(folder, 3)
        assert not folder.exists()
        assert step_in(unfinished(folder)) == 3
        assert not RUN.is_finished(folder)

        with RUN.new(folder, overwrite=False, resume=True) as staging:
            assert {path.name for path in staging.iterdir()} == {LOCK, CHECKPOINT}
            assert step_in(staging) == 3
            remove_state(staging)
            (staging / RECORD).write_text("new")
        assert [path.name for path in folder.iterdir()] == [RECORD]
        assert list(folder.parent.iterdir()) == [folder]
        assert RUN.is_finished(folder)

    def test_without_a_word_it_is_neither_used_nor_removed(self, tmp_path: Path) -> None:
        killed(tmp_path / "run", 3)
        with pytest.raises(InputError, match=r"begun and not finished: add --resume .* or --overwrite"):
            write(tmp_path / "run", "new")
        assert step_in(unfinished(tmp_path / "run")) == 3

    def test_it_is_begun_anew_if_asked(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        killed(folder, 3)
        with RUN.new(folder, overwrite=True) as staging:
            assert [path.name for path in staging.iterdir()] == [LOCK]
            (staging / RECORD).write_text("new")
        assert list(tmp_path.iterdir()) == [folder]

    @pytest.mark.parametrize("resume", [False, True])
    def test_one_without_a_checkpoint_is_as_if_it_had_not_been(self, tmp_path: Path, resume: bool) -> None:
        folder = tmp_path / "run"
        unfinished(folder).mkdir()
        (unfinished(folder) / LOCK).write_text("")
        (unfinished(folder) / "log.jsonl").write_text("half")
        with RUN.new(folder, overwrite=False, resume=resume) as staging:
            assert [path.name for path in staging.iterdir()] == [LOCK]
            (staging / RECORD).write_text("new")
        assert list(tmp_path.iterdir()) == [folder]

    def test_one_that_was_stopped_is_a_run_with_a_checkpoint(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        stop(folder, 3)
        assert (folder / RECORD).read_text() == "stopped"
        assert not RUN.is_finished(folder)
        with pytest.raises(InputError, match="exists; --resume goes on with it, choose another folder, or"):
            write(folder, "new")

        with RUN.new(folder, overwrite=False, resume=True) as staging:
            assert step_in(staging) == 3
            assert (folder / RECORD).read_text() == "stopped", "it stays until the new one is whole"
            (staging / RECORD).write_text("new")
            remove_state(staging)
        assert (folder / RECORD).read_text() == "new"
        assert RUN.is_finished(folder)
        assert list(tmp_path.iterdir()) == [folder]

    def test_one_that_was_stopped_then_killed_goes_on_from_the_later_checkpoint(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        stop(folder, 3)
        killed(folder, 5, resume=True)
        assert (step_in(folder), step_in(unfinished(folder))) == (3, 5)
        killed(folder, None, resume=True)
        assert not RUN.is_finished(folder)
        with pytest.raises(InputError, match="--resume goes on with it"):
            write(folder, "new")
        with RUN.new(folder, overwrite=False, resume=True) as staging:
            assert step_in(staging) == 5

    def test_a_replacement_that_was_killed_goes_on_too(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        write(folder, "old")
        assert RUN.is_finished(folder)
        killed(folder, 5, overwrite=True)
        assert (folder / RECORD).read_text() == "old"
        assert not RUN.is_finished(folder)
        with RUN.new(folder, overwrite=False, resume=True) as staging:
            assert step_in(staging) == 5
            remove_state(staging)
            (staging / RECORD).write_text("new")
        assert (folder / RECORD).read_text() == "new"

    def test_a_finished_one_is_not_gone_on_with(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        assert not RUN.is_finished(folder)
        write(folder, "old")
        assert RUN.is_finished(folder)
        with pytest.raises(InputError, match="exists; choose another folder"):
            write(folder, "new", resume=True)

    def test_a_checkpoint_that_was_not_copied_whole_is_copied_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "run"
        stop(folder, 3)

        def half(path: Path, tensors: object, values: object) -> None:
            (path / ".checkpoint-half").write_text("half")
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(folders, "write_state", half)
            with pytest.raises(Killed):
                write(folder, "new", resume=True)
        with RUN.new(folder, overwrite=False, resume=True) as staging:
            assert step_in(staging) == 3

    def test_a_damaged_checkpoint_is_not_copied(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        stop(folder, 3)
        keep(folder, 4)
        data = (folder / CHECKPOINT).read_bytes()
        (folder / CHECKPOINT).write_bytes(data[:-1])
        with RUN.new(folder, overwrite=False, resume=True) as staging:
            assert step_in(staging) == 3
        stop(tmp_path / "other", 3)
        (tmp_path / "other" / CHECKPOINT).write_bytes(data[:-1])
        with pytest.raises(InputError, match="is not a whole safetensors file"):
            write(tmp_path / "other", "new", resume=True)
        assert not unfinished(tmp_path / "other").exists()
        assert (tmp_path / "other" / RECORD).read_text() == "stopped"

    @pytest.mark.parametrize("resume", [False, True])
    def test_a_kill_while_a_run_is_replaced_leaves_one_in_its_place(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: bool
    ) -> None:
        folder = tmp_path / "run"
        if resume:
            stop(folder, 3, "old")
        else:
            write(folder, "old")
        rename = Path.rename

        def die(path: Path, target: Path) -> Path:
            if path == unfinished(folder):
                raise Killed
            return rename(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", die)
            with pytest.raises(Killed):
                write(folder, "new", overwrite=not resume, resume=resume)
        assert not folder.exists()
        if resume:
            with RUN.new(folder, overwrite=False, resume=True) as staging:
                assert step_in(staging) == 3
                (staging / RECORD).write_text("new")
        else:
            with pytest.raises(InputError, match="exists"):
                write(folder, "newer")
            assert (folder / RECORD).read_text() == "old"
            write(folder, "new", overwrite=True)
        assert (folder / RECORD).read_text() == "new"
        assert list(tmp_path.iterdir()) == [folder]


class TestTwoProcesses:
    """One writes a run; the other is told so and disturbs nothing."""

    @pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}])
    @pytest.mark.parametrize("saved", [False, True])
    def test_the_second_gets_a_sentence(self, tmp_path: Path, options: dict[str, bool], saved: bool) -> None:
        folder = tmp_path / "run"
        with RUN.new(folder, overwrite=False) as staging:
            (staging / "log.jsonl").write_text("mine")
            if saved:
                keep(staging, 3)
            said = "begun and not finished" if saved and not options else "another process is writing"
            with pytest.raises(InputError, match=said):
                write(folder, "other", **{"overwrite": False, **options})
            assert (staging / "log.jsonl").read_text() == "mine"
            assert has_state(staging) == saved
            (staging / RECORD).write_text("mine")
        assert (folder / RECORD).read_text() == "mine"
        assert not (folder / LOCK).exists()
        assert list(tmp_path.iterdir()) == [folder]

    @pytest.mark.parametrize("moved", [False, True])
    def test_the_second_comes_while_the_first_ends(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: bool
    ) -> None:
        folder = tmp_path / "run"

        def late(path: Path) -> Path:
            """The first ends before or after the second has made the folder."""
            made = make_folder(path) if moved else path
            monkeypatch.setattr(folders, "make_folder", make_folder)
            if moved:
                path.rmdir()
            write(folder, "first")
            return made if moved else make_folder(path)

        monkeypatch.setattr(folders, "make_folder", late)
        with pytest.raises(InputError, match=r"another process is writing|exists; choose another"):
            write(folder, "second")
        assert (folder / RECORD).read_text() == "first"
        assert list(tmp_path.iterdir()) == [folder]

    def test_the_lock_goes_with_its_process(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        code = (
            "import os, signal, sys; from pathlib import Path; from latentclr.runs.discovery import RUN\n"
            "with RUN.new(Path(sys.argv[1]), overwrite=False) as staging:\n"
            "    print(flush=True); signal.pause()"
        )
        command = [sys.executable, "-c", code, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            with pytest.raises(InputError, match="another process is writing"):
                write(folder, "second")
            os.kill(process.pid, signal.SIGKILL)
        write(folder, "second")
        assert (folder / RECORD).read_text() == "second"
        assert list(tmp_path.iterdir()) == [folder]
