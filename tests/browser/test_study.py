"""A study as participants meet it: by mouse, by keys, without scripts, on a phone, with a bad connection."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.browser.opened import PATIENCE
from tests.study.planted import small_study
from tests.study.serving import Server

from latentclr.cli import main
from latentclr.study.answers import completion_code, key_of
from latentclr.study.order import Step, steps
from latentclr.study.pages.app import POLICY, application
from latentclr.study.plan import Study
from latentclr.study.store import Store
from latentclr.web import running

Through = tuple[str, dict[tuple[str, str], str], str]
"""Code, answers and completion code of somebody who is through."""
OPTIONS: Mapping[str, Any] = {"names": True, "preference": 1, "pictures": 4}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return small_study(tmp_path_factory.mktemp("study") / "study", 2, 2, **OPTIONS)


@pytest.fixture(scope="module")
def store(study: Study) -> Iterator[Store]:
    with Store.open(None, study) as store:
        yield store


@pytest.fixture(scope="module")
def url(store: Store) -> Iterator[str]:
    app = application(store.study, store, open_to_all=True)
    with running(app, POLICY) as url:
        yield url


class Person:
    """Somebody at a browser.

    Attributes:
        said: what they answered, as they mean it: value by (item, question).
        complaints: of the browser.
        foreign: requests that left the study's server.
    """

    def __init__(self, browser: Any, url: str, study: Study, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.context.set_default_timeout(PATIENCE)
        self.url, self.study = url, study
        self.said: dict[tuple[str, str], str] = {}
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self.page.on("request", self._note)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, request: Any) -> None:
        if not request.url.startswith((self.url + "/", "data:")):
            self.foreign.append(request.url)

    def begin(self) -> "Person":
        self.page.goto(self.url + "/")
        self.page.get_by_role("link", name="Begin").click()
        self.page.get_by_label("I have read this").check()
        self.page.get_by_role("button", name="Go on").click()
        self.page.get_by_role("link", name="Begin").first.click()
        return self

    @property
    def code(self) -> str:
        return str(self.page.locator("footer .code").inner_text())

    @property
    def steps(self) -> tuple[Step, ...]:
        return steps(self.study, key_of(self.code))

    def at(self) -> Step:
        """The item on the screen."""
        return self.steps[int(self.page.locator("#count").inner_text().split()[0]) - 1]

    def question(self, which: str) -> Any:
        return self.page.get_by_role("group", name=self.study.question(which).text)

    def click(self, which: str, value: str) -> None:
        """Answer with the mouse."""
        self.question(which).locator("label", has=self.page.locator(f"[value={value}]")).click()
        self.said[self.at().item, which] = value

    def press(self, step: Step, answers: Mapping[str, str]) -> None:
        """Answer everything with the keyboard, in the order in which it is asked."""
        for which in step.questions:
            if which in answers:
                values = [value for value, _ in self.study.question(which).choices]
                letter = answers[which][0] if which != "clearer" else str(values.index(answers[which]) + 1)
                self.page.keyboard.press(letter)
                self.said[step.item, which] = answers[which]

    def number(self, number: int) -> None:
        """Wait until this item is on the screen."""
        self.page.wait_for_url(f"**/item/{number}")

    def saved(self) -> None:
        """Wait until the server has confirmed."""
        self.page.locator("#status", has_text="Saved").wait_for(state="attached")

    def leave(self) -> None:
        self.context.close()
        assert self.complaints == []
        assert self.foreign == []


@contextmanager
def person(browser: Any, url: str, study: Study, **options: Any) -> Iterator[Person]:
    one = Person(browser, url, study, **options)
    yield one
    one.leave()


def meant(step: Step, *, turn: int = 0) -> dict[str, str]:
    """What a careful person answers: right where there is a right answer."""
    if step.kind == "pair":
        return {"clearer": ["left", "right"][turn % 2]}
    panel = step.panels[0]
    grades = ["yes", "maybe", "no"]
    mixed = turn if panel.place is None else sum(panel.place) + turn // 2
    return {"obvious": grades[mixed % 3], "meaningful": grades[(mixed + 1) % 3], **step.expected}


def stored(store: Store, code: str) -> dict[tuple[str, str], str]:
    number = store.join(code).number
    return {(one.item, one.question): one.value for one in store.answers() if one.participant == number}


@pytest.mark.browser
def test_three_people_take_part_and_the_report_says_what_they_said(browser: Any, tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", 2, 2, **OPTIONS)
    with Server(study.folder) as server:
        people = [
            by_mouse(browser, server, study),
            by_keyboard(browser, server, study),
            without_scripts(browser, server, study),
        ]
    with Store.open(None, study) as store:
        assert store.healthy()
        for code, said, _ in people:
            assert stored(store, code) == said
        assert len(store.answers()) == sum(len(said) for _, said, _ in people)
        revised = Counter(one.participant for one in store.answers() if one.revisions)
        assert revised == {1: 1, 3: 1}
    main(["study", "report", str(study.folder), "--out", str(tmp_path / "found")])
    completed = (tmp_path / "found" / "completed.csv").read_text().splitlines()
    assert sorted(completed[1:]) == sorted(f"{completion},yes" for _, _, completion in people)
    read_report(browser, tmp_path / "found" / "report.html", study, people)


def by_mouse(browser: Any, server: Server, study: Study) -> Through:
    """Answers everything, gives a name, goes back and changes an answer."""
    one = Person(browser, server.url, study).begin()
    for number, step in enumerate(one.steps, 1):
        one.number(number)
        for which, value in meant(step).items():
            one.click(which, value)
        if number == 2:
            one.page.get_by_role("link", name="Back").click()
            one.number(1)
            first = one.at()
            assert (
                one.question("obvious").get_by_role("radio", checked=True).input_value()
                == one.said[first.item, "obvious"]
            )
            one.click("meaningful", "no" if one.said[first.item, "meaningful"] != "no" else "maybe")
            one.page.get_by_role("button", name="Next").click()
            one.number(2)
        if step.kind == "direction" and (place := step.panels[0].place):
            one.page.get_by_label("What changes from the left").fill(f"  thing {place.direction} ")
            one.said[step.item, "name"] = f"thing {place.direction}"
        one.page.get_by_role("button", name="Next").click()
    return finish(one)


def by_keyboard(browser: Any, server: Server, study: Study) -> Through:
    """Never touches the mouse; reloads in the middle, while the server is killed and started again."""
    one = Person(browser, server.url, study)
    keyboard = one.page.keyboard
    one.page.goto(server.url + "/")
    tab_to(one, "a.button.main")
    keyboard.press("Enter")
    one.page.wait_for_url("**/consent")
    tab_to(one, "input[name=agree]")
    keyboard.press("Space")
    keyboard.press("Enter")
    one.page.wait_for_url("**/instructions")
    tab_to(one, "a.button.main")
    keyboard.press("Enter")
    one.number(1)
    theirs = one.steps
    for number, step in enumerate(theirs, 1):
        answers = meant(step, turn=1)
        if number == 3:
            one.page.reload()
        if number == 4:
            server.kill()
            one.press(step, answers)
            one.page.locator("#offline").wait_for(state="visible")
            server.start()
            one.page.locator("#offline").wait_for(state="hidden")
            one.saved()
            one.complaints.clear()  # the browser says that it found no server
            one.page.reload()
        else:
            one.press(step, answers)
        keyboard.press("ArrowRight" if number % 2 else "Enter")
        one.page.wait_for_url(f"**/item/{number + 1}" if number < len(theirs) else "**/done")
    return finish(one)


def without_scripts(browser: Any, server: Server, study: Study) -> Through:
    """Sends from two windows, goes back, and sends the same again."""
    one = Person(browser, server.url, study, java_script_enabled=False).begin()
    theirs = one.steps
    for number, step in enumerate(theirs, 1):
        one.page.goto(f"{server.url}/item/{number}")
        answers = meant(step, turn=2)
        if number == 2:  # leaves one question out and is asked for it
            one.click("obvious", answers.pop("obvious"))
            one.page.get_by_role("button", name="Next").click()
            one.page.locator("#missing").wait_for(state="visible")
        for which, value in answers.items():
            one.click(which, value)
        windows = [one.page]
        if number == 1:
            windows.append(one.context.new_page())
            windows[1].goto(one.page.url)
            for which, value in answers.items():
                windows[1].locator(f"label:has([name=answer-{which}][value={value}])").click()
        for window in windows:
            window.get_by_role("button", name="Next").click(no_wait_after=True)
        for window in windows:
            after = window.locator("#count", has_text=re.compile(rf"^{number + 1} of "))
            after.or_(window.locator("#completion")).wait_for()
    one.page.goto(f"{server.url}/item/1")
    one.click("meaningful", "no" if one.said[theirs[0].item, "meaningful"] != "no" else "yes")
    for _ in range(2):
        one.page.get_by_role("button", name="Next").click()
        one.number(2)
        one.page.go_back()
        one.number(1)
    form = {f"answer-{which}": one.said[theirs[0].item, which] for which in ("obvious", "meaningful")}
    for _ in range(3):
        assert one.context.request.post(f"{server.url}/item/1", form=form).ok
    one.page.goto(f"{server.url}/done")
    return finish(one)


def finish(one: Person) -> Through:
    one.page.wait_for_url("**/done")
    completion = one.page.locator("#completion").inner_text()
    code = one.code
    assert completion == completion_code(one.study, key_of(code))
    one.leave()
    return code, one.said, completion


def tab_to(one: Person, selector: str) -> None:
    """Press Tab until something has the focus, and is seen to have it."""
    for _ in range(30):
        one.page.keyboard.press("Tab")
        if one.page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = one.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid"
            return
    raise AssertionError(f"Tab never reached {selector}")


def read_report(browser: Any, path: Path, study: Study, people: list[Through]) -> None:
    """The averages on the page are those of what was answered."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(path.as_uri())
    assert "3 began, 3 finished, 3 kept" in page.locator("header").inner_text()
    tables = page.locator("table", has_text="the paper\u2019s")
    assert tables.count() == 2
    for table, which in ((tables.nth(0), "obvious"), (tables.nth(1), "meaningful")):
        for m, method in enumerate(study.runs):
            row = table.locator("tbody tr", has_text=f"{method.name} 3 participants")
            cells = [
                cell.split("\n")[0].split()[0] for cell in row.locator("td").all_inner_texts() if cell.strip()
            ]
            said = Counter(
                said.get((step.item, which))
                for code, said, _ in people
                for step in steps(study, key_of(code))
                if step.kind == "direction" and (step.panels[0].place or "")[:1] == (m,)
            )
            expected = [f"{said[grade] / 3:.2f}" for grade in ("yes", "maybe", "no", None)]
            assert cells[:5] == [*expected, str(len(method.directions))]
    assert "thing 1" in page.locator("main").inner_text()
    context.close()


