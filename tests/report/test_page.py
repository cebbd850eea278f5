"""The page of an evaluation says what was measured, in one file, whatever things are called."""

import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.report.evaluated import evaluation

from latentclr import InputError
from latentclr.report import curves, strips
from latentclr.report.numbers import DASH, MINUS
from latentclr.report.page import best, page, rescored, shade

HOSTILE = "<script>alert(1)</script> \"'><img src=x onerror=alert(2)>"


class Read(HTMLParser):
    """What a browser would see: elements with their attributes, and the texts of table cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "wbr"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def metrics(tmp_path: Path) -> dict[str, Any]:
    return evaluation(tmp_path)


def read(metrics: dict[str, Any], folder: Path) -> Read:
    seen = Read(page(metrics, folder))
    assert seen.open == []  # whatever was opened is closed
    return seen


def test_nothing_is_fetched(metrics: dict[str, Any], tmp_path: Path) -> None:
    html = page(metrics, tmp_path)
    seen = Read(html)
    for tag, attributes in seen.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            target = attributes.get(name)
            assert target is None or target.startswith(("#", "data:")), (tag, target)
    assert "url(" not in html
    assert "@import" not in html
    policy = next(m["content"] for m in seen.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert not any(name.startswith("on") or name == "style" for _, a in seen.elements for name in a)


def test_every_value_stands_in_its_cell(metrics: dict[str, Any], tmp_path: Path) -> None:
    rows = read(metrics, tmp_path).rows
    effects = metrics["runs"][1]["directions"][1]["effects"]
    told = [
        f"{effects[a['name']]['value']:.2f}".replace("0.", ".").replace("-", MINUS)
        for a in metrics["attributes"]
    ]
    assert ["1", *[text if text.strip(f"{MINUS}.0") else ".00" for text in told]] in rows
    assert any(
        row[:2] == ["latentclr-faces", "latentclr layer=b8, seed=0"] and row[4] == "1.9 min" for row in rows
    )
    assert ["↑up smile", ".43\xa0±\xa0.50", ".66\xa0±\xa0.47", ".56\xa0±\xa0.47"] in rows
    assert ["↓down glasses", ".43\xa0±\xa0.50", ".36\xa0±\xa0.48", ".26\xa0±\xa0.48"] in rows


def test_figures_of_others_stand_apart_and_last(metrics: dict[str, Any], tmp_path: Path) -> None:
    first = [
        row[0] for row in read(metrics, tmp_path).rows if row and row[0].startswith(("latentclr", "sefa"))
    ]
    start = first.index("latentclr")
    assert first[start : start + 3] == ["latentclr", "sefa", "sefa, as published\xa0†"]


def test_what_was_not_measured_is_a_dash_that_says_so(metrics: dict[str, Any], tmp_path: Path) -> None:
    nothing = {"value": float("nan"), "low": None, "high": None}
    for direction in metrics["runs"][1]["directions"]:
        direction["numbers"] = dict.fromkeys(direction["numbers"])
        direction["effects"] = dict.fromkeys(direction["effects"], nothing)
        direction["path"] = None
    metrics["runs"][1]["summary"] = {}
    metrics["runs"][1]["rescoring"] = []
    html = page(metrics, tmp_path)
    assert "nan" not in re.sub(r"data:[^\"]*|<(script|style)>.*?</\1>", "", html, flags=re.DOTALL).lower()
    for row in Read(html).rows:
        if row[0] == "sefa-faces":
            assert row[4:] == [DASH] * (1 + 15)  # the time, and every measure that the other run has
    dashes = [a for a in Read(html).all("span") if a.get("class") == "none"]
    assert len(dashes) >= 16 + 5 * (6 + 1 + 3)  # effects, the strongest, numbers of each direction
    assert all(dash["title"] == "not measured" for dash in dashes)


def test_a_measure_that_nothing_has_takes_no_column(metrics: dict[str, Any], tmp_path: Path) -> None:
    for run in metrics["runs"]:
        run["summary"]["identity"] = None
        for direction in run["directions"]:
            direction["numbers"]["unevenness"] = None
    seen = read(metrics, tmp_path)
    assert not any(head.startswith("identity") for row in seen.rows for head in row)
    assert seen.texts.count("Not measured: identity.") == 1
    assert seen.texts.count("Not measured: unevenness.") == 2


def test_names_are_text(metrics: dict[str, Any], tmp_path: Path) -> None:
    plain = Read(page(metrics, tmp_path))
    old = metrics["attributes"][0]["name"]
    metrics["title"] = metrics["settings"]["command"] = metrics["generator"]["name"] = HOSTILE
    metrics["generator"]["class"] = metrics["notes"][0] = HOSTILE
    metrics["attributes"][0]["name"] = HOSTILE
    metrics["attributes"][0]["unit"] = metrics["measures"][0]["about"] = HOSTILE
    metrics["tables"][0]["rows"][0][0] = metrics["tables"][0]["columns"][1] = metrics["tables"][0][
        "title"
    ] = HOSTILE
    for run in metrics["runs"]:
        run["name"] = run["method"] = run["slots"] = run["settings"] = HOSTILE
        run["rescoring"][0]["attribute"] = HOSTILE
        for direction in run["directions"]:
            direction["label"] = direction["proposal"]["name"] = direction["proposal"]["text"] = HOSTILE
            direction["effects"][HOSTILE] = direction["effects"].pop(old)
            direction["path"][HOSTILE] = direction["path"].pop(old)
    metrics["runs"][0]["directions"][0]["strip"] = f"strips/{HOSTILE}.png"
    seen = read(metrics, tmp_path)
    assert len(seen.all("script")) == len(plain.all("script")) == 1
    assert len(seen.all("img")) == len(plain.all("img")) - 1  # the one whose file is not there
    assert not any("onerror" in attributes for _, attributes in seen.elements)
    assert "".join(seen.texts).count("<script>alert(1)</script>") > 30
    assert any(HOSTILE in (cell.get("title") or "") for cell in seen.all("td"))


def test_every_picture_and_chart_says_what_it_shows(metrics: dict[str, Any], tmp_path: Path) -> None:
    seen = read(metrics, tmp_path)
    assert len(seen.all("img")) == len(seen.all("svg")) == 10
    assert all("edited along direction" in (image["alt"] or "") for image in seen.all("img"))
    assert all("standard deviations: " in (chart["aria-label"] or "") for chart in seen.all("svg"))
    assert len(seen.all("caption")) == len(seen.all("table")) == 3 * 2 + 3
    assert all(head.get("scope") in ("col", "row") for head in seen.all("th"))
    ids = [a["id"] for _, a in seen.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in seen.elements:
        target = attributes.get("href") or ""
        assert not target.startswith("#") or target[1:] in ids
        assert attributes.get("aria-labelledby") in (None, *ids)


def test_evaluations_of_others_are_refused(metrics: dict[str, Any], tmp_path: Path) -> None:
    for changed in ({"format": 2}, {"kind": "comparison"}):
        with pytest.raises(InputError, match="run `latentclr evaluate` again"):
            page({**metrics, **changed}, tmp_path)
    for key in ("runs", "measures", "title"):
        with pytest.raises(InputError, match="not whole"):
            page({name: value for name, value in metrics.items() if name != key}, tmp_path)


def test_equal_evaluations_have_equal_pages(metrics: dict[str, Any], tmp_path: Path) -> None:
    again = json.loads(json.dumps(metrics))  # as it comes back from the file, with its NaN
    assert page(metrics, tmp_path) == page(again, tmp_path)


@pytest.mark.parametrize(
    ("better", "summaries", "expected"),
    [
        ("more", [(0.6, 0.5, 0.7), (0.3, 0.2, 0.4)], {0: "clear"}),
        ("more", [(0.6, 0.5, 0.7), (0.5, 0.4, 0.55)], {0: "best"}),
        ("less", [(0.6, 0.5, 0.7), (0.3, 0.2, 0.4), (0.8, 0.7, 0.9)], {1: "clear"}),
        ("more", [(0.6, 0.5, 0.7), (0.3, None, None)], {0: "best"}),
        (
            "more",
            [(0.6, 0.55, 0.65), (0.5, 0.45, 0.54), (0.4, 0.2, 0.6)],
            {0: "best"},
        ),  # the third reaches it
        ("more", [(0.6, 0.5, 0.7), (0.6, 0.5, 0.7), (0.1, 0.1, 0.1)], {0: "best", 1: "best"}),
        ("more", [(0.6, 0.5, 0.7), (0.6, 0.5, 0.7)], {}),
        ("more", [(0.6, 0.5, 0.7), None], {}),
        (None, [(0.6, 0.5, 0.7), (0.3, 0.2, 0.4)], {}),
    ],
)
def test_the_best_is_clear_where_no_interval_reaches_its_own(
    better: str | None, summaries: list[Any], expected: dict[int, str]
) -> None:
    runs = [
        {"summary": {"m": None if s is None else dict(zip(("value", "low", "high"), s, strict=True))}}
        for s in summaries
    ]
    assert best(runs, {"name": "m", "better": better}) == expected


def test_rescored_rows_hold_every_run_and_mark_the_furthest() -> None:
    def row(attribute: str, up: float, down: float) -> dict[str, Any]:
        return {"attribute": attribute, "up": {"mean": up, "sd": 0.1}, "down": {"mean": down, "sd": 0.1}}

    runs = [
        {"rescoring": [row("smile", 0.9, 0.3), row("yaw", 0.2, 0.1)]},
        {"rescoring": [row("smile", 0.8, 0.2)]},
    ]
    table = rescored(runs)
    assert [(one["way"], one["attribute"], one["best"]) for one in table] == [
        ("up", "smile", [0]), ("up", "yaw", []), ("down", "smile", [1]), ("down", "yaw", []),
    ]  # fmt: skip
    assert table[1]["cells"][1] is None


def test_shades_are_as_many_each_way() -> None:
    shades = [shade(value / 10, 1.0) for value in range(-10, 11)]
    assert shades[0] == "n6"
    assert shades[10] == "z"
    assert [one.translate({ord("p"): "n", ord("n"): "p"}) for one in reversed(shades)] == shades


def test_a_line_goes_where_its_numbers_are() -> None:
    path = {
        "multiples": [-1.0, 0.0, 1.0],
        "up": {"mean": [-1.0, 0.0, 1.0], "low": [-1.5, 0.0, 0.5], "high": [-0.5, 0.0, 1.5]},
        "broken": {"mean": [0.1, None, 0.2], "low": [None] * 3, "high": [None] * 3},
    }
    chart = curves.path_chart(path, ["up", "broken"], 2.0)
    assert chart is not None
    broken, up = chart.curves
    left, right = curves.LEFT, curves.WIDTH - curves.RIGHT
    top, bottom = curves.TOP, curves.HEIGHT - curves.BOTTOM
    middle, quarter = (top + bottom) / 2, (bottom - top) / 4
    expected = [(left, middle + quarter), ((left + right) / 2, middle), (right, middle - quarter)]
    found = [tuple(map(float, pair.split())) for pair in up.line.removeprefix("M").split("L")]
    assert [x for x, _ in found] == pytest.approx([x for x, _ in expected], abs=0.06)
    assert [y for _, y in found] == pytest.approx([y for _, y in expected], abs=0.06)
    assert broken.line.count("M") == 2  # nothing is drawn over what is missing
    assert broken.band == ""
    assert [mark.text.replace(MINUS, "-") for mark in up.points] == [
        "up at -1: -1.00 [-1.50, -.50]",
        "up at 0: .00 [.00, .00]",
        "up at +1: +1.00 [.50, 1.50]",
    ]


def test_only_the_strongest_have_colours_and_their_names_keep_apart() -> None:
    names = [f"a{i}" for i in range(6)]
    path: dict[str, Any] = {"multiples": [-1.0, 1.0]}
    path |= {name: {"mean": [0.0, 0.01 * i], "low": None, "high": None} for i, name in enumerate(names)}
    chart = curves.path_chart(path, names, 1.0)
    assert chart is not None
    labels = {curve.name: curve.label.y for curve in chart.curves if curve.label}
    assert set(labels) == {"a3", "a4", "a5"}
    heights = sorted(labels.values())
    assert all(b - a >= curves.APART - 0.1 for a, b in pairwise(heights))
    assert labels["a5"] < labels["a4"] < labels["a3"]  # larger is higher


def photograph(path: Path, width: int, height: int) -> None:
    Image.effect_noise((width, height), 60).convert("RGB").save(path)


def test_many_pictures_are_as_small_as_they_must_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "TOTAL", 40_000)
    photograph(tmp_path / "noise.png", 600, 300)  # nothing is harder to compress
    found = strips.embed(["noise.png"] * 10 + [None], tmp_path)
    assert sum(len(strip.uri) for strip in found) < 40_000 * 4 / 3 + 10 * 40
    assert all(strip.width / strip.height == pytest.approx(2, rel=0.05) for strip in found[:10])
    assert found[10].uri == ""


def test_a_drawn_picture_stays_as_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (300, 100), "red").save(tmp_path / "flat.png")
    photograph(tmp_path / "noise.png", 300, 100)
    flat, noise = strips.embed(["flat.png", "noise.png"], tmp_path)
    assert flat.uri.startswith("data:image/png;base64,")
    assert noise.uri.startswith("data:image/jpeg;base64,")
    assert (noise.width, noise.height) == (300, 100)


def test_only_pictures_of_the_folder_are_shown(tmp_path: Path) -> None:
    folder = tmp_path / "evaluated"
    folder.mkdir()
    photograph(tmp_path / "secret.png", 8, 8)
    (folder / "text.png").write_text("no picture")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    names = ["../secret.png", str(tmp_path / "secret.png"), "link.png", "text.png", "none.png", "."]
    found = strips.embed(names, folder)
    assert not any(strip.uri for strip in found)
    assert [strip.missing.split(":")[-1].split(" is ")[-1] for strip in found[:3]] == [
        " it lies outside the folder of the report."
    ] * 3
    assert "no picture" in found[3].missing
    assert "not in the folder" in found[4].missing


def test_templates_are_part_of_the_package() -> None:
    folder = files("latentclr.report") / "templates"
    assert all((folder / name).is_file() for name in ("page.html", "run.html", "style.css", "script.js"))
