"""The notes in picture files, read without decoding a picture.

Uploads may be made to be expensive (`latentclr.containers`): the chunks of PNG and WebP are walked there, the
blocks of GIF and the boxes of MP4 here. The number of steps is limited, and what does not fit ends the walk.
"""

from itertools import islice

from latentclr.containers import EXIF_START, PNG_START, exif_value, png_chunks, webp_chunks
from latentclr.errors import InputError
from latentclr.images import DESCRIPTION, NOTE

MOST_STEPS = 10_000
"""Parts on one level of a file; an animation has a few hundred."""
LARGEST_NOTE = 1_000_000
"""Bytes."""


def note_of(data: bytes) -> str | None:
    """The note that `latentclr.images` wrote into a PNG, WebP, GIF or MP4; None: there is none.

    Raises:
        InputError: the file is damaged.
    """
    try:
        if data.startswith(PNG_START):
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
    """The value of the text chunk with our key, which stands before the pixels."""
    for name, content, _ in islice(png_chunks(data), MOST_STEPS):
        if name == b"IDAT":
            return None
        key, _, rest = bytes(content).partition(b"\0") if name in (b"tEXt", b"iTXt") else (b"", b"", b"")
        if key == NOTE.encode() and name == b"tEXt":
            return rest
        if key == NOTE.encode() and rest[:1] == b"\0":  # not compressed
            return rest[2:].split(b"\0", 2)[2]
    return None


def _webp(data: bytes) -> bytes | None:
    """The description in the EXIF chunk."""
    for name, content, _ in islice(webp_chunks(data), MOST_STEPS):
        if name == b"EXIF":
            found = exif_value(bytes(content).removeprefix(EXIF_START), DESCRIPTION)
            return found.encode() if isinstance(found, str) else None
    return None


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
