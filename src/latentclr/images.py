"""Pictures: from tensors to pixels and files."""

import io
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, PngImagePlugin
from torch import Tensor
from torch.nn.functional import conv2d, pad

from latentclr.errors import InputError
from latentclr.files import make_folder, write_bytes

ANIMATED = (".gif", ".webp")
"""Moving pictures that Pillow writes."""
NOTE = "latentclr"
"""Key of the note in a PNG."""
DESCRIPTION = 0x010E
"""Number of the EXIF entry that holds the note."""


def to_pil(picture: Float[Tensor, "3 h w"]) -> Image.Image:
    """A picture in [-1, 1] as 8-bit RGB: 256 equal intervals, as NVIDIA's tools round.

    >>> import torch
    >>> to_pil(torch.tensor([-1.0, 0.0, 1.0]).view(3, 1, 1)).getpixel((0, 0))
    (0, 128, 255)
    """
    pixels = (picture * 127.5 + 128).clamp(0, 255).byte()
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def side_by_side(pictures: Sequence[Image.Image], columns: int | None = None) -> Image.Image:
    """Pictures of one size in a row, or in several rows.

    Args:
        pictures: to join.
        columns: pictures in a row; None: all of them.
    """
    width, height = pictures[0].size
    columns = columns or len(pictures)
    joined = Image.new("RGB", (width * columns, height * math.ceil(len(pictures) / columns)))
    for i, picture in enumerate(pictures):
        joined.paste(picture, (i % columns * width, i // columns * height))
    return joined


def save_picture(picture: Image.Image, path: Path, *, note: str = "") -> None:
    """Write a still picture, of the kind that the file's ending says.

    Args:
        picture: to write.
        path: of the file.
        note: see `picture_bytes`.

    Raises:
        InputError: unknown ending, or the place cannot be written.
    """
    _check_picture(path.suffix, str(path))
    make_folder(path.parent)
    write_bytes(path, picture_bytes(picture, path.suffix, note=note))


def save_video(frames: Sequence[Image.Image], path: Path, *, fps: int, note: str = "") -> None:
    """Write frames as an endless GIF or WebP, or as MP4 (H.264).

    Args:
        frames: of one size.
        path: of the file; its ending says the kind.
        fps: frames in a second.
        note: see `video_bytes`.

    Raises:
        InputError: unknown ending, MP4 without the extra `video`, or the place cannot be written.
    """
    _check_video(path.suffix, str(path))
    make_folder(path.parent)
    write_bytes(path, video_bytes(frames, path.suffix, fps=fps, note=note))


def picture_bytes(picture: Image.Image, suffix: str, *, note: str = "") -> bytes:
    """A still picture as the contents of a file.

    Args:
        picture: the picture.
        suffix: ending of the file (".png").
        note: ASCII text to keep in the file, where its kind has a place for it: in a PNG's text `NOTE`, in
            the EXIF description of WebP and JPEG.

    Raises:
        InputError: unknown ending.
    """
    _check_picture(suffix, f"a file *{suffix}")
    kind, file = Image.registered_extensions()[suffix.lower()], io.BytesIO()
    more: dict[str, Any] = {}
    if note and kind == "PNG":
        more["pnginfo"] = PngImagePlugin.PngInfo()
        more["pnginfo"].add_text(NOTE, note)
    elif note and kind in ("WEBP", "JPEG"):
        more["exif"] = _exif(note)
    try:
        picture.save(file, format=kind, **more)
    except OSError as error:  # more pixels than the kind can have
        raise InputError(f"a picture of {picture.size} cannot be written as {kind}: {error}.") from error
    return file.getvalue()


def video_bytes(frames: Sequence[Image.Image], suffix: str, *, fps: int, note: str = "") -> bytes:
    """An endless GIF or WebP, or an MP4 (H.264), as the contents of a file.

    Args:
        frames: of one size.
        suffix: ending of the file.
        fps: frames in a second.
        note: ASCII text to keep in the file: in the comment of GIF and MP4, in the EXIF description of WebP.

    Raises:
        InputError: unknown ending, or MP4 without the extra `video`.
    """
    _check_video(suffix, f"a file *{suffix}")
    if suffix.lower() not in ANIMATED:
        return _mp4(frames, fps, note)
    first, *rest = frames
    more: dict[str, Any] = {}
    if note:
        more = {"exif": _exif(note)} if suffix.lower() == ".webp" else {"comment": note.encode("ascii")}
    file = io.BytesIO()
    first.save(
        file,
        format=Image.registered_extensions()[suffix.lower()],
        save_all=True,
        append_images=rest,
        duration=round(1000 / fps),
        loop=0,
        **more,
    )
    return file.getvalue()


def _check_picture(suffix: str, what: str) -> None:
    if suffix.lower() not in Image.registered_extensions():
        raise InputError(f"{what}: unknown kind of picture {suffix!r}; use .png, .jpg or .webp.")


def _check_video(suffix: str, what: str) -> None:
    if suffix.lower() not in (*ANIMATED, ".mp4"):
        raise InputError(f"{what}: unknown kind of video {suffix!r}; use .mp4, .gif or .webp.")


def _exif(note: str) -> Image.Exif:
    exif = Image.Exif()
    exif[DESCRIPTION] = note
    return exif


def _mp4(frames: Sequence[Image.Image], fps: int, note: str) -> bytes:
    try:
        import imageio.v3 as imageio
        import imageio_ffmpeg  # noqa: F401 - the encoder's binary
    except ImportError as error:
        raise InputError(
            "MP4 needs the extra `video` (pip install 'latentclr[video]'); .gif and .webp work without."
        ) from error
    # H.264 wants even sizes; every player reads 4:2:0.
    even = [frame.crop((0, 0, frame.width // 2 * 2, frame.height // 2 * 2)) for frame in frames]
    with tempfile.TemporaryDirectory() as folder:  # the encoder writes to a name, and goes back in the file
        path = Path(folder) / "video.mp4"
        imageio.imwrite(
            path,
            np.stack([np.asarray(frame) for frame in even]),
            plugin="FFMPEG",
            fps=fps,
            codec="libx264",
            pixelformat="yuv420p",
            macro_block_size=2,
            output_params=["-metadata", f"comment={note}"] if note else [],
        )
        return path.read_bytes()


def blurred(pictures: Float[Tensor, "n 3 h w"], sigma: float) -> Float[Tensor, "n 3 h w"]:
    """Pictures smoothed by a normal distribution; borders are continued.

    Args:
        pictures: to smooth.
        sigma: standard deviation of the distribution, in pixels.
    """
    reach = max(1, math.ceil(3 * sigma))
    line = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=pictures.device) / sigma) ** 2)
    line = line / line.sum()
    for weight in (line.view(1, 1, 1, -1), line.view(1, 1, -1, 1)):
        sides = (weight.shape[-1] // 2,) * 2 + (weight.shape[-2] // 2,) * 2
        padded = pad(pictures, sides, mode="replicate")
        pictures = conv2d(padded, weight.expand(3, 1, *weight.shape[2:]), groups=3)
    return pictures
