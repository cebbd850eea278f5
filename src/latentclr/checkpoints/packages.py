"""Files out of archives on package indexes, pinned by content: wheels, source archives and npm packages.

Nothing of an archive is run. pip fetches wheels with all the user's settings. Of a source archive it would
run the setup script, to learn its dependencies, even when it is told to download only; so those are found on
the index's page (the simple repository API, PEP 503 and 691) at the address that the user gave to pip. npm
packages are found at the address that the user gave to npm; where none was given, npm and pip are asked.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, Literal
from urllib.parse import urljoin

from latentclr.checkpoints.downloads import check_sha256, download, sha256
from latentclr.errors import InputError
from latentclr.files import atomic, make_folder

PAGE_LIMIT = 32 << 20
"""Largest page of an index in bytes; large projects have a few million."""
PAGES = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"


@dataclass(frozen=True)
class Package:
    """An archive on a package index.

    Attributes:
        kind: its index, and which of a version's archives it is.
        name: of the package, as its index spells it.
        version: of the package.
        sha256: of the archive.
        size: of the archive in bytes; a download ends there.
    """

    kind: Literal["wheel", "sdist", "npm"]
    name: str
    version: str
    sha256: str
    size: int

    @property
    def address(self) -> str:
        """Where the archive comes from, for people."""
        if self.kind == "npm":
            return f"{self.name}@{self.version} on the npm registry"
        return f"{self.name}=={self.version} on the Python package index"

    def fetch(self, wanted: Mapping[Path, "PackageFile"]) -> None:
        """Download the archive, check it, and keep some of its files. Nothing else stays.

        Args:
            wanted: files of this archive, by the path where each is kept; all in one folder.

        Raises:
            InputError: the archive could not be downloaded, a hash is wrong, or a file cannot be written.
        """
        folder = make_folder(next(iter(wanted)).parent)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch:
            archive = self._download(Path(scratch))
            check_sha256(archive, self.sha256, self.address)
            for path, file in wanted.items():
                with atomic(path) as temporary:
                    _extract(archive, file.member, temporary)
                    check_sha256(temporary, file.sha256, f"{file.member} of {self.address}")

    def _download(self, folder: Path) -> Path:
        if self.kind == "wheel":
            return _download_wheel(f"{self.name}=={self.version}", folder)
        archive = folder / "archive.tar.gz"
        if self.kind == "npm":
            short = self.name.rpartition("/")[2]
            url = f"{npm_registry(self.name)}/{self.name}/-/{short}-{self.version}.tgz"
            download(url, archive, limit=self.size)
        else:
            settings = pip_settings()
            url = _on_the_index(f"{self.name}-{self.version}.tar.gz", self.name, settings, archive)
            download(url, archive, limit=self.size, certificates=settings.get("cert"))
        return archive


@dataclass(frozen=True)
class PackageFile:
    """A file in an archive on a package index, pinned by content.

    Attributes:
        package: the archive.
        member: path of the file in the archive.
        sha256: of the file.
    """

    package: Package
    member: str
    sha256: str

    @property
    def address(self) -> str:
        """Where the file comes from, for people."""
        return f"{self.package.address}, {self.member}"

    def is_whole(self, path: Path) -> bool:
        """Whether the file at `path` has the pinned content."""
        return path.is_file() and sha256(path) == self.sha256


def _extract(archive: Path, member: str, target: Path) -> None:
    with target.open("wb") as file:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as source:
                shutil.copyfileobj(source, file)
            return
        with tarfile.open(archive, "r:gz") as tar:
            content: IO[bytes] | None = tar.extractfile(member)
            if content is None:
                raise InputError(f"{member} is no file in its archive.")
            shutil.copyfileobj(content, file)


def _pip(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # pip itself, so that mirrors, proxies, certificates and credentials are the user's.
    line = [sys.executable, "-m", "pip", command, "--disable-pip-version-check", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def _download_wheel(requirement: str, folder: Path) -> Path:
    """Let pip put one wheel ("name==version") into an empty folder. Nothing of it is run or installed."""
    # Packages may refuse new Pythons for reasons that do not matter to the one file that is wanted.
    options = ("--quiet", "--no-input", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python")
    result = _pip("download", *options, "--retries", "2", "--dest", str(folder), requirement)
    found = list(folder.glob("*.whl"))
    if result.returncode != 0 or len(found) != 1:
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines or ["no message"]
        raise InputError(
            f"pip could not download {requirement} ({errors[-1]}); check the connection and the "
            "free space, then try again."
        )
    return found[0]


def pip_settings() -> dict[str, str]:
    """The user's settings for `pip download`, by the names of its options."""
    said = _pip("config", "list").stdout
    lines = re.findall(r"^(global|download|:env:)\.([\w-]+)=(['\"].*['\"])$", said, re.MULTILINE)
    order = ["global", "download", ":env:"]  # later ones win
    lines.sort(key=lambda line: order.index(line[0]))
    return {option: str(ast.literal_eval(value)) for _, option, value in lines}


