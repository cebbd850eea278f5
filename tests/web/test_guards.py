"""What a guarded app answers to requests that it should not even see."""

import asyncio
import base64
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from latentclr.errors import InputError
from latentclr.web import Guards, Policy, as_sentences, guards, needs

fastapi = pytest.importorskip("fastapi")
testclient = pytest.importorskip("fastapi.testclient")

SECRET = "the traceback says this"


def made() -> Any:
    app = fastapi.FastAPI()
    as_sentences(app)

    def own() -> Any:
        return fastapi.Response("own", headers={"Content-Security-Policy": "default-src 'none'"})

    def wrong() -> None:
        raise InputError("give a seed.")

    def defect() -> None:
        raise RuntimeError(SECRET)

    async def echo(request: fastapi.Request) -> Any:
        return fastapi.Response(await request.body())

    app.add_api_route("/", lambda: "home", response_model=None)
    app.add_api_route("/policy", own, response_model=None)
    app.add_api_route("/wrong", wrong)
    app.add_api_route("/defect", defect)
    app.add_api_route("/echo", echo, methods=["POST"], response_model=None)
    return app


class Raising:
    """An app that fails before and after it has begun to answer."""

    def __init__(self, after_start: bool) -> None:
        self.after_start = after_start

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.after_start:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(SECRET)


def client(app: Any = None, **options: Any) -> Any:
    names = options.pop("names", {"127.0.0.1", "localhost", "::1"})
    guarded = Guards(app or made(), Policy(**{"body": 1000, **options}), names=names)
    return testclient.TestClient(guarded, base_url="http://127.0.0.1:7860", raise_server_exceptions=False)


def test_the_usual_request_passes_and_gets_the_headers() -> None:
    answer = client().get("/")
    assert (answer.status_code, answer.json()) == (200, "home")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "http" not in answer.headers["content-security-policy"]  # no other machine


def test_a_policy_of_the_apps_own_stays() -> None:
    assert client().get("/policy").headers.get_list("content-security-policy") == ["default-src 'none'"]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:7860", "127.0.0.1:1", "[::1]:7860", "[::1]", "localhost."]
)
def test_own_names_are_answered(host: str) -> None:
    assert client().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "user:pass@localhost",
        "localhost/evil",
        "localhost:x",
        "lo\u0107alhost".encode().decode("latin-1"),
        "[::1",
        "",
    ],
)
def test_other_names_are_not(host: str) -> None:
    answer = client().get("/", headers={"host": host.encode("latin-1")})
    assert (answer.status_code, answer.text) == (400, "This server does not answer to that host name.\n")


def test_two_host_headers_or_none_are_refused() -> None:
    for headers in ([], [(b"host", b"localhost"), (b"host", b"localhost")]):
        assert asyncio.run(_status(headers)) == 400


async def _status(headers: list[tuple[bytes, bytes]], kind: str = "http", path: str = "/") -> int:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request" if kind == "http" else "websocket.connect"}

    scope = {"type": kind, "method": "GET", "path": path, "headers": headers}
    await Guards(Raising(False), Policy(), names={"localhost"})(scope, receive, send)
    return int(sent[0].get("status", sent[0].get("code")))


def test_any_name_where_none_are_given() -> None:
    assert client(names=None).get("/", headers={"host": "my.lab.example:80"}).status_code == 200
    assert client(names=None).get("/", headers={"host": "a b"}).status_code == 400


def test_web_sockets_are_refused() -> None:
    assert asyncio.run(_status([(b"host", b"localhost")], kind="websocket")) == 1008


@pytest.mark.parametrize("path", ["/a\0b", "/a\nb", "/\x7f"])
def test_control_characters_in_the_path_are_refused(path: str) -> None:
    assert asyncio.run(_status([(b"host", b"localhost")], path=path)) == 400


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def test_name_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "REFUSED_AFTER", 0.0)
    ours = client(auth="ann:pässword:1")
    assert ours.get("/", headers=basic("ann:pässword:1")).status_code == 200
    for wrong in ({}, basic("ann:"), basic("ann:pässword:2"), basic(":"), {"authorization": "Bearer x"}):
        answer = ours.get("/", headers=wrong)
        assert (answer.status_code, answer.text) == (401, "Name and password are needed.\n")
        assert answer.headers["www-authenticate"].startswith("Basic ")


def test_a_wrong_password_is_answered_late(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    ours = client(auth="ann:secret")
    ours.get("/", headers=basic("ann:wrong"))
    ours.get("/")  # the browser's first one, before it asks its user
    assert waited == [guards.REFUSED_AFTER]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:7860"},
        {"origin": "null", "sec-fetch-site": "same-origin"},  # a form under a strict referrer policy
        {"sec-fetch-site": "none"},
    ],
)
def test_own_posts_pass(headers: dict[str, str]) -> None:
    assert client().post("/echo", content=b"x", headers=headers).text == "x"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},  # another program of this machine
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:7860"},
    ],
)
def test_posts_of_other_pages_do_not(headers: dict[str, str]) -> None:
    answer = client().post("/echo", content=b"x", headers=headers)
    assert (answer.status_code, answer.text) == (403, "This request comes from another page.\n")
    assert client().get("/", headers=headers).status_code == 200  # a link to here may be anywhere


def chunks(size: int, number: int) -> Iterator[bytes]:
    for _ in range(number):
        yield b"x" * size


@pytest.mark.parametrize("announced", [True, False])
def test_bodies_are_bounded(announced: bool) -> None:
    def body(size: int) -> Any:
        return b"x" * size if announced else chunks(size // 10, 10)

    assert len(client().post("/echo", content=body(1000)).content) == 1000
    answer = client(body=2**20).post("/echo", content=body(2**20 + 10))
    assert (answer.status_code, answer.text) == (413, "What was sent is too large: at most 1 MB are taken.\n")


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 5000])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    assert client().post("/echo", content=b"x", headers={"content-length": length}).status_code == 413


def test_errors_for_people_are_their_sentence() -> None:
    answer = client().get("/wrong")
    assert (answer.status_code, answer.text) == (400, "give a seed.\n")


@pytest.mark.parametrize("app", [made(), Raising(False)], ids=["FastAPI", "ASGI"])
def test_a_defect_is_one_sentence_outside_and_a_traceback_in_the_log(
    app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = client(app).get("/defect")
    assert (answer.status_code, answer.text) == (500, guards.UNEXPECTED + "\n")
    assert SECRET in caplog.text


def test_an_answer_that_has_begun_is_not_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    assert SECRET not in client(Raising(True)).get("/").text
    assert SECRET in caplog.text


def test_a_missing_extra_is_a_sentence() -> None:
    needs("explore", "json", "asyncio")
    with pytest.raises(
        InputError, match=r"needs no_such, .* extra `study` .*pip install 'latentclr\[study\]'"
    ):
        needs("study", "json", "no_such")
