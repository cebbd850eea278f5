"""Requests to a study's pages, exactly as given: nothing is tidied up on the way, as clients do."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import unquote, urlencode

from latentclr.study.pages.app import POLICY, application
from latentclr.study.pages.forms import FORM
from latentclr.study.store import Store
from latentclr.web import Guards

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def words(self) -> str:
        """What is read on the page."""
        main = self.text.partition("<main")[2].partition("</main>")[0] or self.text
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", "<main" + main)).split())

    @property
    def place(self) -> str | None:
        """Where a redirect leads."""
        return self.header("location")


def served(store: Store, *, open_to_all: bool = True, secure: bool = False) -> Guards:
    """The pages of a study, guarded as `latentclr study serve` does."""
    app = application(store.study, store, open_to_all=open_to_all, secure=secure)
    return Guards(app, POLICY, names={HOST})


def ask(
    app: Any,
    method: str,
    target: str,
    headers: list[tuple[str, str | bytes]] | None = None,
    body: bytes = b"",
) -> Answer:
    """One request to an ASGI app; as a server would, the path is unquoted and the query is not."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [
            (k.lower().encode(), v if isinstance(v, bytes) else v.encode("latin-1")) for k, v in headers or []
        ],
        "client": ("127.0.0.1", 1),
        "server": (HOST, 80),
    }
    sent = [{"type": "http.request", "body": body, "more_body": False}]
    got: list[Any] = []

    async def receive() -> Any:
        return sent.pop(0) if sent else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        got.append(message)

    asyncio.run(app(scope, receive, send))
    start = got[0]
    pairs = [(k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in start["headers"]]
    return Answer(start["status"], pairs, b"".join(m.get("body", b"") for m in got[1:]))


@dataclass
class Visitor:
    """A browser without a screen: it keeps the cookie, and follows where it is sent when told to."""

    app: Any
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, target: str, *, headers: Mapping[str, str] = {}, body: bytes = b"") -> Answer:
        sent: dict[str, str | bytes] = {"host": HOST, **headers}
        if self.cookies:
            sent.setdefault("cookie", "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        answer = ask(self.app, method, target, list(sent.items()), body)
        for name, value in answer.headers:
            if name == "set-cookie":
                key, _, rest = value.partition("=")
                kept = rest.partition(";")[0].strip('"')
                if "max-age=0" in rest.lower():
                    self.cookies.pop(key, None)
                else:
                    self.cookies[key] = kept
        return answer

    def get(self, target: str, **headers: str) -> Answer:
        return self.ask("GET", target, headers=headers)

    def post(self, target: str, fields: Mapping[str, str] | bytes = b"", **headers: str) -> Answer:
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        return self.ask("POST", target, headers={"content-type": FORM, **headers}, body=body)

    def send(self, target: str, fields: Mapping[str, str] | bytes) -> tuple[int, Any]:
        """As the script of the pages does."""
        answer = self.post(target, fields, accept="application/json")
        return answer.status, json.loads(answer.text)

    def begin(self) -> "Visitor":
        """Agree, as somebody without a code does."""
        shown = hidden(self.get("/consent").text, "shown")
        answer = self.post("/consent", {"agree": "yes", "shown": shown})
        assert (answer.status, answer.place) == (303, "/go"), answer
        return self

    @property
    def code(self) -> str:
        (code,) = self.cookies.values()
        return code


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'type="hidden" name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return unescape(found[1])
