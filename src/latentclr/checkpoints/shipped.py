"""Files that are part of this package: they are here without network or cache."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from latentclr.errors import InputError


@dataclass(frozen=True)
class Shipped:
    """A file of our own weights.

    Attributes:
        file: its name.
    """

    file: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(str(files("latentclr"))) / "weights" / self.file

    @property
    def address(self) -> str:
        """For people: where it comes from."""
        return f"part of latentclr, weights/{self.file}"

    def is_whole(self, path: Path) -> bool:
        """Whether it is there: nothing but an installation writes it."""
        return path.is_file()

    def fetch(self, path: Path) -> None:
        """Nowhere to fetch it from.

        Raises:
            InputError: always.
        """
        raise InputError(f"{path} is missing: this installation of latentclr is damaged; install it anew.")
