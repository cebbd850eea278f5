"""What a file of a photo is, told from its bytes before any decoder sees it.

Only the parts that make the picture are handed on: a decoder never meets profiles, texts, thumbnails and
later frames. Sizes are read here too, so that a small file that claims a huge picture allocates nothing.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from latentclr.errors import InputError

PNG, JPEG, WEBP = "PNG", "JPEG", "WebP"
SCANS = 100
"""Of a JPEG: each one passes over the whole picture, so a small file with very many would decode for hours.
Progressive ones have about ten."""

_PIECE = 1 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND")
_WEBP_KEPT = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Numbers of a pixel, by the colour type of a PNG."""
_WHOLE = ((0, 0, 1, 1),)
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of a PNG without and with interlacing: first column and row, and the steps from one to the next."""
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame: the size of the picture."""
_JPEG_NOT_READ = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Those of frames that are lossless, hierarchical or arithmetically coded."""
_JPEG_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers without a length."""
_SOI, _EOI, _SOS, _APP0, _APP1, _APP14, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE, 0xFE
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
"""What ends the coded part of a scan: a marker that is none of a restart."""
_EXIF = b"Exif\0\0"

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
    """A file of a picture.

    Attributes:
        kind: "PNG", "JPEG" or "WebP".
        width: of the picture in pixels, as it is stored.
        height: in the same way.
        data: the file, less all that is not its (first) picture.
        exif: the EXIF block, without its heading; empty where there is none.
        animated: whether there are more frames.
    """

    kind: str
    width: int
    height: int
    data: bytes
    exif: bytes = b""
    animated: bool = False


def open_container(data: bytes) -> Container:
    """Read the container of a photo.

    Raises:
        InputError: it is of another kind or not whole; the message is the end of a sentence, after the name
            of the file.
    """
    try:
        if data.startswith(_PNG):
            return _png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError) as error:
        raise InputError("is damaged or not whole; send it again.") from error
    raise InputError(f"{_told(data)}; give a PNG, JPEG or WebP file.")


