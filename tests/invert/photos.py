"""Files of photos, good, odd and hostile, and what each must become or the sentence that it must end in."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, np.dtype[np.uint8]]

PNG = b"\x89PNG\r\n\x1a\n"


def planted(height: int = 48, width: int = 64) -> Array:
    """(h, w, 3): four smooth corners of different colours, so that every turn of it is another picture."""
    y, x = np.mgrid[:height, :width]
    down, right = y / (height - 1), x / (width - 1)
    channels = [230 * down + 10, 200 * right + 20, 120 * (1 - down) * right + 60]
    return np.stack(channels, 2).astype(np.uint8)


def saved(picture: Image.Image, kind: str, **more: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


def png(array: Array | None = None, **more: Any) -> bytes:
    return saved(Image.fromarray(planted() if array is None else array), "PNG", **more)


def jpeg(**more: Any) -> bytes:
    return saved(Image.fromarray(planted()), "JPEG", **{"quality": 95, "subsampling": 0, **more})


def webp(**more: Any) -> bytes:
    return saved(Image.fromarray(planted()), "WEBP", **{"lossless": True, **more})


def chunk(name: bytes, content: bytes, *, length: int | None = None, wrong: int = 0) -> bytes:
    crc = zlib.crc32(name + content) ^ wrong
    return (
        struct.pack(">I", len(content) if length is None else length)
        + name
        + content
        + struct.pack(">I", crc)
    )


def header(width: int, height: int, depth: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def made_png(
    width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 2, extra: bytes = b""
) -> bytes:
    """With any chunks between the header and the picture."""
    start = PNG + header(width, height, depth, colour)
    return start + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def with_extra(extra: bytes) -> bytes:
    """A good PNG with chunks in front of its picture."""
    whole = png()
    return whole[:33] + extra + whole[33:]


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segment(marker: int, content: bytes, **more: Any) -> bytes:
    whole = jpeg(**more)
    return whole[:2] + segment(marker, content) + whole[2:]


def oriented(value: int) -> bytes:
    """EXIF with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def rows_of_16_bits() -> bytes:
    wide = planted().astype(">u2") * 257
    return b"".join(b"\0" + row.tobytes() for row in wide)


def frames(kind: str, **more: Any) -> bytes:
    """An animation whose first frame is the planted picture."""
    others = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue")]
    return saved(
        Image.fromarray(planted()), kind, save_all=True, append_images=others, duration=100, loop=0, **more
    )


def see_through() -> Image.Image:
    """The left half is opaque, the right half is not there."""
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, :32] = 255
    return Image.fromarray(np.dstack([planted(), alpha]))


def on_white() -> Array:
    found = planted()
    found[:, 32:] = 255
    return found


def grey() -> Array:
    line = np.asarray(Image.fromarray(planted()).convert("L"))
    return np.repeat(line[:, :, None], 3, 2)


