"""Photos on the page, as people use it: chosen, dropped, cut by hand, refined, compared, edited, saved."""

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.browser.opened import Opened

from latentclr import SeFa, load_generator
from latentclr.errors import InputError
from latentclr.explorer import refining
from latentclr.explorer.server import UPLOAD, explorer
from latentclr.explorer.shelf import Shelf
from latentclr.images import to_pil
from latentclr.invert.artefact import Inversion
from latentclr.invert.invert import Settings
from latentclr.invert.pivotal import Tuning
from latentclr.scenes.factors import draw
from latentclr.scenes.render import render
from latentclr.web import Policy, running

pytest.importorskip("gradio")
pytestmark = pytest.mark.browser

FREE = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
DROP = """([bytes, kind, name]) => {
  const file = new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type: kind });
  const data = new DataTransfer();
  data.items.add(file);
  document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
}"""


@pytest.fixture(scope="module")
def patched() -> Iterator[None]:
    """Nothing is fetched, and a search is short."""
    with pytest.MonkeyPatch.context() as patch:

        def nothing(**_: object) -> None:
            raise InputError("there is no network here.")

        patch.setattr(refining, "load_lpips", nothing)
        patch.setattr(refining, "Settings", lambda **given: replace(Settings(**given), steps=60))
        patch.setattr(refining, "Tuning", lambda: Tuning(steps=20))
        yield


@pytest.fixture(scope="module")
def url(patched: None, browser: Any) -> Iterator[str]:
    shelf = Shelf(["scenes"])
    shelf.add(SeFa(k=12).fit(shelf.base("scenes")), "sefa")
    with running(explorer(shelf), Policy(UPLOAD)) as url:
        yield url


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wide photo of a scene, which no GAN made; the scene is in its middle."""
    scene = to_pil(render(draw(1, torch.Generator().manual_seed(4), free=FREE), size=128)[0])
    wide = Image.new("RGB", (192, 128), "white")
    wide.paste(scene, (32, 0))
    path = tmp_path_factory.mktemp("photos") / "scene.png"
    wide.save(path)
    return path


def choose(opened: Opened, path: Path) -> None:
    """Open a photo and wait until it is seen."""
    opened.page.get_by_role("tab", name="Your photo").click()
    opened.changed(lambda: opened.page.set_input_files("#photo-file", path))
    opened.page.wait_for_selector("#stage .stage[data-photo]")


def shown(opened: Opened, which: str) -> Image.Image:
    """The picture that is on the page."""
    uri = str(opened.page.locator(f"#stage {which}").get_attribute("src"))
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")


def away(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference, of 255."""
    pair = [
        torch.frombuffer(bytearray(image.resize((64, 64)).tobytes()), dtype=torch.uint8)
        for image in (one, other)
    ]
    return float((pair[0].float() - pair[1].float()).abs().mean())


def test_a_photo_is_previewed_refined_compared_edited_and_saved(
    opened: Opened, photo: Path, tmp_path: Path
) -> None:
    page = opened.page
    choose(opened, photo)
    assert opened.caption.startswith("your photo")
    before, preview = shown(opened, ".before"), shown(opened, ".now")
    with Image.open(photo) as image:
        middle = image.crop((32, 0, 160, 128))
    assert away(before, middle) < 4  # the photo itself, cut as the generator needs it
    assert away(preview, middle) < 40  # what the encoder makes of it
    page.wait_for_selector("#stage .stage:not([data-doing])")
    assert "tuned" in opened.caption
    assert away(shown(opened, ".now"), middle) < min(10, away(preview, middle))
    assert "only pixels were compared: there is no network here." in opened.caption

    # The photo is on the left of the divider, which moves by mouse and by keys.
    assert "comparing" in str(page.locator("#stage").get_attribute("class"))
    frame = page.locator("#stage .frame").bounding_box()
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + 50)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] / 4, frame["y"] + 60)
    page.mouse.up()
    assert abs(float(page.locator("#split").input_value()) - 25) <= 1
    page.focus("#split")
    opened.press("ArrowRight")
    cut = page.evaluate("getComputedStyle(document.querySelector('#stage .before')).clipPath")
    assert cut.startswith("inset(0px")
    opened.press("v")
    assert page.locator("#split").is_hidden()
    assert page.locator("#stage .before").evaluate("(e) => getComputedStyle(e).visibility") == "hidden"

    # Sliders work on it, in every view, and a link brings it back.
    still = opened.picture
    opened.slide(1, *["PageUp"] * 2)
    assert opened.picture != still
    assert opened.caption.startswith("your photo")
    opened.changed(lambda: opened.press("2"))
    assert page.locator("#stage h3").inner_text() == "your photo"
    assert page.locator("#stage .tile").count() == 7
    opened.in_address()
    other = Opened(page.context.browser, page.url)
    other.page.wait_for_selector("#stage .stage.strip[data-photo]")
    assert other.query == opened.query
    other.close()

    with page.expect_download() as download:
        page.click("a[data-export='latents.safetensors']")
    download.value.save_as(tmp_path / "latents.safetensors")
    found = Inversion.load(tmp_path / "latents.safetensors")
    found.require(load_generator("scenes"))
    assert found.photos[0].name == "scene.png"
    assert page.locator("a[data-export='tuning.safetensors']").is_visible()

    # Back to what is generated.
    page.get_by_role("tab", name="Generated").click()
    opened.changed(lambda: page.click("#after"))
    assert opened.caption.startswith("seed 0 1 +")


