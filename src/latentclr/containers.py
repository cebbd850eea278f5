"""The containers of picture files, taken apart before any decoder sees them.

Files come from uploads and may be made to be expensive: a few bytes that unpack to gigapixels, lengths that
point beyond the end, a million parts. Pillow unpacks some of the metadata when it opens a file, and allocates
what a WebP claims to be. Here nothing is unpacked and every step goes forward: sizes and notes are known
first, and a decoder is given only the parts that make the first picture, without profiles, texts, thumbnails
and later frames.
"""

import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from PIL import Image

from latentclr.errors import InputError

Kind = Literal["PNG", "JPEG", "WebP"]
SCANS = 100
"""Most scans of a JPEG: each passes over the whole picture, so a small file with very many would decode for
hours. Progressive ones have about ten."""
PNG_START = b"\x89PNG\r\n\x1a\n"
EXIF_START = b"Exif\0\0"
"""Heading of EXIF data in JPEG, and in the WebP of some programs."""

_PIECE = 1 << 20
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND")
_WEBP_KEPT = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Numbers of a pixel, by the colour type of a PNG."""
_WHOLE = ((0, 0, 1, 1),)
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of a PNG without and with interlacing: first column and row, and the steps from one to the next."""
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame, which holds the size of the picture."""
_JPEG_NOT_READ = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of frames that are lossless, hierarchical or arithmetically coded."""
_JPEG_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers without a length."""
_SOI, _EOI, _SOS, _APP0, _APP1, _APP14, _APP15, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
"""What ends the coded part of a scan: any marker but those of a restart."""

_OTHERS = (
    (b"GIF8", "a GIF"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"II+\0", "a TIFF"),
    (b"MM\0+", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"BM", "a BMP"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\1\0", "an icon"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"PK\3\4", "a ZIP archive"),
)
"""First bytes of files that people may take for photos."""


@dataclass(frozen=True)
class Container:
    """The file of a photo.

    Attributes:
        kind: of the file.
        width: of the picture in pixels, as it is stored.
        height: of the picture in pixels, as it is stored.
        data: the file with nothing but its first picture.
        exif: the EXIF data, without heading; empty where there is none.
        animated: whether there are more frames.
    """

    kind: Kind
    width: int
    height: int
    data: bytes
    exif: bytes = b""
    animated: bool = False


class Chunk(NamedTuple):
    """A part of a PNG or RIFF file.

    Attributes:
        name: four letters.
        content: without name, length and checksum.
        whole: all of its bytes.
    """

    name: bytes
    content: memoryview
    whole: memoryview


def open_container(data: bytes) -> Container:
    """Read the container of a photo.

    Raises:
        InputError: a file of another kind or not whole; the message is the end of a sentence, after the name
            of the file.
    """
    try:
        if data.startswith(PNG_START):
            return _png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError) as error:
        raise InputError("is damaged or not whole; send it again.") from error
    raise InputError(f"{_other_kind(data)}; give a PNG, JPEG or WebP file.")


def png_chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG: length, name, content, checksum. Checksums are not compared.

    Raises:
        InputError: a chunk goes beyond the end; see `open_container` for the message.
    """
    view, place = memoryview(data), len(PNG_START)
    while place < len(view):
        if place + 12 > len(view):
            raise _damaged("PNG")
        length, name = struct.unpack_from(">I4s", view, place)
        end = place + 12 + length
        if end > len(view):
            raise _damaged("PNG")
        yield Chunk(name, view[place + 8 : end - 4], view[place:end])
        place = end


