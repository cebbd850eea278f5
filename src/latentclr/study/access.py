"""Who may take part in a study that is served, and at which address."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from latentclr.errors import InputError
from latentclr.tables import csv_text
from latentclr.web.server import EVERYWHERE, is_loopback


@dataclass(frozen=True)
class Access:
    """The options of `latentclr study serve` about participants; they are checked when this is made.

    Attributes:
        host: address that the server listens at.
        address: what participants type, where it is something else (https://study.example.org).
        new_codes: number of codes to make.
        codes_file: a new file for these codes.
        only_codes: whether people need a code, though none are made.
        open_to_all: whether everybody who finds the page may begin.

    Raises:
        InputError: options contradict each other, or others could begin without a decision.
    """

    host: str
    address: str | None = None
    new_codes: int = 0
    codes_file: Path | None = None
    only_codes: bool = False
    open_to_all: bool = False

    def __post_init__(self) -> None:
        self._check_codes()
        self._check_address()
        self._check_codes_file()

    @property
    def by_code(self) -> bool:
        """Whether people need a code to begin."""
        return self.only_codes or self.new_codes > 0

    @property
    def url(self) -> SplitResult:
        """The parts of the address."""
        return urlsplit(self.address or "")

    def _check_codes(self) -> None:
        if self.new_codes < 0:
            raise InputError(f"--participants {self.new_codes}: give the number of codes to make.")
        if self.by_code and self.open_to_all:
            raise InputError("--open-to-all lets everybody in: leave out --codes and --participants.")
        public = self.address is not None or not is_loopback(self.host)
        if public and not (self.by_code or self.open_to_all):
            raise InputError(
                f"others can reach {self.address or self.host}: let people in by codes (--participants N "
                "makes some, --codes takes earlier ones), or everybody (--open-to-all)."
            )

    def _check_address(self) -> None:
        if self.address is None:
            if self.new_codes and self.host in EVERYWHERE:
                raise InputError(
                    f"with --host {self.host}, say what participants type to come here (--address), so that "
                    "the links of codes lead here."
                )
        elif self.url.scheme not in ("http", "https") or not self.url.hostname:
            raise InputError(f"--address {self.address!r} must be like https://study.example.org.")
        elif self.url.path.strip("/"):
            raise InputError(f"--address {self.address!r} must be a host without a path.")

    def _check_codes_file(self) -> None:
        if self.codes_file is None:
            return
        if not self.new_codes:
            raise InputError("--codes-file is for new codes: say how many (--participants N).")
        if self.codes_file.exists():
            raise InputError(
                f"{self.codes_file} exists, and codes cannot be made again; choose another file."
            )
        if not self.codes_file.absolute().parent.is_dir():
            raise InputError(f"there is no folder for {self.codes_file}; make it first.")


def codes_csv(codes: Sequence[str], url: str) -> str:
    """Codes as CSV, each with its personal link.

    Args:
        codes: of new participants.
        url: of the study.
    """
    return csv_text([("code", "link"), *((code, f"{url}/j/{code}") for code in codes)])
