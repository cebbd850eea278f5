"""Requests that no participant's browser sends: each is refused, opens no file and stores nothing."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.study.attacks import ALL, FEW, Attack
from tests.study.planted import small_study
from tests.study.visiting import Visitor, served

from latentclr.study.answers import ALPHABET, CODE, key_of
from latentclr.study.order import steps
from latentclr.study.pages.forms import FORM
from latentclr.study.plan import Study
from latentclr.study.store import Store

WATCHED = ("open", "os.", "shutil.", "subprocess.", "socket.connect", "sqlite3.connect", "pickle.")
"""Beginnings of the audit events that nothing hostile may cause."""

events: list[str] = []
watching = False


def note(event: str, args: tuple[Any, ...]) -> None:
    if watching and event.startswith(WATCHED):
        events.append(f"{event} {str(args)[:200]}")


sys.addaudithook(note)


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is opened meanwhile."""
    global watching
    found: list[str] = []
    events.clear()
    watching = True
    try:
        yield found
    finally:
        watching = False
        found.extend(filter(unusual, events))


def unusual(event: str) -> bool:
    """Not a further thread's connection, nor FastAPI that looks up where an endpoint is, once."""
    return not event.startswith("sqlite3.connect") and "/latentclr/study/pages/" not in event


@pytest.fixture(scope="module")
def store(study_of: Callable[..., Study], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    place = tmp_path_factory.mktemp("hostile") / "answers.sqlite3"
    with Store.open(f"sqlite:///{place}", study_of(3, 2, names=True, preference=1)) as store:
        yield store


class Scene:
    """A study that is served: somebody takes part, somebody is invited, a third one has answered."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.app = served(store)
        self.participant, self.other = Visitor(self.app).begin(), Visitor(self.app).begin()
        self.other.post("/item/1", {"answer-obvious": "yes", "answer-meaningful": "no"})
        self.invited = Visitor(self.app)
        self.invited.post("/enter", {"code": store.invite(1)[0]})
        self.picture = store.study.pictures.originals[0]
        theirs = steps(store.study, key_of(self.participant.code))
        number = next(n for n, step in enumerate(theirs, 1) if "name" in step.questions)
        page = self.invited.get("/consent").text
        shown = re.findall(r'name="shown" value="([0-9a-f]+)"', page)[0]
        (cookie,) = self.participant.cookies
        self.filled = {
            "{number}": str(number),
            "{shown}": shown,
            "{cookie}": cookie,
            "{other}": self.other.code,
        }

    def prepared(self, attack: Attack) -> Attack:
        target, body, headers = attack.target, attack.body, dict(attack.headers)
        for name, value in self.filled.items():
            target = target.replace(name, value)
            body = body.replace(name.encode(), value.encode())
            headers = {key: text.replace(name, value) for key, text in headers.items()}
        return Attack(attack.method, target, body, headers, attack.who)

    def sender(self, who: str) -> Visitor:
        cookies = getattr(self, who).cookies if who != "stranger" else {}
        return Visitor(self.app, dict(cookies))

    def state(self) -> Any:
        return self.store.participants(), self.store.answers()


@pytest.fixture(scope="module")
def scene(store: Store) -> Scene:
    return Scene(store)


def check(scene: Scene, attack: Attack) -> None:
    """It is refused, opens nothing, stores nothing, and tells nothing."""
    attack = scene.prepared(attack)
    sender, before = scene.sender(attack.who), scene.state()
    with watched() as opened:
        answer = attack.by(sender, scene.picture)
    assert opened == []
    assert 400 <= answer.status < 500, answer
    assert scene.state() == before
    assert sender.cookies == scene.sender(attack.who).cookies
    for words in ("Traceback", "root:", "<script>", str(scene.store.study.folder)):
        assert words not in answer.text
    assert answer.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("name", FEW)
def test_an_attack_is_refused_opens_nothing_and_stores_nothing(scene: Scene, name: str) -> None:
    check(scene, FEW[name])


@pytest.mark.fuzz
def test_every_attack_at_every_place_is_refused(scene: Scene) -> None:
    for attack in ALL.values():
        check(scene, attack)


def test_pictures_are_the_only_files_that_pages_open(scene: Scene) -> None:
    places = ("/", "/consent", "/instructions", "/item/1", "/done", f"/picture/{scene.picture}", "/static/x")
    with watched() as opened:
        for place in places:
            scene.participant.get(place)
    (event,) = opened
    assert event.startswith("open")
    assert str(scene.store.study.picture(scene.picture)) in event


def test_codes_of_others_are_not_guessed(scene: Scene) -> None:
    """Near misses of a real code, and its stored hash."""
    code = scene.other.code
    near = [
        code[:i] + ALPHABET[(ALPHABET.index(code[i]) + 1) % len(ALPHABET)] + code[i + 1 :]
        for i in range(CODE)
    ]
    near += [code[:-1], code + "2", code[1:] + code[0], key_of(code), key_of(code)[:CODE], "1"]
    (cookie,) = scene.other.cookies
    stranger, before = Visitor(scene.app), scene.state()
    for guess in near:
        sent = {"cookie": f"{cookie}={guess}"}
        assert stranger.ask("POST", "/item/1", headers=sent | {"content-type": FORM}).status == 401
        assert stranger.post("/enter", {"code": guess}).status == 404
    assert scene.state() == before


def test_a_participant_sees_nothing_of_another(scene: Scene) -> None:
    """What one has answered and where one is stays the same, whatever the others do."""
    places = ["/", "/go", "/instructions", "/item/1", "/item/2", "/done"]
    before = [scene.participant.get(place).text for place in places]
    busy = Visitor(scene.app).begin()
    for number in range(1, 4):
        busy.post(f"/item/{number}", {"answer-name": "busy"})
        busy.post(f"/item/{number}", {"answer-obvious": "yes"})
    assert [scene.participant.get(place).text for place in places] == before
    page = scene.participant.get("/item/1").text
    assert not any(one.code in page or key_of(one.code) in page for one in (scene.other, busy))


def test_script_in_texts_is_shown_as_text(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>{{7*7}}&amp;'
    other = small_study(tmp_path / "study", 2, title=evil, names=True)
    (other.folder / "consent.txt").write_text(evil)
    (other.folder / "instructions.txt").write_text(evil)
    with Store.open(None, other) as store:
        visitor = Visitor(served(store))
        pages = [visitor.get("/").text, visitor.get("/consent").text]
        visitor.begin()
        for number in range(1, len(steps(other, key_of(visitor.code))) + 1):
            visitor.send(f"/item/{number}", {"answer-name": evil})
            pages.append(visitor.get(f"/item/{number}").text)
        pages += [visitor.get(place).text for place in ("/instructions", "/done", "/nothing", "/withdraw")]
        assert {one.value for one in store.answers()} == {evil}
    for page in pages:
        assert "<script>alert" not in page
        assert "49" not in re.sub(r"[0-9a-f-]{16,}|[a-z2-9]{4}-[a-z2-9-]+", "", page)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}&amp;amp;" in page
