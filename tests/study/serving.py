"""`latentclr study serve` in a process of its own, which can be killed."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit


class Server:
    """Serves a study on one port, also after it was killed.

    Attributes:
        url: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.url, self._port = folder, "", 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "latentclr", "study", "serve", "--port"]
        command += [str(self._port), str(self.folder)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self._port = int(urlsplit(self.url).port or 0)

    def kill(self) -> None:
        """SIGKILL: no chance to put anything in order."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
