"""The notes in picture files, read by walking from label to label: no picture is decoded.

A file that somebody uploads may be made to be expensive: a few bytes that unpack to gigapixels, lengths that
point beyond its end, a million labels. Nothing is unpacked here, every step goes forward, there are so many
steps and no more, and what does not fit ends the walk.
"""

from collections.abc import Iterator
from typing import Literal

from latentclr.errors import InputError
from latentclr.images import DESCRIPTION, NOTE

PNG = b"\x89PNG\r\n\x1a\n"
MOST_STEPS = 10_000
"""Labels on one level of a file; an animation has a few hundred."""
LARGEST_NOTE = 1_000_000
"""Bytes."""
ASCII = 2
"""EXIF's number of the type."""

Order = Literal["big", "little"]


def note_of(data: bytes) -> str | None:
    """The note that `latentclr.images` wrote into a PNG, WebP, GIF or MP4; None: there is none.

    Raises:
        InputError: the file is damaged.
    """
    try:
        if data.startswith(PNG):
            found = _png(data)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            found = _webp(data)
        elif data.startswith((b"GIF87a", b"GIF89a")):
            found = _gif(data)
        elif data[4:8] == b"ftyp":
            found = _mp4(data)
        else:
            return None
    except (IndexError, ValueError) as error:
        raise InputError("this file is damaged: its parts do not fit into each other.") from error
    if found is None or len(found) > LARGEST_NOTE:
        return None
    return found.decode("utf-8", "replace").rstrip("\0")


def _png(data: bytes) -> bytes | None:
    """The value of the text chunk of our key, which stands before the pixels."""
    for kind, body in _chunks(data, len(PNG), "big"):
        if kind == b"IDAT":
            return None
        key, _, rest = body.partition(b"\0") if kind in (b"tEXt", b"iTXt") else (b"", b"", b"")
        if key == NOTE.encode() and kind == b"tEXt":
            return rest
        if key == NOTE.encode() and rest[:1] == b"\0":  # not compressed
            return rest[2:].split(b"\0", 2)[2]
    return None


def _webp(data: bytes) -> bytes | None:
    """The description in the EXIF chunk."""
    for kind, body in _chunks(data, 12, "little"):
        if kind == b"EXIF":
            return _description(body.removeprefix(b"Exif\0\0"))
    return None


def _description(exif: bytes) -> bytes | None:
    """The description in the first directory of EXIF data."""
    order: Order = "big" if exif.startswith(b"MM") else "little"

    def number(place: int, size: int) -> int:
        return int.from_bytes(_exactly(exif, place, size), order)

    start = number(4, 4)
    for i in range(min(number(start, 2), MOST_STEPS)):
        place = start + 2 + 12 * i
        if number(place, 2) == DESCRIPTION and number(place + 2, 2) == ASCII:
            size = number(place + 4, 4)
            return _exactly(exif, place + 8 if size <= 4 else number(place + 8, 4), size)
    return None


def _chunks(data: bytes, place: int, order: Order) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of the chunks of a PNG (big-endian, with a checksum) or a RIFF file (little, padded)."""
    for _ in range(MOST_STEPS):
        if place + 8 > len(data):
            return
        first, second = data[place : place + 4], data[place + 4 : place + 8]
        length, kind = (first, second) if order == "big" else (second, first)
        size = int.from_bytes(length, order)
        yield kind, _exactly(data, place + 8, size)
        place += 8 + size + (4 if order == "big" else size % 2)


def _gif(data: bytes) -> bytes | None:
    """The comment before the first picture."""
    flags = data[10]
    place = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)  # behind the table of colours
    for _ in range(MOST_STEPS):
        if data[place] != 0x21:  # no extension: the first picture, or the end
            return None
        is_comment, parts = data[place + 1] == 0xFE, []
        place += 2
        for _ in range(MOST_STEPS):
            size = data[place]
            parts.append(_exactly(data, place + 1, size))
            place += 1 + size
            if not size:
                break
        if is_comment:
            return b"".join(parts)
    return None


def _mp4(data: bytes) -> bytes | None:
    """The comment of iTunes-style metadata."""
    start, end = 0, len(data)
    for kind in (b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data"):
        found = _box(data, kind, start, end)
        if found is None:
            return None
        start, end = found
        if kind == b"meta":  # a full box: version and flags come first
            start += 4
    return data[start + 8 : end]  # behind type and locale


def _box(data: bytes, wanted: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Start and end of what is in the first box of a kind."""
    for _ in range(MOST_STEPS):
        if start + 8 > end:
            return None
        size, kind, head = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            raise ValueError("a box goes beyond the one that it is in")
        if kind == wanted:
            return start + head, start + size
        start += size
    return None


def _exactly(data: bytes, place: int, size: int) -> bytes:
    found = data[place : place + size]
    if len(found) < size:
        raise ValueError("a part goes beyond the end")
    return found