def test_a_refinement_is_stopped(opened: Opened, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refining, "Settings", lambda **given: replace(Settings(**given), steps=100_000))
    choose(opened, photo)
    opened.until("#stage .doing", "refining")
    opened.page.get_by_role("button", name="Stop", exact=True).click()
    opened.page.wait_for_selector("#stage .stage[data-photo]:not([data-doing])")
    assert "tuned" not in opened.caption


def test_a_square_is_drawn_by_hand(opened: Opened, photo: Path) -> None:
    page = opened.page
    page.get_by_role("tab", name="Your photo").click()
    page.select_option("#method", "encoder")
    page.uncheck("#tune")
    page.select_option("#cut", "hand")
    page.set_input_files("#photo-file", photo)
    page.wait_for_function("document.getElementById('box').value === '32,0,128,128'")
    page.locator("#hand").scroll_into_view_if_needed()
    corner = page.locator("#square i").bounding_box()
    page.mouse.move(corner["x"] + 4, corner["y"] + 4)
    page.mouse.down()
    page.mouse.move(corner["x"] + 4 - 60, corner["y"] + 4 - 60, steps=3)
    page.mouse.up()
    square = page.locator("#square").bounding_box()
    page.mouse.move(square["x"] + 10, square["y"] + 10)
    page.mouse.down()
    page.mouse.move(square["x"] - 40, square["y"] + 30, steps=3)
    page.mouse.up()
    x, y, width, height = map(int, page.input_value("#box").split(","))
    assert width == height < 128
    assert x < 32
    assert y > 0
    opened.changed(lambda: page.get_by_role("button", name="Open", exact=True).click())
    with Image.open(photo) as image:
        part = image.crop((x, y, x + width, y + height))
    assert away(shown(opened, ".before"), part) < 4
    page.fill("#box", "40,10,100,100")
    opened.changed(lambda: page.press("#box", "Enter"))
    with Image.open(photo) as image:
        assert away(shown(opened, ".before"), image.crop((40, 10, 140, 110))) < 4


def test_what_is_wrong_with_a_photo_is_a_sentence(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
    opened.page.get_by_role("tab", name="Your photo").click()
    opened.page.set_input_files("#photo-file", path)
    opened.until("#notice", "broken.png")
    assert opened.caption == "seed 0 not edited"
    opened.complaints.clear()  # the browser notes that the answer was 400


def test_a_photo_may_be_dropped_on_the_page(opened: Opened, photo: Path) -> None:
    told = [base64.b64encode(photo.read_bytes()).decode(), "image/png", "dropped.png"]
    opened.changed(lambda: opened.page.evaluate(DROP, told))
    opened.page.wait_for_selector("#stage .stage[data-photo]")
    assert opened.page.get_by_role("tab", name="Your photo").get_attribute("aria-selected") == "true"
    opened.complaints.clear()  # it was no recipe: 400


def test_it_is_all_reached_on_a_phone(browser: Any, url: str, photo: Path) -> None:
    opened = Opened(browser, url, has_touch=True, is_mobile=True)
    opened.page.set_viewport_size({"width": 390, "height": 844})
    opened.page.get_by_role("tab", name="Your photo").click()
    opened.page.select_option("#method", "encoder")
    opened.page.uncheck("#tune")
    choose(opened, photo)
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    opened.slide(3, "PageUp")
    picture, slider = (opened.page.locator(one).bounding_box() for one in ("#stage .now", "#slider-3"))
    assert 0 <= picture["y"] <= picture["y"] + picture["height"] <= slider["y"] + slider["height"]
    opened.close()
