"""A method that is added as docs/adding-a-discoverer.md says works like any other."""

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.discover.logs import Recorder
from tests.toy import Toy

import latentclr.discover
from latentclr import DISCOVERERS, Directions
from latentclr.discover import Discoverer
from latentclr.engine.checkpoint import Keeper

DOC = Path(__file__).parents[2] / "docs" / "adding-a-discoverer.md"


@pytest.fixture
def distinct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Discoverer]:
    """The trained method of the page, in the table of methods."""
    (code,) = re.findall(r'```python\n("""Directions.*?)```', DOC.read_text(), re.DOTALL)
    assert len(code.splitlines()) < 60
    name, path = "latentclr.discover.distinct", tmp_path / "distinct.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(latentclr.discover.METHODS, "distinct", "Distinct")
    monkeypatch.setitem(DISCOVERERS, "distinct", module.Distinct)
    kind: type[Discoverer] = module.Distinct
    return kind


def test_it_learns_logs_and_resumes(distinct: type[Any], toy: Toy, tmp_path: Path) -> None:
    method, log = distinct(k=4, steps=60, held_out=8), Recorder()
    found = method.fit(toy, log=log)
    losses = [values["validation_loss"] for _, values in log.calls if "validation_loss" in values]
    assert min(losses) == found.origin["validation_loss"] < 0.7 * losses[0]
    keep = Keeper(tmp_path, every=0.0)
    stopped = iter([False] * 20 + [True])
    method.fit(toy, stop=lambda: next(stopped), keep=keep)
    resumed: Directions = method.fit(toy, keep=keep)
    assert torch.equal(
        resumed.model(toy.sample(1, rng=torch.Generator())[:, 0]),
        found.model(toy.sample(1, rng=torch.Generator())[:, 0]),
    )


def test_the_command_offers_it_with_its_options(
    distinct: type[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    from latentclr.cli.discover import main

    with pytest.raises(SystemExit):
        main(["distinct", "--help"])
    shown = capsys.readouterr().out
    assert "--length FLOAT" in shown
    assert "--learning-rate FLOAT" in shown
    assert "in training and when the directions are sorted" in " ".join(shown.replace("│", " ").split())
