"""The explorer in a browser, in short: it opens, a slider moves the picture, a reload brings it back."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser.opened import Opened
from tests.explorer.shelves import bent, plain, toys

from latentclr.explorer.server import UPLOAD, explorer
from latentclr.web import Policy, running

pytest.importorskip("gradio")


@pytest.fixture(scope="module")
def url(browser: Any) -> Iterator[str]:
    with running(explorer(toys(plain(), bent())), Policy(UPLOAD)) as url:
        yield url


def test_a_slider_moves_the_picture_with_one_request_and_a_reload_brings_it_back(opened: Opened) -> None:
    """That the page asks nobody else, and complains of nothing, is seen when it is closed."""
    first, moves = opened.picture, opened.moves
    assert opened.caption == "seed 0 not edited"
    opened.slide(2, "ArrowRight")
    assert opened.moves - moves == 1
    assert opened.caption.startswith("seed 0 2 +")
    edited = opened.picture
    assert edited != first
    opened.in_address()
    opened.go(opened.page.url)
    opened.page.wait_for_selector("#stage .edit")
    assert opened.picture == edited
    opened.changed(lambda: opened.press("x"))
    assert (opened.picture, opened.caption) == (first, "seed 0 not edited")
