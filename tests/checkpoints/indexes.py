"""A package index in a folder, for pip, and a stand-in for pip, whose start takes half a second."""

import shutil
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


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
