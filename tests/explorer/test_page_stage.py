"""What the page shows of a view: pictures as HTML, controls as values."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from tests.explorer.shelves import bent, plain, toys

from latentclr.errors import InputError
from latentclr.explorer import changes
from latentclr.explorer import stage as stages
from latentclr.explorer.address import start, to_query
from latentclr.explorer.drawing import edited
from latentclr.explorer.panel import DIRECTION, OWN, panel, token
from latentclr.explorer.seen import STRONG, in_one, looped, rows
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.stage import stage
from latentclr.explorer.strength import slider_range
from latentclr.explorer.view import MODES, PAGE, View

EVIL = "<img src=x onerror=alert(1)>${alert(2)}{{3}}"


class Read(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [about for name, about in self.tags if name == tag]


def shelf_and_view() -> tuple[Shelf, View]:
    shelf = toys(plain(), bent())
    return shelf, start(shelf)


def pixels(uri: str | None) -> np.ndarray:
    head, _, data = str(uri).partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), dtype=float)


def test_the_picture_is_the_recipes_and_says_so() -> None:
    shelf, view = shelf_and_view()
    shelf.rename(view.run, 1, "smile")
    view = changes.slide(view, view.run, {1: 2.0, 0: -1.0})
    read = Read(stage(shelf, view))
    now, before = read.all("img")
    assert now["alt"] == "seed 0, 1 smile +2, 0 -1"
    assert before["alt"] == "seed 0, before the edits"
    for shown, recipe in ((now, view.recipe), (before, view.recipe.unedited())):
        wanted = np.asarray(edited(shelf, recipe, size=512)[0], dtype=float)
        assert np.abs(pixels(shown["src"]) - wanted).mean() < 2  # JPEG
    figure = read.all("figure")[0]
    assert figure["data-query"] == to_query(view)
    assert figure["data-place"] == "0"
    assert "1 smile +2" in re.sub(r"\s+", " ", read.text)


def test_an_unedited_picture_is_sent_once() -> None:
    shelf, view = shelf_and_view()
    read = Read(stage(shelf, view))
    assert [about["alt"] for about in read.all("img")] == ["seed 0, not edited"]


@pytest.mark.parametrize(
    ("mode", "pictures", "buttons"),
    [
        ("picture", 1, 0),
        ("strip", 7, 0),
        ("grid", 24, 24),
        ("difference", 1, 0),
        ("methods", 6, 0),
        ("loop", 1, 0),
    ],
)
def test_every_view_shows_its_pictures(mode: str, pictures: int, buttons: int) -> None:
    shelf, view = shelf_and_view()
    read = Read(stage(shelf, changes.draw(view, mode)))
    assert len(read.all("img")) == pictures
    seeds = [about["data-seed"] for about in read.all("button")]
    assert seeds == [str(seed) for seed in range(buttons)]


def test_large_pictures_are_drawn_roughly_while_a_slider_moves_and_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf, view = shelf_and_view()
    assert "data-rough" not in Read(stage(shelf, view, quick=True)).all("figure")[0]
    monkeypatch.setattr(stages, "LARGE", 8)  # as if the toy's pictures were large
    assert "data-rough" in Read(stage(shelf, view, quick=True)).all("figure")[0]
    assert "data-rough" not in Read(stage(shelf, view)).all("figure")[0]


def test_the_chosen_tile_is_marked() -> None:
    shelf, view = shelf_and_view()
    view = changes.draw(changes.seeds_from(view, 3), "grid")
    pressed = [
        about["data-seed"]
        for about in Read(stage(shelf, view)).all("button")
        if about["aria-pressed"] == "true"
    ]
    assert pressed == ["3"]


def test_a_loop_of_nothing_is_one_of_the_chosen_direction() -> None:
    shelf, view = shelf_and_view()
    most = slider_range(shelf, "toy", view.run, 0).limit
    (edit,) = looped(shelf, view).edits
    assert edit.direction == 0
    assert edit.alpha == pytest.approx(STRONG * most)
    edited_one = changes.slide(view, view.run, {2: 0.5})
    assert looped(shelf, edited_one) == edited_one.recipe


@pytest.mark.parametrize("mode", ["strip", "methods"])
def test_without_directions_there_is_a_sentence(mode: str) -> None:
    shelf = toys()
    with pytest.raises(InputError, match="there is no direction to draw"):
        stage(shelf, changes.draw(start(shelf), mode))


@pytest.mark.parametrize("mode", MODES)
def test_what_people_write_is_never_markup(mode: str) -> None:
    shelf = toys(plain(), bent())
    view = start(shelf)
    for run in view.runs:
        shelf.rename(run, 0, EVIL.replace(",", ""))
    view = changes.draw(changes.slide(view, view.run, {0: 1.0}), mode)
    html = stage(shelf, view) + "".join(
        str(panel(shelf, view)[name]["value"]) for name in ("chosen", "about", "count")
    )
    read = Read(html)
    assert "<img src=x" in read.text  # shown as it is written
    assert all("onerror" not in about and about.get("src") != "x" for _, about in read.tags)


def test_titles_of_runs_are_escaped_too() -> None:
    shelf = Shelf(["toy"], load=lambda _: toys().base("toy"))
    shelf.add(plain(), EVIL)
    view = changes.draw(start(shelf), "methods")
    assert "onerror" not in {name for _, about in Read(stage(shelf, view)).tags for name in about}


def test_many_pictures_become_one_and_one_stays_as_it_is() -> None:
    shelf, view = shelf_and_view()
    one = in_one(rows(shelf, view, size=64))
    assert one.size == (64, 64)
    grid = in_one(rows(shelf, changes.draw(view, "grid"), size=32))
    assert grid.width > 8 * 32
    assert grid.height > 3 * 32


def test_controls_show_the_view() -> None:
    shelf, view = shelf_and_view()
    shelf.rename(view.run, 2, "smile")
    shelf.star(view.run, 2)
    view = changes.slide(changes.pick(shelf, view, view.run, 2), view.run, {2: 1.0, 3: 50.0})
    values = panel(shelf, view)
    assert values["rows"]["value"] == token(view, (2, 0, 1, 3)) == f"{view.run}:2,0,1,3"
    assert values["slider-0"]["label"] == "★ 2 smile"
    assert (values["slider-0"]["value"], values["slider-1"]["value"]) == (1.0, 0.0)
    limit = slider_range(shelf, "toy", view.run, 2).limit
    assert (values["slider-0"]["minimum"], values["slider-0"]["maximum"]) == (-limit, limit)
    assert values["slider-3"]["maximum"] == 50.0  # as far as somebody's recipe goes
    assert [values[f"row-{i}"]["visible"] for i in range(PAGE)] == [True] * 4 + [False] * (PAGE - 4)
    assert (values["name"]["value"], values["star"]["value"]) == ("smile", "Unstar")
    assert values["label"]["visible"] is False
    assert values["steps"]["visible"] is True  # one of the runs is conditional
    assert values["runs"]["value"] == list(view.runs)
    assert set(DIRECTION) <= set(values)


def test_slots_are_shown_by_name_where_they_have_one() -> None:
    shelf, view = shelf_and_view()
    assert panel(shelf, view)["preset"]["value"] == OWN
    coarse = panel(shelf, changes.limit(view, view.run, 0, (0,)))
    assert (coarse["preset"]["value"], coarse["slots"]["value"]) == ("coarse", "coarse")


def test_hidden_directions_are_counted_only_when_shown() -> None:
    shelf, view = shelf_and_view()
    shelf.hide(view.run, 1)
    values = panel(shelf, view)
    assert values["hidden"] == {"value": False, "visible": True}
    assert values["rows"]["value"].endswith(":0,2,3")
    assert panel(shelf, replace(view, hidden=True))["slider-3"]["label"] == "1 (hidden)"


def test_a_page_without_directions_shows_no_slider() -> None:
    values = panel(toys(), start(toys()))
    assert not any(values[f"row-{i}"]["visible"] for i in range(PAGE))
    assert (values["direction"], values["count"]["value"]) == ({"visible": False}, "no directions")
