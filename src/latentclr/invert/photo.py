"""Photos from people: decoded under limits, upright, in 8-bit RGB, without metadata.

Pillow decodes what `latentclr.containers` leaves of a file. One photo is decoded at a time, so that memory
stays bounded however many are sent at once.
"""

import hashlib
import io
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps
from torch import Tensor

from latentclr.containers import Container, check_rows, exif_value, open_container
from latentclr.errors import InputError

ORIENTATION = 0x0112
"""Number of the EXIF entry that says how the photo must be turned: 1 to 8; 5 and above swap its sides."""
_ONE_DECODER = threading.Lock()


@dataclass(frozen=True)
class Limits:
    """The largest photos that are accepted.

    Attributes:
        bytes: of the file.
        pixels: of the picture.
        webp_pixels: of a WebP, whose decoder needs four times the memory.
        side: of the picture that is kept: larger ones are averaged down by a whole number until neither side
            has twice as many pixels.
    """

    bytes: int = 32 << 20
    pixels: int = 64_000_000
    webp_pixels: int = 24_000_000
    side: int = 2048


LIMITS = Limits()


@dataclass(frozen=True)
class Decoded:
    """A photo as people see it.

    Attributes:
        pixels: of the upright photo, averaged down if it is large.
        name: of its file, for people.
        sha256: of the file's bytes.
        width: of the upright photo in its own pixels.
        height: of the upright photo in its own pixels.
        factor: pixels of the photo along a side of one pixel in `pixels`.
        notes: what its sender may not expect, each the end of a sentence after its name.
    """

    pixels: UInt8[Tensor, "3 h w"]
    name: str
    sha256: str
    width: int
    height: int
    factor: int = 1
    notes: tuple[str, ...] = ()


def read_photo(path: Path, *, limits: Limits = LIMITS) -> Decoded:
    """Read the file of a photo; see `decode_photo`.

    Args:
        path: of the file.
        limits: larger files are refused.

    Raises:
        InputError: there is no such file, or it is refused.
    """
    if not path.is_file():
        raise InputError(f"there is no photo {path}; give PNG, JPEG or WebP files.")
    try:
        with path.open("rb") as file:
            data = file.read(limits.bytes + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}.") from error
    return decode_photo(data, name=str(path), limits=limits)


def decode_photo(data: bytes, *, name: str = "the photo", limits: Limits = LIMITS) -> Decoded:
    """Decode a PNG, JPEG or WebP, whatever its name is.

    The orientation in EXIF is applied; colour profiles are ignored; transparent parts become white; of an
    animation the first frame is taken. All other metadata is dropped, most of it unread.

    Args:
        data: the bytes of the file.
        name: of the file, for messages.
        limits: larger files are refused.

    Raises:
        InputError: a file of another kind, damaged, not whole, or beyond the limits.
    """
    if len(data) > limits.bytes:
        raise InputError(f"{name} has over {limits.bytes / 2**20:.3g} MB, the limit here; save it smaller.")
    try:
        container = open_container(data)
        _check_size(container, limits)
        if container.kind == "PNG":
            check_rows(container)
    except InputError as error:
        raise InputError(f"{name} {error}") from error
    orientation = _orientation(container.exif)
    try:
        with _ONE_DECODER, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture, factor = _picture(container, limits.side)
            picture.getexif()[ORIENTATION] = orientation
            pixels = np.asarray(ImageOps.exif_transpose(picture)).transpose(2, 0, 1).copy()
    except Exception as error:  # a decoder may raise anything over bytes that were made to break it
        raise InputError(f"{name} is a damaged {container.kind}, or not all of it; send it again.") from error
    width, height = container.width, container.height
    if orientation >= 5:
        width, height = height, width
    notes = ("is animated: the first frame is taken",) if container.animated else ()
    digest = hashlib.sha256(data).hexdigest()
    return Decoded(torch.from_numpy(pixels), Path(name).name, digest, width, height, factor, notes)


def _check_size(container: Container, limits: Limits) -> None:
    width, height = container.width, container.height
    most = limits.webp_pixels if container.kind == "WebP" else limits.pixels
    if not width or not height:
        raise InputError("has no pixels; send it again.")
    if width * height > most:
        raise InputError(
            f"claims {width:,} x {height:,} pixels; {most / 1e6:g} million are the limit for a "
            f"{container.kind}, so save it smaller."
        )


def _orientation(exif: bytes) -> int:
    """1 to 8; 1 where EXIF does not say it, or says nonsense: a photo with damaged metadata is a photo."""
    value = exif_value(exif, ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _picture(container: Container, side: int) -> tuple[Image.Image, int]:
    """8-bit RGB, averaged down until neither side has twice as many pixels as `side`; and the factor."""
    with Image.open(io.BytesIO(container.data), formats=[container.kind]) as picture:
        if picture.size != (container.width, container.height):
            raise InputError("two sizes in one file")
        if container.kind == "JPEG":  # decodes to an eighth, a quarter or half where that is enough
            picture.draft("", (side, side))
        drawn = round(container.width / picture.width)
        picture.load()
        factor = max(picture.size) // side
        small = _rgb(picture) if factor < 2 else _averaged(picture, factor)
        return small, drawn * max(factor, 1)


def _averaged(picture: Image.Image, factor: int) -> Image.Image:
    """RGB of the means over squares. A few rows at a time are converted, since copies of it are large."""
    width, height = picture.size
    small = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    step = factor * max(1, (1 << 20) // (width * factor))
    for top in range(0, height, step):
        rows = picture.crop((0, top, width, min(top + step, height)))
        small.paste(_rgb(rows).reduce(factor), (0, top // factor))
    return small


def _rgb(picture: Image.Image) -> Image.Image:
    """8-bit RGB, on white where the picture is transparent."""
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would clamp to 255
        return _grey(picture).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def _grey(picture: Image.Image) -> Image.Image:
    values = np.asarray(picture).astype(np.int64)
    found = (values + 128) // 257
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        found[values == clear] = 255
    return Image.fromarray(found.astype(np.uint8))
