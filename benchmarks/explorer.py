"""How soon the explorer answers in a browser: the first picture, a slider's move, and while one drags.

    python -m benchmarks.explorer

Prints the table of docs/explorer.md. Needs playwright and a Chromium; the browser and the server share the
machine, so the seconds depend on what else it does.
"""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MOVES = 60
WATCH = """() => {
  window.moved = 0;
  window.waits = [];
  let last = document.querySelector('#stage .now').src;
  document.addEventListener('input', () => { window.moved = performance.now(); }, true);
  new MutationObserver(() => {
    const picture = document.querySelector('#stage .now');
    if (!picture || picture.src === last) return;
    last = picture.src;
    const since = window.moved;
    // The picture is decoded with the frame that shows it; what comes behind that frame has seen it.
    requestAnimationFrame(() => setTimeout(() => window.waits.push(performance.now() - since)));
  }).observe(document.querySelector('#stage'), { childList: true, subtree: true, attributeFilter: ['src'] });
}"""
"""Collects the milliseconds from each move of a slider to the frame that shows its picture."""


def percentiles(waits: list[float]) -> str:
    """Median, 95 % quantile and maximum of milliseconds."""
    ordered = sorted(waits)
    half, most = (ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.95))
    return f"median {half:.0f} ms, 95 % {most:.0f} ms, longest {ordered[-1]:.0f} ms, of {len(ordered)}"


def by_keys(page: Any) -> list[float]:
    """Milliseconds of single moves, each made after the picture of the one before."""
    page.focus("#slider-3 input[type=range]")
    for move in range(MOVES):
        page.keyboard.press("ArrowRight" if move < MOVES // 2 else "ArrowLeft")
        for _ in range(50):  # asked rarely: asking takes the browser's time, too
            page.wait_for_timeout(100)
            if page.evaluate("window.waits.length") > move:
                break
    waits: list[float] = page.evaluate("window.waits")
    return waits


def by_mouse(page: Any) -> int:
    """Number of pictures that are shown while a slider is dragged for two seconds."""
    page.evaluate("window.waits.length = 0")
    slider = page.locator("#slider-1 input[type=range]").bounding_box()
    y, middle = slider["y"] + slider["height"] / 2, slider["x"] + slider["width"] / 2
    page.mouse.move(middle, y)
    page.mouse.down()
    for step in range(120):
        page.mouse.move(middle + 90 * (step / 120), y)
        page.wait_for_timeout(16)
    page.mouse.up()
    page.wait_for_timeout(1500)
    return int(page.evaluate("window.waits.length"))


def main() -> None:
    from playwright.sync_api import sync_playwright

    program = (sys.executable, "-m", "latentclr", "explore", "--port", "0")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=Path(folder))
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        found = next(filter(None, map(shutil.which, BROWSERS)))
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        begun = time.perf_counter()
        page.goto(address)
        page.wait_for_function("document.querySelector('#stage .now')?.naturalWidth > 0", timeout=60_000)
        print(f"first picture {time.perf_counter() - begun:.2f} s after opening")
        page.wait_for_selector("#pick-0[aria-label]", timeout=60_000)
        page.wait_for_timeout(1000)
        page.evaluate(WATCH)
        print(f"a slider's move to its picture: {percentiles(by_keys(page))}")
        print(f"while dragging, 120 moves in 2 s: {by_mouse(page)} pictures")
        browser.close()
        process.send_signal(signal.SIGINT)
        process.wait()


if __name__ == "__main__":
    main()
