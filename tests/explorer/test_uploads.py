"""Photos over HTTP: sent, seen, edited, saved; and whatever else may be sent as one."""

import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load
from tests.explorer.shelves import an_inversion, plain, toy_named, toys
from tests.explorer.visiting import Visitor, client_of
from tests.generators.small_biggan import small_biggan_deep
from tests.generators.small_stylegan2 import small_stylegan2
from tests.invert.photos import BAD, GOOD, jpeg, planted, png
from tests.rounding import assert_same_pixels

from latentclr import Generator, Random
from latentclr.checkpoints.crops import CENTRE
from latentclr.explorer import refining
from latentclr.explorer.refining import Refiner
from latentclr.explorer.shelf import Shelf
from latentclr.images import to_pil
from latentclr.invert.artefact import Inversion
from latentclr.invert.crop import crop_photo
from latentclr.invert.invert import Settings
from latentclr.invert.photo import decode_photo

PATIENCE = 60.0

REFUSED = ("text", "PNG, a bomb", "JPEG, a bomb", "WebP, a bomb")
ODD = ("PNG, 1 pixel", "PNG, animated", "JPEG, CMYK", "WebP, alpha")
"""Of files that are read in one place (tests/invert/test_photo.py), some of each kind of answer."""


def chosen(names: Iterable[str], some: Sequence[str]) -> list[Any]:
    """All names; those that are not among some are left to longer runs."""
    return [pytest.param(name, marks=() if name in some else pytest.mark.fuzz) for name in sorted(names)]


def post(visitor: Visitor, data: bytes, **asked: str) -> Any:
    query = f"{visitor.address}&{urlencode({'method': 'encoder', **asked})}"
    return visitor.client.post(f"/photo?{query}", content=data)


def show(visitor: Visitor, data: bytes, **asked: str) -> str:
    """Send a photo and look at it; its id."""
    answer = post(visitor, data, **asked)
    assert answer.status_code == 200, answer.text
    photo = str(answer.json()["photo"])
    assert visitor.do("stage.click", data={"photo": photo}) == ""
    return photo


def test_a_photo_is_seen_edited_and_left_again(visitor: Visitor) -> None:
    visitor.slide(0, 1.0)
    photo = show(visitor, jpeg(), name="me.jpg")
    assert f'data-photo="{photo}"' in visitor.stage
    assert 'alt="your photo, as it is"' in visitor.stage
    assert "your photo, 0 +1" in visitor.stage  # the edit is kept
    assert visitor.shown["seed"]["value"] == ""
    assert visitor.shown["truncation"]["visible"] is False
    before = visitor.stage
    visitor.slide(1, 2.0)
    assert visitor.stage != before
    assert f'data-photo="{photo}"' in visitor.stage
    visitor.do("undo.click")
    visitor.do("undo.click")
    assert "seed 0, 0 +1" in visitor.stage
    visitor.do("redo.click")
    assert f'data-photo="{photo}"' in visitor.stage
    visitor.do("before.click")  # back to where one was
    assert "seed 0, 0 +1" in visitor.stage


def test_the_link_to_a_photo_brings_it_back_as_long_as_it_is_open(client: Any, visitor: Visitor) -> None:
    photo = show(visitor, png())
    visitor.slide(0, 1.5)
    again = Visitor(client, "another tab", visitor.address)
    assert again.open() == ""
    assert f'data-photo="{photo}"' in again.stage
    assert "0 +1.5" in again.stage
    with client.shelf.photos._lock:
        del client.shelf.photos._photos[photo]
    later = Visitor(client, "later", visitor.address)
    assert "open its file again" in later.open()
    assert "seed 0" in later.stage
    assert show(visitor, png()) == photo  # the same file has the same id