@pytest.mark.browser
def test_an_answer_that_was_not_sent_survives_the_page(browser: Any, url: str, store: Store) -> None:
    with person(browser, url, store.study) as one:
        one.begin()
        one.page.route(
            "**/item/1", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
        )
        one.click("obvious", "maybe")
        one.page.locator("#offline").wait_for(state="visible")
        one.page.unroute("**/item/1")
        one.page.goto(f"{url}/item/2")
        one.saved()
        assert stored(store, one.code) == one.said
        one.complaints.clear()


def test_a_click_on_next_waits_for_the_answer(browser: Any, url: str, store: Store) -> None:
    """Answer and go on at once, as people do: nothing is lost on the way."""
    with person(browser, url, store.study) as one:
        one.begin()
        step = one.at()
        one.press(step, meant(step))
        one.page.keyboard.press("Enter")
        one.number(2)
        assert stored(store, one.code) == one.said
        times = [given.milliseconds for given in store.answers() if (given.item, given.question) in one.said]
        assert times
        assert None not in times


@pytest.mark.browser
def test_keys_can_be_switched_off_and_do_not_fire_in_a_text(browser: Any, url: str, store: Store) -> None:
    with person(browser, url, store.study) as one:
        one.begin()
        field = one.page.get_by_label("What changes from the left")
        field.press_sequentially("yes my name 123")
        assert one.page.locator("input:checked[type=radio]").count() == 0
        assert field.input_value() == "yes my name 123"
        one.page.get_by_label("Answer with the keys").uncheck()
        one.page.keyboard.press("y")
        assert one.page.locator("input:checked[type=radio]").count() == 0
        assert not one.page.locator(".choice kbd").first.is_visible()
        one.page.reload()
        assert not one.page.get_by_label("Answer with the keys").is_checked()


