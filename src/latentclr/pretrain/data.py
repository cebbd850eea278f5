"""Sources of real pictures.

A source is a function of a number n and a random generator that returns n pictures in [-1, 1] and, if it has
any, their classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from latentclr.errors import InputError

Draw = Callable[[int, torch.Generator], tuple[Float[Tensor, "n 3 h w"], Int[Tensor, " n"] | None]]
"""The type of a source."""

MEMORY_LIMIT = 4_000_000_000
"""Largest number of bytes of pictures that are held in memory."""


@dataclass(frozen=True)
class Pool:
    """Pictures in memory, drawn with repetition, all equally often. A source.

    Attributes:
        pictures: 8 bits a channel.
        labels: the class of each; None: there are none.
        class_names: names of class 0, 1, ...
        flip: mirror half of the drawn pictures, left and right exchanged.
    """

    pictures: UInt8[Tensor, "n 3 h w"]
    labels: Int[Tensor, " n"] | None = None
    class_names: tuple[str, ...] = ()
    flip: bool = False

    def __call__(
        self, n: int, rng: torch.Generator
    ) -> tuple[Float[Tensor, "n 3 h w"], Int[Tensor, " n"] | None]:
        """Draw pictures and their classes.

        Args:
            n: number of pictures.
            rng: for the choice.
        """
        which = torch.randint(len(self.pictures), (n,), generator=rng)
        pictures = from_bytes(self.pictures[which])
        if self.flip:
            mirrored = torch.rand(n, generator=rng) < 0.5
            pictures[mirrored] = pictures[mirrored].flip(3)
        return pictures, None if self.labels is None else self.labels[which]


def pool(draw: Draw, n: int, rng: torch.Generator, *, chunk: int = 256) -> Pool:
    """Draw n pictures once and keep them: for a source that makes pictures slowly.

    Args:
        draw: the source.
        n: number of pictures to keep, at least 1.
        rng: given to the source.
        chunk: number of pictures drawn at a time.

    Raises:
        InputError: n is 0, or the pictures do not fit into memory.
    """
    kept: Tensor | None = None
    kept_labels: Tensor | None = None
    for start in range(0, n, chunk):
        pictures, labels = draw(min(chunk, n - start), rng)
        if kept is None:
            size = (pictures.shape[2], pictures.shape[3])
            _check_memory(n, *size)
            kept = torch.empty(n, 3, *size, dtype=torch.uint8, memory_format=torch.channels_last)
            kept_labels = None if labels is None else torch.empty(n, dtype=torch.long)
        kept[start : start + len(pictures)] = to_bytes(pictures)
        if kept_labels is not None and labels is not None:
            kept_labels[start : start + len(pictures)] = labels
    if kept is None:
        raise InputError(f"a pool of {n} pictures: give at least 1.")
    return Pool(kept, kept_labels)


def to_bytes(pictures: Float[Tensor, "n 3 h w"]) -> UInt8[Tensor, "n 3 h w"]:
    """Pictures in [-1, 1] as 8-bit ones, rounded to the nearest value."""
    return pictures.mul(127.5).add_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def from_bytes(pictures: UInt8[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    """8-bit pictures as ones in [-1, 1]."""
    return pictures.to(torch.float32).sub_(127.5).mul_(1 / 127.5)


def _check_memory(n: int, height: int, width: int) -> None:
    """Refuse more pictures than are held in memory."""
    needed = n * 3 * height * width
    if needed > MEMORY_LIMIT:
        raise InputError(
            f"{n} pictures of {height} x {width} take {needed / 1e9:.1f} GB of memory; at most "
            f"{MEMORY_LIMIT / 1e9:.0f} GB are held: give fewer pictures or a smaller resolution."
        )


def folder(path: Path, size: int, *, classes: bool = False, flip: bool = False) -> Pool:
    """All pictures in a folder and those below it, each cut to a square and scaled.

    Transparent places become white. Files that have no picture's ending are left out.

    Args:
        path: the folder.
        size: height and width to scale to.
        classes: whether the folders directly in it are the classes, in alphabetical order.
        flip: mirror half of the drawn pictures.

    Raises:
        InputError: there is no folder, no picture in it, one that cannot be read, or there are too many.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"there is no folder {path}; give a folder of pictures.")
    endings = {ending for ending, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    files = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in endings
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not files:
        raise InputError(f"there is no picture in the folder {path}.")
    names, labels = _classes(path, files) if classes else ((), None)
    _check_memory(len(files), size, size)
    held = torch.empty(len(files), 3, size, size, dtype=torch.uint8, memory_format=torch.channels_last)
    for i, file in enumerate(files):
        held[i] = torch.from_numpy(_read_picture(file, size)).permute(2, 0, 1)
    return Pool(held, labels, names, flip)


def _read_picture(file: Path, size: int) -> UInt8[np.ndarray, "h w 3"]:
    """The middle square of a picture, scaled to a size; upright, as its EXIF data says."""
    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened)
            if picture.has_transparency_data:
                picture = picture.convert("RGBA")
                white = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(white, picture)
            side = min(picture.size)
            left, top = ((length - side) // 2 for length in picture.size)
            square = picture.convert("RGB").crop((left, top, left + side, top + side))
            fitted = square.resize((size, size), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{file} cannot be read as a picture ({' '.join(str(error).split())}).") from error
    return np.array(fitted)


def _classes(path: Path, files: Sequence[Path]) -> tuple[tuple[str, ...], Tensor]:
    parts = [file.relative_to(path).parts for file in files]
    loose = next((file for file, part in zip(files, parts, strict=True) if len(part) == 1), None)
    if loose is not None:
        raise InputError(f"{loose} is in no class: each class is a folder in {path}.")
    names = sorted({part[0] for part in parts})
    numbers = {name: number for number, name in enumerate(names)}
    return tuple(names), torch.tensor([numbers[part[0]] for part in parts])
