"""Protection of a page (ASGI): who may send requests, how large, and what the page may load."""

import asyncio
import base64
import hmac
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latentclr.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]
Headers = list[Header]

BODY = 16 * 2**20
"""Bytes that a request may bring."""
SAME_ORIGIN = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""What a page may load unless it says otherwise: its own files, and nothing from other machines."""
REFUSED_AFTER = 0.5
"""Seconds until a wrong password is answered, so that nobody can try millions."""
SAFE = ("GET", "HEAD", "OPTIONS")

UNEXPECTED = "Something went wrong in the server; the terminal that it runs in shows what."
"""The answer to a client when the app failed."""
LOGGER = logging.getLogger("latentclr.web")

HEADERS = {
    "x-content-type-options": "nosniff",
    # Not "no-referrer": a browser then sends "Origin: null" with the page's own forms, and `_foreign` could
    # not tell them from another page's. With "same-origin", too, other servers learn nothing.
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True)
class Policy:
    """What a server accepts, and what its pages may load.

    Attributes:
        body: bytes that a request may bring.
        content: content-security-policy of answers that have none of their own.
        auth: "user:password" that every request must give; None: nothing is asked.
        asks_itself: the app asks visitors who they are (codes of a study), so that no `auth` is needed even
            where others than this machine's users reach the server.
    """

    body: int = BODY
    content: str = SAME_ORIGIN
    auth: str | None = None
    asks_itself: bool = False


class _TooLargeError(Exception):
    """A body is longer than allowed."""


class _Exchange:
    """One request, whose body is counted, and its answer, whose headers are completed.

    Attributes:
        started: whether the answer has begun.
        too_large: whether the body is longer than allowed; then the app must not answer.
    """

    def __init__(
        self, receive: Receive, send: Send, left: int, complete: Callable[[Iterable[Header]], Headers]
    ) -> None:
        self._receive, self._send, self._left, self._complete = receive, send, left, complete
        self.started = self.too_large = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.too_large = True
            raise _TooLargeError
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self.too_large:  # the app has caught the error of `receive`
                raise _TooLargeError
            self.started = True
            message = {**message, "headers": self._complete(message.get("headers", ()))}
        await self._send(message)


class Guards:
    """An ASGI app around another one: it answers requests itself that must not reach the other.

    - 400: no Host header or another one than the server's names (a foreign page whose name points to this
      machine could otherwise read what is here), or control characters in the path.
    - 401: no or a wrong name and password.
    - 403: a web socket, or a request that changes something and comes from another page.
    - 413: a body above the limit, announced or not.
    - 500: what the app did not catch; the traceback goes to the log, not to the client.

    Every answer gets the headers that keep a page to itself; a content-security-policy of the app's stays.
    """

    def __init__(self, app: App, policy: Policy, *, names: Collection[str] | None) -> None:
        """Put guards around an app.

        Args:
            app: ASGI.
            policy: what is accepted, and what pages may load.
            names: hosts that requests may be addressed to, in lower case, without port; None: any.
        """
        self._app, self._body = app, policy.body
        self._names = None if names is None else frozenset(names)
        self._auth = None if policy.auth is None else b"Basic " + base64.b64encode(policy.auth.encode())
        self._headers: Headers = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
        self._content = (b"content-security-policy", policy.content.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection, or pass it on to the app."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        exchange = _Exchange(receive, send, self._body, self._with_ours)
        refused = await self._refused(scope) or await self._pass_on(scope, exchange)
        if refused is not None and not exchange.started:
            await _answer(exchange.send, *refused)

    async def _pass_on(self, scope: Scope, exchange: "_Exchange") -> tuple[int, str] | None:
        """Let the app answer; None, or status and sentence of the answer if it could not."""
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except _TooLargeError:
            exchange.too_large = False  # from here on it is our answer
            return 413, self._limit()
        except Exception:
            LOGGER.exception("unexpected error in %s %s", scope.get("method"), scope.get("path"))
            return 500, UNEXPECTED
        return None

    def _limit(self) -> str:
        return f"What was sent is too large: at most {self._body // 2**20} MB are taken."

    async def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and sentence of a refusal; None: the app may answer."""
        headers: Headers = [(name.lower(), value) for name, value in scope["headers"]]
        hosts = [value for name, value in headers if name == b"host"]
        host = _host_of(hosts[0]) if len(hosts) == 1 else ""
        if not host or (self._names is not None and host not in self._names):
            return 400, "This server does not answer to that host name."
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in scope["path"]):
            return 400, "The address contains control characters."
        if self._auth is not None:
            given = next((value for name, value in headers if name == b"authorization"), b"")
            if not hmac.compare_digest(given, self._auth):
                if given:
                    await asyncio.sleep(REFUSED_AFTER)
                return 401, "Name and password are needed."
        if scope["method"] not in SAFE and _foreign(dict(headers), hosts[0]):
            return 403, "This request comes from another page."
        announced = next((value for name, value in headers if name == b"content-length"), b"0")
        if not announced.isdigit() or int(announced[:20]) > self._body:
            return 413, self._limit()
        return None

    def _with_ours(self, headers: Iterable[Header]) -> Headers:
        ours = {name for name, _ in self._headers}
        kept = [(name, value) for name, value in headers if name.lower() not in ours]
        own = any(name.lower() == self._content[0] for name, _ in kept)
        return [*kept, *self._headers, *([] if own else [self._content])]


def as_sentences(app: "FastAPI") -> None:
    """Let an app answer `InputError` with 400 and its message, other errors with 500 and no details.

    The traceback of other errors is in the server's log. FastAPI answers requests whose fields are missing or
    of a wrong type with 422 by itself.
    """
    from fastapi.responses import PlainTextResponse

    def wrong(_: "Request", error: Exception) -> "Response":
        return PlainTextResponse(f"{error}\n", status_code=400)

    def defect(_: "Request", __: Exception) -> "Response":
        return PlainTextResponse(f"{UNEXPECTED}\n", status_code=500)

    app.add_exception_handler(InputError, wrong)
    app.add_exception_handler(Exception, defect)


def _host_of(header: bytes) -> str:
    """The host of a Host header, in lower case and without port and brackets; "" if it is malformed.

    >>> _host_of(b"LocalHost:7860"), _host_of(b"[::1]:7860"), _host_of(b"127.0.0.1"), _host_of(b"a b")
    ('localhost', '::1', '127.0.0.1', '')
    """
    try:
        text = header.decode("ascii").lower()
    except UnicodeDecodeError:
        return ""
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        port = port.removeprefix(":") if closed else "?"
    else:
        host, _, port = text.partition(":")
    whole = host and not set(host) - set("abcdefghijklmnopqrstuvwxyz0123456789.-_:")
    return host.removesuffix(".") if whole and (not port or port.isdigit()) else ""


def _foreign(headers: dict[bytes, bytes], host: bytes) -> bool:
    """Whether a browser declares that another page sends this request; other programs declare nothing."""
    if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
        return True
    origin = headers.get(b"origin")
    if origin is None or (origin == b"null" and headers.get(b"sec-fetch-site") == b"same-origin"):
        return False
    return origin.lower() not in (b"http://" + host.lower(), b"https://" + host.lower())


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = (sentence + "\n").encode()
    headers: Headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="latentclr", charset="UTF-8"'))
    if status == 413:
        headers.append((b"connection", b"close"))  # the rest of the body is not read
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
