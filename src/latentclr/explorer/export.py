"""Pictures and animations as files that carry their recipe, and the recipe back from such a file."""

from collections.abc import Sequence
from typing import Literal

from PIL import Image

from latentclr.errors import InputError
from latentclr.explorer.drawing import FPS
from latentclr.explorer.notes import note_of
from latentclr.explorer.recipe import Recipe
from latentclr.images import picture_bytes, video_bytes

PictureKind = Literal["png", "webp"]
LoopKind = Literal["gif", "webp", "mp4"]

MIME = {"png": "image/png", "webp": "image/webp", "gif": "image/gif", "mp4": "video/mp4"}
"""Media types, by kind."""
LARGEST = 64_000_000
"""Bytes of a file that is read for its recipe."""


def picture_file(picture: Image.Image, recipe: Recipe, kind: PictureKind = "png") -> bytes:
    """A picture as a file with its recipe in it: PNG keeps every pixel, WebP is smaller."""
    return picture_bytes(picture, f".{kind}", note=recipe.to_json(indent=None))


def loop_file(
    frames: Sequence[Image.Image], recipe: Recipe, kind: LoopKind = "webp", *, fps: int = FPS
) -> bytes:
    """An endless animation (as far as players of MP4 do that) as a file with its recipe in it.

    Raises:
        InputError: MP4 without the extra `video`.
    """
    return video_bytes(frames, f".{kind}", fps=fps, note=recipe.to_json(indent=None))


def read_recipe(data: bytes) -> Recipe:
    """The recipe in a file that `picture_file` or `loop_file` made, or in a recipe's JSON itself.

    No picture is decoded: only the file's labels are walked through, whatever it holds.

    Raises:
        InputError: the file has none, is too large, damaged, or of another kind.
    """
    if len(data) > LARGEST:
        raise InputError(f"this file has over {LARGEST:,} bytes: no export with a recipe is as large.")
    if data.lstrip()[:1] == b"{":
        return Recipe.from_json(data)
    note = note_of(data)
    if note is not None and note.lstrip().startswith("{"):
        return Recipe.from_json(note)
    raise InputError(
        "this file holds no recipe: open a PNG, GIF, WebP or MP4 that was exported here and not changed "
        "since, or a recipe's JSON."
    )
