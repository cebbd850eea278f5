"""Pictures from folders and pools."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from latentclr import InputError
from latentclr.pretrain import data
from latentclr.pretrain.data import Pool, _read_picture, folder, from_bytes, pool, to_bytes


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def colours(n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    labels = torch.randint(256, (n,), generator=rng)
    return (labels / 127.5 - 1).view(n, 1, 1, 1).expand(n, 3, 4, 4), labels


def test_bytes_there_and_back() -> None:
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    floats = from_bytes(every)
    assert [float(floats.min()), float(floats.max())] == [-1, 1]
    assert bool((to_bytes(floats) == every).all())
    assert bool((to_bytes(floats + 0.003) == every).all())


def test_pool_holds_what_was_drawn() -> None:
    held = pool(colours, 10, rng(), chunk=4)
    source = rng()
    labels = torch.cat([colours(n, source)[1] for n in (4, 4, 2)])
    assert held.labels is not None
    assert held.labels.tolist() == labels.tolist()
    assert held.pictures[:, 0, 0, 0].tolist() == labels.tolist()


def test_pool_draws_pictures_with_their_labels() -> None:
    held = pool(colours, 50, rng())
    pictures, labels = held(2000, rng())
    assert pictures.shape == (2000, 3, 4, 4)
    assert labels is not None
    assert to_bytes(pictures)[:, 0, 0, 0].tolist() == labels.tolist()
    assert held.labels is not None
    assert set(labels.tolist()) == set(held.labels.tolist())
    again, _ = held(2000, rng())
    assert bool((again == pictures).all())


def test_flip_mirrors_half() -> None:
    picture = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    picture[..., 0] = 255
    pictures, labels = Pool(picture, flip=True)(1000, rng())
    assert labels is None
    left = pictures[:, 0, 0, 0] == 1
    assert bool((pictures[~left][:, 0, 0, 3] == 1).all())
    assert 400 < int(left.sum()) < 600


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(data, "MEMORY_LIMIT", 1000)
    with pytest.raises(InputError, match="100 pictures of 4 x 4 take"):
        pool(colours, 100, rng())
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="smaller resolution"):
        folder(tmp_path, 64)


def test_empty_pool() -> None:
    with pytest.raises(InputError, match="at least 1"):
        pool(colours, 0, rng())


def test_folder_crops_the_middle_and_scales(tmp_path: Path) -> None:
    wide = Image.new("RGB", (60, 20), "red")
    wide.paste((0, 255, 0), (20, 0, 40, 20))
    wide.save(tmp_path / "wide.png")
    tall = Image.new("RGB", (8, 64), "blue")
    tall.paste((255, 255, 255), (0, 28, 8, 36))
    tall.save(tmp_path / "tall.bmp")
    found = folder(tmp_path, 16)
    assert found.pictures.shape == (2, 3, 16, 16)
    assert bool((found.pictures == torch.tensor([[255] * 3, [0, 255, 0]])[:, :, None, None]).all())
    assert found.labels is None


def modes() -> dict[str, Image.Image]:
    grey = Image.new("L", (6, 6), 77)
    clear = Image.new("RGBA", (6, 6), (200, 10, 10, 0))
    palette = Image.new("RGB", (6, 6), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    half = Image.new("LA", (6, 6), (0, 0))
    return {"L": grey, "RGBA": clear, "P": palette, "LA": half, "1": Image.new("1", (6, 6), 1)}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("L", (77, 77, 77)),
        ("RGBA", (255, 255, 255)),
        ("LA", (255, 255, 255)),
        ("P", (10, 200, 30)),
        ("1", (255, 255, 255)),
    ],
)
def test_modes(tmp_path: Path, mode: str, expected: tuple[int, int, int]) -> None:
    modes()[mode].save(tmp_path / "a.png")
    assert bool((_read_picture(tmp_path / "a.png", 4) == np.array(expected)).all())


def test_a_transparent_palette(tmp_path: Path) -> None:
    picture = Image.new("P", (4, 4), 0)
    picture.putpalette([9, 9, 9, 50, 60, 70])
    picture.putpixel((0, 0), 1)
    picture.save(tmp_path / "a.png", transparency=0)
    pixels = _read_picture(tmp_path / "a.png", 4)
    assert pixels[0, 0].tolist() == [50, 60, 70]
    assert pixels[3, 3].tolist() == [255, 255, 255]


def test_exif_turns_the_picture_upright(tmp_path: Path) -> None:
    picture = Image.new("RGB", (32, 32), "white")
    picture.paste((0, 0, 0), (0, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise: what is stored on top belongs on the right
    picture.save(tmp_path / "a.png", exif=exif)
    pixels = _read_picture(tmp_path / "a.png", 32)
    assert pixels[:, :16].min() == 255
    assert pixels[:, 16:].max() == 0


def test_classes_are_the_folders(tmp_path: Path) -> None:
    for name, colour in (("cats/deep", 10), ("ants", 20), ("cats", 30)):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), colour).save(tmp_path / name / f"{colour}.png")
    (tmp_path / "ants" / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / ".hidden" / "a.png")
    found = folder(tmp_path, 4, classes=True)
    assert found.class_names == ("ants", "cats")
    assert found.labels is not None
    pairs = set(zip(found.pictures[:, 0, 0, 0].tolist(), found.labels.tolist(), strict=True))
    assert pairs == {(20, 0), (10, 1), (30, 1)}
    Image.new("L", (4, 4)).save(tmp_path / "loose.png")
    with pytest.raises(InputError, match=r"loose\.png is in no class"):
        folder(tmp_path, 4, classes=True)


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n" + b"x" * 40])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(content)
    with pytest.raises(InputError, match=r"b\.png cannot be read as a picture"):
        folder(tmp_path, 4)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.jpg cannot be read as a picture"):
        folder(tmp_path, 4)


def test_no_folder_and_no_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        folder(tmp_path / "none", 4)
    with pytest.raises(InputError, match="there is no picture in"):
        folder(tmp_path, 4)
