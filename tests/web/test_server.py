"""Servers, as they are started and stopped."""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from latentclr.errors import InputError
from latentclr.web import Policy, check_host, running, serve, server

pytest.importorskip("uvicorn")

PROGRAM = """
import sys
from latentclr.web import serve
print([name for name in ("uvicorn", "fastapi", "gradio") if name in sys.modules])
from tests.web.test_server import Endless
serve(Endless(), port=0, ready=lambda address: print(address, flush=True))
print("ended")
"""


class Endless:
    """An app that says hello, has a stream that never ends by itself, and notes when it is put away."""

    put_away = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    self.put_away = True
                    return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while scope["path"] == "/events":
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"hello"})


def fetched(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return bytes(answer.read())


@contextmanager
def listening(address: str) -> Iterator[None]:
    """Somebody reads the stream that never ends."""
    with closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)) as client:
        client.request("GET", "/events")
        with closing(client.getresponse()) as answer:
            answer.read(1)
            yield


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("streaming", [False, True])
def test_a_signal_ends_it_cleanly(
    number: signal.Signals,
    streaming: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, whose own handlers of signals hear nothing of it and are back afterwards."""
    monkeypatch.setattr(server, "WAIT", 0.1)
    app, ended, heard = Endless(), threading.Event(), list[int]()

    def use(address: str) -> None:
        with listening(address) if streaming else nullcontext():
            try:
                assert fetched(address) == b"hello"
            finally:
                os.kill(os.getpid(), number)
            ended.wait(60)

    before = signal.signal(number, lambda number, _: heard.append(number))
    try:
        with ThreadPoolExecutor(1) as pool:
            users: list[Future[None]] = []
            serve(app, port=0, ready=lambda address: users.append(pool.submit(use, address)))
            ended.set()
            users[0].result()
        assert heard == []
        signal.raise_signal(number)
        assert heard == [number]
    finally:
        signal.signal(number, before)
    assert app.put_away
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture(scope="module")
def stopped() -> tuple[int, list[str], str]:
    """Exit code, lines and errors of a program that is stopped with Ctrl-C while somebody listens."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(2)]
            with listening(lines[1]):
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, [*lines, *out.splitlines()], err


def test_a_program_goes_on_after_ctrl_c(stopped: tuple[int, list[str], str]) -> None:
    code, lines, err = stopped
    assert (code, lines[2:]) == (0, ["ended"]), err
    assert "Traceback" not in err


def test_nothing_heavy_is_imported(stopped: tuple[int, list[str], str]) -> None:
    assert stopped[1][0] == "[]"


def test_running_serves_from_a_thread() -> None:
    with running(Endless()) as address:
        assert address.startswith("http://127.0.0.1:")
        assert fetched(address) == b"hello"
    with pytest.raises(OSError, match="refused"):
        fetched(address)


def test_a_taken_port_is_given_up_only_where_none_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(server, "PORT", port)
        with server._listening("127.0.0.1", None) as other:
            assert other.getsockname()[1] != port
        with pytest.raises(
            InputError, match=f"cannot listen at 127.0.0.1, port {port}: address already in use"
        ):
            serve(Endless(), port=port)


@pytest.mark.parametrize("port", [-1, 2**16])
def test_ports_have_bounds(port: int) -> None:
    with pytest.raises(InputError, match=r"must be in 0 .. 65535"):
        serve(Endless(), port=port)


@pytest.mark.parametrize("host", ["192.0.2.7", f"{'a' * 64}.example"])  # nobody's (RFC 5737), and too long
def test_a_host_that_is_not_ours_is_a_sentence(host: str) -> None:
    with pytest.raises(InputError, match=f"cannot listen at {host}"):
        serve(Endless(), Policy(auth="a:b"), host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "lab.example", "", "127.0.0.1.example"])
def test_others_are_let_in_with_a_password_only(host: str) -> None:
    with pytest.raises(InputError, match="add --auth USER:PASSWORD"):
        serve(Endless(), host=host)
    check_host(host, Policy(auth="ann:secret"))
    check_host(host, Policy(asks_itself=True))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8", "LocalHost"])
def test_this_machines_users_need_none(host: str) -> None:
    check_host(host, Policy())


@pytest.mark.parametrize("auth", ["", "ann", "ann:", ":secret", ":"])
def test_half_a_password_is_none(auth: str) -> None:
    with pytest.raises(InputError, match="must be USER:PASSWORD"):
        check_host("127.0.0.1", Policy(auth=auth))


def test_names_that_are_answered_to() -> None:
    assert server._names("0.0.0.0") is None
    assert server._names("0.0.0.0", ["Lab.example"]) == {*server.LOOPBACK, "0.0.0.0", "lab.example"}
    assert server._names("127.0.0.1") == set(server.LOOPBACK)
