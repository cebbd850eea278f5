"""The pictures of a study: drawn once, in chunks, and kept under their checksums."""

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from latentclr.files import make_folder
from latentclr.generators import Generator, Latents
from latentclr.images import to_pil

CHUNK = 16
"""Pictures that are drawn at once."""
LOSSLESS = 256
"""Height in pixels up to which pictures are kept exactly."""
QUALITY = 95
"""WebP quality of larger pictures."""
THUMBNAIL = (16, 16)
"""Size in pixels at which originals are compared with each other."""


@dataclass
class PictureFolder:
    """A folder of pictures, each in a file that is named after its contents; equal ones are one file.

    Attributes:
        folder: created with the first picture.
        sizes: bytes of each file.
    """

    folder: Path
    sizes: dict[str, int] = field(default_factory=dict)

    def add(self, picture: Image.Image) -> str:
        """Write a picture as WebP: small ones exactly, larger ones so that nobody sees a difference.

        Returns:
            The name of its file.
        """
        encoded = io.BytesIO()
        exact = picture.height <= LOSSLESS
        picture.save(encoded, "WEBP", lossless=exact, quality=QUALITY, method=4, exact=exact)
        data = encoded.getvalue()
        name = f"{hashlib.sha256(data).hexdigest()}.webp"
        if name not in self.sizes:
            make_folder(self.folder)
            (self.folder / name).write_bytes(data)  # the whole folder gets its name when all is in it
            self.sizes[name] = len(data)
        return name

    def flush(self) -> None:
        """Wait until all files have reached the disk."""
        for path in [*(self.folder / name for name in self.sizes), self.folder]:
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


@torch.no_grad()
def draw(generator: Generator, latents: Latents, size: int) -> Iterator[Image.Image]:
    """Draw pictures, a few at a time in memory.

    Args:
        generator: draws them.
        latents: of the pictures.
        size: their height in pixels.
    """
    chunk = max(1, min(CHUNK, CHUNK * 256 * 256 // generator.resolution**2))
    for some in latents.split(chunk):
        pictures = generator(some) if size >= generator.resolution else generator.preview(some, size)
        for picture in pictures:
            image = to_pil(picture)
            if image.height != size:
                shape = (round(image.width * size / image.height), size)
                image = image.resize(shape, Image.Resampling.LANCZOS)
            yield image


def farthest(thumbnails: Float[Tensor, "n f"]) -> list[tuple[int, int]]:
    """For each picture the two others that look least like it; itself where there are none."""
    distances = torch.cdist(thumbnails, thumbnails)
    found = []
    for i, row in enumerate(distances):
        order = [int(j) for j in row.argsort(descending=True, stable=True) if j != i] or [i]
        found.append((order[0], order[min(1, len(order) - 1)]))
    return found


def thumbnail(picture: Image.Image) -> Float[Tensor, " f"]:
    """The pixels of a copy so small that only what is large in the picture is left."""
    data = picture.resize(THUMBNAIL, Image.Resampling.BOX).tobytes()
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).float()
