"""Which of gradio's addresses the page uses, and what it may send them; behind all others there is nothing.

Gradio has over a hundred addresses: uploads, files by path, fetching from other servers, code editing. And an
event may name a file, which gradio then copies to where it can be fetched: with an app that is mounted, as
this one is, any file of the machine. The explorer needs none of this: its events hold plain values, what it
shows is part of the answers, what it exports and opens has addresses of its own.
"""

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from latentclr.errors import InputError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

EVENT = "/gradio_api/run/predict"
GET = re.compile(
    r"/|/config|/theme\.css|/(assets|static)/[\w./-]+|/gradio_api/(startup-events|info|heartbeat/\w{1,100})"
)
SCRIPT = re.compile(rb"<script\b([^>]*)>(.*?)</script>", re.DOTALL)
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval' {hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""What the page may load and run: files of its own server, and the scripts that are in the page when it is
sent. One that gets into it later, in a name or otherwise, does not run. Gradio's HTML has to compile its
templates ('unsafe-eval'); none of them has anything in it that a visitor wrote."""


class Doors:
    """An ASGI app that passes on what the page needs, and writes a policy onto the page itself."""

    def __init__(self, app: App) -> None:
        """Pass on to gradio's app what the page needs."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400 or 404, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        if method == "POST" and path == EVENT:
            await self._event(scope, receive, send)
        elif method not in ("GET", "HEAD") or not GET.fullmatch(path) or ".." in path:
            await _answer(send, 404, "There is nothing here.")
        elif path == "/":
            await self._page(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _event(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An event, written anew with nothing but plain values in it."""
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        try:
            body = plain_event(body)
        except InputError as error:
            await _answer(send, 400, str(error))
            return
        left = [{"type": "http.request", "body": body}]

        async def again() -> Message:
            return left.pop() if left else await receive()

        length = str(len(body)).encode()
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        await self._app({**scope, "headers": [*headers, (b"content-length", length)]}, again, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page itself, with a policy that knows its scripts by their hashes."""
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        begun: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.update(message)
                return
            if message["type"] != "http.response.body":  # a server's own extension
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                ours = {
                    b"content-security-policy": policy_of(bytes(body)).encode(),
                    b"cache-control": b"no-store",
                }
                others = [pair for pair in begun.get("headers", ()) if pair[0].lower() not in ours]
                await send({**begun, "headers": [*others, *ours.items()]})
                await send({"type": "http.response.body", "body": bytes(body)})

        await self._app({**scope, "headers": plain}, receive, collect)


def plain_event(body: bytes) -> bytes:
    """An event of the page with the entries that the explorer needs: numbers, words and lists of words.

    Raises:
        InputError: it is none, or holds anything else.
    """
    try:
        event = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError("this is no event of the page: it cannot be read as JSON.") from error
    if not isinstance(event, dict):
        raise InputError("this is no event of the page: it is no JSON object.")
    data, number, name = event.get("data"), event.get("fn_index"), event.get("session_hash")
    about = event.get("event_data")
    fine = (
        isinstance(data, list)
        and all(_plain(value) or _words(value) for value in data)
        and type(number) is int
        and isinstance(name, str)
        and (about is None or (isinstance(about, Mapping) and all(map(_plain, about.values()))))
    )
    if not fine:
        raise InputError("this is no event of the page: it holds what no control of it sends.")
    kept = {"data": data, "fn_index": number, "session_hash": name, "event_data": about}
    return json.dumps(kept).encode()


def policy_of(page: bytes) -> str:
    """The content-security-policy of a page: its own scripts run, and no others."""
    scripts = [text for about, text in SCRIPT.findall(page) if b"src=" not in about]
    hashes = [base64.b64encode(hashlib.sha256(text).digest()).decode() for text in scripts]
    return POLICY.format(hashes=" ".join(f"'sha256-{one}'" for one in hashes))


def _plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = f"{sentence}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
