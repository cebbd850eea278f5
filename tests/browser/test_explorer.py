"""The explorer as people use it: by mouse, by keys, on a phone; and that it talks to nobody else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.opened import PATIENCE, Opened

from latentclr import Directions, Random, SeFa, load_generator
from latentclr.explorer.server import UPLOAD, explorer
from latentclr.explorer.shelf import Shelf
from latentclr.web import Policy, running

pytest.importorskip("gradio")
pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror=alert(1)>${alert(2)}{{1}}"


REACHABLE = {
    *(
        "mode",
        "run",
        "runs",
        "preset",
        "seed",
        "name",
        "slots",
        "truncation",
        "size",
        "copy",
        "file",
        "theme",
    ),
    *("before", "after", "random", "original", "undo", "redo", "reset", "rename", "star", "hide", "help"),
    *("slider-0", "slider-11", "reset-0", "pick-11", "compare"),
}
"""Controls that can be used without a mouse."""
CONTRASTS = """(written) => {
  const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const light = (colour) => {
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...probe.getImageData(0, 0, 1, 1).data]
      .map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const under = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)|transparent/.test(colour)) return colour;
    }
    return 'white';
  };
  return written.map((selector) => {
    const e = document.querySelector(selector);
    const pair = [light(getComputedStyle(e).color), light(under(e))].sort((a, b) => b - a);
    return pair[0] / pair[1];
  });
}"""


LATE = """() => {
  const asked = window.fetch;
  window.fetch = async (...what) => {
    await new Promise((done) => setTimeout(done, 1500));
    return asked(...what);
  };
  const write = history.replaceState.bind(history);
  window.written = [];
  history.replaceState = (state, title, address) => {
    window.written.push(String(address));
    return write(state, title, address);
  };
}"""
"""Whatever the page asks for is late; the addresses that it writes meanwhile are kept."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    generator = load_generator("scenes")
    found = {"sefa": SeFa(k=14), "random": Random(k=5)}
    for name, method in found.items():
        (folder / name).mkdir()
        method.fit(generator).save(folder / name / "directions.safetensors")
    return [folder / name for name in found]


@pytest.fixture(scope="module")
def url(runs: list[Path], browser: Any) -> Iterator[str]:
    shelf = Shelf(["scenes", "scenes-biggan"], runs)
    with running(explorer(shelf), Policy(UPLOAD)) as url:
        yield url


def test_a_slider_by_keys_and_back(opened: Opened) -> None:
    before = opened.picture
    assert opened.caption == "seed 0 not edited"
    opened.slide(2, *["ArrowRight"] * 20)
    assert opened.picture != before
    assert opened.caption.startswith("seed 0 2 +")
    assert opened.page.locator("#chosen").inner_text() == "Direction 2"
    opened.changed(lambda: opened.page.click("#reset-2"))
    assert (opened.picture, opened.caption) == (before, "seed 0 not edited")
    assert opened.page.locator("#slider-2 input[type=range]").input_value() == "0"


def test_of_a_dragged_slider_only_the_newest_value_is_drawn(opened: Opened) -> None:
    page, slider = opened.page, opened.page.locator("#slider-1 input[type=range]")
    box = slider.bounding_box()
    y, middle = box["y"] + box["height"] / 2, box["x"] + box["width"] / 2
    held: list[Any] = []
    page.route("**/run/predict*", lambda route: route.continue_() if held else held.append(route))
    moves = opened.moves
    page.mouse.move(middle, y)
    page.mouse.down()
    for step in range(1, 31):
        page.mouse.move(middle + step * box["width"] / 75, y)
    page.mouse.up()
    assert (len(held), opened.moves - moves) == (1, 1)
    held[0].continue_()  # the first answer is late
    last = float(slider.input_value())
    assert last > 0
    opened.until("#stage .edit", f"{last:+.3g}")
    assert opened.moves - moves == 2


def test_a_number_may_be_typed(opened: Opened) -> None:
    number = opened.page.locator("#slider-0 input[type=number]")
    opened.changed(lambda: (number.fill("1"), number.press("Tab")))
    opened.until("#stage .edit", "+1")


def test_several_sliders_at_once_and_back_and_forth_by_keys(opened: Opened) -> None:
    start = opened.picture
    opened.slide(0, *["ArrowRight"] * 3)
    one = opened.picture
    opened.slide(3, "PageUp")
    two = opened.picture
    assert opened.page.locator("#stage .edit").count() == 2
    opened.changed(lambda: opened.press("Control+z"))
    assert opened.picture == one
    opened.changed(lambda: opened.press("z"))
    assert opened.picture == start
    opened.changed(lambda: opened.press("y"))
    opened.changed(lambda: opened.press("Control+Shift+Z"))
    assert opened.picture == two
    opened.press("y")
    opened.until("#message", "there is nothing to redo.")
    opened.changed(lambda: opened.page.click("#reset"))
    assert opened.picture == start