def webp_of(width: int, height: int) -> bytes:
    """A canvas of that size that holds a small lossless picture."""
    small = webp()
    body = (
        struct.pack("<II", 1 << 1, 0)[:4]
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little")
    )
    chunks = b"VP8X" + struct.pack("<I", 10) + body + small[12:]
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is there again and again."""
    whole = jpeg(progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * count + b"\xff\xd9"


@dataclass(frozen=True)
class Good:
    """A file that must be decoded to a picture, within so many levels."""

    data: Callable[[], bytes]
    expected: Callable[[], Array]
    within: int = 0
    note: str = ""


def _palette() -> bytes:
    picture = Image.fromarray(planted()).quantize(256, dither=Image.Dither.NONE)
    return saved(picture, "PNG")


def _palette_with_alpha() -> bytes:
    picture = Image.new("P", (64, 48), 0)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.paste(1, (32, 0, 64, 48))
    return saved(picture, "PNG", transparency=b"\xff\x00")


def _plain(left: tuple[int, ...], right: tuple[int, ...]) -> Array:
    found = np.empty((48, 64, 3), np.uint8)
    found[:, :32], found[:, 32:] = left, right
    return found


def _rgb_of(picture: Image.Image) -> Array:
    return np.asarray(picture.convert("RGB"))


CMYK = Image.fromarray(planted()).convert("CMYK")
TURNED: Mapping[int, Callable[[Array], Array]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}
"""What a viewer shows of a stored picture, by its orientation (EXIF 2.32, "the 0th row is at the ...")."""

GOOD: Mapping[str, Good] = {
    "PNG": Good(png, planted),
    "PNG, interlaced": Good(
        lambda: (
            made_png(1, 1, b"\0\1\2\3")[:8] + header(1, 1, interlaced=1) + made_png(1, 1, b"\0\1\2\3")[33:]
        ),
        lambda: np.array([[[1, 2, 3]]], np.uint8),
    ),
    "PNG, 16 bits": Good(lambda: made_png(64, 48, rows_of_16_bits(), depth=16), planted, within=1),
    "PNG, 16 bits of grey": Good(
        lambda: saved(Image.fromarray(grey()[:, :, 0].astype(np.uint16) * 257), "PNG"), grey
    ),
    "PNG, 16 bits of grey, one of them transparent": Good(
        lambda: made_png(2, 1, b"\0\0\0\x80\x80", depth=16, colour=0, extra=chunk(b"tRNS", b"\0\0")),
        lambda: np.array([[[255] * 3, [128] * 3]], np.uint8),
    ),
    "PNG, black and white": Good(
        lambda: made_png(8, 1, b"\0\xa5", depth=1, colour=0),
        lambda: np.repeat(np.array([[[255], [0], [255], [0], [0], [255], [0], [255]]], np.uint8), 3, 2),
    ),
    "PNG, palette": Good(_palette, planted, within=24),
    "PNG, palette with alpha": Good(_palette_with_alpha, lambda: _plain((10, 20, 30), (255, 255, 255))),
    "PNG, alpha": Good(lambda: saved(see_through(), "PNG"), on_white),
    "PNG, grey and alpha": Good(
        lambda: saved(Image.merge("LA", (Image.new("L", (64, 48), 90), see_through().getchannel(3))), "PNG"),
        lambda: _plain((90,) * 3, (255,) * 3),
    ),
    "PNG, animated": Good(lambda: frames("PNG"), planted, note="is animated: the first frame is taken"),
    "PNG, a profile that unpacks to 20 MB": Good(
        lambda: with_extra(chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(20_000_000)))), planted
    ),
    "PNG, a text that unpacks to 20 MB": Good(
        lambda: with_extra(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(20_000_000)))), planted
    ),
    "PNG, a thousand texts of which one has a wrong checksum": Good(
        lambda: with_extra(chunk(b"tEXt", b"k\0v") * 999 + chunk(b"tEXt", b"k\0v", wrong=1)), planted
    ),
    "PNG, turned": Good(lambda: png(exif=oriented(6)), lambda: TURNED[6](planted())),
    "JPEG, progressive": Good(lambda: jpeg(progressive=True), planted, within=6),
    "JPEG, grey": Good(
        lambda: saved(Image.fromarray(planted()).convert("L"), "JPEG", quality=95), grey, within=4
    ),
    "JPEG, CMYK": Good(lambda: saved(CMYK, "JPEG", quality=95), lambda: _rgb_of(CMYK), within=8),
    "JPEG, several pictures": Good(lambda: frames("MPO"), planted, within=24),
    "JPEG, a profile of noise": Good(
        lambda: with_segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(range(256)) * 9), planted, within=6
    ),
    "JPEG, EXIF of noise": Good(
        lambda: with_segment(0xE1, b"Exif\0\0MM\0*" + bytes(range(255, 0, -1))), planted, within=6
    ),
    "JPEG, EXIF with orientation 99": Good(lambda: jpeg(exif=oriented(99)), planted, within=6),
    "JPEG, something behind its end": Good(lambda: jpeg() + b"more" * 1000, planted, within=6),
    "WebP": Good(webp, planted),
    "WebP, a profile and a text of noise": Good(
        lambda: webp(icc_profile=bytes(range(256)) * 9, xmp=bytes(range(255))), planted
    ),
    "WebP, lossy": Good(lambda: webp(lossless=False, quality=95), planted, within=24),
    "WebP, alpha": Good(lambda: saved(see_through(), "WEBP", lossless=True, exact=True), on_white),
    "WebP, animated": Good(
        lambda: frames("WEBP", lossless=True), planted, note="is animated: the first frame is taken"
    ),
    "WebP, turned": Good(lambda: webp(exif=oriented(8)), lambda: TURNED[8](planted())),
    **{
        f"JPEG, orientation {value}": Good(
            lambda value=value: jpeg(exif=oriented(value)),  # type: ignore[misc]
            lambda turn=turn: turn(planted()),  # type: ignore[misc]
            within=6,
        )
        for value, turn in TURNED.items()
    },
}
"""Files that are decoded, by what they are."""


def _damaged_data() -> bytes:
    whole = bytearray(png())
    whole[len(whole) // 2] ^= 0xFF
    return bytes(whole)


def _broken_stream() -> bytes:
    """Right checksums around a picture that does not unpack."""
    return PNG + header(64, 48) + chunk(b"IDAT", b"\x78\x9c" + b"\xff" * 50) + chunk(b"IEND", b"")


BAD: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "is empty; give a PNG, JPEG or WebP file"),
    "text": (lambda: b"hello " * 100, "is no picture that is read here; give a PNG"),
    "GIF": (lambda: saved(Image.new("L", (9, 9)), "GIF"), "is a GIF; give a PNG"),
    "TIFF": (lambda: saved(Image.new("L", (9, 9)), "TIFF"), "is a TIFF; give a PNG"),
    "BMP": (lambda: saved(Image.new("L", (9, 9)), "BMP"), "is a BMP; give a PNG"),
    "icon": (lambda: saved(Image.new("RGBA", (16, 16)), "ICO"), "is an icon; give a PNG"),
    "PDF": (lambda: saved(Image.new("L", (9, 9)), "PDF"), "is a PDF; give a PNG"),
    "SVG": (lambda: b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "is an SVG drawing"),
    "HEIC": (lambda: b"\0\0\0\x18ftypheic" + bytes(100), "is a HEIC, AVIF or video file"),
    "archive": (lambda: b"PK\3\4" + bytes(100), "is a ZIP archive"),
    "PNG, only its first bytes": (lambda: PNG, "is a damaged PNG, or not all of it"),
    "PNG, no header": (lambda: PNG + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "is a damaged PNG"),
    "PNG, two headers": (
        lambda: PNG + header(9, 9) + header(60_000, 60_000) + png()[33:],
        "is a damaged PNG",
    ),
    "PNG, no pixels": (lambda: PNG + header(0, 9) + png()[33:], "has no pixels"),
    "PNG, a wrong checksum": (_damaged_data, "a checksum is wrong"),
    "PNG, a broken stream": (_broken_stream, "is a damaged PNG"),
    "PNG, too few rows": (lambda: made_png(64, 48, b"\0" * 193), "without all of its rows"),
    "PNG, an unknown depth": (lambda: made_png(1, 1, b"\0\0" * 9, depth=7), "is a damaged PNG"),
    "PNG, a chunk that claims 4 GB": (
        lambda: with_extra(chunk(b"iCCP", b"", length=0xFFFFFFFF)),
        "is a damaged PNG, or not all of it",
    ),
    "PNG, a bomb": (
        lambda: made_png(50_000, 50_000, bytes(1_000_000), depth=1, colour=0),
        "claims 50,000 x 50,000 pixels; 64 million are the limit for a PNG",
    ),
    "PNG, the largest size": (lambda: made_png(2**31 - 1, 2**31 - 1, b""), "2,147,483,647 x 2,147,483,647"),
    "JPEG, only its first bytes": (lambda: b"\xff\xd8\xff\xe0", "is a damaged JPEG, or not all of it"),
    "JPEG, no picture": (
        lambda: b"\xff\xd8" + segment(0xFE, b"hi") + b"\xff\xd9",
        "is a JPEG without a picture",
    ),
    "JPEG, noise for segments": (lambda: b"\xff\xd8\xff\xe0\0\4ab" + b"noise" * 99, "is a damaged JPEG"),
    "JPEG, a bomb": (
        lambda: jpeg().replace(struct.pack(">BHH", 8, 48, 64), struct.pack(">BHH", 8, 65_000, 65_000)),
        "claims 65,000 x 65,000 pixels",
    ),
    "JPEG, no rows": (
        lambda: jpeg().replace(struct.pack(">BHH", 8, 48, 64), struct.pack(">BHH", 8, 0, 64)),
        "has no pixels",
    ),
    "JPEG, two sizes": (
        lambda: with_segment(0xC0, struct.pack(">BHHB", 8, 9, 9, 1) + b"\1\x11\0"),
        "is a damaged JPEG",
    ),
    "JPEG, twelve bits": (
        lambda: jpeg().replace(struct.pack(">BHH", 8, 48, 64), struct.pack(">BHH", 12, 48, 64)),
        "is a damaged JPEG",
    ),
    "JPEG, arithmetic coding": (lambda: jpeg().replace(b"\xff\xc0", b"\xff\xc9"), "a JPEG of a rare kind"),
    "JPEG, a thousand scans": (lambda: many_scans(1000), "has over 100 scans"),
    "WebP, a bomb": (lambda: webp_of(16_383, 16_383), "claims 16,383 x 16,383 pixels; 24 million"),
    "WebP, the largest canvas": (lambda: webp_of(1 << 24, 1 << 24), "claims 16,777,216 x 16,777,216"),
    "WebP, no picture": (lambda: b"RIFF\4\0\0\0WEBP", "is a WebP file without a picture"),
    "WebP, a chunk that claims 4 GB": (
        lambda: b"RIFF\x14\0\0\0WEBPVP8L\xff\xff\xff\xff" + bytes(8),
        "is a damaged WebP",
    ),
    "WebP, a canvas that holds another picture": (lambda: webp_of(99, 99), "is a damaged WebP"),
    "WebP, noise": (lambda: webp()[:30] + bytes(range(200, 100, -1)) * 9, "WebP"),
}
"""Files that are refused, by what they are, and a part of the sentence."""
