"""Chromium for the tests of pages."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser.opened import Opened

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for a file of tests. (For more, its event loop would be in the way of other tests'.)"""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if BROWSER is None:
        pytest.skip("needs chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Any, url: str) -> Iterator[Opened]:
    """The explorer's page at `url`, which each file of tests serves for itself."""
    opened = Opened(browser, url, color_scheme="light")
    yield opened
    opened.close()
