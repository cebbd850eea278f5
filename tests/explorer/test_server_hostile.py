"""Requests that mean no good: clean answers, no file read or written, no script, no crash.

What recipes, links and files themselves refuse is tested where they are read (test_recipe, test_export).
"""

import json
import struct
import sys
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.explorer.shelves import plain, saved, toy_named
from tests.explorer.visiting import Visitor, client_of

from latentclr.explorer.export import LARGEST
from latentclr.explorer.server import EVENT
from latentclr.explorer.shelf import Shelf

SECRET = "what nobody may read"
PICKLE = b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93."


def and_more(some: Sequence[Any], more: Sequence[Any]) -> list[Any]:
    """Cases of which the second ones differ from the first in nothing that our code looks at today."""
    return [*some, *(pytest.param(one, marks=pytest.mark.fuzz) for one in more)]


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


@pytest.fixture(scope="module")
def opened() -> Opened:
    return Opened()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "secret.txt").write_text(SECRET)
    saved(folder / "other", plain(4))  # a run that is not on the shelf
    saved(folder / "run", plain())
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Any]:
    with client_of(Shelf(["toy"], [folder / "run"], load=toy_named)) as client:
        visitor = Visitor(client)
        visitor.open()  # all that is loaded once, is now
        client.rows = visitor.shown["rows"]["value"]
        client.get("/")
        yield client
        assert visitor.slide(0, 1.0) == ""  # after all of this the page still works


