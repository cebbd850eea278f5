"""`latentclr explore` as a program of its own: how it opens and ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.opened import PATIENCE

pytest.importorskip("gradio")
pytestmark = pytest.mark.browser


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


def test_it_opens_and_ends(command: tuple[subprocess.Popen[str], str], browser: Any, tmp_path: Path) -> None:
    process, address = command
    assert address.startswith("http://127.0.0.1:"), process.stderr and process.stderr.read()
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(address)
    page.wait_for_function("document.querySelector('#stage .now')?.naturalWidth > 0", timeout=PATIENCE)
    page.wait_for_selector("#pick-0[aria-label]", timeout=PATIENCE)
    assert page.locator("#generator input").input_value() == "scenes"
    assert page.locator("#count").inner_text().startswith("1 to 12 of 16")
    page.close()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []  # nothing is left behind
