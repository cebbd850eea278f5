"""How a page is served: on this machine only unless a password guards it, until Ctrl-C."""

import asyncio
import ipaddress
import logging
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from latentclr.errors import InputError
from latentclr.web.guards import App, Guards, Policy

if TYPE_CHECKING:
    from uvicorn import Server

HOST = "127.0.0.1"
PORT = 7860
"""Port that is tried first."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
WAIT = 1
"""Seconds that unfinished answers have when the server stops: streams of events never end by themselves."""
EVERYWHERE = ("0.0.0.0", "::")
MOST = 256
"""Connections at a time; further ones are answered with 503."""
STARTED_WITHIN = 30.0


def serve(
    app: App,
    policy: Policy = Policy(),  # noqa: B008  (a frozen value)
    *,
    host: str = HOST,
    port: int | None = None,
    names: Collection[str] = (),
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve an app behind `Guards` until Ctrl-C or SIGTERM, which end it without an error.

    The caller has made sure that uvicorn is installed (`needs`).

    Args:
        app: ASGI; a FastAPI, for one (see `as_sentences`).
        policy: what is accepted, and what pages may load.
        host: address to listen at.
        port: None: `PORT`, or a free one if that is taken; 0: any that is free.
        names: names by which it is called besides `host` (a proxy's). Without them, a server that listens on
            all addresses ("0.0.0.0") answers to any.
        ready: called with the address ("http://127.0.0.1:7860") once it can be opened.

    Raises:
        InputError: the host or port cannot be used, or a password is missing.
    """
    check_host(host, policy)
    with closing(_listening(host, port)) as listener, _quiet_end():
        guarded = Guards(app, policy, names=_names(host, names))
        _server(guarded, lambda: ready(_address(host, listener))).run(sockets=[listener])


@contextmanager
def running(app: App, policy: Policy = Policy()) -> Iterator[str]:  # noqa: B008  (a frozen value)
    """Serve an app from a thread on a free port of this machine.

    Args:
        app: ASGI.
        policy: what is accepted, and what pages may load.

    Yields:
        The address.
    """
    check_host(HOST, policy)
    started = threading.Event()
    with closing(_listening(HOST, 0)) as listener:
        guarded = Guards(app, policy, names=_names(HOST))
        server = _server(guarded, started.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            if not started.wait(STARTED_WITHIN):
                raise RuntimeError(f"the server did not start within {STARTED_WITHIN:g} seconds.")
            yield _address(HOST, listener)
        finally:
            server.should_exit = True
            thread.join(STARTED_WITHIN)


def check_host(host: str, policy: Policy) -> None:
    """Make sure that only this machine's users can do without a password.

    Args:
        host: address to listen at.
        policy: what is accepted.

    Raises:
        InputError: others could reach the page without a password, or `auth` is no "user:password".
    """
    if policy.auth is not None:
        user, _, password = policy.auth.partition(":")
        if not (user and password):
            raise InputError("--auth must be USER:PASSWORD, both of them not empty.")
    if not (is_loopback(host) or policy.auth or policy.asks_itself):
        raise InputError(
            f"host {host!r} can be reached from other machines: add --auth USER:PASSWORD, or stay on {HOST}."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine's own users reach a server at this address."""
    if host.lower() == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _names(host: str, names: Collection[str] = ()) -> Collection[str] | None:
    """Host names that a server answers to; None: any."""
    if host in EVERYWHERE and not names:
        return None
    return {*LOOPBACK, host.lower(), *(name.lower() for name in names)}


def _server(app: App, started: Callable[[], None]) -> "Server":
    import uvicorn

    logging.getLogger("uvicorn.error").addFilter(_not_cut)

    class Announced(uvicorn.Server):
        """Calls `started` when it has started."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                started()

    return Announced(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # a client's claims about its address are not trusted
            timeout_graceful_shutdown=WAIT,
            limit_concurrency=MOST,
            ws="none",
        )
    )


def _not_cut(record: logging.LogRecord) -> bool:
    """Drop the tracebacks of streams that were cut when the server was stopped."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, asyncio.CancelledError) and not record.getMessage().startswith("Cancel ")


def _listening(host: str, port: int | None) -> socket.socket:
    """A listening socket, bound here, so that no other process takes a free port in between.

    Raises:
        InputError: the host is not this machine's, or the port is taken or not allowed.
    """
    if port is not None and not 0 <= port < 2**16:
        raise InputError(f"port {port} must be in 0 .. 65535 (0: any that is free).")
    try:
        return _bound(host, PORT if port is None else port)
    except (OSError, UnicodeError) as error:  # the second where a part of a name is too long to be looked up
        if port is None:
            with suppress(OSError, UnicodeError):
                return _bound(host, 0)
        reason = (getattr(error, "strerror", None) or str(error)).lower().partition(" (while ")[0]
        raise InputError(
            f"cannot listen at {host}, port {PORT if port is None else port}: {reason}; choose another one."
        ) from error


def _bound(host: str, port: int) -> socket.socket:
    # Of several addresses of a name (localhost), the first. (uvicorn's `Config.bind_socket` would end the
    # process if the port is taken.)
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    ipv6 = family == socket.AF_INET6
    return socket.create_server(address, family=family, backlog=128, dualstack_ipv6=ipv6)


def _address(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


@contextmanager
def _quiet_end() -> Iterator[None]:
    """Let a signal that stopped the server have no other effect: uvicorn raises it again at the end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def nothing(_: int, __: FrameType | None) -> None:
        """It has had its effect."""

    before = {number: signal.signal(number, nothing) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
