"""Requests that mean no good: clean answers, no file read or written, no script, no crash."""

import json
import struct
import sys
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.explorer.shelves import plain, saved, toy_named
from tests.explorer.visiting import HOST, Visitor, guarded

from latentclr.explorer.export import LARGEST
from latentclr.explorer.server import EVENT
from latentclr.explorer.shelf import Shelf

pytest.importorskip("gradio")
testclient = pytest.importorskip("fastapi.testclient")

pytestmark = pytest.mark.slow

SECRET = "what nobody may read"
PICKLE = b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93."


class Opened:
    """Which files are opened while a request is answered."""

    def __init__(self) -> None:
        self.watching = False
        self.paths: list[tuple[str, bool]] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.watching and event == "open" and isinstance(arguments[0], str | bytes):
            path = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode("utf-8", "replace")
            writes = isinstance(arguments[1], str) and any(sign in arguments[1] for sign in "wax+")
            self.paths.append((path, writes))


OPENED = Opened()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "secret.txt").write_text(SECRET)
    saved(folder / "other", plain(4))  # a run that is not on the shelf
    saved(folder / "run", plain())
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Any]:
    shelf = Shelf(["toy"], [folder / "run"], load=toy_named)
    with testclient.TestClient(guarded(shelf), base_url=HOST, raise_server_exceptions=False) as client:
        visitor = Visitor(client)
        visitor.open()  # all that is loaded once, is now
        client.rows = visitor.shown["rows"]["value"]
        yield client