def webp_chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a WebP: name, length, content, a zero if the length is odd.

    Raises:
        InputError: a chunk goes beyond the end; see `open_container` for the message.
    """
    view, place = memoryview(data), 12
    while place + 8 <= len(view):
        name, length = struct.unpack_from("<4sI", view, place)
        end = place + 8 + length
        if end > len(view):
            raise _damaged("WebP")
        yield Chunk(name, view[place + 8 : end], view[place : end + length % 2])
        place = end + length % 2


def check_rows(container: Container) -> None:
    """Make sure that a PNG has all of its rows: the decoder would leave the others black.

    Raises:
        InputError: it does not; see `open_container` for the message.
    """
    *size, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", container.data, 16)
    bits, missing = depth * _CHANNELS.get(colour, 0), 0
    for start, steps in ((one[:2], one[2:]) for one in (_PASSES if interlaced else _WHOLE)):
        wide, high = (max(0, -(-(s - a) // d)) for s, a, d in zip(size, start, steps, strict=True))
        missing += high * (1 + -(-wide * bits // 8)) if wide else 0
    inflate = zlib.decompressobj()
    try:
        for name, content, _ in png_chunks(container.data):
            while name == b"IDAT" and missing > 0 and content:
                missing -= len(inflate.decompress(content, _PIECE))
                content = memoryview(inflate.unconsumed_tail)
    except zlib.error as error:
        raise _damaged("PNG") from error
    if missing > 0:
        raise InputError("is a PNG without all of its rows; send it again.")


def exif_value(exif: bytes, number: int) -> object:
    """The value of an entry of EXIF data; None: there is no such entry, or the data is damaged.

    Args:
        exif: without heading.
        number: of the entry.
    """
    found = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.load(exif)
            return found.get(number)
    except Exception:  # Pillow may raise anything over data that was made to break it
        return None


def _damaged(kind: Kind) -> InputError:
    return InputError(f"is a damaged {kind}, or not all of it; send it again.")


def _other_kind(data: bytes) -> str:
    for start, name in _OTHERS:
        if data.startswith(start):
            return f"is {name}"
    if data[4:8] == b"ftyp":
        return "is a HEIC, AVIF or video file"
    if b"<svg" in data[:4096].lower():
        return "is an SVG drawing"
    return "is empty" if not data else "is no picture that is read here"


def _png(data: bytes) -> Container:
    kept: list[bytes | memoryview] = [PNG_START]
    size, exif, animated = None, b"", False
    for name, content, whole in png_chunks(data):
        if (size is None) != (name == b"IHDR"):
            break
        if name in _PNG_KEPT and zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:]):
            raise InputError("is a damaged PNG (a checksum is wrong); send it again.")
        if name == b"IHDR":
            width, height = struct.unpack_from(">II", content)
            size = width, height
        if name == b"eXIf":
            exif = bytes(content)
        elif name in _PNG_KEPT:
            kept.append(whole)
        animated = animated or name == b"fdAT"
        if name == b"IEND" and size:
            return Container("PNG", *size, b"".join(kept), exif, animated)
    raise _damaged("PNG")


def _jpeg(data: bytes) -> Container:
    kept, exif, size, scans = [data[:2]], b"", None, 0
    for marker, segment in _segments(data):
        if marker in _JPEG_NOT_READ:
            raise InputError("is a JPEG of a rare kind (lossless or arithmetically coded); save it anew.")
        if marker in _JPEG_SIZES:
            if size is not None:
                raise _damaged("JPEG")
            height, width = struct.unpack_from(">HH", segment, 5)
            size = width, height
        scans += marker == _SOS
        if scans > SCANS:
            raise InputError(f"is a JPEG that has over {SCANS} scans; save it anew.")
        if marker == _APP1 and segment[4:10] == EXIF_START and not exif:
            exif = segment[10:]
        if marker in (_APP0, _APP14) or not (_APP0 <= marker <= _APP15 or marker == _COM):
            kept.append(segment)
    if size is None or not scans:
        raise InputError("is a JPEG without a picture; send it again.")
    return Container("JPEG", *size, b"".join((*kept, b"\xff\xd9")), exif)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and bytes of the segments of a JPEG; coded pixels belong to the start of their scan."""
    place = 2
    while True:
        while data[place : place + 2] == b"\xff\xff":  # filling
            place += 1
        head = data[place : place + 4]
        if len(head) < 2 or head[0] != 0xFF or head[1] == _SOI:
            raise _damaged("JPEG")
        marker = head[1]
        if marker == _EOI:
            return
        end = place + 2 + (0 if marker in _JPEG_ALONE else int.from_bytes(head[2:]))
        if marker == _SOS:
            following = _NEXT_MARKER.search(data, end)
            end = following.start() if following else len(data) + 1
        if end > len(data):
            raise _damaged("JPEG")
        yield marker, data[place:end]
        place = end


def _webp(data: bytes) -> Container:
    total = struct.unpack_from("<I", data, 4)[0] + 8
    if total > len(data):
        raise _damaged("WebP")
    kept: list[memoryview] = []
    size, exif, animated, frames = None, b"", False, 0
    for name, content, whole in webp_chunks(data[:total]):
        size = size or _webp_size(name, content)
        animated = animated or (name == b"VP8X" and bool(content[0] & 2))
        if name == b"EXIF":
            exif = bytes(content).removeprefix(EXIF_START)
        frames += name == b"ANMF"
        if name in _WEBP_KEPT and (name != b"ANMF" or frames == 1):
            kept.append(whole)
    if size is None:
        raise InputError("is a WebP file without a picture; send it again.")
    body = b"WEBP" + b"".join(kept)
    return Container("WebP", *size, b"RIFF" + struct.pack("<I", len(body)) + body, exif, animated)


def _webp_size(name: bytes, content: memoryview) -> tuple[int, int] | None:
    """Width and height, where a chunk holds them."""
    if name == b"VP8X":
        _, width, height = struct.unpack_from("<I3s3s", content)
        return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
    if name == b"VP8L":
        bits = struct.unpack_from("<I", content, 1)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if name == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None
