"""From latents to pictures of the size that a page shows, a few at a time."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.images import to_pil

Size = int | Literal["shown", "native"]
"""Height in pixels; "native": the generator's own; "shown": that too, but at least `SHOWN`."""

SHOWN = 256
"""Pictures of smaller generators are enlarged to that height on the page."""
SIZES = (16, 4096)
"""Smallest and largest height that may be asked for."""
LARGE, QUICK = 512, 128
"""From that height on, pictures are drawn at most `QUICK` pixels high while a slider is dragged. (Of the sums
that a StyleGAN2 of 1024 pixels does, 256 pixels take three fifths, 128 two fifths, 64 a fifth.)"""
MOST_PIXELS = 400_000_000
"""Of all pictures of one call; more do not fit into memory beside each other."""


def draw(
    generator: Generator,
    latents: Latents,
    size: Size,
    *,
    quick: bool = False,
    lock: AbstractContextManager[Any] = nullcontext(),  # noqa: B008  (it does nothing)
) -> list[Image.Image]:
    """Pictures of latents.

    Args:
        generator: draws.
        latents: a picture for each.
        size: of the pictures.
        quick: a large generator draws a small picture, which is enlarged.
        lock: held while a few are drawn; between them, another thread may have its turn.

    Raises:
        InputError: see `height_of` and `check_room`.
    """
    height = height_of(generator, size)
    check_room(generator, len(latents), size)
    found = []
    for some in latents.split(batch(generator)):
        with lock, torch.no_grad():
            drawn = pixels(generator, some, quick=quick).cpu()
        found += [enlarged(to_pil(picture), height) for picture in drawn]
    return found


def pixels(generator: Generator, latents: Latents, *, quick: bool = False) -> Float[Tensor, "n 3 h w"]:
    """Pictures of a few latents, in [-1, 1]; small ones of a large generator that shall be quick."""
    small = quick and generator.resolution >= LARGE
    return generator.preview(latents, QUICK) if small else generator(latents)


def batch(generator: Generator) -> int:
    """Pictures that are drawn at a time."""
    return 16 if generator.resolution < LARGE else 1


def height_of(generator: Generator, size: Size) -> int:
    """A size in pixels.

    Raises:
        InputError: it is outside `SIZES`.
    """
    if size == "native":
        return generator.resolution
    if size == "shown":
        return max(SHOWN, generator.resolution)
    if not SIZES[0] <= size <= SIZES[1]:
        raise InputError(f"size={size}: give a height of {SIZES[0]} to {SIZES[1]} pixels.")
    return size


def enlarged(picture: Image.Image, height: int) -> Image.Image:
    """The picture at another height, its sides in the same proportion."""
    if picture.height == height:
        return picture
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def check_room(generator: Generator, pictures: int, size: Size) -> None:
    """Make sure that so many pictures fit into memory.

    Raises:
        InputError: they do not.
    """
    # Widths are about heights, in every generator that there is.
    if pictures * max(height_of(generator, size), generator.resolution) ** 2 > MOST_PIXELS:
        raise InputError(
            f"{pictures} pictures of this size do not fit into memory: choose fewer seeds or frames, or a "
            "smaller size."
        )