def test_two_methods_on_the_same_seed(opened: Opened) -> None:
    page = opened.page
    opened.changed(lambda: opened.press("5"))
    titles = page.locator("#stage h3")
    assert titles.all_inner_texts() == ["sefa: 0", "random: 0"]
    images = [tile.get_attribute("src") for tile in page.locator("#stage .tile img").all()]
    assert len(images) == 6
    assert images[1] == images[4]  # the same original
    assert images[0] != images[3]
    opened.changed(lambda: page.locator("#run label", has_text="random").click())
    opened.changed(lambda: page.click("#pick-2"))
    assert titles.all_inner_texts() == ["sefa: 0", "random: 2"]
    after = [tile.get_attribute("src") for tile in page.locator("#stage .tile img").all()]
    assert after[:3] == images[:3]
    assert after[3] != images[3]
    opened.changed(lambda: page.locator("#runs label", has_text="sefa").click())
    assert titles.all_inner_texts() == ["random: 2"]


def test_other_views(opened: Opened) -> None:
    opened.slide(0, *["ArrowRight"] * 20)
    for key, view, pictures in (("2", "strip", 7), ("3", "grid", 24), ("4", "difference", 1)):
        opened.changed(lambda key=key: opened.press(key))
        assert opened.page.locator(f"#stage .{view} img").count() == pictures
    opened.changed(lambda: opened.press("1"))
    assert opened.page.locator("#stage .picture .now").is_visible()


def test_a_loop_moves(opened: Opened) -> None:
    opened.slide(0, *["PageUp"] * 2)
    opened.changed(lambda: opened.press("6"))
    opened.page.wait_for_function("document.querySelector('#stage .loop .now').naturalWidth > 0")
    one = opened.page.locator("#stage .now").screenshot()
    for _ in range(600):
        opened.page.wait_for_timeout(100)
        if opened.page.locator("#stage .now").screenshot() != one:
            return
    pytest.fail("nothing moves")


def test_seeds_typed_random_next_and_picked(opened: Opened) -> None:
    page = opened.page
    page.fill("#seed input", "41")
    opened.changed(lambda: opened.press("Enter"))
    assert opened.caption == "seed 41 not edited"
    page.fill("#seed input", "40")
    opened.changed(lambda: opened.press("Tab"))  # leaving the field is enough
    assert opened.caption == "seed 40 not edited"
    page.fill("#seed input", "41")
    opened.changed(lambda: opened.press("Enter"))
    opened.press("Escape")
    opened.changed(lambda: page.click("#after"))
    assert opened.caption == "seed 42 not edited"
    opened.changed(lambda: page.click("#random"))
    assert opened.caption not in ("seed 42 not edited", "seed 41 not edited")
    page.fill("#seed input", "10-15")
    opened.changed(lambda: opened.press("Enter"))
    assert page.locator("#stage .tile span").all_inner_texts() == [f"seed {i}" for i in range(10, 16)]
    opened.changed(lambda: page.click("[data-seed='13']"))
    assert opened.caption == "seed 13 not edited"
    page.fill("#seed input", "many")
    opened.press("Enter")
    opened.until("#message", "seeds 'many' is no list of numbers")
    assert opened.caption == "seed 13 not edited"


def test_another_generator_and_its_classes(opened: Opened) -> None:
    page = opened.page
    page.click("#generator input")
    opened.changed(lambda: page.get_by_role("option", name="scenes-biggan").click())
    assert page.locator("#label").is_visible()
    before = opened.picture
    page.click("#label input")
    opened.changed(lambda: page.get_by_role("option").nth(2).click())
    assert opened.picture != before


def save(opened: Opened, name: str, folder: Path) -> Path:
    with opened.page.expect_download(timeout=3 * PATIENCE) as download:
        opened.page.click(f"[data-export='{name}']")
    path: Path = folder / download.value.suggested_filename
    download.value.save_as(path)
    opened.until("#notice", "Saved as", patience=3 * PATIENCE)
    return path


@pytest.mark.parametrize("name", ["picture.png", "loop.gif"])
def test_what_is_saved_can_be_opened_again(
    opened: Opened, browser: Any, url: str, tmp_path: Path, name: str
) -> None:
    opened.page.select_option("#size", "128")
    opened.changed(lambda: opened.page.click("#after"))
    opened.slide(4, *["ArrowRight"] * 15)
    path = save(opened, name, tmp_path)
    assert path.name.startswith("scenes-seed1")
    other = Opened(browser, url)
    assert other.picture != opened.picture
    with other.page.expect_navigation():
        other.page.set_input_files("#file", path)
    other.until("#stage .seed", "seed 1")
    other.page.wait_for_selector("#stage .edit")
    assert (other.picture, other.caption) == (opened.picture, opened.caption)
    slider = "#slider-4 input[type=range]"
    assert other.page.locator(slider).input_value() == opened.page.locator(slider).input_value()
    other.close()


