"""The explorer over HTTP, as its page uses it."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.explorer.shelves import plain, saved, toy_named, toys
from tests.explorer.visiting import Visitor, client_of
from tests.generators.small_biggan import small_biggan_deep

from latentclr.directions import Directions
from latentclr.explorer import naming
from latentclr.explorer.export import read_recipe
from latentclr.explorer.exports import LOOPS, PICTURES
from latentclr.explorer.naming import Names
from latentclr.explorer.shelf import Shelf


def test_the_page_comes_whole_and_names_no_other_server(client: Any) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert 'class=\\"stage picture\\"' in answer.text or "stage picture" in answer.text
    assert "data:image/jpeg" in answer.text  # the first picture needs no further request
    policy = answer.headers["content-security-policy"]
    assert "http" not in policy
    script = re.search(r"script-src ([^;]*)", policy)
    assert script is not None
    assert "unsafe-inline" not in script[1]
    assert script[1].count("'sha256-") >= 2
    assert answer.headers["cache-control"] == "no-store"
    loaded = re.findall(r'<(?:script|link)[^>]*(?:src|href)="([^"]+)"', answer.text)
    assert loaded
    assert all(not address.startswith(("http:", "https:", "//")) for address in loaded)


@pytest.mark.parametrize("name", ["page.js", "photo.js", "page.css", "favicon.ico"])
def test_files_of_the_page(client: Any, name: str) -> None:
    answer = client.get(f"/{name}")
    assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")
    assert answer.text


def test_a_slider_changes_the_picture_and_only_what_follows_it(visitor: Visitor) -> None:
    before = visitor.stage
    assert visitor.slide(2, 1.5) == ""
    assert visitor.stage != before
    assert "seed 0, 2 +1.5" in visitor.stage
    assert visitor.shown["chosen"]["value"] == "<h2>Direction 2</h2>"
    outputs = visitor.events["slider-2.input"][1]
    assert not any(name.startswith("slider") for name in outputs)  # somebody holds one
    assert len(outputs) <= 10


def test_undo_redo_and_resets(visitor: Visitor) -> None:
    start = visitor.address
    visitor.slide(0, 1.0)
    visitor.slide(1, -2.0)
    both = visitor.address
    visitor.do("undo.click")
    visitor.do("redo.click")
    assert visitor.address == both
    visitor.do("reset-1.click", visitor.shown["rows"]["value"])
    assert "0 +1" in visitor.stage
    assert "1 -2" not in visitor.stage
    assert visitor.shown["slider-1"]["value"] == 0.0
    visitor.do("reset.click")
    assert "not edited" in visitor.stage
    for _ in range(4):
        assert visitor.do("undo.click") == ""
    assert visitor.address.partition("&")[0] == start.partition("&")[0]
    assert visitor.do("undo.click") == "there is nothing to undo."


def test_an_address_restores_the_whole_state(client: Any, visitor: Visitor) -> None:
    visitor.do("run.input", visitor.shown["run"]["choices"][1][1])
    visitor.slide(1, 0.75)
    visitor.do("seed.submit", "5-9")
    visitor.do("preset.input", "fine")
    other = Visitor(client, "other", visitor.address)
    assert other.open() == ""
    assert other.address == visitor.address
    for name in ("seed", "run", "rows", "mode", "slider-1", "preset"):
        assert other.shown[name].get("value") == visitor.shown[name].get("value"), name
    # A server that has started again since knows nothing of the visitor but the address.
    again = Visitor(client, "somebody else", visitor.address)
    again.do("after.click")
    assert "1 <b>+0.75 in slots 1</b>" in again.stage


def test_sentences_reach_the_page_and_nothing_changes(visitor: Visitor) -> None:
    before = visitor.address
    assert "give up to 64 whole numbers" in visitor.do("seed.submit", "4294967296")
    assert "there is no" not in visitor.do("slots.submit", "0-1")
    visitor.do("undo.click")
    assert "are not possible" in visitor.do("slots.submit", "7")
    assert visitor.address == before
    assert visitor.do("mode.input", "strip") == ""


def test_truncation_changes_the_picture(visitor: Visitor) -> None:
    before = visitor.stage.partition("<figcaption>")[0]
    visitor.do("truncation.input", 0.3)
    assert visitor.stage.partition("<figcaption>")[0].rpartition("data:")[2] != before.rpartition("data:")[2]


def test_a_tile_chooses_its_seed(visitor: Visitor) -> None:
    visitor.do("mode.input", "grid")
    visitor.do("stage.click", data={"seed": 7})
    assert visitor.shown["seed"]["value"] == "7"
    assert "stage picture" in visitor.stage


def test_names_stars_and_hiding_are_written_to_the_run(tmp_path: Path) -> None:
    path = saved(tmp_path / "run", plain()) / "directions.safetensors"
    shelf = Shelf(["toy"], [path.parent], load=toy_named)
    with client_of(shelf) as client:
        visitor = Visitor(client)
        visitor.open()
        Directions.load(path).rename({2: "warm"}).save(path)  # another program does, meanwhile
        visitor.do("pick-3.click", visitor.shown["rows"]["value"])
        assert visitor.do("rename.click", "smile") == ""
        visitor.do("star.click")
        assert visitor.shown["slider-0"]["label"] == "★ 3 smile"
        visitor.do("pick-1.click", visitor.shown["rows"]["value"])
        visitor.do("hide.click")
        assert visitor.shown["rows"]["value"].endswith(":3,1,2")
        visitor.do("hidden.input", True)
        assert visitor.shown["slider-3"]["label"] == "0 (hidden)"
        assert "must not be a number" in visitor.do("rename.click", "3:x")
        assert "too long" in visitor.do("rename.click", "x" * 101)
    found = Directions.load(path)
    assert found.names == ("", "", "warm", "smile")
    assert (found.starred, found.hidden) == (frozenset({3}), frozenset({0}))


@pytest.mark.parametrize("kind", PICTURES)
def test_a_saved_picture_brings_its_recipe(client: Any, visitor: Visitor, kind: str) -> None:
    visitor.slide(0, 1.0)
    answer = client.get(f"/picture.{kind}?{visitor.address}&size=128")
    assert answer.headers["content-type"] == f"image/{kind}"
    assert answer.headers["content-disposition"] == f'attachment; filename="toy-seed0-picture.{kind}"'
    assert Image.open(io.BytesIO(answer.content)).size == (128, 128)
    recipe = read_recipe(answer.content)
    assert [edit.alpha for edit in recipe.edits] == [1.0]
    opened = client.post("/open", content=answer.content)
    other = Visitor(client, f"{kind} opened", opened.json()["query"])
    other.open()
    assert "seed 0, 0 +1" in other.stage


@pytest.mark.parametrize("kind", LOOPS)
def test_a_saved_loop_brings_its_recipe(client: Any, visitor: Visitor, kind: str) -> None:
    if kind == "mp4":
        pytest.importorskip("imageio_ffmpeg")
    visitor.slide(1, 2.0)
    answer = client.get(f"/loop.{kind}?{visitor.address}&size=64")
    assert answer.status_code == 200
    assert [edit.alpha for edit in read_recipe(answer.content).edits] == [2.0]


@pytest.mark.parametrize("mode", ["strip", "grid", "difference", "methods", "loop"])
def test_every_view_can_be_saved(client: Any, visitor: Visitor, mode: str) -> None:
    visitor.do("mode.input", mode)
    answer = client.get(f"/picture.png?{visitor.address}&size=64")
    assert answer.status_code == 200, answer.text
    seeds = read_recipe(answer.content).seeds
    assert seeds == (tuple(range(24)) if mode == "grid" else (0,))


def test_a_recipe_is_saved_and_opened(client: Any, visitor: Visitor) -> None:
    visitor.slide(0, -0.5)
    answer = client.get(f"/recipe.json?{visitor.address}")
    assert json.loads(answer.content)["edits"][0]["alpha"] == -0.5
    opened = client.post("/open", content=answer.content)
    assert opened.json()["query"].startswith("s=")


def test_classes_are_chosen_by_number() -> None:
    shelf = Shelf(["classes"], load=lambda _: small_biggan_deep())
    with client_of(shelf) as client:
        visitor = Visitor(client)
        visitor.open()
        assert visitor.shown["label"]["visible"] is True
        before = visitor.stage
        visitor.do("label.input", 2)
        assert visitor.stage != before
        assert visitor.shown["label"]["value"] == 2
        assert "class" in visitor.do("label.input", 99)
        assert visitor.shown["label"]["value"] == 2


def test_proposed_names_are_shown_with_a_question_mark_or_the_reason_why_there_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = toys(plain(), plain(1))
    first, second = (entry.id for entry in shelf.entries())
    found = {
        first: Names({1: "smile"}, {1: "more smile <1>"}),
        second: Names(reason="unknown: nobody can say."),
    }
    monkeypatch.setattr(naming, "_proposed", lambda _, __, entry: found[entry.id])
    with client_of(shelf) as client:
        visitor = Visitor(client)
        visitor.open()
        assert visitor.do("propose.click") == "unknown: nobody can say."  # of the second run
        assert visitor.shown["slider-1"]["label"] == "1 smile?"
        visitor.do("pick-1.click", visitor.shown["rows"]["value"])
        assert visitor.shown["about"]["value"] == "more smile &lt;1&gt;"
        assert visitor.shown["name"]["placeholder"] == "smile"
