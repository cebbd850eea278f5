"""Photos that a page shows: kept in memory, refined in the background, drawn and edited as seeds are."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.explorer.shelves import an_inversion, plain, recipe_of, toy_named, toys
from tests.rounding import assert_same_pixels
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError
from latentclr.artefacts import Origin
from latentclr.explorer import refining
from latentclr.explorer.drawing import edited, frames, grid, methods, strip
from latentclr.explorer.photos import FORGOTTEN, Photo, Photos, photo_id
from latentclr.explorer.refining import REFINING, WAITING, Refiner, Wish, preview
from latentclr.explorer.shelf import Shelf
from latentclr.images import to_pil
from latentclr.invert.artefact import Inversion
from latentclr.invert.artefact import Photo as Source
from latentclr.invert.invert import Settings
from latentclr.invert.pivotal import Tuning, tune

PATIENCE = 60.0


def a_picture(seed: int = 3) -> Tensor:
    """One that the toy draws."""
    toy = toy_named("toy")
    with torch.no_grad():
        picture: Tensor = toy(toy.from_seeds([seed]))[0]
    return picture


def a_photo(seed: int = 3) -> Photo:
    found = an_inversion(seed)
    return Photo(photo_id(found, toy_named("toy").fingerprint()), "toy", found)


@pytest.fixture
def refiner() -> Iterator[Refiner]:
    refiner = Refiner(Photos())
    yield refiner
    refiner.close()


def until_done(photos: Photos, name: str) -> Photo:
    """The photo once nothing is under way."""
    end = time.monotonic() + PATIENCE
    while (found := photos.get(name)).doing:
        assert time.monotonic() < end, found.doing
        time.sleep(0.01)
    return found


def test_an_id_is_of_the_file_its_cut_and_the_generator() -> None:
    found, sha256 = an_inversion(), "1" * 64
    same = replace(found, latents=found.latents + 1, psnr=found.psnr + 1)
    assert photo_id(found, sha256) == photo_id(same, sha256)
    assert photo_id(found, sha256) != photo_id(found, "2" * 64)
    assert photo_id(found, sha256) != photo_id(an_inversion(4), sha256)
    nameless = replace(found, photos=(Source(),))
    assert photo_id(nameless, sha256) != photo_id(replace(same, photos=(Source(),)), sha256)


def test_the_photo_that_was_seen_longest_ago_is_forgotten_but_never_one_of_the_album() -> None:
    photos = Photos(most=2)
    kept = photos.put(a_photo(0), album=True)
    first, second = photos.put(a_photo(1)), photos.put(a_photo(2))
    photos.get(first.id)
    photos.put(a_photo(3))
    assert photos.get(first.id) == first
    assert photos.album("toy") == (kept,)
    assert photos.album("other") == ()
    with pytest.raises(InputError, match="not open here"):
        photos.get(second.id)
    photos.change(second.id, note="too late")  # nothing to change any more
    assert not photos.watched(second.id)


def test_every_change_is_another_version() -> None:
    photos = Photos()
    seen = [photos.put(a_photo()).version]
    name = a_photo().id
    for done in (0.5, 1.0):
        photos.change(name, done=done)
        seen.append(photos.get(name).version)
    assert len(set(seen)) == 3


def test_nobody_looks_at_a_photo_for_ever() -> None:
    now = 0.0
    photos = Photos(now=lambda: now)
    name = photos.put(a_photo()).id
    assert photos.watched(name)
    now = FORGOTTEN + 1
    assert not photos.watched(name)
    photos.get(name)
    assert photos.watched(name)


def test_a_preview_is_near_at_once() -> None:
    toy, picture = toy_named("toy"), a_picture()
    found = preview(toy, picture, Source("a.png"))
    drawn = found.pictures(found.require(toy))[0]
    others = toy(toy.sample(64, rng=torch.Generator().manual_seed(1)))
    mean_away = (others - picture).square().mean()
    assert (drawn - picture).square().mean() < 0.1 * mean_away
    assert found.photos[0].name == "a.png"


def test_a_photo_is_refined_and_the_best_stays(refiner: Refiner) -> None:
    toy, picture = toy_named("toy"), a_picture()
    begun = refiner.begin(toy, "toy", picture, Source("a.png"), Wish())
    assert begun.doing == WAITING
    found = until_done(refiner._photos, begun.id)
    assert found.inversion.psnr[0] > begun.inversion.psnr[0] + 10
    assert_close(toy(found.latents)[0], picture, atol=0.01, rtol=0)
    assert (found.note, found.tuning) == ("", None)
    assert found.picture is not None
    assert torch.equal(found.picture, picture)


def test_at_a_glance_nothing_is_refined(refiner: Refiner) -> None:
    found = refiner.begin(toy_named("toy"), "toy", a_picture(), Source(), Wish("encoder"))
    assert (found.doing, refiner._photos.get(found.id)) == ("", found)


def test_tuning_draws_what_the_generator_cannot(refiner: Refiner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refining, "Tuning", lambda: Tuning(steps=60, rate=0.02))
    toy, picture = toy_named("toy"), a_picture().clone()
    picture[:, :4] = -picture[:, :4]
    begun = refiner.begin(toy, "toy", picture, Source("a.png"), Wish(tune=True))
    found = until_done(refiner._photos, begun.id)
    assert found.tuning is not None
    tuned = refiner._photos.generator(found, toy)
    assert tuned.fingerprint() != toy.fingerprint()
    assert refiner._photos.generator(found, toy) is tuned  # once
    away = [float((drawer(found.latents)[0] - picture).square().mean()) for drawer in (toy, tuned)]
    assert away[1] < away[0]
    assert_close(found.inversion.psnr[0], 10 * torch.log10(torch.tensor(4 / away[1])), atol=0.1, rtol=0)


def test_it_stops_when_asked_and_when_it_is_opened_again(
    refiner: Refiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, orders = threading.Event(), []

    def endless(*_: object, stop: refining.Callable[[], bool], **__: object) -> Inversion:
        entered.set()
        orders.append(stop)
        while not stop():
            time.sleep(0.005)
        return an_inversion()

    monkeypatch.setattr(refining, "preview", lambda *_: an_inversion())
    monkeypatch.setattr(refining, "invert", endless)
    begun = refiner.begin(toy_named("toy"), "toy", a_picture(), Source(), Wish())
    assert entered.wait(PATIENCE)
    assert refiner._photos.get(begun.id).doing == REFINING
    entered.clear()
    refiner.begin(toy_named("toy"), "toy", a_picture(), Source(), Wish())  # the first one ends by itself
    assert entered.wait(PATIENCE)
    assert orders[0]()
    assert not orders[1]()
    refiner.stop(begun.id)
    assert until_done(refiner._photos, begun.id).doing == ""


def test_a_search_that_was_called_off_writes_nothing_about_the_photo_that_was_opened_again(
    refiner: Refiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, ended = threading.Event(), threading.Event()

    def late(*_: object, stop: refining.Callable[[], bool], **__: object) -> Inversion:
        entered.set()
        while not stop():
            time.sleep(0.005)
        return replace(an_inversion(), psnr=torch.tensor([99.0]))

    monkeypatch.setattr(refining, "preview", lambda *_: an_inversion())
    monkeypatch.setattr(refining, "invert", late)
    refiner.begin(toy_named("toy"), "toy", a_picture(), Source(), Wish())
    assert entered.wait(PATIENCE)
    again = refiner.begin(toy_named("toy"), "toy", a_picture(), Source(), Wish("encoder"))
    refiner._worker.submit(ended.set)  # behind the search that was called off
    assert ended.wait(PATIENCE)
    assert refiner._photos.get(again.id) == again


@pytest.mark.parametrize("error", [InputError("no weights here."), RuntimeError("a defect")])
def test_what_goes_wrong_is_a_sentence_and_the_next_photo_is_refined(
    refiner: Refiner, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(refining, "Settings", lambda **given: replace(Settings(**given), steps=5))

    with monkeypatch.context() as patch:
        patch.setattr(Refiner, "_search", fails)
        begun = refiner.begin(toy_named("toy"), "toy", a_picture(), Source(), Wish())
        found = until_done(refiner._photos, begun.id)
    expected = str(error) if isinstance(error, InputError) else "Something went wrong"
    assert found.note.startswith(expected)
    assert ("a defect" in caplog.text) == isinstance(error, RuntimeError)
    following = refiner.begin(toy_named("toy"), "toy", a_picture(4), Source(), Wish())
    assert until_done(refiner._photos, following.id).note == ""


def test_without_lpips_pixels_are_compared_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: object) -> None:
        raise InputError("cannot be fetched.")

    monkeypatch.setattr(refining, "load_lpips", none)
    refiner, toy = Refiner(Photos()), toy_named("toy")
    assert refiner._metric(toy) == (None, "")  # its pictures are too small for it
    monkeypatch.setattr(refining, "SMALLEST", 8)
    assert refiner._metric(toy) == (None, "only pixels were compared: cannot be fetched.")


@pytest.fixture
def shelf() -> Shelf:
    shelf = toys(plain(), plain(7), generators=("toy", "other"))
    shelf.add_photos(an_inversion())
    return shelf


def test_a_photo_is_drawn_and_edited_as_its_latents_are(shelf: Shelf) -> None:
    toy, (photo,) = shelf.base("toy"), shelf.photos.album("toy")
    entry = shelf.entries()[0]
    recipe = replace(recipe_of(shelf, (0, 1, 2.0)), photo=photo.id)
    expected = entry.directions.edit(photo.latents, 1, 2.0)
    moved, plainly = (edited(shelf, one, size="native")[0] for one in (recipe, recipe.unedited()))
    assert_same_pixels(np.asarray(moved), np.asarray(to_pil(toy(expected)[0])))
    assert plainly.tobytes() == to_pil(toy(photo.latents)[0]).tobytes()
    rows = strip(shelf, recipe, (entry.id, 1), alphas=(0.0, 2.0), size="native")
    assert rows[0].title == "your photo"
    assert rows[0].tiles[1].picture.tobytes() == moved.tobytes()
    assert methods(shelf, recipe, [(entry.id, 1)], size="native")[0].tiles[1].picture.tobytes() == (
        plainly.tobytes()
    )
    assert_same_pixels(np.asarray(frames(shelf, recipe, count=4, size="native")[0]), np.asarray(plainly))
    many = grid(shelf, recipe, (3, 5), size="native")  # a grid is of seeds
    assert [tile.text for tile in many] == ["seed 3", "seed 5"]


def test_a_tuned_photo_is_drawn_by_its_own_copy(shelf: Shelf) -> None:
    toy, (photo,) = shelf.base("toy"), shelf.photos.album("toy")
    tuning = tune(toy, photo.inversion, -a_picture().unsqueeze(0), Tuning(steps=5, rate=0.05))
    shelf.photos.change(photo.id, tuning=tuning)
    recipe = replace(recipe_of(shelf, (0, 1, 2.0)), photo=photo.id)
    latents = shelf.entries()[0].directions.edit(photo.latents, 1, 2.0)
    drawn = np.asarray(edited(shelf, recipe, size="native")[0])
    assert_same_pixels(drawn, np.asarray(to_pil(tuning.apply(toy)(latents)[0])))
    assert np.abs(drawn - np.asarray(to_pil(toy(latents)[0]), int)).max() > 1


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (an_inversion(generator="elsewhere"), None),  # another name for the same weights
        (
            replace(an_inversion(), origin=Origin({"generator": {"name": "gone", "sha256": "9" * 64}})),
            "'gone'",
        ),
        (replace(an_inversion(), latents=torch.zeros(1, 2, 5)), "do not fit"),
    ],
)
def test_photos_of_other_generators_are_refused(shelf: Shelf, found: Inversion, sentence: str | None) -> None:
    if sentence is None:
        shelf.add_photos(found)
        assert {photo.generator for photo in shelf.photos.album("toy")} == {"toy"}
        return
    with pytest.raises(InputError, match=sentence):
        shelf.add_photos(found)


def test_a_recipe_whose_photo_is_not_here_or_of_another_generator_says_so(shelf: Shelf) -> None:
    recipe, (photo,) = shelf.start("toy"), shelf.photos.album("toy")
    with pytest.raises(InputError, match="not open here"):
        shelf.opened(replace(recipe, photo="0" * 12))
    other = replace(shelf.start("other"), photo=photo.id)
    with pytest.raises(InputError, match="inverted in the generator 'toy', not in 'other'"):
        shelf.opened(other)
