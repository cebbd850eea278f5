"""Folders of inverted photos keep the checkpoints of the search and of the tuning."""

from pathlib import Path

import pytest
import torch

from latentclr import InputError
from latentclr.engine.checkpoint import has_state, read_state, write_state
from latentclr.runs.inversions import (
    FIGURES,
    INVERSION,
    LATENTS,
    TUNING_STATE,
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


@pytest.mark.parametrize("tuning", [False, True])
def test_what_was_killed_goes_on_from_its_checkpoint(tmp_path: Path, tuning: bool) -> None:
    place = tmp_path / "me"
    with pytest.raises(RuntimeError), INVERSION.new(place, overwrite=False, resume=False) as folder:  # noqa: PT012 - what was written first
        keep(folder, 7, tuning=tuning)
        fill(folder)
        raise RuntimeError
    assert not place.exists()
    assert not INVERSION.is_finished(place)
    with (
        pytest.raises(InputError, match="was begun and not finished: add --resume"),
        INVERSION.new(place, overwrite=False, resume=False),
    ):
        pass
    with INVERSION.new(place, overwrite=False, resume=True) as folder:
        assert kept(folder / TUNING_STATE if tuning else folder) == 7
        assert not (folder / FIGURES).exists()
        fill(folder)
    INVERSION.remove_checkpoints(place)
    assert {path.name for path in place.iterdir()} == {FIGURES, LATENTS}
    assert INVERSION.is_finished(place)


def test_begun_anew_it_has_no_checkpoint(tmp_path: Path) -> None:
    place = tmp_path / "me"
    with pytest.raises(RuntimeError), INVERSION.new(place, overwrite=False, resume=False) as folder:  # noqa: PT012 - what was written first
        keep(folder, 7)
        keep(folder, 8, tuning=True)
        raise RuntimeError
    with INVERSION.new(place, overwrite=True, resume=False) as folder:
        assert not has_state(folder)
        assert not (folder / TUNING_STATE).exists()
        fill(folder)


def test_what_was_stopped_goes_on_from_its_place(tmp_path: Path) -> None:
    place = tmp_path / "me"
    with INVERSION.new(place, overwrite=False, resume=False) as folder:
        fill(folder, "stopped")
        keep(folder, 7)
        keep(folder, 8, tuning=True)
    assert not INVERSION.is_finished(place)
    with pytest.raises(RuntimeError), INVERSION.new(place, overwrite=False, resume=True) as folder:  # noqa: PT012 - what was written first
        assert kept(folder) == 7
        assert kept(folder / TUNING_STATE) == 8
        raise RuntimeError
    assert (place / FIGURES).read_text() == "stopped"
    with INVERSION.new(place, overwrite=False, resume=True) as folder:
        assert kept(folder) == 7
        fill(folder, "done")
    assert (place / FIGURES).read_text() == "done"
