"""Bytes that are no HTTP, or none that a browser speaks: the server says no, and serves the next one."""

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.study.planted import small_study

from latentclr.study.server import BODY, CONTENT, application
from latentclr.study.store import Store
from latentclr.web import running

GET = b"GET / HTTP/1.1\r\nHost: {host}\r\n"
POST = b"POST /enter HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BYTES = {
    "no http": b"hello\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "version 9": b"GET / HTTP/9.9\r\nHost: {host}\r\n\r\n",
    "NUL in the path": b"GET /picture/\x00 HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "bytes in the path": b"GET /picture/\xff\xfe HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "another address in the path": b"GET http://evil.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "dots in the path": b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n",
    "folded header": b"GET /x HTTP/1.1\r\nHost: {host}\r\nCookie: a\r\n b: c\r\n\r\n",
    "header without a name": b"GET / HTTP/1.1\r\nHost: {host}\r\n: x\r\n\r\n",
    "space before a colon": b"GET / HTTP/1.1\r\nHost : {host}\r\n\r\n",
    "header of a megabyte": b"GET / HTTP/1.1\r\nHost: {host}\r\nCookie: " + b"a" * 2**20 + b"\r\n\r\n",
    "very many headers": GET + b"a: b\r\n" * 50_000 + b"\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 5\r\n\r\nabcde",
    "length and chunks": POST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "a chunk of negative size": CHUNKED + b"-5\r\nabc\r\n0\r\n\r\n",
    "chunks without an end": CHUNKED
    + (b"1000\r\n" + b"a" * 4096 + b"\r\n") * (2 * BODY // 4096) + b"0\r\n\r\n",
    "an encoding that nobody knows": POST + b"Transfer-Encoding: rot13\r\n\r\nabc",
    "too long a body": POST + b"Content-Length: 10000000\r\n\r\ncode=" + b"a" * BODY,
}  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    study = small_study(tmp_path_factory.mktemp("bytes") / "study", 2)
    with (
        Store.open(None, study) as store,
        running(application(study, store, open_to_all=True), body=BODY, content=CONTENT) as url,
    ):
        yield urlsplit(url).netloc
        assert store.participants() == []


def exchange(address: str, data: bytes) -> bytes:
    """What the server says until it hangs up or has nothing more to say."""
    host, _, port = address.partition(":")
    got = b""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                got += part
        except TimeoutError:
            raise
        except OSError:
            pass  # it had heard enough, and hung up
    return got


@pytest.mark.parametrize("name", BYTES)
def test_bytes_are_refused_and_the_server_goes_on(address: str, name: str) -> None:
    answer = exchange(address, BYTES[name].replace(b"{host}", address.encode()))
    statuses = [
        int(part.split(b" ", 2)[1]) for part in answer.split(b"HTTP/1.1")[1:] if part.startswith(b" ")
    ]
    assert all(400 <= status < 500 for status in statuses), answer
    assert b"Traceback" not in answer
    assert b"root:" not in answer
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()


def test_half_a_request_stores_nothing(address: str) -> None:
    half = POST.replace(b"{host}", address.encode()) + b"Content-Length: 100\r\n\r\ncode=ab"
    assert not exchange(address, half).startswith(b"HTTP/1.1 5")


def test_nobody_waits_for_a_slow_one(address: str, tmp_path: Path) -> None:
    """Connections that send nothing do not keep others out."""
    host, _, port = address.partition(":")
    idle = [socket.create_connection((host, int(port)), timeout=10) for _ in range(50)]
    for connection in idle:
        connection.sendall(b"GET / HT")
    try:
        fast = http.client.HTTPConnection(address, timeout=10)
        fast.request("GET", "/")
        assert fast.getresponse().status == 200
        fast.close()
    finally:
        for connection in idle:
            connection.close()
