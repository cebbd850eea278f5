"""The folder of an experiment is whole or not there, and its runs outlive a stop."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image
from tests.toy import Toy

from latentclr import InputError, Random
from latentclr.experiments.answers import Experiment
from latentclr.experiments.finding import find
from latentclr.experiments.folder import RUNS, experiment_folder, write
from latentclr.experiments.settings import Wanted
from latentclr.runs.folders import unfinished

ANSWER = Experiment([{"x": 1, "y": None}], Image.new("RGB", (3, 2)), "What was found. " * 20)
WANTED = [Wanted(Random(k=2))]


def written(place: Path, *, overwrite: bool = False) -> list[str]:
    said: list[str] = []
    with experiment_folder(place, overwrite=overwrite) as folder:
        runs = find(WANTED, Toy(), folder / RUNS, say=said.append)
        write(folder, "toy", "Figure 0", ANSWER, generator=Toy(), runs=runs, settings={"a": 1})
    return said


def stopped(place: Path) -> None:
    with experiment_folder(place, overwrite=False) as folder:
        assert len(find(WANTED, Toy(), folder / RUNS)) == 1
        raise KeyboardInterrupt


def test_everything_is_there(tmp_path: Path) -> None:
    written(tmp_path / "x")
    names = {str(path.relative_to(tmp_path / "x")) for path in (tmp_path / "x").rglob("*") if path.is_file()}
    assert names == {
        "figure.png",
        "table.csv",
        "text.md",
        "experiment.json",
        "runs/random-k2-seed0.safetensors",
    }
    facts = json.loads((tmp_path / "x" / "experiment.json").read_text())
    assert facts["rows"] == [{"x": 1, "y": None}]
    assert facts["runs"][0]["method"] == "random"
    assert facts["paper"] == "Figure 0"
    with (tmp_path / "x" / "table.csv").open() as file:
        assert list(csv.DictReader(file)) == [{"x": "1", "y": ""}]
    assert max(map(len, (tmp_path / "x" / "text.md").read_text().splitlines())) <= 100


def test_runs_are_kept_when_it_stops_and_when_it_is_replaced(tmp_path: Path) -> None:
    place = tmp_path / "x"
    with pytest.raises(KeyboardInterrupt):
        stopped(place)
    assert not place.exists()
    assert written(place) == []  # found before
    assert not unfinished(place).exists()
    assert written(place, overwrite=True) == []


def test_what_stopped_without_runs_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), experiment_folder(tmp_path / "x", overwrite=False):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    written(tmp_path / "x")
    with pytest.raises(InputError, match="add --overwrite"):
        written(tmp_path / "x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").touch()
    with pytest.raises(InputError, match="is not the folder of an experiment"):
        written(tmp_path / "other", overwrite=True)
