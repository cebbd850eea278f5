"""latentclr compare: what it writes and prints, and what it refuses."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.cli.command import Command, tree

from latentclr import Random, load_generator
from latentclr.cli import main
from latentclr.runs.discovery import run_names

FILES = {
    "comparison.json",
    "table.csv",
    "table.md",
    "side-by-side.png",
    "matches",
    "matches/00.png",
    "matches/01.png",
    "overlaps",
    "overlaps/visible-1-2.png",
    "overlaps/latent-1-2.png",
}
FEW = ("--samples", "3", "--seeds", "0,5", "--rows", "2")


@pytest.fixture(scope="module")
def made(two_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on scenes, as `discover` leaves them but for their pictures and logs, and their comparison."""
    place = tmp_path_factory.mktemp("made")
    shutil.copytree(two_runs, place / "runs")
    for seed in (0, 1):
        (place / "runs" / f"r{seed}" / "run.json").write_text(json.dumps({"seconds": 12.34 + seed}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        main(["compare", "runs/r0", "runs/r1", "--out", "both", *FEW])
    return place


@pytest.fixture
def runs(made: Path, latentclr: Command) -> tuple[str, str]:
    """Copies of them in an empty folder, which holds nothing else."""
    shutil.copytree(made / "runs", "runs")
    return "runs/r0", "runs/r1"


def check_schema(facts: dict[str, Any]) -> None:
    """Everything that the format promises, of the type and length that it promises."""
    assert set(facts) == {"format", "generator", "settings", "notes", "runs", "overlaps"}
    assert facts["format"] == 1
    assert set(facts["generator"]) >= {"name", "sha256"}
    assert set(facts["settings"]) == {
        *("runs", "seeds", "slots", "measure", "layer", "strength", "longest", "samples", "truncation"),
        *("class", "target"),
    }
    by_name = {run["name"]: run for run in facts["runs"]}
    assert len(by_name) == len(facts["runs"])
    for run in facts["runs"]:
        assert set(run) == {
            *("name", "method", "hyperparameters", "k", "labels", "slots", "seconds", "lengths", "alphas"),
            *("changes", "too_weak", "latent_repeats", "visible_repeats", "alone"),
        }
        for name in ("labels", "lengths", "alphas", "changes"):
            assert len(run[name]) == run["k"]
        assert all(0 <= index < run["k"] for index in [*run["too_weak"], *run["alone"]])
    assert len(facts["overlaps"]) == len(by_name) * (len(by_name) - 1) // 2
    for overlap in facts["overlaps"]:
        k, other = (by_name[name]["k"] for name in overlap["runs"])
        for kind in ("visible", "latent"):
            assert len(overlap[kind]) == k
            assert all(len(row) == other and all(0 <= v <= 1 + 1e-6 for v in row) for row in overlap[kind])
        assert len(overlap["matches"]) == min(k, other)
        for match in overlap["matches"]:
            i, j = match["directions"]
            assert match["visible"] == pytest.approx(overlap["visible"][i][j], abs=1e-4)
            assert match["sign"] in (-1, 1)


@pytest.fixture
def both(runs: tuple[str, str], made: Path) -> None:
    """A copy of their comparison beside them."""
    shutil.copytree(made / "both", "both")


def test_it_writes_pictures_tables_and_a_record(both: None) -> None:
    assert tree(Path("both")) - {"alone.png"} == FILES
    facts = json.loads(Path("both/comparison.json").read_text())
    check_schema(facts)
    assert [run["name"] for run in facts["runs"]] == ["r0", "r1"]
    assert [run["seconds"] for run in facts["runs"]] == [12.34, 13.34]
    assert facts["settings"]["slots"] == "each run's own"
    target = facts["settings"]["target"]
    for run in facts["runs"]:
        reached = [c for i, c in enumerate(run["changes"]) if i not in run["too_weak"]]
        assert reached == pytest.approx([target] * len(reached), rel=2e-3)
    assert Path("both/alone.png").exists() == any(run["alone"] for run in facts["runs"])
    rows = list(csv.DictReader(Path("both/table.csv").read_text().splitlines()))
    assert [(row["run"], row["method"], row["seconds"]) for row in rows] == [
        ("r0", "random", "12"),
        ("r1", "random", "13"),
    ]
    for fact in ("method", "found alone", "seen in r1"):
        assert f"| {fact} |" in Path("both/table.md").read_text()
    with Image.open("both/side-by-side.png") as sheet, Image.open("both/matches/00.png") as match:
        assert sheet.width > 2 * 6 * 72 > match.width - 200


def test_equal_comparisons_are_equal_files_and_told_alike(
    runs: tuple[str, str], both: None, latentclr: Command
) -> None:
    code, said, _ = latentclr("compare", *runs, "--out", "again", *FEW)
    assert code == 0
    assert all(fact in said for fact in ("method", "found alone", "seen in r1"))
    assert "side by side: again/side-by-side.png" in said
    for name in tree(Path("both")):
        if (Path("both") / name).is_file():
            assert (Path("both") / name).read_bytes() == (Path("again") / name).read_bytes(), name


def test_all_its_options(runs: tuple[str, str], latentclr: Command) -> None:
    code, _, said = latentclr(
        *("compare", *runs, "--out", "deep/er/both", *FEW, "--slots", "0-3", "--truncation", "0.7"),
        *("--measure", "features", "--layer", "b8.conv1", "--strength", "0.05", "--longest", "0.5"),
        *("--device", "cpu", "--generator", "scenes"),
    )
    assert code == 0, said
    facts = json.loads(Path("deep/er/both/comparison.json").read_text())
    check_schema(facts)
    settings = facts["settings"]
    assert settings["slots"] == [0, 1, 2, 3]
    assert settings["truncation"] == 0.7
    assert settings["layer"] == "b8.conv1"
    assert settings["target"] == 0.05
    assert all(length <= 0.5 for run in facts["runs"] for length in run["lengths"])
    assert all(run["slots"] == [0, 1, 2, 3] for run in facts["runs"])
    code, _, said = latentclr(
        *("compare", *runs, "--out", "weak", *FEW, "--strength", "0.5", "--longest", "0.1")
    )
    assert code == 0
    assert "r0: too weak to reach the strength within length 0.1, and shown at that length: 0, 1, 2" in said


def test_a_run_compared_with_its_copy_overlaps_wholly(runs: tuple[str, str], latentclr: Command) -> None:
    copy = Path("runs/copy.safetensors")
    copy.write_bytes(Path("runs/r0/directions.safetensors").read_bytes())
    assert latentclr("compare", runs[0], copy, "--out", "both", *FEW)[0] == 0
    facts = json.loads(Path("both/comparison.json").read_text())
    assert [run["name"] for run in facts["runs"]] == ["r0", "copy"]
    assert facts["runs"][1]["seconds"] is None
    (overlap,) = facts["overlaps"]
    assert [match["directions"] for match in overlap["matches"]] == [[0, 0], [1, 1], [2, 2]]
    assert overlap["mean_visible"] == overlap["mean_latent"] == 1.0
    assert not Path("both/alone.png").exists()


def test_a_comparison_is_replaced_only_if_asked(
    runs: tuple[str, str], both: None, latentclr: Command
) -> None:
    again = ("compare", *runs, "--out", "both", "--samples", "2", "--seeds", "0", "--rows", "1")
    code, _, said = latentclr(*again)
    assert code == 2
    assert "both exists; choose another folder, or add --overwrite to replace it" in said
    assert latentclr(*again, "--seeds", "7", "--overwrite")[0] == 0
    assert json.loads(Path("both/comparison.json").read_text())["settings"]["seeds"] == [7]
    assert tree(Path()) & {".both-unfinished", ".both-replaced"} == set()


def test_runs_are_called_by_as_much_of_their_path_as_tells_them_apart(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("a/run", "b/run", "c")]
    for place in places:
        place.mkdir(parents=True)
        (place / "directions.safetensors").write_bytes(b"")
    assert run_names(places) == ["a/run", "b/run", f"{tmp_path.name}/c"]
    assert run_names(places[1:]) == ["run", "c"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["R0"], "compare needs at least two runs, not 1"),
        (["R0", "nowhere"], "there is no run at nowhere"),
        (["R0", "R0"], "is given twice"),
        (["R0", "R1", "--seeds", "x"], "--seeds 'x' is no list of numbers"),
        (["R0", "R1", "--rows", "0"], "--rows 0 must be at least 1"),
        (["R0", "R1", "--samples", "0"], "--samples 0 must be at least 1"),
        (["R0", "R1", "--strength", "0"], "--strength 0 must be above 0"),
        (["R0", "R1", "--longest", "inf"], "--longest inf must be above 0 and finite"),
        (["R0", "R1", "--measure", "features"], "give `--measure features --layer NAME`"),
        (["R0", "R1", "--layer", "image"], "give `--measure features --layer NAME`"),
        (["R0", "R1", "--out", "runs"], "is not the folder of a comparison"),
    ],
)
def test_what_cannot_work_is_one_sentence(
    runs: tuple[str, str], latentclr: Command, arguments: list[str], said: str, tmp_path: Path
) -> None:
    before = tree(tmp_path)
    given = [{"R0": runs[0], "R1": runs[1]}.get(argument, argument) for argument in arguments]
    out = [] if "--out" in given else ["--out", "both"]
    code, _, err = latentclr("compare", *given, *out)
    assert code == 2
    assert said in err
    assert err.strip().splitlines()[-1].startswith("latentclr: ")
    assert tree(tmp_path) == before


