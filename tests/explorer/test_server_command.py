"""`latentclr explore`: what it opens, and what it says of what it cannot."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.explorer.shelves import plain, saved, toy_named

from latentclr import load_generator
from latentclr.cli import explore, main
from latentclr.explorer import server
from latentclr.explorer.address import start
from latentclr.explorer.instant import COUNT, TITLE, add_directions
from latentclr.explorer.shelf import Shelf
from latentclr.invert.invert import Settings, invert
from latentclr.web import extras

pytest.importorskip("gradio")

Said = Callable[..., str]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """The command draws small pictures with one thread; other tests have as many as before."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Runs the command with arguments that it must refuse; its sentence."""
    monkeypatch.setattr(explore, "serve", lambda *_, **__: pytest.fail("it was served"))
    monkeypatch.delenv(explore.PASSWORD, raising=False)

    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["explore", *map(str, arguments)])
        assert ended.value.code == 2
        return capsys.readouterr().err

    return run


def test_other_machines_need_a_password(said: Said) -> None:
    assert "add --auth USER:PASSWORD" in said("--host", "0.0.0.0")
    assert "must be USER:PASSWORD" in said("--host", "0.0.0.0", "--auth", "ann")


def test_what_is_not_there_is_a_sentence(said: Said, tmp_path: Path) -> None:
    assert "there is no run at" in said(tmp_path / "nothing")
    assert "there is no generator 'scenez' (did you mean 'scenes'?)" in said("--generator", "scenez")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "directions.safetensors").write_bytes(b"x" * 100)
    assert "is not a whole safetensors file" in said(tmp_path / "run")


def test_a_missing_extra_is_a_sentence(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "gradio" else "there")
    assert "pip install 'latentclr[explore]'" in said()


def test_the_password_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    served: dict[str, Any] = {}
    monkeypatch.setattr(server, "explorer", lambda *_, **__: None)
    monkeypatch.setattr(
        explore, "serve", lambda _, policy, **options: served.update(options, auth=policy.auth)
    )
    monkeypatch.setenv(explore.PASSWORD, "ann:secret")
    main(["explore", "--host", "0.0.0.0", "--port", "0"])
    assert (served["auth"], served["host"], served["port"]) == ("ann:secret", "0.0.0.0", 0)


def test_photos_that_were_inverted_before_bring_their_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = load_generator("scenes-biggan").for_class(3)
    picture = generator(generator.from_seeds([1]))
    found = invert(generator, picture, Settings(steps=2, starts=1, lpips_weight=0.0), labels=[3])
    found.save(tmp_path / "latents.safetensors")
    shelves: list[Shelf] = []
    monkeypatch.setattr(server, "explorer", lambda shelf, **_: shelves.append(shelf))
    monkeypatch.setattr(explore, "serve", lambda *_, **__: None)
    for path in (tmp_path, tmp_path / "latents.safetensors"):  # what it was written into, or the file
        main(["explore", "--latents", str(path)])
        shelf = shelves.pop()
        assert shelf.generators() == ("scenes-biggan",)
        (photo,) = shelf.photos.album("scenes-biggan")
        assert torch.equal(photo.latents, found.latents)
        view = start(shelf)
        assert (view.recipe.photo, view.recipe.label) == (photo.id, 3)
        assert len(shelf.entries("scenes-biggan")) == 1  # there is something to edit it with


def test_photos_that_are_not_there_are_a_sentence(said: Said, tmp_path: Path) -> None:
    assert "there is no file" in said("--latents", tmp_path)
    (tmp_path / "latents.safetensors").write_bytes(b"x" * 100)
    assert "is not a whole safetensors file" in said("--latents", tmp_path)


def test_a_generator_without_a_run_gets_directions_at_once() -> None:
    shelf = Shelf(["scenes"], load=load_generator)
    add_directions(shelf)
    (entry,) = shelf.entries("scenes")
    assert (entry.title, entry.directions.k, entry.path, entry.method) == (TITLE, COUNT, None, "sefa")
    add_directions(shelf)
    assert len(shelf.entries("scenes")) == 1


def test_a_run_needs_no_others(tmp_path: Path) -> None:
    shelf = Shelf(["toy"], [saved(tmp_path / "run", plain())], load=toy_named)
    add_directions(shelf)
    assert [entry.title for entry in shelf.entries("toy")] == ["run"]
