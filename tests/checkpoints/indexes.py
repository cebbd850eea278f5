"""A package index in a folder, for pip, a stand-in for pip, whose start takes half a second, and a server."""

import shutil
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar


def wheel_index(folder: Path, package: str, files: Mapping[str, bytes]) -> Path:
    """Make a folder that pip takes for its index (PIP_FIND_LINKS), with version 1.0 of one package.

    Returns:
        The wheel.
    """
    folder.mkdir()
    name = package.replace("-", "_")
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    info = {
        "METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n".encode(),
        "WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
        "RECORD": b"",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for place, content in (*files.items(), *((f"{name}-1.0.dist-info/{k}", v) for k, v in info.items())):
            archive.writestr(place, content)
    return wheel


def copying_pip(folder: Path) -> Callable[..., Any]:
    """What `subprocess.run` does when `pip download` is asked for a wheel of an index in a folder."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[1:4] == ["-m", "pip", "download"]
        asked, target = command[-1], command[command.index("--dest") + 1]
        name, version = asked.replace("-", "_").split("==")
        found = list(folder.glob(f"{name}-{version}-*.whl"))
        for path in found:
            shutil.copy(path, target)
        error = "" if found else f"ERROR: no {asked}"
        return subprocess.CompletedProcess(command, len(error), "", error)

    return run


class Handler(BaseHTTPRequestHandler):
    """Serves `files`, by path, and keeps who asked for what."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[tuple[str, str | None]]] = []
    moved: ClassVar[dict[str, str]] = {}
    extra: ClassVar[int] = 0  # bytes that are announced and do not come
    announced: ClassVar[bool] = True

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization")))
        content = self.files.get(self.path, b"")
        known = self.path in self.files or self.path in self.moved
        self.send_response(302 if self.path in self.moved else 200 if known else 404)
        if self.path in self.moved:
            self.send_header("Location", self.moved[self.path])
        if self.announced:
            self.send_header("Content-Length", str(len(content) + self.extra))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    """A server of `Handler.files`, of which there are none at first, as host and port."""
    Handler.files, Handler.moved, Handler.asked = {}, {}, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()