def test_a_file_that_is_no_recipe_is_a_sentence(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "holiday.gif"  # of other pictures, it is taken for a photo (test_photos)
    path.write_bytes(b"GIF89a" + b"\0" * 100)
    opened.page.set_input_files("#file", path)
    opened.until("#notice", "file")
    assert opened.page.locator("#stage .now").is_visible()
    opened.complaints.clear()  # the browser notes that the answer was 400


def test_a_link_brings_everything_back(opened: Opened, browser: Any) -> None:
    page = opened.page
    opened.changed(lambda: page.locator("#run label", has_text="random").click())
    opened.slide(1, *["PageUp"] * 2)
    opened.changed(lambda: page.locator("#preset label", has_text="coarse").click())
    opened.changed(lambda: opened.press("2"))
    opened.in_address()
    other = Opened(browser, page.url)
    other.page.wait_for_selector("#stage .strip")
    assert other.query == opened.query
    pictures = [
        [one.get_attribute("src") for one in tab.locator("#stage img").all()] for tab in (page, other.page)
    ]
    assert pictures[0] == pictures[1]
    assert other.page.locator("#preset .selected").inner_text() == "coarse"
    other.close()


def test_a_link_that_the_server_learns_of_late_still_opens(opened: Opened, browser: Any) -> None:
    opened.slide(1, "PageUp")
    opened.in_address()
    address = opened.page.url
    other = Opened(browser, opened.url)
    # On a busy machine the page is there long before it asks the server for what its address says.
    other.page.add_init_script(f"({LATE})()")
    other.go(address)
    other.page.wait_for_selector("#stage .edit")
    assert other.query == opened.query
    assert other.page.url == address
    assert all(written.endswith(opened.query) for written in other.page.evaluate("written"))
    other.close()


def test_names_stars_and_hiding_are_written_and_no_name_runs(opened: Opened, runs: list[Path]) -> None:
    page, path = opened.page, runs[0] / "directions.safetensors"
    page.click("#pick-3")
    opened.until("#chosen", "Direction 3")
    opened.press("n")
    assert page.evaluate("document.activeElement.closest('#name') !== null")
    page.keyboard.type(EVIL)  # no key does anything else here
    opened.press("Enter")
    opened.until("#slider-3 label", EVIL)
    assert Directions.load(path).names[3] == EVIL
    opened.press("Escape")
    opened.press("s")
    opened.until("#slider-0 label", f"★ 3 {EVIL}")
    opened.slide(0, *["ArrowRight"] * 5)
    assert EVIL in opened.caption
    assert page.locator("img[src=x]").count() == 0
    page.click("#pick-1")
    opened.until("#chosen", "Direction 0")
    opened.press("h")
    opened.until("#count", "of 13")
    page.locator("#hidden input").check()
    opened.until("#count", "of 14")
    opened.press(">")
    opened.until("#slider-1 label", "0 (hidden)")
    found = Directions.load(path)
    assert (sorted(found.starred), sorted(found.hidden)) == ([3], [0])
    found.rename({3: "other"}).star(3, False).hide(0, False).save(path)
    opened.press("<")
    opened.until("#slider-0 label", "★ 3")
    page.click("#pick-0")
    opened.until("#chosen", "Direction 3")
    page.fill("#name input", "")
    page.click("#rename")  # what another program changed meanwhile is seen now; the run is as it was
    page.wait_for_function("document.querySelector('#slider-3 label').textContent.trim() === '3'")
    assert Directions.load(path).names[3] == ""


def test_keys_are_listed_and_do_nothing_while_one_writes(opened: Opened) -> None:
    page = opened.page
    opened.press("?")
    assert page.locator("#keys").is_visible()
    opened.press("Escape")
    assert not page.locator("#keys").is_visible()
    page.focus("#seed input")
    before, moves = opened.query, opened.moves
    page.keyboard.type("xrz?6")
    assert (opened.query, opened.moves) == (before, moves)
    assert not page.locator("#keys").is_visible()


def test_directions_one_after_the_other_by_keys(opened: Opened) -> None:
    opened.press("j")
    opened.until("#chosen", "Direction 1")
    assert opened.page.evaluate("document.activeElement.closest('#slider-1') !== null")
    opened.changed(lambda: opened.press("ArrowRight"))
    assert "1 +" in opened.caption
    opened.changed(lambda: opened.press("0"))
    opened.press("k")
    opened.until("#chosen", "Direction 0")
    opened.press("k")  # the first is the first
    opened.press(">")
    opened.until("#slider-0 label", "12")


def test_the_original_is_shown_while_a_key_is_held(opened: Opened) -> None:
    opened.slide(0, *["ArrowRight"] * 10)
    before = opened.page.locator("#stage .before")
    assert not before.is_visible()
    opened.page.keyboard.down("o")
    assert before.is_visible()
    opened.page.keyboard.up("o")
    assert not before.is_visible()
    opened.page.click("#original")
    assert before.is_visible()
    assert opened.page.locator("#original").get_attribute("aria-pressed") == "true"


def test_everything_is_reached_by_tab_and_the_focus_is_seen(opened: Opened) -> None:
    page = opened.page
    reached = set()
    for _ in range(120):
        opened.press("Tab")
        about = page.evaluate(
            """() => {
              const e = document.activeElement, box = e.closest('label') ?? e;
              const rings = [e, box].map((x) => getComputedStyle(x)).some(
                (s) => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0);
              return [e.closest('[id]')?.id ?? '', e.tagName, rings];
            }"""
        )
        if about[1] == "BODY":
            break
        reached.add(
            about[0].partition("range_id")[0] or page.evaluate("document.activeElement.closest('.block').id")
        )
        assert about[2], about
    assert reached >= REACHABLE, REACHABLE - reached


def test_every_control_has_a_name_for_those_who_do_not_see_it(opened: Opened) -> None:
    nameless = opened.page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, a, textarea')]
          .filter((e) => e.offsetParent !== null)
          .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.title))
          .map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert nameless == []
    assert opened.page.get_by_role("slider", name="range slider for 3").count() == 1
    opened.page.get_by_role("button", name="take 3 back").wait_for()
    assert opened.page.locator("#stage .now").get_attribute("alt") == "seed 0, not edited"
    opened.slide(3, "ArrowRight")
    opened.until("#told", "seed 0, 3 +")
    assert opened.page.locator("#told").get_attribute("role") == "status"
    assert opened.page.locator("#message").get_attribute("role") == "alert"


