"""Runs are looked for once, and taken from where they are kept as long as they fit."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.experiments.planted import Classes, axes
from tests.toy import Toy

from latentclr import InputError, Random
from latentclr.experiments.finding import find, load
from latentclr.experiments.settings import Settings, Wanted


def test_what_is_kept_is_not_looked_for_again(tmp_path: Path) -> None:
    said: list[str] = []
    wanted = [Wanted(Random(k=2, seed=seed), label=1) for seed in (0, 1)]
    first = find(wanted, Classes(), tmp_path, say=said.append)
    assert len(said) == 2
    assert [one.label for one in first] == [1, 1]
    assert [one.seed for one in first] == [0, 1]
    (tmp_path / f"{wanted[1].name}.safetensors").unlink()  # it was stopped there
    find(wanted, Classes(), tmp_path, say=said.append)
    assert said[2:] == ["looking for directions: random-k2-class1-seed1"]


@pytest.mark.parametrize("change", ["settings", "generator"])
def test_what_does_not_fit_is_looked_for_again(tmp_path: Path, change: str) -> None:
    method, said = Random(k=2), list[str]()
    find([Wanted(method)], Toy(), tmp_path)
    other = replace(method, alpha=2.0) if change == "settings" else method
    found = find([Wanted(other)], Toy(seed=int(change == "generator")), tmp_path, say=said.append)
    assert len(said) == 1
    assert found[0].directions.origin["hyperparameters"]["alpha"] == other.alpha


def test_runs_that_are_given(tmp_path: Path) -> None:
    generator = Classes()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        axes(generator, 0, 1).save(tmp_path / name / "directions.safetensors")
    axes(generator, 2).save(tmp_path / "three.safetensors")
    paths = [tmp_path / "one", tmp_path / "two" / "directions.safetensors", tmp_path / "three.safetensors"]
    assert [run.name for run in load(paths, generator)] == ["one", "two", "three"]
    with pytest.raises(InputError, match="two runs are called 'one'"):
        load([paths[0], paths[0]], generator)
    with pytest.raises(InputError, match="do not fit"):
        load(paths, Toy())


def test_the_class_in_which_is_looked() -> None:
    generator = Classes()
    assert Settings().own_class(Toy()) is None
    assert Settings().own_class(generator) == 0
    assert Settings().own_class(generator.for_class(2)) == 2
    assert Settings(label=1).own_class(generator.for_class(2)) == 1
