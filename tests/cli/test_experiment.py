"""latentclr experiment: what it writes, prints and refuses."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from latentclr import Random, load_generator
from latentclr.cli.experiment import main
from latentclr.errors import InputError
from latentclr.experiments.questions import EXPERIMENTS

Command = Callable[..., str]


@pytest.fixture
def experiment(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        capsys.readouterr()
        main([str(argument) for argument in arguments])
        return capsys.readouterr().out

    return run


def test_the_list_of_experiments(experiment: Command) -> None:
    told = experiment()
    for name, question in EXPERIMENTS.items():
        assert name in told
        assert question.paper in told


@pytest.mark.statistics
@pytest.mark.parametrize("name", ["general", "layers", "many"])
def test_the_small_form_answers(experiment: Command, name: str) -> None:
    told = experiment(name, "--small", "--generator", "scenes", "--out", "x")
    facts = json.loads(Path("x/experiment.json").read_text())
    assert facts["experiment"] == name
    assert facts["settings"]["small"] is True
    assert facts["generator"]["name"] == "scenes"
    assert facts["text"] in told
    assert "LatentCLR's paper" in facts["text"]
    assert "nan" not in facts["text"]
    with Path("x/table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(facts["rows"]) > 0
    assert any(column.endswith("_low") for column in rows[0])
    with Image.open("x/figure.png") as figure:
        assert min(figure.size) > 150
    kept = {path.stem for path in Path("x/runs").iterdir()}
    assert kept == {run["name"] for run in facts["runs"]}


def test_runs_that_are_given_and_their_class(experiment: Command) -> None:
    generator = load_generator("scenes-biggan").for_class("cone")
    Random(k=2, seed=3).fit(generator).save(Path("cone.safetensors"))
    told = experiment(
        *(
            "general",
            "--small",
            "--runs",
            "cone.safetensors",
            "--out",
            "x",
            "--latents",
            "8",
            "--pictures",
            "0",
        )
    )
    facts = json.loads(Path("x/experiment.json").read_text())
    assert facts["generator"]["class"] == 4
    assert facts["runs"] == [
        {"name": "cone", "method": "random", "k": 2, "seed": 3, "class": 4, "settings": "seed 3"}
    ]
    assert facts["text"] in told
    assert {path.name for path in Path("x").iterdir()} >= {"experiment.json", "table.csv", "figure.png"}
    assert not list(Path("x").glob("runs/*"))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("generel", "--out", "x"), r"no experiment 'generel' \(did you mean 'general'\?\)"),
        (("general", "--out", "x", "--k", "1"), "--k 1 must be at least 2"),
        (("general", "--out", "x", "--latents", "3"), "--latents 3 must be at least 8"),
        (("many", "--out", "x", "--ks", "1,4"), "every K must be at least 2"),
        (("general", "--out", "x", "--class", "pyramid"), "there is no class 'pyramid'"),
        (("general", "--out", "x", "--generator", "scenes", "--class", "1"), "scenes has no classes"),
        (("transfer", "--out", "x", "--generator", "scenes"), "transfer compares classes"),
        (("class-specific", "--out", "x", "--other", "cube"), "cannot be compared with itself"),
        (("general", "--out", "x", "--runs", "nowhere"), "there is no run at nowhere"),
    ],
)
def test_what_is_refused_before_any_work(experiment: Command, arguments: tuple[str, ...], match: str) -> None:
    with pytest.raises(InputError, match=match):
        experiment(*arguments)
    assert not list(Path().iterdir())
