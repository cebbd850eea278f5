"""The report says what was answered, to people, spreadsheets and programs, and hides who answered."""

import csv
import io
import json
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.study.planted import always, careful, small_study, sources, take_part
from tests.toy import Toy

from latentclr import InputError
from latentclr.evaluate.intervals import Bootstrap
from latentclr.study.answers import completion_code
from latentclr.study.create import create
from latentclr.study.options import Checks, Options
from latentclr.study.order import Step, steps
from latentclr.study.plan import PICTURES, Study
from latentclr.study.report import PAGE, SUMMARY, report
from latentclr.study.store import Store

Whole = tuple[Study, Path, list[str]]
HOSTILE = "</title><script>alert(1)</script> \"'><img src=x onerror=alert(2)>"
FEW = Bootstrap(100)


def graded(method: int, way: int, question: str) -> str:
    return "yes" if (method, question) == (0, "obvious") else ["yes", "maybe", "no"][way]


def calls_it(name: str) -> Any:
    inner = careful(graded)
    return lambda step, question: name if question == "name" else inner(step, question)


def stops_after_one(step: Step, question: str) -> str | None:
    return "yes" if step.item == "d0-1" else None


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Two runs with hostile names; three are kept, one does not look, one stops; codes and keys."""
    folder = tmp_path_factory.mktemp("report")
    one, two = sources(3, 3)
    named = replace(two.directions, names=(HOSTILE, "=2+3", "smile"))
    study = create(
        folder / "study",
        [replace(one, name=f"run {HOSTILE}"), replace(two, directions=named, name="@SUM(A1)")],
        Toy(),
        Options(title=HOSTILE, pictures=6, per_direction=2, names=True, preference=3),
    )
    with Store.open(None, study) as store:
        people = [
            take_part(store, one)
            for one in (calls_it("=cmd|' /C calc'!A0"), calls_it(HOSTILE), calls_it("Smile"), always("yes"))
        ]
        people += [take_part(store, one) for one in (calls_it("smile"), stops_after_one)]
        store.withdraw(people.pop(2).code)
        gone = store.join()  # and says nothing
        assert report(study, store, folder / "out", bootstrap=FEW) == folder / "out"
    return study, folder / "out", [one.code for one in (*people, gone)] + [one.key for one in (*people, gone)]


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / name).read_text(), newline="")))


def summary_of(folder: Path) -> dict[str, Any]:
    def refuse(value: str) -> None:
        raise AssertionError(f"{value} is no JSON")

    found: dict[str, Any] = json.loads((folder / SUMMARY).read_text(), parse_constant=refuse)
    return found


class Tags(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_folder_holds_everything(whole: Whole) -> None:
    study, folder, _ = whole
    tables = {f"{name}.csv" for name in ("answers", "completed", "directions", "participants", "preferences")}
    assert {path.name for path in folder.iterdir()} == {*tables, PAGE, SUMMARY, "strips"}
    assert len(list((folder / "strips").iterdir())) == 6
    summary = summary_of(folder)
    days = [summary["collected"].pop(name) for name in ("first_day", "last_day")]
    assert days == sorted(days)
    assert summary["collected"] == {
        "joined": 6,
        "agreed": 5,
        "begun": 5,
        "finished": 4,
        "kept": 3,
        "answers": sum(row["participant"] != "6" for row in rows(folder, "answers.csv")) + 3,
        "revisions": 0,
    }
    assert summary["study"]["digest"] == study.digest
    assert (summary["groups"]["kept"]["people"], summary["groups"]["all"]["people"]) == (3, 5)


def test_its_numbers_are_those_of_the_answers(whole: Whole) -> None:
    _, folder, _ = whole
    answers = rows(folder, "answers.csv")
    for row in rows(folder, "directions.csv"):
        asked = [
            one["answer"]
            for one in answers
            if one["kind"] == "direction"
            and (one["method"], one["direction"], one["question"])
            == (row["method"], row["direction"], row["question"])
            and (row["group"] == "all" or one["kept"] == "yes")
            and one["answer"]
        ]
        assert [int(row[value]) for value in ("yes", "maybe", "no")] == [
            asked.count(value) for value in ("yes", "maybe", "no")
        ]
        assert float(row["share_yes"]) == pytest.approx(asked.count("yes") / len(asked), abs=1e-6)
        assert float(row["share_yes_low"]) <= float(row["share_yes"]) <= float(row["share_yes_high"])
    lines = {
        (line["method"], line["question"]): line for line in summary_of(folder)["groups"]["kept"]["lines"]
    }
    assert lines[0, "obvious"]["yes"] == {"value": 3.0, "low": 3.0, "high": 3.0}
    assert lines[1, "obvious"]["yes"]["value"] == 1.0
    assert lines[1, "meaningful"]["not_no"]["value"] == pytest.approx(2 / 3)
    kept = {row["participant"] for row in rows(folder, "participants.csv") if row["kept"] == "yes"}
    assert kept == {"1", "2", "5"} == {row["participant"] for row in answers if row["kept"] == "yes"}


def test_preferences_name_the_method_whatever_the_side(whole: Whole) -> None:
    study, folder, _ = whole
    asked = [row for row in rows(folder, "answers.csv") if row["kind"] == "pair" and row["kept"] == "yes"]
    assert len(asked) == 9
    for row in asked:
        left = row["method"].startswith("run ")
        assert row["answer"] == ("left" if left else "right")
        assert row["prefers"] == study.runs[0].name
    (kept,) = (
        r for r in rows(folder, "preferences.csv") if (r["group"], r["kind"]) == ("kept", "preference")
    )
    assert (kept["wins"], kept["losses"], kept["people_first"], kept["p"]) == ("9", "0", "3", "0.25")


def test_completion_codes_are_listed_with_who_is_kept_and_lead_to_no_answers(whole: Whole) -> None:
    study, folder, secrets = whole
    codes = [completion_code(study, key) for key in secrets[len(secrets) // 2 :]]
    finished = zip(codes[:4], ("yes", "yes", "no", "yes"), strict=True)  # not who stopped or said nothing
    listed = (folder / "completed.csv").read_text().splitlines()
    assert listed == ["completion,kept", *sorted(f"{code},{kept}" for code, kept in finished)]
    others = [path.read_text() for path in folder.iterdir() if path.suffix and path.name != "completed.csv"]
    assert not any(code in text for code in codes for text in others)


def test_nothing_in_it_says_which_code_answered(whole: Whole) -> None:
    _, folder, secrets = whole
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret.encode() in data for secret in secrets)


def test_words_are_never_markup_and_nothing_is_asked_of_the_network(whole: Whole) -> None:
    _, folder, _ = whole
    html = (folder / PAGE).read_text()
    found = Tags(html).found
    assert sum(tag == "script" for tag, _ in found) == 1
    assert not any(name.startswith("on") for _, attributes in found for name in attributes)
    pictures = [attributes["src"] for tag, attributes in found if tag == "img"]
    assert len(pictures) == 6
    assert all(str(source).startswith("data:image/") for source in pictures)
    places = [
        value for _, attributes in found for name, value in attributes.items() if name in ("href", "src")
    ]
    assert all(str(value).startswith(("#", "data:")) for value in places)
    (policy,) = (a["content"] for t, a in found if t == "meta" and "http-equiv" in a)
    assert str(policy).startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert not any("style" in attributes for _, attributes in found)  # the policy would drop them
    assert "&lt;script&gt;alert(1)" in html


def test_no_cell_is_computed_by_a_spreadsheet(whole: Whole) -> None:
    _, folder, _ = whole
    for name in ("answers.csv", "directions.csv", "participants.csv", "preferences.csv"):
        for row in csv.reader(io.StringIO((folder / name).read_text(), newline="")):
            for cell in row:
                assert not cell.startswith(("=", "+", "@", "\t", "\r"))
                assert not cell.startswith("-") or math.isfinite(float(cell))
    named = [row["answer"] for row in rows(folder, "answers.csv") if row["question"] == "name"]
    assert "'=cmd|' /C calc'!A0" in named
    assert {row["method"] for row in rows(folder, "directions.csv")} == {f"run {HOSTILE}", "'@SUM(A1)"}
    assert "1 '=2+3" not in {row["label"] for row in rows(folder, "directions.csv")}  # "1 =2+3" is harmless


def test_missing_answers_have_rows_of_their_own(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", 3)
    with Store.open(None, study) as store:
        key = take_part(store, stops_after_one).key
        report(study, store, tmp_path / "out", bootstrap=FEW)
    answers = rows(tmp_path / "out", "answers.csv")
    assert len(answers) == sum(len(step.questions) for step in steps(study, key))
    assert {row["item"] for row in answers if row["answer"]} == {"d0-1"}
    summary = summary_of(tmp_path / "out")
    assert summary["groups"]["all"]["lines"][0]["missing"]["value"] == 2.0
    kept = summary["groups"]["kept"]
    assert (kept["people"], kept["preferences"], kept["contrasts"]) == (0, [], [])
    assert {line["question"] for line in kept["lines"]} == {"obvious", "meaningful"}
    values = ("yes", "maybe", "no", "missing", "strict", "not_no")
    assert all(line[value] is None for line in kept["lines"] for value in values)
    assert all(one["nominal"] is one["ordinal"] is None for one in kept["agreement"])
    assert "Nobody is kept, so everything below is of all" in (tmp_path / "out" / PAGE).read_text()


def test_a_study_of_one_run_without_checks(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", 2, checks=Checks(0, 0, 0), unit="picture", per_participant=1)
    with Store.open(None, study) as store:
        take_part(store, always("maybe"))
        report(study, store, bootstrap=FEW)
        with pytest.raises(InputError, match="--overwrite"):
            report(study, store, bootstrap=FEW)
        before = (study.folder / "report" / PAGE).read_bytes()
        report(study, store, bootstrap=FEW, overwrite=True)
    assert (study.folder / "report" / PAGE).read_bytes() == before
    html = before.decode()
    assert "no attention checks, so everybody is kept" in html
    assert "Here everybody is kept" in html
    assert "Methods beside each other" not in html
    Study.open(study.folder).verify()


def test_names_are_counted_without_regard_to_capitals(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", 1, names=True, checks=Checks(0, 0, 0))
    with Store.open(None, study) as store:
        for name in ("Smile", "smile ", "hat", "", "SMILE"):
            take_part(store, calls_it(name))
        report(study, store, tmp_path / "out", bootstrap=FEW)
    (direction,) = summary_of(tmp_path / "out")["groups"]["kept"]["directions"]
    assert direction["names"] == [{"name": "Smile", "times": 3}, {"name": "hat", "times": 1}]
    assert "“Smile”&nbsp;(3), “hat”." in (tmp_path / "out" / PAGE).read_text()


def test_without_answers_there_is_no_report(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", 1)
    with Store.open(None, study) as store:
        store.join()
        with pytest.raises(InputError, match=r"nobody has answered yet \(1 joined\)"):
            report(study, store)
    assert not (study.folder / "report").exists()


def test_a_picture_that_is_gone_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", 1)
    with Store.open(None, study) as store:
        take_part(store, always("yes"))
        (study.folder / PICTURES / study.pictures.originals[0]).write_bytes(b"no picture")
        with pytest.raises(InputError, match="is missing or damaged"):
            report(study, store, tmp_path / "out", bootstrap=FEW)
    assert not (tmp_path / "out").exists()