def check_rows(container: Container) -> None:
    """Make sure that a PNG has all of its rows: the decoder would leave the others black.

    Raises:
        InputError: it has not; the message is as in `open_container`.
    """
    data = memoryview(container.data)
    *size, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits, missing = depth * _CHANNELS.get(colour, 0), 0
    for start, steps in ((one[:2], one[2:]) for one in (_PASSES if interlaced else _WHOLE)):
        wide, high = (max(0, -(-(s - a) // d)) for s, a, d in zip(size, start, steps, strict=True))
        missing += high * (1 + -(-wide * bits // 8)) if wide else 0
    inflate = zlib.decompressobj()
    try:
        for name, content in _chunks(data):
            while name == b"IDAT" and missing > 0 and content:
                missing -= len(inflate.decompress(content, _PIECE))
                content = memoryview(inflate.unconsumed_tail)
    except zlib.error as error:
        raise InputError("is a damaged PNG; send it again.") from error
    if missing > 0:
        raise InputError("is a PNG without all of its rows; send it again.")


def _chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Of a PNG that is whole."""
    place = len(_PNG)
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        yield name, data[place + 8 : place + 8 + length]
        place += 12 + length


def _told(data: bytes) -> str:
    """What else it is."""
    for start, name in _OTHERS:
        if data.startswith(start):
            return f"is {name}"
    if data[4:8] == b"ftyp":
        return "is a HEIC, AVIF or video file"
    if b"<svg" in data[:4096].lower():
        return "is an SVG drawing"
    return "is empty" if not data else "is no picture that is read here"


def _png(data: bytes) -> Container:
    """Chunks: length, name, content, checksum."""
    kept, exif, place, animated = [_PNG], b"", len(_PNG), False
    size: tuple[int, int] | None = None
    while True:
        length, name = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data) or (size is None) != (name == b"IHDR"):
            raise InputError("is a damaged PNG, or not all of it; send it again.")
        if size is None:
            width, height = struct.unpack_from(">II", data, place + 8)
            size = width, height
        if name in _PNG_KEPT:
            content = memoryview(data)[place + 4 : end - 4]
            if zlib.crc32(content) != struct.unpack_from(">I", data, end - 4)[0]:
                raise InputError("is a damaged PNG (a checksum is wrong); send it again.")
            if name == b"eXIf":
                exif = data[place + 8 : end - 4]
            else:
                kept.append(data[place:end])
        animated = animated or name == b"fdAT"
        place = end
        if name == b"IEND":
            return Container(PNG, *size, b"".join(kept), exif, animated)


def _jpeg(data: bytes) -> Container:
    """Segments: a marker, its length, its content; behind the start of a scan, coded bytes up to the next."""
    kept, exif, place, size, scans = [data[:2]], b"", 2, None, 0
    while True:
        while data[place] == 0xFF and data[place + 1] == 0xFF:  # filling
            place += 1
        lead, marker = struct.unpack_from("BB", data, place)
        if lead != 0xFF or (marker in _JPEG_SIZES and size is not None):
            raise InputError("is a damaged JPEG; send it again.")
        if marker == _EOI:
            break
        end = place + 2 + (0 if marker in _JPEG_ALONE else struct.unpack_from(">H", data, place + 2)[0])
        if end > len(data) or marker == _SOI:
            raise InputError("is a damaged JPEG, or not all of it; send it again.")
        if marker in _JPEG_NOT_READ:
            raise InputError("is a JPEG of a rare kind (lossless or arithmetically coded); save it anew.")
        if marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            size = width, height
        if marker == _APP1 and data[place + 4 : place + 10] == _EXIF and not exif:
            exif = data[place + 10 : end]
        if marker == _SOS:
            scans += 1
            following = _NEXT_MARKER.search(data, end)
            if following is None or scans > SCANS:
                short = "is not all of a JPEG" if following is None else f"has over {SCANS} scans"
                raise InputError(f"{short}; send it again.")
            end = following.start()
        if marker in (_APP0, _APP14) or not (_APP0 <= marker <= 0xEF or marker == _COM):
            kept.append(data[place:end])
        place = end
    if size is None or not scans:
        raise InputError("is a JPEG without a picture; send it again.")
    return Container(JPEG, *size, b"".join((*kept, b"\xff\xd9")), exif)


def _webp(data: bytes) -> Container:
    """Chunks: name, length, content, a zero if the length is odd."""
    total = struct.unpack_from("<I", data, 4)[0] + 8
    if total > len(data):
        raise InputError("is not all of a WebP file; send it again.")
    size, exif, animated, place, frames = None, b"", False, 12, 0
    kept: list[bytes] = []
    while place + 8 <= total:
        name, length = struct.unpack_from("<4sI", data, place)
        start = place + 8
        if start + length > total:
            raise InputError("is a damaged WebP file; send it again.")
        if name == b"VP8X" and size is None:
            animated = bool(data[start] & 2)
            wide, high = (int.from_bytes(data[start + i : start + i + 3], "little") for i in (4, 7))
            size = wide + 1, high + 1
        elif name == b"VP8L" and size is None:
            bits = struct.unpack_from("<I", data, start + 1)[0]
            size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif name == b"VP8 " and size is None:
            wide, high = struct.unpack_from("<HH", data, start + 6)
            size = wide & 0x3FFF, high & 0x3FFF
        elif name == b"EXIF":
            exif = data[start : start + length].removeprefix(_EXIF)
        place = start + length + length % 2
        frames += name == b"ANMF"
        if name in _WEBP_KEPT and (name != b"ANMF" or frames == 1):
            kept.append(data[start - 8 : place])
    if size is None:
        raise InputError("is a WebP file without a picture; send it again.")
    body = b"WEBP" + b"".join(kept)
    return Container(WEBP, *size, b"RIFF" + struct.pack("<I", len(body)) + body, exif, animated)
