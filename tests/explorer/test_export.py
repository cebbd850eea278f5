"""Exports: pictures and loops that carry their recipe, and readers that take nothing on trust."""

import io
import json
import struct
import tracemalloc
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from latentclr import InputError
from latentclr.containers import PNG_START
from latentclr.explorer import export
from latentclr.explorer.export import LoopKind, PictureKind, loop_file, picture_file, read_recipe
from latentclr.explorer.recipe import MOST_EDITS, MOST_SEEDS, Edit, Recipe

RECIPE = Recipe(
    "sc\N{LATIN SMALL LETTER E WITH ACUTE}nes", "a" * 64, 3, (1, 2), 0.7, (Edit("0" * 12, 1, -2.5, (0, 3)),)
)
LARGEST = Recipe(
    "scenes",
    "b" * 64,
    seeds=tuple(range(2**32 - MOST_SEEDS, 2**32)),
    edits=tuple(Edit(f"{i:012x}", i, i / 7, tuple(range(64))) for i in range(MOST_EDITS)),
)


def picture(shade: int = 90, size: tuple[int, int] = (32, 24)) -> Image.Image:
    ramp = np.linspace(0, shade, size[0] * size[1] * 3).reshape(size[1], size[0], 3)
    return Image.fromarray(ramp.astype(np.uint8))


def loop() -> list[Image.Image]:
    return [picture(60 * i) for i in range(1, 5)]


@pytest.mark.parametrize("recipe", [RECIPE, LARGEST], ids=["small", "largest"])
@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_picture_gives_its_recipe_back(kind: PictureKind, recipe: Recipe) -> None:
    data = picture_file(picture(), recipe, kind)
    assert read_recipe(data) == recipe
    with Image.open(io.BytesIO(data)) as found:
        assert (found.format, found.size) == (kind.upper(), (32, 24))
        if kind == "png":
            assert found.convert("RGB").tobytes() == picture().tobytes()


@pytest.mark.parametrize("recipe", [RECIPE, LARGEST], ids=["small", "largest"])
@pytest.mark.parametrize("kind", ["gif", "webp", "mp4"])
def test_a_loop_gives_its_recipe_back(kind: LoopKind, recipe: Recipe) -> None:
    if kind == "mp4":
        pytest.importorskip("imageio_ffmpeg")
    data = loop_file(loop(), recipe, kind)
    assert read_recipe(data) == recipe
    if kind != "mp4":
        with Image.open(io.BytesIO(data)) as found:
            assert found.n_frames == 4  # type: ignore[attr-defined]
            assert found.info["loop"] == 0


def test_pillow_finds_the_recipe_too() -> None:
    with Image.open(io.BytesIO(picture_file(picture(), RECIPE, "png"))) as found:
        assert Recipe.from_json(found.info["latentclr"]) == RECIPE
    with Image.open(io.BytesIO(picture_file(picture(), RECIPE, "webp"))) as found:
        assert Recipe.from_json(found.getexif()[0x010E]) == RECIPE
    with Image.open(io.BytesIO(loop_file(loop(), RECIPE, "gif"))) as found:
        assert Recipe.from_json(found.info["comment"]) == RECIPE


def test_a_recipes_own_json_is_read_too() -> None:
    assert read_recipe(RECIPE.to_json().encode()) == RECIPE
    assert read_recipe(b"\n  " + RECIPE.to_json().encode()) == RECIPE


def test_plain_international_text_of_another_program_is_read() -> None:
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("Software", "other")
    info.add_itxt("latentclr", RECIPE.to_json())
    picture().save(file, "PNG", pnginfo=info)
    assert read_recipe(file.getvalue()) == RECIPE


def without_recipe(kind: str) -> bytes:
    file = io.BytesIO()
    picture().save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "JPEG"])
def test_a_file_without_a_recipe_says_so(kind: str) -> None:
    with pytest.raises(InputError, match="this file holds no recipe: open a PNG, GIF, WebP or MP4"):
        read_recipe(without_recipe(kind))


@pytest.mark.parametrize("data", [b"", b"hello", b"\x00" * 100, b"%PDF-1.4", b"RIFF", b"GIF89a"])
def test_other_files_have_no_recipe_or_are_damaged(data: bytes) -> None:
    with pytest.raises(InputError, match=r"holds no recipe|is damaged"):
        read_recipe(data)


def test_a_note_that_is_no_recipe_is_refused_with_its_reason() -> None:
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("latentclr", json.dumps({**json.loads(RECIPE.to_json()), "steps": 0}))
    picture().save(file, "PNG", pnginfo=info)
    with pytest.raises(InputError, match="steps 0; it must be a whole number"):
        read_recipe(file.getvalue())