@pytest.mark.browser
def test_the_next_pictures_are_there_before_they_are_asked_for(browser: Any, url: str, store: Store) -> None:
    with person(browser, url, store.study) as one:
        one.begin()
        names = [name for row in one.steps[1].panels[0].rows for name in (row.left, row.middle, row.right)]
        one.page.wait_for_function(
            """names => names.every((name) => performance.getEntriesByType("resource")
                 .some((entry) => entry.name.endsWith(name) && entry.responseEnd > 0))""",
            arg=names,
        )
        one.page.goto(f"{url}/item/2")
        one.page.wait_for_function(
            "() => [...document.querySelectorAll('main img')].every((image) => image.naturalWidth > 0)"
        )
        asked = one.page.evaluate(
            """names => performance.getEntriesByType("resource")
                 .filter((entry) => names.some((name) => entry.name.endsWith(name)) && entry.transferSize > 0)
                 .map((entry) => entry.name)""",
            names,
        )
        assert asked == []  # all of them from the browser's cache


def places(url: str, one: Person) -> list[str]:
    """Every kind of page."""
    last = len(one.steps)
    return [
        f"{url}{path}"
        for path in ("/", "/instructions", "/item/1", f"/item/{last}", "/done", "/withdraw", "/x")
    ]


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_pages_fit_the_screen(browser: Any, url: str, store: Store, width: int) -> None:
    with person(browser, url, store.study, viewport={"width": width, "height": 844}) as one:
        one.page.goto(url + "/consent")
        assert one.page.evaluate("document.documentElement.scrollWidth") == width
        one.begin()
        for place in places(url, one):
            one.page.goto(place)
            assert one.page.evaluate("document.documentElement.scrollWidth") <= width, place
        one.page.goto(url + "/item/1")
        boxes = [picture.bounding_box() for picture in one.page.locator("main img").all()[:3]]
        assert len({round(box["y"]) for box in boxes}) == 1  # three in a row
        assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"] < width - boxes[2]["width"]
        for button in one.page.locator(".choice, .moves .button, .moves button").all():
            assert button.bounding_box()["height"] >= 44
        one.complaints.clear()  # /x is not found


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(browser: Any, url: str, store: Store, scheme: str) -> None:
    with person(browser, url, store.study, color_scheme=scheme) as one:
        one.begin()
        one.click("obvious", "yes")
        for place in places(url, one):
            one.page.goto(place)
            assert min(one.page.evaluate(CONTRASTS)) >= 4.5, place  # WCAG 2.2, AA
        one.complaints.clear()


