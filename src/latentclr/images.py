"""Pictures: from tensors to pixels and files."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import conv2d, pad

from latentclr.errors import InputError
from latentclr.files import atomic, make_folder

ANIMATED = (".gif", ".webp")
"""Moving pictures that Pillow writes."""


def to_pil(picture: Float[Tensor, "3 h w"]) -> Image.Image:
    """A picture in [-1, 1] as 8-bit RGB: 256 equal intervals, as NVIDIA's tools round.

    >>> import torch
    >>> to_pil(torch.tensor([-1.0, 0.0, 1.0]).view(3, 1, 1)).getpixel((0, 0))
    (0, 128, 255)
    """
    pixels = (picture * 127.5 + 128).clamp(0, 255).byte()
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one size in a row."""
    width, height = pictures[0].size
    row = Image.new("RGB", (width * len(pictures), height))
    for i, picture in enumerate(pictures):
        row.paste(picture, (i * width, 0))
    return row


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a still picture, of the kind that the file's ending says.

    Raises:
        InputError: unknown ending, or the place cannot be written.
    """
    if path.suffix.lower() not in Image.registered_extensions():
        raise InputError(f"{path}: unknown kind of picture {path.suffix!r}; use .png, .jpg or .webp.")
    make_folder(path.parent)
    with atomic(path) as temporary:
        picture.save(temporary, format=Image.registered_extensions()[path.suffix.lower()])


def save_video(frames: Sequence[Image.Image], path: Path, *, fps: int) -> None:
    """Write frames as an endless GIF or WebP, or as MP4 (H.264).

    Raises:
        InputError: unknown ending, MP4 without the extra `video`, or the place cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (*ANIMATED, ".mp4"):
        raise InputError(f"{path}: unknown kind of video {path.suffix!r}; use .mp4, .gif or .webp.")
    make_folder(path.parent)
    with atomic(path) as temporary:
        if suffix in ANIMATED:
            first, *rest = frames
            first.save(temporary, save_all=True, append_images=rest, duration=round(1000 / fps), loop=0)
        else:
            _save_mp4(frames, temporary, fps)


def _save_mp4(frames: Sequence[Image.Image], path: Path, fps: int) -> None:
    try:
        import imageio.v3 as imageio
        import imageio_ffmpeg  # noqa: F401 - the encoder's binary
    except ImportError as error:
        raise InputError(
            "MP4 needs the extra `video` (pip install 'latentclr[video]'); .gif and .webp work without."
        ) from error
    # H.264 wants even sizes; every player reads 4:2:0.
    even = [frame.crop((0, 0, frame.width // 2 * 2, frame.height // 2 * 2)) for frame in frames]
    imageio.imwrite(
        path,
        np.stack([np.asarray(frame) for frame in even]),
        plugin="FFMPEG",
        fps=fps,
        codec="libx264",
        pixelformat="yuv420p",
        macro_block_size=2,
    )


def blurred(pictures: Float[Tensor, "n 3 h w"], sigma: float) -> Float[Tensor, "n 3 h w"]:
    """Pictures smoothed by a normal distribution of that many pixels; borders are continued."""
    reach = max(1, math.ceil(3 * sigma))
    line = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=pictures.device) / sigma) ** 2)
    line = line / line.sum()
    for weight in (line.view(1, 1, 1, -1), line.view(1, 1, -1, 1)):
        sides = (weight.shape[-1] // 2,) * 2 + (weight.shape[-2] // 2,) * 2
        padded = pad(pictures, sides, mode="replicate")
        pictures = conv2d(padded, weight.expand(3, 1, *weight.shape[2:]), groups=3)
    return pictures
