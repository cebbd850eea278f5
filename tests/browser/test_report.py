"""The page of an evaluation in a browser: what its script does, and that nothing is asked of any network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.opened import Window
from tests.report.evaluated import evaluation

from latentclr.report.numbers import DASH, MINUS
from latentclr.report.page import page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    metrics = evaluation(folder)
    metrics["runs"][0]["name"] = "<script>alert(1)</script>"
    path = folder / "report.html"
    path.write_text(page(metrics, folder), encoding="utf-8")
    return path


class Opened(Window):
    """The page in a window of its own."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        super().__init__(browser, **options)
        self.page.goto(file.as_uri())

    def column(self, table: str, number: int) -> list[str]:
        cells = self.page.locator(f"{table} tbody tr > :nth-child({number})").all_inner_texts()
        return [" ".join(text.split()) for text in cells]


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Opened]:
    opened = Opened(browser, file, color_scheme="light", viewport={"width": 1300, "height": 900})
    yield opened
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [file.as_uri()]
    opened.context.close()


def test_a_heading_sorts_by_click_and_by_keyboard(opened: Opened) -> None:
    table = "#run-0 table.sortable >> nth=0"
    head = opened.page.locator(table).locator("thead th", has_text="strongest effect")

    def strengths() -> list[float]:
        cells = opened.page.locator(table).locator("tbody tr > :nth-child(4)").all()
        return [float(cell.get_attribute("data-key")) for cell in cells]

    before = strengths()
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert strengths() == sorted(before, reverse=True)
    assert strengths() != before
    head.get_by_role("button").focus()
    opened.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert strengths() == sorted(before)


def test_what_is_missing_goes_last_whichever_way(opened: Opened) -> None:
    table = opened.page.locator("#run-0 table.heat")
    for _ in range(2):
        table.locator("thead th", has_text="yaw").get_by_role("button").click()
        assert table.locator("tbody tr").last.locator("td").nth(1).inner_text() == DASH


def test_figures_of_others_stay_apart_when_sorted(opened: Opened) -> None:
    opened.page.locator("#table-0 thead th", has_text="MIG").get_by_role("button").click()
    assert [text[0] for text in opened.column("#table-0", 2)] == list("...")
    assert opened.column("#table-0", 1) == ["latentclr", "sefa", "sefa, as published †"]
    opened.page.locator("#table-0 thead th", has_text="MIG").get_by_role("button").click()
    assert opened.column("#table-0", 1) == ["sefa", "latentclr", "sefa, as published †"]


def test_a_cell_tells_its_interval_to_pointer_and_keyboard(opened: Opened) -> None:
    told = opened.page.locator("#run-0 output.told")
    cells = opened.page.locator("#run-0 table.heat tbody td")
    cells.nth(7).hover()  # second row, second column
    assert told.inner_text().startswith(f"1, yaw: {MINUS}")
    heat = opened.page.locator("#run-0 table.heat")
    assert heat.locator(".down").all_inner_texts()[0].startswith("yaw")
    assert heat.locator(".across").all_inner_texts()[0] == "1"
    assert heat.locator(".down").count() == 1 + 5
    assert heat.locator(".across").count() == 1 + 6
    cells.first.focus()
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("ArrowDown")
    assert told.inner_text().startswith(f"1, yaw: {MINUS}")
    assert opened.page.evaluate("document.activeElement.title").startswith(f"1, yaw: {MINUS}")


def test_the_button_changes_colours_both_ways(opened: Opened) -> None:
    def paper() -> str:
        return str(opened.page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

    button, light = opened.page.get_by_role("button", name="Dark"), paper()
    button.click()
    assert paper() != light
    opened.page.get_by_role("button", name="Light").click()
    assert paper() == light


def test_a_strip_opens_large_and_escape_brings_back(opened: Opened) -> None:
    strip = opened.page.locator(".zoom").first
    strip.focus()
    opened.page.keyboard.press("Enter")
    large = opened.page.locator("dialog img")
    assert large.bounding_box()["width"] > 1.5 * strip.bounding_box()["width"]
    opened.page.keyboard.press("Escape")
    assert not opened.page.locator("dialog").is_visible()
    assert opened.page.evaluate("document.activeElement.className") == "zoom"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_number_of_a_heat_map_can_be_read(browser: Any, file: Path, scheme: str) -> None:
    opened = Opened(browser, file, color_scheme=scheme)
    contrasts = opened.page.evaluate(
        """() => {
          const probe = document.createElement("canvas").getContext("2d");
          const light = (colour) => {
            probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...probe.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
              .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
          };
          const cell = document.querySelector(".heat td");
          return ["z", ..."123456".split("").flatMap((n) => ["p" + n, "n" + n])].map((name) => {
            cell.className = name;
            const style = getComputedStyle(cell);
            const pair = [light(style.color), light(style.backgroundColor)].sort((a, b) => b - a);
            return pair[0] / pair[1];
          });
        }"""
    )
    opened.context.close()
    assert len(contrasts) == 13
    assert min(contrasts) >= 4.5  # WCAG 2.2, AA


@pytest.mark.parametrize("width", [360, 1300])
def test_the_page_itself_never_scrolls_sideways(browser: Any, file: Path, width: int) -> None:
    opened = Opened(browser, file, viewport={"width": width, "height": 800})
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    opened.context.close()


def test_all_is_there_without_scripts(browser: Any, file: Path) -> None:
    opened = Opened(browser, file, java_script_enabled=False)
    assert opened.page.locator(".strip img").count() == 10
    assert opened.page.locator(".strip img").first.is_visible()
    assert opened.page.locator("button").count() == 0  # none that does nothing
    opened.context.close()
