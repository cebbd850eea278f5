"""`latentclr evaluate` and `latentclr report`: what they write, what they refuse, what they leave alone."""

import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.cli.command import Command
from tests.rounding import rounding_bound

from latentclr import Directions, load_generator
from latentclr.cli import evaluate, main
from latentclr.evaluate.calibration import rms
from latentclr.evaluate.scored import Scored
from latentclr.report.strips import embed

FEW = ("--latents", "8", "--separability", "2")


@pytest.fixture(scope="module", autouse=True)
def few_samples() -> Iterator[None]:
    """Units and the usual strength are measured on few pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "POPULATION", 32)
        yield


@pytest.fixture(scope="module")
def made(two_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on scenes, and what an evaluation of them leaves."""
    place = Path(shutil.copytree(two_runs, tmp_path_factory.mktemp("made"), dirs_exist_ok=True))
    main(["evaluate", str(place / "r0"), str(place / "r1"), "--out", str(place / "seen"), *FEW])
    return place


@pytest.fixture
def here(made: Path, latentclr: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of them in an empty folder."""
    shutil.copytree(made, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


def metrics(folder: str = "seen") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "metrics.json").read_text())
    return found


def quantities(value: Any) -> list[dict[str, float | None]]:
    """Every value with an interval, wherever it is."""
    if isinstance(value, dict):
        if set(value) == {"value", "low", "high"}:
            return [value]
        return [found for part in value.values() for found in quantities(part)]
    return [found for part in value for found in quantities(part)] if isinstance(value, list) else []


def test_it_writes_a_page_numbers_scores_and_strips(here: Path) -> None:
    facts = metrics()
    assert [run["name"] for run in facts["runs"]] == ["r0", "r1"]
    assert [len(run["directions"]) for run in facts["runs"]] == [3, 2]
    names = {attribute["name"] for attribute in facts["attributes"]}
    assert names == {"floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"}
    of_runs = {measure["name"] for measure in facts["measures"] if measure["of"] == "run"}
    of_directions = {measure["name"] for measure in facts["measures"] if measure["of"] == "direction"}
    for run in facts["runs"]:
        assert set(run["summary"]) == of_runs
        for one in run["directions"]:
            assert set(one["effects"]) == names
            assert set(one["numbers"]) == of_directions
            assert set(one["path"]) == {"multiples", *names}
            assert one["path"]["multiples"][4] == one["path"]["scale"]["mean"][4] == 0
            with Image.open(Path("seen", one["strip"])) as strip:
                assert strip.size == (5 * 64, 3 * 64)
    for one in quantities(facts):
        assert one["value"] is not None
        assert math.isfinite(one["value"])
        if one["low"] is not None and one["high"] is not None:
            slack = rounding_bound(1000) * abs(one["value"])  # means over re-drawn latents, in float32
            assert one["low"] - slack <= one["value"] <= one["high"] + slack
    page = Path("seen/report.html").read_text()
    assert all(name in page for name in ("r0", "r1", *names))


def test_strength_is_matched(here: Path) -> None:
    scenes, facts = load_generator("scenes"), metrics()
    latents = scenes.sample(32, rng=torch.Generator().manual_seed(5))
    before, changes = scenes(latents), []
    for run in facts["runs"]:
        directions = Directions.load(Path(run["name"]) / "directions.safetensors")
        for one in run["directions"]:
            moved = [directions.edit(latents, one["index"], sign * one["alpha"]) for sign in (1, -1)]
            changes.append(float(torch.cat([rms(scenes(m), before) for m in moved]).mean()))
    # Matched on sixteen other latents, of pictures of this size.
    assert max(changes) / min(changes) < 1.3
    assert changes == pytest.approx([facts["settings"]["target"]] * 5, rel=0.2)


def test_scores_can_be_loaded_and_are_those_of_the_record(here: Path) -> None:
    scored = Scored.load(Path("seen/scores/1.safetensors"))
    effect = scored.effects()[0, :, scored.attribute("scale")].mean()
    assert float(effect) == pytest.approx(
        metrics()["runs"][1]["directions"][0]["effects"]["scale"]["value"], rel=1e-4
    )


def test_the_page_is_drawn_again_from_what_was_measured(here: Path, latentclr: Command) -> None:
    before = Path("seen/report.html").read_bytes()
    Path("seen/report.html").unlink()
    code, said, _ = latentclr("report", "seen")
    assert (code, said) == (0, "seen/report.html\n")
    assert Path("seen/report.html").read_bytes() == before


def test_equal_evaluations_are_equal_files(here: Path, latentclr: Command) -> None:
    assert latentclr("evaluate", "r0", "r1", "--out", "again", *FEW)[0] == 0
    for path in Path("seen").rglob("*"):
        if path.is_file() and path.suffix not in (".json", ".html"):
            assert path.read_bytes() == (Path("again") / path.relative_to("seen")).read_bytes(), path
    assert metrics("again")["runs"] == metrics()["runs"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("evaluate", "--out", "x"), "at least one run"),
        (("evaluate", "nowhere", "--out", "x"), "no run at nowhere"),
        (("evaluate", "r0", "r0", "--out", "x"), "given twice"),
        (("evaluate", "r0", "--out", "x", "--latents", "3"), "--latents 3 must be at least 8"),
        (("evaluate", "r0", "--out", "x", "--target", "-1"), "--target -1 must be above 0"),
        (("evaluate", "r0", "--out", "x", "--level", "1"), "--level 1 must be above 0 and below 1"),
        (("evaluate", "r0", "--out", "seen"), "seen exists; .*--overwrite"),
        (("evaluate", "r0", "--out", "r1", "--overwrite"), "r1 is not the folder of an evaluation"),
        (("report", "r0"), "r0 is not the folder of an evaluation"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    here: Path, latentclr: Command, arguments: tuple[str, ...], said: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}
    code, _, error = latentclr(*arguments)
    assert code == 2
    assert len(error.strip().splitlines()) == 1
    assert re.search(said, error)
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()} == before


def test_names_and_strengths_go_into_the_runs_if_asked_for(
    here: Path, latentclr: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody marks while it is measured is kept."""
    before, path = Path("r0/directions.safetensors").read_bytes(), Path("r1/directions.safetensors")

    def drawn_slowly(*arguments: Any) -> Any:
        Directions.load(path).star(1).rename({0: "mine"}).save(path)
        return embed(*arguments)

    monkeypatch.setattr("latentclr.report.page.embed", drawn_slowly)
    code, _, said = latentclr(
        "evaluate", "r1", "--out", "b", *FEW, "--calibrate-runs", "--name-runs", "--target", "0.2"
    )
    assert code == 0, said
    found = Directions.load(path)
    assert (found.starred, found.names[0]) == (frozenset({1}), "mine")
    assert found.origin["calibration"]["target"] == pytest.approx(0.2)
    lengths = [one["length"] for one in metrics("b")["runs"][0]["directions"]]
    assert found.scale.tolist() == pytest.approx(lengths, rel=1e-3)
    assert Path("r0/directions.safetensors").read_bytes() == before


def test_metrics_of_another_version_are_refused(here: Path, latentclr: Command) -> None:
    Path("seen/metrics.json").write_text(json.dumps({**metrics(), "format": 99}))
    code, _, error = latentclr("report", "seen")
    assert (code, "of format 99" in error) == (2, True)
    Path("seen/metrics.json").write_text("[" * 100_000)
    code, _, error = latentclr("report", "seen")
    assert (code, error.count("\n")) == (2, 1)