def test_what_is_cut_out(visitor: Visitor, client: Any) -> None:
    toy, decoded = toy_named("toy"), decode_photo(png())
    size = (toy.resolution, toy.resolution)
    for cut, box in (("middle", None), ("trained", None), ("5,7,40,40", (5.0, 7.0, 40.0, 40.0))):
        photo = client.shelf.photos.get(show(visitor, png(), cut=cut))
        assert torch.equal(photo.picture, crop_photo(decoded, size, CENTRE, box=box).picture)
    assert photo.inversion.photos[0].crop == (5.0, 7.0, 40.0, 40.0)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"cut": "a,b"}, "no list of numbers"),
        ({"cut": "1,2,3"}, "give four numbers"),
        ({"cut": "0,0,1000,1000"}, "is not within"),
        ({"cut": "nan,0,20,20"}, "not within"),
        ({"cut": "0,0,40,20"}, "are square"),
        ({"cut": "0,0,4,4"}, "at least 16"),
        ({"cut": "9" * 10_000}, "give four numbers"),
        ({"method": "magic"}, "choose one of"),
        ({"face": "-1"}, "whole number"),
        ({"face": "99999999999"}, "whole number"),
        ({"s": "nothing"}, "damaged"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(visitor: Visitor, asked: dict[str, str], sentence: str) -> None:
    given = asked if "s" in asked else {**dict(parse_qsl(visitor.address)), "method": "encoder", **asked}
    answer = visitor.client.post(f"/photo?{urlencode(given)}", content=png())
    assert answer.status_code == 400
    assert sentence in answer.text
    assert answer.text.count("\n") == 1
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("name", chosen(BAD, REFUSED))
def test_broken_and_hostile_photos_are_refused(visitor: Visitor, name: str) -> None:
    data, sentence = BAD[name]
    answer = post(visitor, data(), name="<script>alert(1)</script>.png")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert sentence in answer.text
    assert "<script>" in answer.text  # it is text, and nobody runs it
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", chosen(GOOD, ODD))
def test_odd_photos_are_seen_or_too_small(visitor: Visitor, name: str) -> None:
    answer = post(visitor, GOOD[name].data())
    assert answer.status_code == 200 or "at least 16" in answer.text, answer.text


@pytest.mark.parametrize("photo", ["0" * 12, "../../../x", 5, None])
def test_a_photo_that_is_none_changes_nothing(visitor: Visitor, photo: object) -> None:
    before = visitor.address
    assert visitor.do("stage.click", data={"photo": photo})
    assert visitor.address == before
    assert "seed 0" in visitor.stage


def test_a_body_that_is_too_large_is_refused(visitor: Visitor) -> None:
    answer = post(visitor, b"\x89PNG\r\n\x1a\n" + b"\0" * (33 << 20))
    assert answer.status_code == 400
    assert "over 32 MB" in answer.text


def test_what_was_found_can_be_saved(client: Any, visitor: Visitor, tmp_path: Path) -> None:
    answer = client.get(f"/latents.safetensors?{visitor.address}")
    assert (answer.status_code, "no photo is shown" in answer.text) == (400, True)
    photo = show(visitor, png(), name="me.png")
    answer = client.get(f"/latents.safetensors?{visitor.address}&size=512")
    assert answer.status_code == 200
    assert 'filename="latents.safetensors"' in answer.headers["content-disposition"]
    (tmp_path / "latents.safetensors").write_bytes(answer.content)
    found = Inversion.load(tmp_path / "latents.safetensors")
    assert torch.equal(found.latents, client.shelf.photos.get(photo).latents)
    assert found.photos[0].name == "me.png"
    found.require(toy_named("toy"))
    answer = client.get(f"/tuning.safetensors?{visitor.address}")
    assert (answer.status_code, "was not tuned" in answer.text) == (400, True)
    assert load(client.get(f"/latents.safetensors?{visitor.address}").content)["latents"].shape == (1, 2, 6)


def test_it_is_refined_while_one_looks_on(
    client: Any, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refining, "Settings", lambda **given: replace(Settings(**given), steps=30))
    photo = show(visitor, png(), method="optimise")
    assert "data-doing" in visitor.stage
    end = time.monotonic() + PATIENCE
    while "data-doing" in visitor.stage:
        assert time.monotonic() < end
        assert visitor.do("refresh.click") == ""
    assert client.shelf.photos.get(photo).doing == ""
    assert float(client.shelf.photos.get(photo).inversion.psnr[0]) > 0
    before = visitor.stage
    visitor.do("refresh.click")  # nothing new: nothing is drawn
    assert visitor.stage == before
    assert visitor.do("stop.click") == ""


def test_refreshing_asks_for_a_photo_that_is_gone(client: Any, visitor: Visitor) -> None:
    photo = show(visitor, png(), cut="1,1,30,30")
    with client.shelf.photos._lock:
        del client.shelf.photos._photos[photo]
    assert "open its file again" in visitor.do("refresh.click")
    assert show(visitor, png(), cut="2,2,30,30") != photo  # another one may be opened all the same


def test_pictures_of_a_photo_are_saved_with_their_recipe(client: Any, visitor: Visitor) -> None:
    photo = show(visitor, png())
    visitor.slide(0, 1.0)
    answer = client.get(f"/picture.png?{visitor.address}&size=native")
    assert 'filename="toy-photo-picture.png"' in answer.headers["content-disposition"]
    found = client.shelf.photos.get(photo)
    moved = client.shelf.entries()[0].directions.edit(found.latents, 0, 1.0)
    drawn = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    assert_same_pixels(drawn, np.asarray(to_pil(toy_named("toy")(moved)[0])))
    recipe = client.get(f"/recipe.json?{visitor.address}").json()
    assert recipe["photo"] == photo
    opened = client.post("/open", content=answer.content)
    assert opened.status_code == 200
    assert Visitor(client, "opener", opened.json()["query"]).open() == ""


def test_photos_that_were_inverted_before_are_where_the_page_begins() -> None:
    shelf = toys(plain())
    shelf.add_photos(an_inversion(3, "first.png"))
    shelf.add_photos(an_inversion(4, "second.png"))
    first, second = shelf.photos.album("toy")
    with client_of(shelf) as client:
        visitor = Visitor(client)
        assert visitor.open() == ""
        assert f'data-photo="{first.id}"' in visitor.stage
        assert visitor.shown["album"]["choices"] == [["first.png", first.id], ["second.png", second.id]]
        assert visitor.do("album.input", second.id) == ""
        assert f'data-photo="{second.id}"' in visitor.stage
        assert "Inverted before" in client.get("/").text
        visitor.slide(0, 1.0)
        assert 'alt="your photo, before the edits"' in visitor.stage  # of the photo itself nothing is known


def test_nothing_goes_on_when_the_server_has_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr(Refiner, "close", lambda self: closed.append(self))
    with client_of(toys(plain())):
        assert not closed
    assert len(closed) == 1


@pytest.mark.parametrize("space", ["w", "z"])
def test_generators_with_classes(space: str) -> None:
    """Of the mapping network the class is the view's; elsewhere it is found."""

    def load(name: str) -> Generator:
        found: Generator = (
            small_stylegan2(num_classes=3, embed_dim=5) if space == "w" else small_biggan_deep()
        )
        found.name = name
        return found

    shelf = Shelf(["classes"], load=load)
    base = shelf.base("classes")
    shelf.add(Random(k=4).fit(base.for_class(1)), "random")
    with client_of(shelf) as client:
        visitor = Visitor(client)
        visitor.open()
        visitor.do("label.input", 1)
        found = shelf.photos.get(show(visitor, png(np.tile(planted(), (2, 2, 1)))))
        assert "your photo" in visitor.stage
        assert (found.label is None) == (space == "w")
        assert visitor.slide(1, 1.0) == ""
