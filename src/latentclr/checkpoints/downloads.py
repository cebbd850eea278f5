"""Files at web addresses: downloaded with limits, and recognised by their SHA-256."""

import base64
import hashlib
import http.client
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from latentclr.errors import InputError
from latentclr.files import atomic, make_folder, write_bytes

TIMEOUT = 60
"""Seconds without an answer after which a download ends."""
LIMIT = 4 << 30
"""Largest download in bytes; the largest official checkpoint has a tenth of it."""


@dataclass(frozen=True)
class UrlFile:
    """A file of a publisher who gives no hash.

    The hash of the first download is written beside it; later downloads must have the same.

    Attributes:
        url: its address.
    """

    url: str

    @property
    def address(self) -> str:
        """Where the file comes from, for people."""
        return self.url

    def is_whole(self, path: Path) -> bool:
        """Whether the file at `path` is the one that was first fetched."""
        record = _record(path)
        return path.is_file() and record.is_file() and sha256(path) == record.read_text().strip()

    def fetch(self, path: Path) -> None:
        """Download the file to `path`.

        Raises:
            InputError: no answer, a web page instead of a file, too large, or not what was first fetched.
        """
        make_folder(path.parent)
        with atomic(path) as temporary:
            download(self.url, temporary, instead="download it yourself and give its path")
            with temporary.open("rb") as file:
                if file.read(64).lstrip()[:1] == b"<":
                    raise InputError(
                        f"{self.url} gave a web page instead of the file; download it yourself and give "
                        "its path."
                    )
            if _record(path).is_file():
                check_sha256(temporary, _record(path).read_text().strip(), self.url)
            else:
                write_bytes(_record(path), f"{sha256(temporary)}\n".encode())


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, expected: str, what: str) -> None:
    """Refuse a file whose content has another SHA-256.

    Args:
        path: the file.
        expected: its SHA-256 in hexadecimal digits.
        what: what the file is called in the message.
    """
    found = sha256(path)
    if found != expected:
        raise InputError(
            f"{what} has sha256 {found[:16]}..., expected {expected[:16]}...: it was damaged on the way or "
            "changed at its source, and is not used; try again, or from another network."
        )


def download(
    url: str,
    path: Path,
    *,
    limit: int = LIMIT,
    accept: str = "*/*",
    certificates: str | None = None,
    instead: str = "try again later",
) -> None:
    """Write the content of a web address over a file.

    Args:
        url: http or https; "user:password@" in it becomes a header, and is never shown.
        path: the file. After an error it may hold a part.
        limit: bytes at which the download ends with an error.
        accept: content types to ask for, as in HTTP's Accept header.
        certificates: file of the certificates to trust instead of the system's.
        instead: what people can do when there is no answer.

    Raises:
        InputError: no answer, or it breaks off, or it is larger than `limit`.
    """
    shown, credentials = _without_credentials(url)
    request = urllib.request.Request(shown, headers={"User-Agent": "latentclr", "Accept": accept})
    for name, value in credentials.items():
        request.add_unredirected_header(name, value)  # never sent to a host that this one redirects to
    try:
        trusted = ssl.create_default_context(cafile=certificates) if certificates else None
        with urllib.request.urlopen(request, timeout=TIMEOUT, context=trusted) as answer:
            length = int(answer.headers.get("Content-Length") or 0)
            if length > limit:
                raise InputError(f"{shown} offers {length:,} bytes; {limit:,} are the limit here.")
            size = _copy(answer, path, limit)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds an open connection
        reason = getattr(error, "reason", error)
        raise InputError(
            f"{shown} could not be fetched ({reason}); check the connection, or {instead}."
        ) from error
    if size > limit:
        raise InputError(f"{shown} goes on after {limit:,} bytes, the limit here.")
    if length and size != length:
        raise InputError(f"{shown} broke off after {size:,} of {length:,} bytes; try again.")


def _copy(source: BufferedIOBase, path: Path, limit: int) -> int:
    """Copy until the end or the first piece beyond `limit`, and return the number of bytes."""
    size = 0
    with path.open("wb") as target:
        while size <= limit and (piece := source.read(1 << 20)):
            size += len(piece)
            target.write(piece)
    return size


def _without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The address without user and password, and the header that carries them instead."""
    parts = urllib.parse.urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    token = base64.b64encode(urllib.parse.unquote(user).encode()).decode()
    return parts._replace(netloc=host).geturl(), {"Authorization": f"Basic {token}"}
