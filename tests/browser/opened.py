"""Windows of pages, as tests use them."""

import re
from typing import Any

PATIENCE = 60_000
"""Milliseconds to wait for what shall happen: machines that test are busy."""
CHANGED = "was => document.querySelector('#stage .stage')?.dataset.query !== was"


class Window:
    """A window, and what its page does that it should not."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))


class Opened(Window):
    """The explorer's page in a window of its own."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        super().__init__(browser, **options)
        self.url = url
        self.go(url)

    def go(self, url: str) -> None:
        """Open an address and wait until the page says what it shows."""
        with self.page.expect_response(lambda response: "run/predict" in response.url):
            self.page.goto(url)
        self.page.wait_for_selector("#stage .stage")
        self.page.wait_for_selector("#pick-0[aria-label]")

    def close(self) -> None:
        own = re.match(r"https?://[^/]+", self.url)
        assert own is not None
        strangers = [url for url in self.requests if not url.startswith((own[0], "data:", f"blob:{own[0]}"))]
        self.context.close()
        assert strangers == []
        assert self.complaints == []

    @property
    def moves(self) -> int:
        """Requests that told the server what somebody did."""
        return sum("run/predict" in url for url in self.requests)

    @property
    def query(self) -> str:
        return str(self.page.locator("#stage .stage").get_attribute("data-query"))

    @property
    def caption(self) -> str:
        """What is written below the picture, but for the time that it took."""
        text = self.page.locator("#stage figcaption").inner_text()
        return re.sub(r"\s*\d+ ms$", "", " ".join(text.split()))

    @property
    def picture(self) -> str:
        return str(self.page.locator("#stage .now").first.get_attribute("src"))

    def changed(self, what: Any) -> None:
        """Do something that changes what is seen, and wait for it."""
        before = self.query
        what()
        self.page.wait_for_function(CHANGED, arg=before)

    def in_address(self) -> None:
        """Wait until the address says what is seen."""
        self.page.wait_for_function(
            "location.search.slice(1) === document.querySelector('#stage .stage').dataset.query"
        )

    def until(self, selector: str, text: str, patience: int = PATIENCE) -> None:
        """Wait until something says what it shall."""
        self.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.textContent.includes(text)",
            arg=[selector, text],
            timeout=patience,
        )

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def slide(self, place: int, *keys: str) -> None:
        """Move a slider by keys and wait until its last value is drawn."""
        slider = self.page.locator(f"#slider-{place} input[type=range]")
        slider.focus()
        for key in keys:
            self.press(key)
        index = int(self.page.locator(f"#slider-{place} label").inner_text().removeprefix("★").split()[0])
        told = f"{float(slider.input_value()):+.3g}"
        self.page.wait_for_function(
            "([index, told]) => [...document.querySelectorAll('#stage .edit')].some("
            "(edit) => edit.textContent.includes(`${index} `) && edit.textContent.includes(told))",
            arg=[str(index), told],
        )

    def message(self) -> str:
        return str(self.page.locator("#message .html-container").inner_text())