def test_a_phone_keeps_the_picture_in_sight(browser: Any, url: str) -> None:
    opened = Opened(browser, url, has_touch=True, is_mobile=True)
    opened.page.set_viewport_size({"width": 390, "height": 844})
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("#slider-11").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#slider-11').scrollIntoView({block: 'end'})")
    picture, slider = (page.locator(one).bounding_box() for one in ("#stage .now", "#slider-11"))
    assert picture["y"] >= 0
    assert picture["y"] + picture["height"] <= slider["y"]
    assert slider["y"] + slider["height"] <= 845  # half pixels
    opened.slide(11, "PageUp")
    opened.close()


def test_the_page_never_scrolls_sideways(opened: Opened) -> None:
    for view in "2351":
        opened.changed(lambda view=view: opened.press(view))
        for width in (360, 820, 1280):
            opened.page.set_viewport_size({"width": width, "height": 800})
            assert opened.page.evaluate("document.documentElement.scrollWidth") == width, (view, width)


def test_both_colours_can_be_read_and_changed(browser: Any, url: str) -> None:
    opened = Opened(browser, url, color_scheme="dark")
    written = [
        "#mode .selected span",
        "#mode label:not(.selected) span",
        "#slider-1 label span",
        "#undo",
        "#stage b",
        "#stage figcaption",
        "#name input",
        "#chosen h2",
        "#count",
        "#copy",
    ]
    opened.slide(0, "ArrowRight")
    for dark in (True, False):
        assert opened.page.evaluate("document.body.classList.contains('dark')") is dark
        # Colours change gently; WCAG 2.2, AA.
        opened.page.wait_for_function(
            f"(written) => ({CONTRASTS})(written).every((c) => c >= 4.5)", arg=written
        )
        opened.press("d")
    opened.close()


def test_what_a_name_would_run_is_stopped_by_the_policy_too(opened: Opened) -> None:
    opened.page.evaluate(
        """() => new Promise((done) => {
          const image = new Image();
          image.setAttribute('onerror', 'window.ran = 1');
          image.addEventListener('error', done);
          image.src = 'data:,';
          document.body.append(image);
        })"""
    )
    assert opened.page.evaluate("window.ran === undefined")
    assert (
        opened.page.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'stopped')") == "stopped"
    )
    opened.complaints.clear()
    opened.requests[:] = [url for url in opened.requests if "example.org" not in url]


def test_a_password_is_asked_for_and_is_enough(browser: Any, runs: list[Path]) -> None:
    shelf = Shelf(["scenes"], runs)
    with running(explorer(shelf), Policy(UPLOAD, auth="ann:secret")) as url:
        context = browser.new_context()
        for path in ("/", "/config", "/page.js", "/recipe.json"):
            assert context.request.get(url + path).status == 401
        context.close()
        opened = Opened(browser, url, http_credentials={"username": "ann", "password": "secret"})
        opened.slide(0, "ArrowRight")
        opened.close()
