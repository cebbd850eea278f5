"""The pictures of a study: drawn once, in chunks, each in a file that is named after its contents."""

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from latentclr.directions import Directions
from latentclr.files import make_folder
from latentclr.generators import Generator, Latents
from latentclr.images import to_pil

CHUNK = 16
"""Pictures that are drawn at once."""
LOSSLESS = 256
"""Height in pixels up to which pictures are kept exactly."""
QUALITY = 95
"""Of WebP above."""
THUMB = 16
"""Height in pixels at which originals are compared with each other."""


@dataclass
class Album:
    """A folder of pictures; equal ones are one file.

    Attributes:
        folder: where they go; made with the first.
        sizes: bytes of each file.
    """

    folder: Path
    sizes: dict[str, int] = field(default_factory=dict)

    def add(self, picture: Image.Image) -> str:
        """Keep a picture; its file's name."""
        data = encoded(picture)
        name = f"{hashlib.sha256(data).hexdigest()}.webp"
        if name not in self.sizes:
            make_folder(self.folder)
            (self.folder / name).write_bytes(data)  # the whole folder gets its name when all is in it
            self.sizes[name] = len(data)
        return name

    def flush(self) -> None:
        """Let all of it reach the disk."""
        for path in [*(self.folder / name for name in self.sizes), self.folder]:
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def encoded(picture: Image.Image) -> bytes:
    """A picture as WebP: small ones exactly, larger ones so that nobody sees a difference."""
    file = io.BytesIO()
    exact = picture.height <= LOSSLESS
    picture.save(file, "WEBP", lossless=exact, quality=QUALITY, method=4, exact=exact)
    return file.getvalue()


@torch.no_grad()
def drawn(generator: Generator, latents: Latents, size: int) -> Iterator[Image.Image]:
    """Pictures of latents, `size` pixels high, a few at a time in memory."""
    chunk = max(1, min(CHUNK, CHUNK * 256 * 256 // generator.resolution**2))
    for some in latents.split(chunk):
        pictures = generator(some) if size >= generator.resolution else generator.preview(some, size)
        for picture in pictures:
            image = to_pil(picture)
            if image.height != size:
                shape = (round(image.width * size / image.height), size)
                image = image.resize(shape, Image.Resampling.LANCZOS)
            yield image


def edited(
    generator: Generator,
    directions: Directions,
    latents: Latents,
    index: int,
    alpha: float,
    *,
    slots: Sequence[int],
    size: int,
) -> Iterator[Image.Image]:
    """Pictures after an edit."""
    return drawn(generator, directions.edit(latents, index, alpha, slots), size)


def farthest(small: Float[Tensor, "n f"]) -> list[tuple[int, int]]:
    """For each picture the two others that look least like it, by `thumb`; itself where there are none."""
    apart = torch.cdist(small, small)
    found = []
    for i, row in enumerate(apart):
        order = [int(j) for j in row.argsort(descending=True, stable=True) if j != i] or [i]
        found.append((order[0], order[min(1, len(order) - 1)]))
    return found


def thumb(picture: Image.Image) -> Float[Tensor, " f"]:
    """A copy so small that only what is large in a picture is left."""
    shape = (THUMB, THUMB)
    data = picture.resize(shape, Image.Resampling.BOX).tobytes()
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).float()