CONTRASTS = """() => {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    probe.clearRect(0, 0, 1, 1); probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...probe.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
  };
  const found = [21];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.checkVisibility() || node.closest("svg, script")) continue;
    const pair = [light(getComputedStyle(node).color), light(ground(node))].sort((a, b) => b - a);
    found.push(pair[0] / pair[1]);
  }
  return found;
}"""


@pytest.mark.browser
def test_those_who_hear_the_page_are_told_what_others_see(browser: Any, url: str, store: Store) -> None:
    with person(browser, url, store.study) as one:
        one.begin()
        page = one.page
        step = one.at()
        for which in ("obvious", "meaningful"):
            group = one.question(which)
            assert group.get_by_role("radio").count() == 3
            assert group.get_by_role("radio", name=re.compile("^Maybe")).count() == 1
        pictures = page.get_by_role("img").evaluate_all("all => all.map(one => one.alt)")
        assert pictures[:3] == [
            "row 1, left: changed picture",
            "row 1, middle: original picture",
            "row 1, right: changed picture",
        ]
        assert len(pictures) == 3 * len(step.panels[0].rows)
        bar = page.get_by_role("progressbar")
        assert bar.get_attribute("aria-labelledby") == "count"
        assert page.get_by_role("heading", level=1).inner_text() == f"Pictures 1 of {len(one.steps)}"
        assert page.locator("#status").get_attribute("role") == "status"
        page.get_by_role("button", name="Next").click()
        assert page.get_by_role("alert").inner_text().startswith("Not every question is answered.")
        assert page.evaluate("document.activeElement.id") == "missing"
        assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.browser
def test_another_sites_page_cannot_answer_for_somebody(browser: Any, url: str, store: Store) -> None:
    """Its form arrives without the cookie, and is refused."""
    with person(browser, url, store.study) as one:
        one.begin()
        before = store.answers()
        button = '<button name="answer-obvious" value="yes">Send</button>'
        one.page.goto("data:text/html," + quote(f'<form method="post" action="{url}/item/1">{button}'))
        with one.page.expect_request(lambda request: request.method == "POST") as sent:
            one.page.get_by_role("button", name="Send").click()
        one.page.get_by_text("This request comes from another page.").wait_for()
        assert "cookie" not in sent.value.all_headers()
        assert store.answers() == before
        one.complaints.clear()  # of the browser, about the status


@pytest.mark.browser
def test_back_with_the_personal_link_after_closing_the_browser(browser: Any, url: str, store: Store) -> None:
    with person(browser, url, store.study) as one:
        one.begin()
        for which, value in meant(one.at()).items():
            one.click(which, value)
        one.page.get_by_role("button", name="Next").click()
        one.number(2)
        code, said = one.code, one.said
        one.page.get_by_role("link", name="How it works").click()
        link = one.page.get_by_role("link", name="your personal link").get_attribute("href")
    with person(browser, url, store.study) as again:
        again.page.goto(url + link)
        again.page.get_by_role("button", name="Go to the study").click()
        again.number(2)
        assert again.code == code
        again.page.get_by_role("link", name="Back").click()
        for which in ("obvious", "meaningful"):
            chosen = again.question(which).get_by_role("radio", checked=True)
            assert chosen.input_value() == said[again.at().item, which]
    assert stored(store, code) == said