@pytest.fixture(autouse=True)
def untouched(client: Any, folder: Path, opened: Opened) -> Iterator[None]:
    """No file of the folder is read or written, and none is written anywhere."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    opened.paths.clear()
    opened.watching = True
    yield
    opened.watching = False
    assert not [path for path, _ in opened.paths if path.startswith(str(folder)) or path == "/etc/passwd"]
    assert not [path for path, writes in opened.paths if writes]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


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
    "/gradio_api/proxy=http://127.0.0.1:9/",
    "/gradio_api/queue/data?session_hash=x",
    "/monitoring",
    "/docs",
    "/openapi.json",
    "/assets/../../../../../../etc/passwd",
    "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/assets//etc/passwd",
    "/assets/{folder}/secret.txt",
    "/static/nothing.js",
    "/page.js/../../etc/passwd",
    "//etc/passwd",
    "/picture.exe",
    "/picture.png/..%2f..%2fetc",
    "/?__import=os&../../etc/passwd=1&deep_link=../../etc/passwd",
]
GRADIOS = [
    *("/gradio_api/file=/etc/passwd", "/gradio_api/file=../../../../etc/passwd"),
    *("/gradio_api/file=%2Fetc%2Fpasswd", "/gradio_api/file=http://127.0.0.1:9/x"),
    *("/gradio_api/file/etc/passwd", "/file=/etc/passwd", "/gradio_api/proxy=https://x.hf.space/"),
    *("/gradio_api/stream/a/b/c/playlist.m3u8", "/gradio_api/upload_progress?upload_id=x"),
    *("/gradio_api/deep_link?session_hash=x", "/gradio_api/vibe-code", "/gradio_api/runs"),
    *("/gradio_api/custom_component/x/client/component/..%2f..%2fetc", "/gradio_api/openapi.json"),
    *("/gradio_api/profiling/traces", "/gradio_api/token", "/gradio_api/call/x/y", "/monitoring/summary"),
    *("/login", "/logout?all_session=true", "/login_check", "/svelte/x", "/redoc", "/robots.txt"),
    *("/assets/..%2f..%2f..%2f..%2fetc%2fpasswd", "/static/....//....//etc/passwd"),
    *("/static/..%5c..%5cetc", "/%2e%2e/%2e%2e/etc/passwd", "/loop.avi"),
]


@pytest.mark.parametrize("path", and_more(DOORS, GRADIOS))
def test_there_is_nothing_behind_other_doors(client: Any, folder: Path, path: str) -> None:
    answer = client.get(path.format(folder=folder), follow_redirects=False)
    clean(answer, *((200,) if path.startswith("/?") else (404, 403, 400)))


POSTED = ["/", "/picture.png", "/gradio_api/upload", "/gradio_api/queue/join"]
GRADIO_POSTED = [
    *("/gradio_api/vibe-edit/", "/gradio_api/undo-vibe-edit/", "/gradio_api/vibe-code/", "/config", "/login"),
    *("/gradio_api/component_server", "/gradio_api/process_recording", "/gradio_api/run-history/connect"),
    *("/gradio_api/call/v2/predict", "/gradio_api/api/predict", "/gradio_api/run/moved"),
    "/gradio_api/stream/x",
]


@pytest.mark.parametrize("path", and_more(POSTED, GRADIO_POSTED))
def test_nothing_else_takes_what_is_posted(client: Any, path: str) -> None:
    files = {"files": ("../../evil.txt", b"x" * 100)}
    clean(client.post(path, files=files), 404, 405)
    clean(client.post(path, json={"data": [], "fn_index": 0}), 404, 405)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "EVIL"])
def test_other_methods_do_nothing(client: Any, method: str) -> None:
    for path in ("/", "/open", "/gradio_api/run/predict", "/picture.png"):
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
    "a bomb": link(b'{"format": 1, "x": "' + b"a" * 5_000_000 + b'"}'),
    "a pickle": urlsafe_b64encode(PICKLE).decode(),
    "a path as generator": link(recipe(generator="/etc/passwd", sha256="0" * 64)),
    "a path as run": link(recipe(edits=[edit(run="../../../etc")])),
    "a class that is none": link(recipe(label=5)),
    "a script": link(recipe(generator="<script>alert(1)</script>", sha256="3" * 64)),
    "a null": link(recipe(generator="toy\0/etc/passwd")),
    "signs": "%00%ff../../",
    "long": "A" * 60_000,
}


@pytest.mark.parametrize("which", LINKS)
def test_bad_links_are_a_sentence_and_open_the_start(client: Any, which: str) -> None:
    for path in ("/picture.png", "/loop.gif", "/recipe.json"):
        text = clean(client.get(path, params={"s": LINKS[which]}), 400)
        assert len(text) < 700
        assert text.endswith("\n")
    visitor = Visitor(client, which)
    visitor.query = "s=" + LINKS[which][:20_000].replace("%", "%25")
    assert visitor.open() != ""
    assert "seed 0, not edited" in visitor.stage


@pytest.mark.parametrize(
    "query",
    [{"size": "../../etc"}, {"size": "99999999"}, {"size": "NaN"}, {"m": "../../etc"}, {"r": "../../etc:0"}],
)
def test_bad_queries_are_a_sentence(client: Any, query: dict[str, str]) -> None:
    clean(client.get("/picture.png", params={"s": link(recipe()), **query}), 400)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = b"\x89PNG\r\n\x1a\n"
UPLOADS = {
    "nothing": b"",
    "a pickle": PICKLE,
    "a PNG with a bomb": PNG + chunk(b"zTXt", b"latentclr\0\0" + zlib.compress(b"{" + b" " * 5_000_000)),
    "a PNG of another generator": PNG
    + chunk(b"tEXt", b"latentclr\0" + json.dumps(recipe(sha256="0" * 64)).encode()),
    "a JSON path": json.dumps(recipe(generator="../../etc/passwd", sha256="2" * 64)).encode(),
    "a JSON run": json.dumps(recipe(edits=[edit(run="/etc/passwd")])).encode(),
    "broken text": b'{"generator": "\xff\xfe"}',
}


@pytest.mark.parametrize("which", UPLOADS)
def test_bad_files_are_a_sentence(client: Any, which: str) -> None:
    clean(client.post("/open", content=UPLOADS[which]), 400)
    clean(client.post("/open", content=UPLOADS[which], headers={"content-type": "application/json"}), 400)


def test_uploads_are_bounded(client: Any) -> None:
    assert "too large" in clean(client.post("/open", content=b"{" + b" " * LARGEST), 413)


TYPED = (
    *("generator.input", "label.input", "runs.input", "run.input", "mode.input", "seed.submit"),
    *("truncation.input", "steps.input", "strength.input", "preset.input", "slots.submit", "hidden.input"),
    "slider-0.input",
)
TYPES: list[Any] = [[], True, 1e308]  # to every control, one of them is wrong
MORE_TYPES: list[Any] = [None, "", "x", {}, [1, 2], {"a": 1}, -1, 10**30, "NaN", "../../etc/passwd"]


@pytest.mark.parametrize("value", and_more(TYPES, MORE_TYPES), ids=repr)
def test_wrong_types_are_refused(client: Any, value: Any) -> None:
    for event in TYPED:
        values = (client.rows, value) if event == "slider-0.input" else (value,)
        text = clean(Visitor(client, f"{event} {value!r}").send(event, *values), 200, 400)
        assert "error" not in text[:20], event  # a sentence of ours, not an error of gradio's


ROWS: list[Any] = ["", "x:0", "../../etc:0", None, "{run}:99", "{run}:-1", "{run}:" + "9" * 4000, "{run}:²"]
MORE_ROWS: list[Any] = [":", "0123456789ab:0", 5, [], {}, ":" * 100_000, "{run}:0x1"]


@pytest.mark.parametrize("rows", and_more(ROWS, MORE_ROWS), ids=lambda rows: repr(rows)[:20])
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


@pytest.mark.parametrize("seed", [None, "5", -1, 2**32, 1.5, [], True])
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
    b'{"data": [NaN], "fn_index": 0, "session_hash": "x"}',
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
    number = Visitor(client).events["sharpen.click"][0]
    body = {"data": [], "fn_index": number, "session_hash": "x" * 10_000, "batched": True, "event_id": "x",
            "simple_format": True, "api_name": "/moved", "root": FILE}  # fmt: skip
    clean(client.post("/gradio_api/run/predict", json=body), 200)


def test_events_are_bounded(client: Any) -> None:
    answer = Visitor(client, "large").send("seed.submit", "1," * EVENT)
    assert "too large" in clean(answer, 413)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a\0b"])
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
    visitors = [Visitor(client, f"busy {i}") for i in range(4)]

    def visit(visitor: Visitor) -> str:
        visitor.open()
        for step in range(4):
            visitor.slide(step, 1 + step / 4)
        return visitor.stage.partition("<figcaption>")[2].partition('<span class="time"')[0]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(visit, visitors))
    assert "3 <b>+1.75</b>" in found[0]
    assert len(set(found)) == 1