def npm_registry(package: str) -> str:
    """The address of the registry that the user's npm uses for a package.

    Raises:
        InputError: nothing is set, and npm is not installed.
    """
    environment = {name.lower(): value for name, value in os.environ.items()}
    file = Path(environment.get("npm_config_userconfig") or "~/.npmrc").expanduser()
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith(("#", ";"))]
    settings = {name.strip(): os.path.expandvars(value.strip().strip("\"'")) for name, value in pairs}
    found = (
        settings.get(f"{package.partition('/')[0]}:registry")
        or environment.get("npm_config_registry")
        or settings.get("registry")
        or _npm_default()
    )
    return found.rstrip("/")


def _npm_default() -> str:
    """The registry that npm uses where nothing else is set."""
    npm = shutil.which("npm")
    command = [npm or "npm", "config", "get", "registry"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() if npm else ""
    if not said.startswith(("https://", "http://")):
        raise InputError(
            "the address of the npm registry is not known: install npm, or set npm_config_registry to it."
        )
    return said


def _pip_default() -> str:
    """The index that pip uses where nothing else is set, from its help."""
    said = _pip("download", "--help").stdout
    found = re.search(r"--index-url.*?\(default\s+(https?://[^\s)]+)", said, re.DOTALL)
    if found is None:
        raise InputError("pip does not say which package index it uses: set PIP_INDEX_URL to its address.")
    return found[1]


def _on_the_index(filename: str, project: str, settings: Mapping[str, str], scratch: Path) -> str:
    """The address of a project's file on the index that pip uses."""
    if settings.get("no-index", "0").lower() in ("1", "true", "yes", "on"):
        raise InputError(
            f"{filename} is needed from a package index, and pip is told to use none (no-index)."
        )
    normalized = re.sub(r"[-_.]+", "-", project).lower()
    page = f"{(settings.get('index-url') or _pip_default()).rstrip('/')}/{normalized}/"
    download(page, scratch, limit=PAGE_LIMIT, accept=PAGES, certificates=settings.get("cert"))
    links = read_page(scratch.read_text(errors="replace"))
    if filename not in links:
        raise InputError(f"the package index that pip uses does not have {filename}; give pip another one.")
    return urljoin(page, links[filename])


def read_page(text: str) -> dict[str, str]:
    """The addresses of a project's files on its page of an index, by file name.

    >>> read_page('{"files": [{"filename": "a-1.tar.gz", "url": "../a-1.tar.gz"}]}')
    {'a-1.tar.gz': '../a-1.tar.gz'}
    >>> read_page('<a href="../a-1.tar.gz#sha256=0">a-1.tar.gz</a>')
    {'a-1.tar.gz': '../a-1.tar.gz#sha256=0'}
    """
    if text.lstrip().startswith("{"):
        try:
            return {str(file["filename"]): str(file["url"]) for file in json.loads(text)["files"]}
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise InputError("the package index that pip uses gave a page that is not understood.") from error
    links = _Links()
    links.feed(text)
    return links.found


class _Links(HTMLParser):
    """The addresses of the links of a page, by their texts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.address: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.address = dict(attrs).get("href")

    def handle_data(self, data: str) -> None:
        if self.address is not None and data.strip():
            self.found[data.strip()] = self.address

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.address = None
