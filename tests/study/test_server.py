"""The pages of a study, from the start to the completion code."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from tests.study.visiting import Visitor, hidden, served

from latentclr.study.answers import completion_code, key_of
from latentclr.study.order import Step, steps
from latentclr.study.plan import Study
from latentclr.study.store import Store


@pytest.fixture(scope="module")
def study(study_of: Callable[..., Study]) -> Study:
    return study_of(3, 2, names=True, preference=1)


@pytest.fixture
def store(study: Study, tmp_path: Path, known_codes: None) -> Iterator[Store]:
    """Empty; the codes that it gives out, and so the orders, are the same each time."""
    with Store.open(f"sqlite:///{tmp_path / 'answers.sqlite3'}", study) as store:
        yield store


@pytest.fixture
def visitor(store: Store) -> Visitor:
    return Visitor(served(store))


def theirs(store: Store, visitor: Visitor) -> tuple[Step, ...]:
    return steps(store.study, key_of(visitor.code))


def fields(store: Store, step: Step, value: str = "maybe") -> dict[str, str]:
    """An answer to everything that must be answered."""
    found = {}
    for which in step.questions:
        question = store.study.question(which)
        if question.required:
            values = [choice for choice, _ in question.choices]
            found[f"answer-{which}"] = value if value in values else values[0]
    return found


def kept(store: Store) -> dict[tuple[str, str], str]:
    return {(one.item, one.question): one.value for one in store.answers()}


def test_from_the_start_to_the_completion_code(store: Store, visitor: Visitor) -> None:
    assert 'href="/consent"' in visitor.get("/").text
    assert "may stop at any time" in visitor.get("/consent").words
    visitor.begin()
    assert visitor.get("/go").place == "/instructions"
    assert visitor.get("/item/1").status == 200
    todo = theirs(store, visitor)
    place: str | None = "/item/1"
    expected: dict[tuple[str, str], str] = {}
    for number, step in enumerate(todo, 1):
        assert place == f"/item/{number}"
        page = visitor.get(place)
        assert f"{number} of {len(todo)}" in page.text
        sent = fields(store, step)
        expected |= {(step.item, name.removeprefix("answer-")): value for name, value in sent.items()}
        place = visitor.post(place, sent).place
    assert place == "/done"
    assert kept(store) == expected
    assert completion_code(store.study, key_of(visitor.code)) in visitor.get("/done").words
    assert visitor.get("/go").place == "/done"


def test_the_questions_are_the_papers_in_the_order_of_the_plan(store: Store, visitor: Visitor) -> None:
    visitor.begin()
    orders = set()
    for number, step in enumerate(theirs(store, visitor), 1):
        legends = re.findall(r"<legend>(.*?)</legend>", visitor.get(f"/item/{number}").text)
        graded = [which for which in step.questions if not store.study.question(which).free]
        assert [unescape(text) for text in legends] == [store.study.question(which).text for which in graded]
        orders.add(tuple(graded))
    assert {("obvious", "meaningful"), ("meaningful", "obvious"), ("clearer",)} <= orders


def test_pictures_stand_where_the_plan_puts_them(store: Store, visitor: Visitor) -> None:
    visitor.begin()
    for number, step in enumerate(theirs(store, visitor), 1):
        page = visitor.get(f"/item/{number}").text
        shown = re.findall(r'<img src="/picture/([^"]+)" alt="([^"]*)"', page)
        rows = [row for panel in step.panels for row in panel.rows]
        assert [name for name, _ in shown] == [n for row in rows for n in (row.left, row.middle, row.right)]
        told = [("left", "changed"), ("middle", "original"), ("right", "changed")] * len(rows)
        assert all(f"{where}: {what}" in alt for (_, alt), (where, what) in zip(shown, told, strict=True))
        for name, _ in shown[:3]:
            picture = visitor.get(f"/picture/{name}")
            assert picture.body == store.study.picture(name).read_bytes()
            assert picture.header("content-type") == "image/webp"
            assert picture.header("cache-control") == "public, max-age=31536000, immutable"


def test_nothing_on_a_page_says_what_kind_of_item_it_is(store: Store, visitor: Visitor) -> None:
    """Neither a check nor the direction can be read from the source."""
    visitor.begin()
    seen: dict[int, set[str]] = {}
    for number, step in enumerate(theirs(store, visitor), 1):
        page = visitor.get(f"/item/{number}").text
        assert f'"{step.item}"' not in page
        page = re.sub(r"<legend>.*?</legend>|checkbox|checked|/picture/[0-9a-f]{64}\.webp", "", page)
        for word in (step.kind, *(method.name for method in store.study.runs), "alpha", "check"):
            assert word not in page, word
        plain = re.sub(r"answer-(obvious|meaningful)|/instructions|/item/[0-9]+|/done|[0-9]+|\s", "", page)
        seen.setdefault(len(step.panels), set()).add(plain)
    assert {panels: len(pages) for panels, pages in seen.items()} == {1: 1, 2: 1}


def test_an_item_left_open_is_asked_for_but_not_demanded(store: Store, visitor: Visitor) -> None:
    visitor.begin()
    answer = visitor.post("/item/1", {"answer-obvious": "yes"})
    assert answer.place == "/item/1?missing"
    page = visitor.get("/item/1?missing").text
    assert 'id="missing" role="alert" tabindex="-1">' in page
    assert 'value="yes" data-key="y" checked' in page  # the answer that was given stays
    assert 'href="/item/2"' in page
    assert "hidden>" in visitor.get("/item/1").text.partition('id="missing"')[2][:60]
    assert re.search(r"are not answered yet:\s+1\b", visitor.get("/done").words)
    assert completion_code(store.study, key_of(visitor.code)) not in visitor.get("/done").text


def test_somebody_goes_back_and_changes_an_answer(store: Store, visitor: Visitor) -> None:
    visitor.begin()
    step = theirs(store, visitor)[1]
    visitor.post("/item/2", fields(store, step, "yes"))
    assert 'href="/item/2" rel="prev"' in visitor.get("/item/3").text
    visitor.post("/item/2", fields(store, step, "no"))
    given = [one for one in store.answers() if one.item == step.item]
    assert {(one.value, one.revisions) for one in given} == {("no", 1)}
    assert 'href="/instructions" rel="prev"' in visitor.get("/item/1").text


def test_a_name_is_stored_when_it_says_something_or_is_taken_back(store: Store, visitor: Visitor) -> None:
    visitor.begin()
    number, step = next(
        (n, step) for n, step in enumerate(theirs(store, visitor), 1) if "name" in step.questions
    )
    place = f"/item/{number}"
    visitor.send(place, {"answer-name": "  "})
    assert kept(store) == {}
    sent = {"answer-name": ' the  "size"\u202e <b>', "milliseconds": "1234"}
    assert visitor.send(place, sent) == (200, {"saved": ["name"]})
    assert [one.milliseconds for one in store.answers()] == [1234]
    assert kept(store) == {(step.item, "name"): 'the "size" <b>'}
    assert 'value="the &#34;size&#34; &lt;b&gt;"' in visitor.get(place).text
    visitor.send(place, {"answer-name": ""})
    assert kept(store) == {(step.item, "name"): ""}


def test_back_with_the_code_on_another_device(store: Store, visitor: Visitor) -> None:
    visitor.begin()
    visitor.post("/item/1", fields(store, theirs(store, visitor)[0]))
    other = Visitor(visitor.app)
    typed = " ".join(visitor.code[i : i + 5].upper() for i in range(0, 26, 5))
    answer = other.post("/enter", {"code": typed})
    assert (answer.status, answer.place) == (303, "/go")
    assert other.get("/go").place == "/item/2"
    assert 'value="maybe" data-key="m" checked' in other.get("/item/1").text


def test_a_personal_link_asks_before_it_does_anything(store: Store) -> None:
    """A mail program that looks at links must not begin, and a cookie set on the way would not be sent."""
    (code,) = store.invite(1)
    guest = Visitor(served(store, open_to_all=False))
    page = guest.get(f"/j/{code}")
    assert page.status == 200
    assert guest.cookies == {}
    assert store.participants()[0].day is None
    assert guest.post("/enter", {"code": hidden(page.text, "code")}).place == "/go"
    assert guest.get("/go").place == "/consent"
    guest.begin()
    assert len(store.participants()) == 1


def test_without_a_code_nobody_begins_unless_it_is_open_to_all(store: Store) -> None:
    guest = Visitor(served(store, open_to_all=False))
    assert "/consent" not in guest.get("/").text
    assert guest.get("/consent").place == "/"
    assert guest.post("/consent", {"agree": "yes"}).status == 401
    assert store.participants() == []


def test_nothing_is_shown_or_stored_before_consent(store: Store, visitor: Visitor) -> None:
    for place in ("/item/1", "/go", "/instructions", "/done", "/withdraw"):
        assert visitor.get(place).place == "/"
    assert visitor.post("/item/1", {"answer-obvious": "yes"}).status == 401
    (code,) = store.invite(1)
    visitor.post("/enter", {"code": code})
    for place in ("/item/1", "/go", "/instructions", "/done", "/withdraw"):
        assert visitor.get(place).place == "/consent"
    answer = visitor.post("/item/1", {"answer-obvious": "yes"})
    assert (answer.status, "agree to take part first" in answer.words) == (403, True)
    assert (
        "cannot begin"
        in visitor.post("/consent", {"shown": hidden(visitor.get("/consent").text, "shown")}).words
    )
    assert kept(store) == {}
    assert [one.day for one in store.participants()] == [None]


def test_consent_is_to_the_text_that_was_shown(
    store: Store, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = hidden(visitor.get("/consent").text, "shown")
    monkeypatch.setattr(Study, "consent", "Something else.\n\nAnd more.")
    again = Visitor(served(store))  # started again meanwhile
    answer = again.post("/consent", {"agree": "yes", "shown": shown})
    assert (answer.status, "read it again" in answer.words) == (409, True)
    assert "<p>Something else.</p><p>And more.</p>" in answer.text
    assert store.participants() == []


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(store: Store) -> None:
    for secure in (False, True):
        visitor = Visitor(served(store, secure=secure))
        shown = hidden(visitor.get("/consent").text, "shown")
        cookie = visitor.post("/consent", {"agree": "yes", "shown": shown}).header("set-cookie") or ""
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert ("Secure" in cookie) is secure
        assert cookie.startswith(f"study-{store.study.digest[:12]}=")


def test_pages_are_kept_by_no_cache_and_load_only_their_own(store: Store, visitor: Visitor) -> None:
    visitor.begin()
    for place in ("/", "/consent", "/instructions", "/item/1", "/done", "/withdraw", "/nothing"):
        page = visitor.get(place)
        assert page.header("cache-control") == "no-store"
        policy = page.header("content-security-policy") or ""
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert re.findall(r"(?:src|href|action)=\"(?!/|data:,)([^\"]*)", page.text) in ([], ["#main"])
        assert " style=" not in page.text
        assert " on" not in "".join(re.findall(r"<[^>]*>", page.text)).replace(" one", "")


def test_style_and_script_have_names_that_change_with_them(visitor: Visitor) -> None:
    page = visitor.get("/").text
    for pattern, kind in (
        (r'href="(/static/[0-9a-f]{16}-style\.css)"', "text/css"),
        (r'src="(/static/[^"]+)"', "text/javascript"),
    ):
        (place,) = re.findall(pattern, page)
        file = visitor.get(place)
        assert (file.status, file.header("content-type")) == (200, f"{kind}; charset=utf-8")
        assert "immutable" in (file.header("cache-control") or "")


def test_somebody_withdraws_and_nothing_is_left(store: Store, visitor: Visitor) -> None:
    visitor.begin()
    other = Visitor(visitor.app).begin()
    for one in (visitor, other):
        one.post("/item/1", fields(store, theirs(store, one)[0]))
    code, count = visitor.code, len(store.answers())
    assert visitor.post("/withdraw", {}).status == 400
    assert len(store.answers()) == count
    assert "Nothing of yours is stored" in visitor.post("/withdraw", {"sure": "yes"}).words
    assert visitor.cookies == {}
    assert len(store.answers()) == count / 2
    assert visitor.post("/enter", {"code": code}).status == 404


def test_an_unknown_code_is_a_sentence(visitor: Visitor) -> None:
    for answer in (
        visitor.post("/enter", {"code": "a" * 26}),
        visitor.post("/enter", {}),
        visitor.get("/j/abc"),
    ):
        assert answer.status == 404
        assert "This code is not known here" in answer.words
    assert visitor.cookies == {}


def test_a_cookie_of_somebody_who_is_gone_is_like_none(store: Store, visitor: Visitor) -> None:
    visitor.begin()
    store.withdraw(visitor.code)
    assert visitor.get("/item/1").place == "/"
    assert 'href="/consent"' in visitor.get("/").text
    status, told = visitor.send("/item/1", {"answer-obvious": "yes"})
    assert (status, told) == (401, {"problem": "Please enter your code again."})


def test_a_database_that_is_gone_is_to_be_tried_again(
    store: Store, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from latentclr.study.answers import UnreachableError

    visitor.begin()

    def gone(*_: Any, **__: Any) -> Any:
        raise UnreachableError("the answers cannot be reached (host db.internal); try again in a moment.")

    monkeypatch.setattr(store, "answer", gone)
    status, told = visitor.send("/item/1", {"answer-obvious": "yes"})
    assert status == 503
    assert told == {"problem": "The study cannot be reached just now; please try again in a moment."}


def test_a_participant_finds_no_report_and_no_list_of_addresses(store: Store, visitor: Visitor) -> None:
    visitor.begin()
    files = ("report", "report.html", "answers", "answers.sqlite3", "study.json", "consent.txt", "pictures/")
    for place in (*files, "participants", "docs", "redoc", "openapi.json", "metrics", "static/"):
        assert visitor.get(f"/{place}").status == 404, place


def test_a_completion_code_cannot_be_worked_out_from_the_code(study: Study) -> None:
    other = replace(study, digest="f" * 64)
    codes = {completion_code(one, key_of(code)) for one in (study, other) for code in ("a", "b")}
    assert len(codes) == 4
    assert all(re.fullmatch(r"[2-9A-HJ-NP-Z]{10}", code) for code in codes)
