"""Servers, as they are started and stopped."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from latentclr.errors import InputError
from latentclr.web import check_host, running, serve, server

pytest.importorskip("uvicorn")

PROGRAM = """
import asyncio, sys
from latentclr.web import serve

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                print("put away", flush=True)
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/events":  # never ends by itself
        while True:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.05)
    await send({"type": "http.response.body", "body": b"hello"})

serve(app, port=0, ready=lambda address: print(address, flush=True))
print("ended", flush=True)
"""


def fetched(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return bytes(answer.read())


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("listening", [False, True])
def test_a_signal_ends_it_cleanly(number: signal.Signals, listening: bool, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    open_ones = ExitStack()
    try:
        address = process.stdout.readline().strip()
        assert fetched(address) == b"hello"
        if listening:
            host, port = address.removeprefix("http://").split(":")
            open_ones.enter_context(
                closing(client := http.client.HTTPConnection(host, int(port), timeout=10))
            )
            client.request("GET", "/events")
            open_ones.enter_context(closing(answer := client.getresponse()))
            answer.read(1)
        process.send_signal(number)
        out, err = process.communicate(timeout=15)
        assert process.returncode == 0, err
        assert out.split("\n")[-2] == "ended"
        assert "put away" in out
        assert "Traceback" not in err
    finally:
        open_ones.close()
        process.kill()
        process.wait()


def test_running_serves_from_a_thread() -> None:
    with running(hello) as address:
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
            serve(hello, port=port)


@pytest.mark.parametrize("port", [-1, 2**16])
def test_ports_have_bounds(port: int) -> None:
    with pytest.raises(InputError, match=r"must be in 0 .. 65535"):
        serve(hello, port=port)


def test_a_host_that_is_not_ours_is_a_sentence() -> None:
    with pytest.raises(InputError, match=r"cannot listen at no\.such\.host\.invalid"):
        serve(hello, host="no.such.host.invalid", auth="a:b")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "lab.example", "", "127.0.0.1.example"])
def test_others_are_let_in_with_a_password_only(host: str) -> None:
    with pytest.raises(InputError, match="add --auth USER:PASSWORD"):
        serve(hello, host=host)
    check_host(host, "ann:secret")
    check_host(host, None, asks_itself=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8", "LocalHost"])
def test_this_machines_users_need_none(host: str) -> None:
    check_host(host, None)


@pytest.mark.parametrize("auth", ["", "ann", "ann:", ":secret", ":"])
def test_half_a_password_is_none(auth: str) -> None:
    with pytest.raises(InputError, match="must be USER:PASSWORD"):
        check_host("127.0.0.1", auth)


def test_names_that_are_answered_to() -> None:
    assert server._names("0.0.0.0") is None
    assert server._names("0.0.0.0", ["Lab.example"]) == {*server.LOOPBACK, "0.0.0.0", "lab.example"}
    assert server._names("127.0.0.1") == set(server.LOOPBACK)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import latentclr.web, sys; print([m for m in ('uvicorn', 'fastapi', 'gradio') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
