"""`latentclr explore` as a program of its own: how it opens and ends, and on request how fast it is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.opened import PATIENCE

pytest.importorskip("gradio")
pytestmark = pytest.mark.browser

TIMED = os.environ.get("LATENTCLR_TIMING") == "1"
"""Whether the times of docs/explorer.md are printed. Nothing is held to them: they depend on the load."""
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


@pytest.fixture
def command(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program and the address that it prints."""
    program = (sys.executable, "-m", "latentclr", "explore", "--port", "0")
    process = subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ}
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def percentiles(waits: list[float]) -> str:
    ordered = sorted(waits)
    found = (ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.95))
    return ", ".join(
        f"{name} {value:.0f} ms" for name, value in zip(("median", "95 %"), found, strict=True)
    ) + (f", longest {ordered[-1]:.0f} ms, of {len(ordered)}")


def test_it_opens_and_ends(
    command: tuple[subprocess.Popen[str], str],
    browser: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    process, address = command
    assert address.startswith("http://127.0.0.1:"), process.stderr and process.stderr.read()
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    begun = time.perf_counter()
    page.goto(address)
    page.wait_for_function("document.querySelector('#stage .now')?.naturalWidth > 0", timeout=PATIENCE)
    first = time.perf_counter() - begun
    page.wait_for_selector("#pick-0[aria-label]", timeout=PATIENCE)
    assert page.locator("#generator input").input_value() == "scenes"
    assert page.locator("#count").inner_text().startswith("1 to 12 of 16")
    if TIMED:
        with capsys.disabled():
            sys.stdout.write(f"\nfirst picture {first:.2f} s after opening\n")
            measure(page)
    page.close()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def measure(page: Any) -> None:
    """Move sliders by keys and by mouse, and print how long pictures take."""
    page.wait_for_timeout(1000)
    page.evaluate(WATCH)
    page.focus("#slider-3 input[type=range]")
    for move in range(MOVES):
        page.keyboard.press("ArrowRight" if move < MOVES // 2 else "ArrowLeft")
        for _ in range(50):  # asked rarely: asking takes the browser's time, too
            page.wait_for_timeout(100)
            if page.evaluate("window.waits.length") > move:
                break
    single = page.evaluate("window.waits")
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
    dragged = page.evaluate("window.waits")
    sys.stdout.write(f"a slider's move to its picture: {percentiles(single)}\n")
    sys.stdout.write(f"while dragging, 120 moves in 2 s: {len(dragged)} pictures\n")
