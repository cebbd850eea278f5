"""How much memory a photo takes while it is decoded, in a process of its own."""

import os
import subprocess
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.invert.photos import BAD, Array, chunk, made_png, many_scans, saved

READ = """
import os, resource, sys
from pathlib import Path
from latentclr import InputError
from latentclr.invert.photo import read_photo
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for path in sys.argv[1:]:
    if os.fork():  # each in a process of its own; the libraries are read once for all
        os.wait()
        continue
    before = peak()
    try:
        kept = read_photo(Path(path)).pixels.numel()
    except InputError:
        kept = -1
    print(peak() - before, kept, flush=True)
    os._exit(0)
"""
MOST = 640
"""Megabytes that the largest photo within the limits may take; 64 million pixels of RGB alone are 256 in
Pillow, and a progressive JPEG of four channels keeps as many again."""


def megabytes(photos: Iterable[bytes], folder: Path) -> list[tuple[float, int]]:
    """Of each, at the most while it is read, and how many numbers of it are kept (-1: it is refused)."""
    paths = []
    for number, data in enumerate(photos):
        paths.append(folder / f"photo{number}")
        paths[-1].write_bytes(data)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", READ, *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    found = [line.split() for line in result.stdout.splitlines()]
    assert len(found) == len(paths), result.stderr
    return [(float(used), int(kept)) for used, kept in found]


def large(side: int) -> Array:
    y, x = np.mgrid[:side, :side].astype(np.uint8)
    return np.stack([x, y, x ^ y], 2)


FORMATS = ("JPEG", "PNG", "WEBP")
SCANS = {"quality": 70, "progressive": True, "subsampling": 0}
LARGE: dict[str, tuple[str, dict[str, Any]]] = {
    "JPEG": ("RGB", {"quality": 70}),
    "progressive JPEG": ("RGB", SCANS),
    "CMYK JPEG": ("CMYK", SCANS),
    "PNG": ("RGB", {"compress_level": 1}),
    "PNG with alpha": ("RGBA", {"compress_level": 1}),
    "16-bit PNG": ("I;16", {"compress_level": 1}),
    "WEBP": ("RGB", {"quality": 50, "method": 0}),
}


@pytest.mark.kills
@pytest.mark.parametrize("kind", LARGE)
def test_the_largest_photos_stay_within_bounds(kind: str, tmp_path: Path) -> None:
    mode, more = LARGE[kind]
    pixels = large(4896 if kind == "WEBP" else 8000)
    grey = mode == "I;16"
    picture = Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257 if grey else pixels)
    data = saved(picture if grey else picture.convert(mode), next(f for f in FORMATS if f in kind), **more)
    del picture
    [(used, kept)] = megabytes([data], tmp_path)
    assert 0 < kept < 3 * 4096**2
    assert used < MOST


@pytest.mark.parametrize("size", [100_000_000, pytest.param(500_000_000, marks=pytest.mark.kills)])
def test_bombs_take_nothing(size: int, tmp_path: Path) -> None:
    unpacked = zlib.compress(bytes(size), 9)
    bombs = {
        **{name: BAD[name][0]() for name in BAD if "bomb" in name or "largest" in name or "claims" in name},
        "a large profile": made_png(1, 1, bytes(4), extra=chunk(b"iCCP", b"x\0\0" + unpacked)),
        "a large text": made_png(1, 1, bytes(4), extra=chunk(b"zTXt", b"x\0\0" + unpacked)),
        "large rows for one pixel": made_png(1, 1, b"")[:33] + chunk(b"IDAT", unpacked) + chunk(b"IEND", b""),
        "very many scans": many_scans(size // 5000),
    }
    assert len(bombs) >= 8
    for name, (used, _) in zip(bombs, megabytes(bombs.values(), tmp_path), strict=True):
        assert used < 64, name