@pytest.mark.parametrize("kind", ["png", "gif", "webp", "mp4"])
def test_half_a_note_is_not_read(kind: str) -> None:
    small = {"png": picture_file(picture(), RECIPE, "png"), "webp": picture_file(picture(), RECIPE, "webp")}
    data = {**small, "gif": loop_file(loop(), RECIPE, "gif"), "mp4": mp4()}[kind]
    place = data.index(RECIPE.sha256.encode())
    with pytest.raises(InputError, match="this file is damaged"):
        read_recipe(data[:place])


def test_too_large_a_file_is_not_looked_at() -> None:
    with pytest.raises(InputError, match="has over 64,000,000 bytes"):
        read_recipe(bytes(export.LARGEST + 1))


def test_damage_anywhere_is_a_sentence_or_no_matter() -> None:
    rng = np.random.RandomState(0)
    for data in (
        picture_file(picture(), RECIPE, "png"),
        picture_file(picture(), RECIPE, "webp"),
        loop_file(loop(), RECIPE, "gif"),
        loop_file(loop(), RECIPE, "webp"),
        mp4(),
    ):
        for round_ in range(150):
            changed = bytearray(data)
            if round_ % 3 == 0:
                del changed[rng.randint(len(data)) :]
            else:
                for place in rng.randint(0, min(len(data), 600 if round_ % 3 == 1 else 10**9), 4):
                    changed[place] = rng.randint(256)
            try:
                read_recipe(bytes(changed))
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def mp4(note: bytes = RECIPE.to_json().encode()) -> bytes:
    """The boxes of an MP4 around a comment."""
    comment = box(b"\xa9cmt", box(b"data", struct.pack(">II", 1, 0), note))
    meta = box(b"meta", bytes(4), box(b"hdlr", bytes(24)), box(b"ilst", box(b"\xa9too", b"x"), comment))
    return box(b"ftyp", b"isom", bytes(4)) + box(b"mdat", bytes(50)) + box(b"moov", box(b"udta", meta))


def test_comments_of_mp4_are_found_by_the_standards_own_boxes() -> None:
    assert read_recipe(mp4()) == RECIPE
    long_size = struct.pack(">I", 1) + b"free" + struct.pack(">Q", 16 + 5) + b"abcde"
    assert read_recipe(mp4()[:16] + long_size + mp4()[16:]) == RECIPE


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@cache
def hostile() -> dict[str, bytes]:
    """Files that are made to cost more than they are."""
    huge = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    bomb = zlib.compress(b" " * 5_000_000, 9)
    loop_of_boxes = struct.pack(">I", 0) + b"moov"
    return {
        "png of exapixels": PNG_START + png_chunk(b"IHDR", huge) + png_chunk(b"IDAT", bomb),
        "png with a text bomb": PNG_START + png_chunk(b"zTXt", b"latentclr\0\0" + bomb),
        "png with an international bomb": PNG_START + png_chunk(b"iTXt", b"latentclr\0\1\0\0\0" + bomb),
        "png of very many chunks": PNG_START + png_chunk(b"tEXt", b"") * 20_000,
        "png with a chunk beyond its end": PNG_START + struct.pack(">I", 2**32 - 1) + b"tEXt",
        "webp with a chunk beyond its end": b"RIFF\0\0\0\0WEBPEXIF\xff\xff\xff\xff",
        "webp with exif that is none": b"RIFF\0\0\0\0WEBPEXIF\x08\0\0\0II*\0\xff\xff\xff\xff",
        "gif that goes on for ever": b"GIF89a" + bytes(7) + b"\x21\xfe\0" * 20_000,
        "gif of one block": b"GIF89a" + bytes(7) + b"\x21\xfe" + b"\x01{" * 20_000,
        "mp4 with boxes of no size": box(b"ftyp", b"isom") + loop_of_boxes,
        "mp4 of empty boxes": box(b"ftyp", b"isom") + loop_of_boxes + b"\0\0\0\x08mvhd" * 20_000,
        "mp4 of many comments": box(b"ftyp", b"isom") + box(
            b"moov", box(b"udta", box(b"meta", bytes(4), box(b"ilst", box(b"\xa9cmt") * 20_000)))
        ),
        "mp4 of too small a box": box(b"ftyp", b"isom") + struct.pack(">I", 7) + b"moov",
    }  # fmt: skip


@pytest.mark.parametrize("name", hostile())
def test_hostile_files_cost_no_more_than_they_are(name: str) -> None:
    data = hostile()[name]
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"no recipe|is damaged"):
            read_recipe(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(data) + 1_000_000


def test_a_note_of_a_megabyte_is_passed_over() -> None:
    with pytest.raises(InputError, match="holds no recipe"):
        read_recipe(mp4(b"{" + b" " * 1_000_000 + b"}"))


def test_mp4_without_its_extra_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(InputError, match=r"latentclr\[video\]"):
        loop_file(loop(), RECIPE, "mp4")
