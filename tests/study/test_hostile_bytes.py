"""Bytes that are no HTTP, or none that a browser speaks: the server says no, and serves the next one."""

import http.client
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from latentclr.study.pages.app import POLICY, application
from latentclr.study.plan import Study
from latentclr.study.store import Store
from latentclr.web import running

GET = b"GET / HTTP/1.1\r\nHost: {host}\r\n"
POST = b"POST /enter HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BYTES = {  # what the library that reads HTTP refuses by itself is not here, but for one
    "no http": b"hello\r\n\r\n",
    "NUL in the path": b"GET /picture/%00 HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "bytes in the path": b"GET /picture/\xff\xfe HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "another address in the path": b"GET http://evil.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "dots in the path": b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n",
    "length and chunks": POST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "chunks without an end": CHUNKED
    + (b"1000\r\n" + b"a" * 4096 + b"\r\n") * (2 * POLICY.body // 4096) + b"0\r\n\r\n",
    "too long a body": POST + b"Content-Length: 10000000\r\n\r\ncode=" + b"a" * POLICY.body,
    "half a body": POST + b"Content-Length: 100\r\n\r\ncode=ab",
}  # fmt: skip


@pytest.fixture(scope="module")
def address(study_of: Callable[..., Study], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    study, place = study_of(3, 2, names=True, preference=1), tmp_path_factory.mktemp("bytes")
    with (
        Store.open(f"sqlite:///{place}/answers.sqlite3", study) as store,
        running(application(study, store, open_to_all=True), POLICY) as url,
    ):
        yield urlsplit(url).netloc
        assert store.participants() == []


def exchange(address: str, data: bytes) -> bytes:
    """What the server says until it hangs up or has nothing more to say."""
    host, _, port = address.partition(":")
    got = b""
    with socket.create_connection((host, int(port)), timeout=60) as connection:
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
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()
