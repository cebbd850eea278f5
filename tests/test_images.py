"""Pictures and videos on the disk."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from latentclr import InputError
from latentclr.images import blurred, picture_bytes, save_picture, save_video, side_by_side, to_pil


def frames(n: int = 4, size: tuple[int, int] = (33, 21)) -> list[Image.Image]:
    return [Image.new("RGB", size, (60 * i, 0, 0)) for i in range(n)]


def test_the_range_is_cut_into_256_equal_steps() -> None:
    ramp = torch.linspace(-1.2, 1.2, 1000).expand(3, 1, -1)
    pixels = np.asarray(to_pil(ramp))[0, :, 0]
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert (np.diff(pixels.astype(int)) >= 0).all()


def test_channels_are_red_green_blue() -> None:
    picture = torch.full((3, 2, 4), -1.0)
    picture[0] = 1
    assert to_pil(picture).size == (4, 2)
    assert to_pil(picture).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imageio's reader
def test_mp4(tmp_path: Path) -> None:
    imageio = pytest.importorskip("imageio.v3")
    save_video(frames(12), tmp_path / "a.mp4", fps=10)
    read = imageio.imread(tmp_path / "a.mp4", plugin="FFMPEG")
    assert read.shape == (12, 20, 32, 3)
    assert read[3, ..., 0].mean() > read[0, ..., 0].mean() + 100


def test_mp4_without_its_extra_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(InputError, match=r"latentclr\[video\]"):
        save_video(frames(), tmp_path / "a.mp4", fps=10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_still_keeps_a_note_where_its_kind_has_a_place_for_it(tmp_path: Path, suffix: str) -> None:
    plain, path = frames()[2], tmp_path / f"sub/a{suffix}"
    save_picture(plain, path, note='{"seed": 1}')
    assert list(path.parent.iterdir()) == [path]
    with Image.open(path) as found:
        note = found.info.get("latentclr") if suffix == ".png" else found.getexif()[0x010E]
        assert note == '{"seed": 1}'
        with Image.open(io.BytesIO(picture_bytes(plain, suffix))) as without:
            assert found.convert("RGB").tobytes() == without.convert("RGB").tobytes()
    assert picture_bytes(plain, ".bmp", note="no place") == picture_bytes(plain, ".bmp")


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_loop_keeps_a_note(tmp_path: Path, suffix: str) -> None:
    save_video(frames(), tmp_path / f"a{suffix}", fps=10, note='{"seed": 1}')
    with Image.open(tmp_path / f"a{suffix}") as found:
        note = found.info["comment"].decode() if suffix == ".gif" else found.getexif()[0x010E]
        assert note == '{"seed": 1}'
        assert found.n_frames == 4  # type: ignore[attr-defined]
        assert found.info["loop"] == 0


def test_a_picture_that_its_kind_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a picture of \(70000, 1\) cannot be written as JPEG"):
        save_picture(Image.new("RGB", (70_000, 1)), tmp_path / "a.jpg")
    assert list(tmp_path.iterdir()) == []


def test_unknown_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown kind of picture '.xyz'"):
        save_picture(frames()[0], tmp_path / "a.xyz")
    with pytest.raises(InputError, match=r"unknown kind of video '.png'"):
        save_video(frames(), tmp_path / "a.png", fps=10)


def test_side_by_side_keeps_the_order() -> None:
    row = side_by_side(frames(3))
    assert row.size == (99, 21)
    assert [row.getpixel((x, 0)) for x in (0, 33, 66)] == [(0, 0, 0), (60, 0, 0), (120, 0, 0)]


def test_blurring_spreads_a_point_as_a_normal_distribution_and_keeps_the_sum() -> None:
    point = torch.zeros(1, 3, 33, 33)  # sums of a few dozen numbers in float32: 1e-5 and less
    point[:, :, 16, 16] = 1
    for sigma in (0.8, 1.0, 2.0):
        found = blurred(point, sigma)
        assert found.sum() == pytest.approx(3, abs=1e-4)
        rows = torch.arange(33.0) - 16
        spread = (found[0, 0].sum(1) * rows.square()).sum()
        assert spread == pytest.approx(sigma**2, rel=0.08)
    assert torch.allclose(blurred(torch.ones(1, 3, 8, 8), 1.5), torch.ones(1, 3, 8, 8))
