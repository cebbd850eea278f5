"""Folders of inverted photos: whole or not there, kept where there is something to go on with."""

from pathlib import Path

import pytest
import torch

from latentclr import InputError
from latentclr.engine.checkpoint import has_state, read_state, write_state
from latentclr.runs.folders import unfinished
from latentclr.runs.inversions import (
    FIGURES,
    LATENTS,
    TUNING_STATE,
    finish,
    is_finished,
    new_inversions,
)


def fill(folder: Path, text: str = "{}") -> None:
    (folder / FIGURES).write_text(text)
    (folder / LATENTS).write_bytes(b"latents")


def keep(folder: Path, number: int, *, tuning: bool = False) -> None:
    place = folder / TUNING_STATE if tuning else folder
    place.mkdir(exist_ok=True)
    write_state(place, {"number": torch.tensor(number)}, {})


def kept(folder: Path) -> int:
    found = read_state(folder)
    assert found is not None
    return int(found[0]["number"])


def test_a_folder_is_there_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "new" / "me"
    with new_inversions(place, overwrite=False, resume=False) as folder:
        fill(folder)
        assert not place.exists()
    assert {path.name for path in place.iterdir()} == {FIGURES, LATENTS}
    assert is_finished(place)
    assert not unfinished(place).exists()


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "new" / "me"
    with pytest.raises(RuntimeError), new_inversions(place, overwrite=False, resume=False) as folder:  # noqa: PT012 - what was written first
        fill(folder)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_only_on_demand(tmp_path: Path) -> None:
    place = tmp_path / "me"
    with new_inversions(place, overwrite=False, resume=False) as folder:
        fill(folder, "1")
    for resume in (False, True):  # it is finished, so there is nothing to go on with
        with (
            pytest.raises(InputError, match=r"me exists; .* --overwrite"),
            new_inversions(place, overwrite=False, resume=resume),
        ):
            pass
    with pytest.raises(RuntimeError), new_inversions(place, overwrite=True, resume=False) as folder:
        raise RuntimeError
    assert (place / FIGURES).read_text() == "1"
    with new_inversions(place, overwrite=True, resume=False) as folder:
        fill(folder, "2")
    assert (place / FIGURES).read_text() == "2"


def test_other_folders_are_never_replaced(tmp_path: Path) -> None:
    place = tmp_path / "me"
    place.mkdir()
    (place / "run.json").write_text("{}")
    with (
        pytest.raises(InputError, match="is not the folder of an inversion"),
        new_inversions(place, overwrite=True, resume=False),
    ):
        pass
    assert (place / "run.json").is_file()


@pytest.mark.parametrize("tuning", [False, True])
def test_what_was_killed_goes_on_from_its_checkpoint(tmp_path: Path, tuning: bool) -> None:
    place = tmp_path / "me"
    with pytest.raises(RuntimeError), new_inversions(place, overwrite=False, resume=False) as folder:  # noqa: PT012 - what was written first
        keep(folder, 7, tuning=tuning)
        fill(folder)
        raise RuntimeError
    assert not place.exists()
    assert not is_finished(place)
    with (
        pytest.raises(InputError, match="was begun and not finished: add --resume"),
        new_inversions(place, overwrite=False, resume=False),
    ):
        pass
    with new_inversions(place, overwrite=False, resume=True) as folder:
        assert kept(folder / TUNING_STATE if tuning else folder) == 7
        assert not (folder / FIGURES).exists()
        fill(folder)
    finish(place)
    assert {path.name for path in place.iterdir()} == {FIGURES, LATENTS}
    assert is_finished(place)


def test_begun_anew_it_has_no_checkpoint(tmp_path: Path) -> None:
    place = tmp_path / "me"
    with pytest.raises(RuntimeError), new_inversions(place, overwrite=False, resume=False) as folder:  # noqa: PT012 - what was written first
        keep(folder, 7)
        keep(folder, 8, tuning=True)
        raise RuntimeError
    with new_inversions(place, overwrite=True, resume=False) as folder:
        assert not has_state(folder)
        assert not (folder / TUNING_STATE).exists()
        fill(folder)


def test_what_was_stopped_goes_on_from_its_place(tmp_path: Path) -> None:
    place = tmp_path / "me"
    with new_inversions(place, overwrite=False, resume=False) as folder:
        fill(folder, "stopped")
        keep(folder, 7)
        keep(folder, 8, tuning=True)
    assert not is_finished(place)
    with pytest.raises(RuntimeError), new_inversions(place, overwrite=False, resume=True) as folder:  # noqa: PT012 - what was written first
        assert kept(folder) == 7
        assert kept(folder / TUNING_STATE) == 8
        raise RuntimeError
    assert (place / FIGURES).read_text() == "stopped"
    with new_inversions(place, overwrite=False, resume=True) as folder:
        assert kept(folder) == 7
        fill(folder, "done")
    assert (place / FIGURES).read_text() == "done"
