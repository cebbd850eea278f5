"""The sheet of samples that shows how a training goes."""

import torch
from PIL import Image

from latentclr.generators import Generator
from latentclr.images import to_pil

SIDE = 8


@torch.inference_mode()
def sample_sheet(generator: Generator, *, side: int = SIDE) -> Image.Image:
    """A square of pictures, of the seeds 0, 1, ...; of a generator with classes, each row is one of them."""
    size = generator.resolution
    sheet = Image.new("RGB", (side * size, side * size))
    for row in range(side):
        drawn = generator.for_class(row % generator.num_classes) if generator.num_classes else generator
        pictures = drawn(drawn.from_seeds(range(row * side, (row + 1) * side)))
        for column, picture in enumerate(pictures):
            sheet.paste(to_pil(picture), (column * size, row * size))
    return sheet
