"""Photos: decoded rightly or refused with one sentence, whatever is sent."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.invert.photos import BAD, GOOD, TURNED, jpeg, made_png, planted, png, saved, webp

from latentclr import InputError
from latentclr.invert.photo import Limits, decode_photo, read_photo


@pytest.mark.parametrize("name", GOOD)
def test_odd_files_are_decoded_rightly(name: str) -> None:
    case = GOOD[name]
    data = case.data()
    found = decode_photo(data, name="some/odd.png")
    expected = case.expected()
    assert found.pixels.dtype == torch.uint8
    assert tuple(found.pixels.shape) == (3, *expected.shape[:2])
    assert (found.width, found.height, found.factor) == (expected.shape[1], expected.shape[0], 1)
    away = np.abs(found.pixels.permute(1, 2, 0).numpy().astype(int) - expected.astype(int))
    assert away.max() <= case.within
    assert found.notes == ((case.note,) if case.note else ())
    assert found.name == "odd.png"
    assert found.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", BAD)
def test_broken_and_hostile_files_are_refused_with_one_sentence(name: str) -> None:
    data, sentence = BAD[name]
    with pytest.raises(InputError) as caught:
        decode_photo(data(), name="a.jpg")
    message = str(caught.value)
    assert message.startswith("a.jpg ")
    assert sentence in message
    assert message.endswith(".")
    assert ". " not in message
    assert "\n" not in message


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_file_that_is_cut_off_anywhere_is_refused(kind: str) -> None:
    whole = {"png": png, "jpeg": jpeg, "webp": webp}[kind]()
    for end in [*range(60), *range(60, len(whole) - 1, 7)]:
        with pytest.raises(InputError, match=r"^a (is|has|claims) .*\.$"):
            decode_photo(whole[:end], name="a")


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_file_with_a_changed_byte_is_decoded_or_refused(kind: str) -> None:
    whole = {"png": png, "jpeg": jpeg, "webp": webp}[kind]()
    rng = np.random.default_rng(0)
    decoded = 0
    for place in rng.integers(0, len(whole), 300):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(rng.integers(8))
        try:
            found = decode_photo(bytes(changed), name="a")
        except InputError:
            continue
        decoded += 1
        assert found.pixels.numel() <= 3 * Limits().pixels
    if kind == "png":  # has checksums: what was decoded is right
        assert decoded == 0


def test_a_png_with_a_changed_text_is_the_same_picture() -> None:
    whole = png()
    noted = whole[:33] + b"\0\0\0\1teXtx\1\2\3\4" + whole[33:]
    assert torch.equal(decode_photo(noted).pixels, decode_photo(whole).pixels)


def test_the_ending_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(png())
    assert np.array_equal(read_photo(path).pixels.permute(1, 2, 0).numpy(), planted())


def test_no_file_and_no_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.png"):
        with pytest.raises(InputError, match=r"there is no photo .*; give PNG, JPEG or WebP"):
            read_photo(path)


def test_bytes_and_pixels_have_limits(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png() + bytes(1000))
    with pytest.raises(InputError, match=r"has over 0\.001 MB, the limit here; save it smaller"):
        read_photo(path, limits=Limits(bytes=1049))
    with pytest.raises(InputError, match=r"claims 64 x 48 pixels; 0\.003 million are the limit for a PNG"):
        read_photo(path, limits=Limits(pixels=3000))
    with pytest.raises(InputError, match=r"0\.003 million are the limit for a WebP"):
        decode_photo(webp(), limits=Limits(webp_pixels=3000))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 5])
def test_large_photos_are_averaged_down_and_say_so(kind: str, orientation: int) -> None:
    picture = Image.fromarray(planted(480, 641))
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    found = decode_photo(saved(picture, kind, exif=exif.tobytes(), **more), limits=Limits(side=50))
    upright = TURNED[orientation](planted(480, 641))
    assert (found.height, found.width) == upright.shape[:2]
    small = tuple(-(-side // found.factor) for side in upright.shape[:2])
    assert tuple(found.pixels.shape[1:]) == small
    assert 50 <= max(small) < 100
    whole = [side // found.factor * found.factor for side in upright.shape[:2]]
    blocks = upright[: whole[0], : whole[1]].astype(float)
    f = found.factor
    blocks = blocks.reshape(whole[0] // f, f, whole[1] // f, f, 3).mean((1, 3))
    away = np.abs(found.pixels.permute(1, 2, 0).numpy()[: len(blocks), : blocks.shape[1]] - blocks)
    assert away.max() < 6


def test_transparent_parts_of_large_photos_are_white() -> None:
    picture = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    picture.paste((10, 20, 30, 255), (0, 0, 200, 400))
    found = decode_photo(saved(picture, "PNG"), limits=Limits(side=50)).pixels
    assert found[:, 10, 0].tolist() == [10, 20, 30]
    assert found[:, 10, -1].tolist() == [255, 255, 255]


def test_a_bomb_within_the_limits_keeps_few_pixels() -> None:
    rows = bytes((1 + 1000) * 8000)
    found = decode_photo(made_png(8000, 8000, rows, depth=1, colour=0), limits=Limits(side=512))
    assert max(found.pixels.shape) < 1024
    assert not found.pixels.any()


def test_warnings_of_pillow_do_not_leave(recwarn: pytest.WarningsRecorder) -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([1, 2, 3])
    decode_photo(saved(palette, "PNG", transparency=b"\x80"))
    assert not recwarn.list