def test_runs_of_different_generators_are_refused(
    runs: tuple[str, str], latentclr: Command, dcgan_file: Path
) -> None:
    generator = load_generator(dcgan_file)
    Path("runs/other").mkdir()
    Random(k=2).fit(generator).save("runs/other/directions.safetensors")
    code, _, said = latentclr("compare", runs[0], "runs/other", "--out", "both")
    assert code == 2
    assert "r0 was found in 'scenes' (space w) and other in" in said
    assert "only runs of the same generator and space can be compared" in said
    code, _, said = latentclr("compare", *runs, "--out", "both", "--generator", dcgan_file)
    assert code == 2
    assert "has its latents in z only" in said


def test_runs_of_different_classes_are_drawn_in_one(latentclr: Command) -> None:
    generator = load_generator("scenes-biggan")
    for number in (0, 1):
        Path(f"c{number}").mkdir()
        Random(k=2, seed=number).fit(generator.for_class(number)).save(f"c{number}/directions.safetensors")
    few = ("--samples", "2", "--seeds", "0", "--rows", "1")
    code, _, said = latentclr("compare", "c1", "c0", "--out", "both", *few)
    assert code == 0, said
    assert "the runs are of different classes of one generator; all are drawn in the same class" in said
    facts = json.loads(Path("both/comparison.json").read_text())
    check_schema(facts)
    assert facts["settings"]["class"] == 1
    assert latentclr("compare", "c1", "c0", "--out", "zero", *few, "--class", "0")[0] == 0
    assert json.loads(Path("zero/comparison.json").read_text())["settings"]["class"] == 0