@pytest.fixture(autouse=True)
def untouched(client: Any, folder: Path) -> Iterator[None]:
    """No file of the folder is read or written, none is written anywhere, and the page still works."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    OPENED.paths.clear()
    OPENED.watching = True
    yield
    OPENED.watching = False
    assert not [path for path, _ in OPENED.paths if path.startswith(str(folder)) or path == "/etc/passwd"]
    assert not [path for path, writes in OPENED.paths if writes]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    visitor = Visitor(client, "afterwards")
    visitor.shown["rows"] = {"value": client.rows}
    assert visitor.slide(0, 1.0) == ""


def clean(answer: Any, *allowed: int) -> str:
    """The text of an answer that tells nothing of the inside."""
    assert answer.status_code in allowed, (answer.status_code, answer.text[:200])
    text = str(answer.text)
    assert "Traceback" not in text
    assert "site-packages" not in text
    assert SECRET not in text
    assert "root:" not in text
    return text


DOORS = [
    "/gradio_api/file={folder}/secret.txt",
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file=../../../../etc/passwd",
    "/gradio_api/file=%2Fetc%2Fpasswd",
    "/gradio_api/file=http://127.0.0.1:9/x",
    "/gradio_api/file/etc/passwd",
    "/file=/etc/passwd",
    "/gradio_api/proxy=http://127.0.0.1:9/",
    "/gradio_api/proxy=https://x.hf.space/",
    "/gradio_api/stream/a/b/c/playlist.m3u8",
    "/gradio_api/queue/data?session_hash=x",
    "/gradio_api/upload_progress?upload_id=x",
    "/gradio_api/deep_link?session_hash=x",
    "/gradio_api/custom_component/x/client/component/..%2f..%2fetc",
    "/gradio_api/vibe-code",
    "/gradio_api/runs",
    "/gradio_api/openapi.json",
    "/gradio_api/profiling/traces",
    "/gradio_api/token",
    "/gradio_api/call/x/y",
    "/monitoring",
    "/monitoring/summary",
    "/login",
    "/logout?all_session=true",
    "/login_check",
    "/svelte/x",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/robots.txt",
    "/assets/../../../../../../etc/passwd",
    "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/assets/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/assets//etc/passwd",
    "/static/....//....//etc/passwd",
    "/static/..%5c..%5cetc",
    "/assets/{folder}/secret.txt",
    "/static/nothing.js",
    "/page.js/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "/picture.exe",
    "/picture.png/..%2f..%2fetc",
    "/loop.avi",
    "/?__import=os&../../etc/passwd=1&deep_link=../../etc/passwd",
]


@pytest.mark.parametrize("path", DOORS)
def test_there_is_nothing_behind_other_doors(client: Any, folder: Path, path: str) -> None:
    answer = client.get(path.format(folder=folder), follow_redirects=False)
    clean(answer, *((200,) if path.startswith("/?") else (404, 403, 400)))


POSTED = [
    "/gradio_api/upload",
    "/gradio_api/vibe-edit/",
    "/gradio_api/undo-vibe-edit/",
    "/gradio_api/vibe-code/",
    "/gradio_api/queue/join",
    "/gradio_api/component_server",
    "/gradio_api/process_recording",
    "/gradio_api/run-history/connect",
    "/gradio_api/call/v2/predict",
    "/gradio_api/api/predict",
    "/gradio_api/run/moved",
    "/gradio_api/stream/x",
    "/login",
    "/",
    "/picture.png",
    "/config",
]


@pytest.mark.parametrize("path", POSTED)
def test_nothing_else_takes_what_is_posted(client: Any, path: str) -> None:
    files = {"files": ("../../evil.txt", b"x" * 100)}
    clean(client.post(path, files=files), 404, 405)
    clean(client.post(path, json={"data": [], "fn_index": 0}), 404, 405)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "EVIL"])
@pytest.mark.parametrize("path", ["/", "/open", "/gradio_api/run/predict", "/picture.png"])
def test_other_methods_do_nothing(client: Any, method: str, path: str) -> None:
    clean(client.request(method, path), 404, 405)


def link(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(zlib.compress(text, 9)).decode().rstrip("=")


def recipe(**changed: Any) -> dict[str, Any]:
    sha256 = toy_named("toy").fingerprint()
    return {"format": 1, "generator": "toy", "sha256": sha256, "seeds": [0], "edits": [], **changed}


def edit(**changed: Any) -> dict[str, Any]:
    return {"run": "0123456789ab", "direction": 0, "alpha": 1.0, "slots": None, **changed}


LINKS = {
    "a bomb": link(b'{"format": 1, "x": "' + b"a" * 50_000_000 + b'"}'),
    "nested": link(b"[" * 100_000),
    "not compressed": urlsafe_b64encode(b"hello").decode(),
    "a pickle": urlsafe_b64encode(PICKLE).decode(),
    "a path as generator": link(recipe(generator="/etc/passwd", sha256="0" * 64)),
    "a file as generator": link(recipe(generator="file:///etc/passwd", sha256="1" * 64)),
    "a path as run": link(recipe(edits=[edit(run="../../../etc")])),
    "an unknown run": link(recipe(edits=[edit()])),
    "not a number": link(b'{"format":1,"generator":"toy","sha256":"' + b"0" * 64 + b'","truncation":NaN}'),
    "a large number": link(recipe(truncation=10**400)),
    "too many seeds": link(recipe(seeds=list(range(5000)))),
    "a negative seed": link(recipe(seeds=[-1])),
    "a seed that is none": link(recipe(seeds=["0; drop table"])),
    "too many steps": link(recipe(steps=10**9)),
    "a class that is none": link(recipe(label=5)),
    "unknown entries": link(recipe(__class__="os.system")),
    "a script": link(recipe(generator="<script>alert(1)</script>", sha256="3" * 64)),
    "a null": link(recipe(generator="toy\0/etc/passwd")),
    "of another format": link(recipe(format=99)),
    "no object": link([1, 2, 3]),
    "signs": "%00%ff../../",
    "long": "A" * 60_000,
}


@pytest.mark.parametrize("which", LINKS)
@pytest.mark.parametrize("path", ["/picture.png", "/loop.gif", "/recipe.json"])
def test_bad_links_are_a_sentence(client: Any, which: str, path: str) -> None:
    text = clean(client.get(path, params={"s": LINKS[which]}), 400)
    assert len(text) < 700
    assert text.endswith("\n")


@pytest.mark.parametrize("which", LINKS)
def test_bad_links_open_the_start_and_say_why(client: Any, which: str) -> None:
    visitor = Visitor(client, which)
    visitor.query = "s=" + LINKS[which][:20_000].replace("%", "%25")
    assert visitor.open() != ""
    assert "seed 0, not edited" in visitor.stage


@pytest.mark.parametrize(
    "query",
    [
        {"size": "../../etc"},
        {"size": "99999999"},
        {"size": "-1"},
        {"size": "1e9"},
        {"size": "NaN"},
        {"m": "../../etc/passwd"},
        {"m": "__import__('os')"},
        {"r": "../../etc:0"},
        {"t": "/etc/passwd"},
        {"g": "0-4294967295"},
        {"g": "/etc/passwd"},
        {"f": "-1"},
        {"x": "inf"},
    ],
)
def test_bad_queries_are_a_sentence(client: Any, query: dict[str, str]) -> None:
    clean(client.get("/picture.png", params={"s": link(recipe()), **query}), 400)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = b"\x89PNG\r\n\x1a\n"
UPLOADS = {
    "nothing": b"",
    "text": b"hello",
    "zeros": b"\0" * 100_000,
    "a pickle": PICKLE,
    "half a PNG": PNG + b"\0\0\xff\xff",
    "a PNG without recipe": PNG + chunk(b"IHDR", b"\0" * 13) + chunk(b"IEND", b""),
    "a PNG with a bomb": PNG + chunk(b"zTXt", b"recipe\0\0" + zlib.compress(b"{" + b" " * 50_000_000)),
    "a PNG of another generator": PNG
    + chunk(b"tEXt", b"latentclr\0" + json.dumps(recipe(sha256="0" * 64)).encode()),
    "a GIF without end": b"GIF89a" + b"\xff" * 1000,
    "a WebP that lies": b"RIFF\xff\xff\xff\xffWEBPEXIF\xff\xff\xff\xff",
    "an MP4 that lies": b"\0\0\0\x08ftyp\xff\xff\xff\xffmoov",
    "a script": b"<svg onload=alert(1)>",
    "deep JSON": b'{"a":' * 50_000,
    "a JSON path": json.dumps(recipe(generator="../../etc/passwd", sha256="2" * 64)).encode(),
    "a JSON run": json.dumps(recipe(edits=[edit(run="/etc/passwd")])).encode(),
    "JSON that is no recipe": b'{"format": 1}',
    "JSON twice": b'{"format": 1, "format": 1}',
    "broken text": b'{"generator": "\xff\xfe"}',
}


@pytest.mark.parametrize("which", UPLOADS)
def test_bad_files_are_a_sentence(client: Any, which: str) -> None:
    clean(client.post("/open", content=UPLOADS[which]), 400)
    clean(client.post("/open", content=UPLOADS[which], headers={"content-type": "application/json"}), 400)


def test_uploads_are_bounded(client: Any) -> None:
    assert "too large" in clean(client.post("/open", content=b"{" + b" " * LARGEST), 413)


TYPES: list[Any] = [
    None,
    "x",
    "",
    [],
    {},
    [1, 2],
    {"a": 1},
    True,
    -1,
    10**30,
    1e308,
    "NaN",
    "../../etc/passwd",
]
TYPED = (
    "generator.input",
    "label.input",
    "runs.input",
    "run.input",
    "mode.input",
    "seed.submit",
    "truncation.input",
    "steps.input",
    "strength.input",
    "preset.input",
    "slots.submit",
    "hidden.input",
    "slider-0.input",
)


@pytest.mark.parametrize("value", TYPES, ids=repr)
@pytest.mark.parametrize("event", TYPED)
def test_wrong_types_are_refused(client: Any, event: str, value: Any) -> None:
    values = (client.rows, value) if event == "slider-0.input" else (value,)
    text = clean(Visitor(client, f"{event} {value!r}").send(event, *values), 200, 400)
    assert "error" not in text[:20]  # a sentence of ours, not an error of gradio's


ROWS: list[Any] = [
    "",
    ":",
    "x:0",
    "../../etc:0",
    "0123456789ab:0",
    None,
    5,
    [],
    {},
    ":" * 100_000,
    "{run}:99",
    "{run}:-1",
    "{run}:0x1",
    "{run}:" + "9" * 4000,
    "{run}:²",
]


@pytest.mark.parametrize("rows", ROWS, ids=[str(i) for i in range(len(ROWS))])
def test_sliders_of_what_is_not_there_change_nothing(client: Any, rows: Any) -> None:
    visitor = Visitor(client, "rows")
    rows = rows.replace("{run}", client.rows.partition(":")[0]) if isinstance(rows, str) else rows
    for event, values in (
        ("slider-0.input", (rows, 1.0)),
        ("pick-0.click", (rows,)),
        ("reset-0.click", (rows,)),
    ):
        clean(visitor.send(event, *values), 200, 400)
    visitor.do("sharpen.click")
    assert "not edited" in visitor.stage


@pytest.mark.parametrize("seed", [None, "5", -1, 2**32, 1.5, 1e300, [], {}, True, "<script>"])
def test_tiles_that_are_none_change_nothing(client: Any, seed: Any) -> None:
    visitor = Visitor(client, "tiles")
    clean(visitor.send("stage.click", data={"seed": seed}), 200, 400)
    visitor.do("sharpen.click")
    assert visitor.shown["seed"]["value"] == "0"


FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
BODIES: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"data": [NaN], "fn_index": 0, "session_hash": "x"}',
    b'{"data": [Infinity], "fn_index": 0, "session_hash": "x"}',
    b"\xff\xfe",
    b"[" * 100_000,
    *(
        json.dumps(body).encode()
        for body in (
            {"data": [], "fn_index": -1, "session_hash": "x"},
            {"data": [], "fn_index": 10**9, "session_hash": "x"},
            {"data": [], "fn_index": "0", "session_hash": "x"},
            {"data": [], "fn_index": True, "session_hash": "x"},
            {"data": {}, "fn_index": 0, "session_hash": "x"},
            {"data": [], "fn_index": 0},
            {"data": [FILE], "fn_index": 1, "session_hash": "x"},
            {"data": [[FILE]], "fn_index": 1, "session_hash": "x"},
            {"data": [json.dumps(FILE), FILE], "fn_index": 1, "session_hash": "x"},
            {"data": [], "fn_index": 1, "session_hash": "x", "event_data": {"seed": FILE}},
            {"data": [], "fn_index": 1, "session_hash": "x"},
            {"api_name": "/moved", "data": []},
        )
    ),
]


@pytest.mark.parametrize("body", BODIES, ids=[str(i) for i in range(len(BODIES))])
def test_bodies_that_are_no_event(client: Any, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    clean(client.post("/gradio_api/run/predict", content=body, headers=headers), 400, 500)


def test_entries_that_are_none_of_ours_are_dropped(client: Any) -> None:
    visitor = Visitor(client, "more")
    number = visitor.events["sharpen.click"][0]
    body = {"data": [], "fn_index": number, "session_hash": "x" * 10_000, "batched": True, "event_id": "x",
            "simple_format": True, "api_name": "/moved", "root": FILE}  # fmt: skip
    clean(client.post("/gradio_api/run/predict", json=body), 200)


def test_events_are_bounded(client: Any) -> None:
    visitor = Visitor(client, "large")
    answer = visitor.send("seed.submit", "1," * EVENT)
    assert "too large" in clean(answer, 413)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "${1+1}", "{{x}}", "a\0b"]
)
def test_seeds_and_slots_that_are_markup_are_told_as_text(client: Any, name: str) -> None:
    visitor = Visitor(client, "markup")
    for event in ("seed.submit", "slots.submit"):
        message = visitor.do(event, name)
        assert message != ""
        assert "<" not in message


def test_other_hosts_and_pages_get_nothing(client: Any) -> None:
    clean(client.get("/", headers={"host": "evil.example"}), 400)
    for path in ("/open", "/gradio_api/run/predict"):
        clean(client.post(path, content=b"{}", headers={"origin": "http://evil.example"}), 403)


def test_many_at_a_time_all_get_their_answer(client: Any) -> None:
    visitors = [Visitor(client, f"busy {i}") for i in range(6)]

    def visit(visitor: Visitor) -> str:
        visitor.open()
        for step in range(8):
            visitor.slide(step % 4, step / 4)
        return visitor.stage.partition("<figcaption>")[2].partition('<span class="time"')[0]

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(visit, visitors))
    assert "3 <b>+1.75</b>" in found[0]
    assert len(set(found)) == 1
