"""A file at a web address, fetched once and remembered by its hash."""

import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from latentclr.checkpoints.wheels import check_sha256, sha256
from latentclr.errors import InputError
from latentclr.files import atomic, make_folder, write_bytes

TIMEOUT = 60
"""Seconds without an answer after which a download ends."""
LIMIT = 4 << 30
"""Bytes; the largest official checkpoint has a tenth of them."""


@dataclass(frozen=True)
class UrlFile:
    """A file of a publisher who gives no hash.

    The hash of the first download is written beside it; what is fetched later must have the same.

    Attributes:
        url: where it is.
    """

    url: str

    @property
    def address(self) -> str:
        """For people: where it comes from."""
        return self.url

    def is_whole(self, path: Path) -> bool:
        """Whether the file at `path` is what was first fetched."""
        record = _record(path)
        return path.is_file() and record.is_file() and sha256(path) == record.read_text().strip()

    def fetch(self, path: Path) -> None:
        """Download to `path`.

        Raises:
            InputError: no answer, a web page instead of a file, too large, or not what was first fetched.
        """
        make_folder(path.parent)
        request = urllib.request.Request(self.url, headers={"User-Agent": "latentclr"})
        with atomic(path) as temporary:
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT) as answer, temporary.open("wb") as file:
                    length = int(answer.headers.get("Content-Length") or 0)
                    if length > LIMIT:
                        raise InputError(f"{self.url} offers {length:,} bytes; {LIMIT:,} are the limit here.")
                    shutil.copyfileobj(answer, file, 1 << 20)
            except urllib.error.URLError as error:
                reason = getattr(error, "reason", error)
                raise InputError(
                    f"{self.url} could not be fetched ({reason}); check the connection, or download it "
                    f"yourself and give its path."
                ) from error
            size = temporary.stat().st_size
            if length and size != length:
                raise InputError(f"{self.url} broke off after {size:,} of {length:,} bytes; try again.")
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
