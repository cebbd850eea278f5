"""The part of the page that shows pictures, as HTML. All names are escaped: people write them."""

import base64
import io
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image

from latentclr.explorer.address import to_query
from latentclr.explorer.canvas import LARGE, enlarged
from latentclr.explorer.changes import page
from latentclr.explorer.drawing import edited
from latentclr.explorer.photos import Photo
from latentclr.explorer.seen import rows, told_edits
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.view import GRID, LOOP, METHODS, PICTURE, STRIP, View
from latentclr.images import to_pil
from latentclr.templates import environment

if TYPE_CHECKING:
    from jinja2 import Environment

QUALITY = 95
"""Of JPEG, with all colours: a tenth of the time and a quarter of the bytes of PNG. Exports are exact."""
LARGE_ONE, SMALL_ONE = 512, 192
"""Heights of a picture alone and of one of several. (Their generators' own, where those are higher.)"""
TITLES = {PICTURE: "Picture", STRIP: "Strip", GRID: "Seeds", METHODS: "Methods", LOOP: "Loop"}


@dataclass(frozen=True)
class _Shown:
    """A picture as the template needs it."""

    uri: str
    text: str
    seed: int | None = None


def stage(shelf: Shelf, view: View, *, quick: bool = False) -> str:
    """What a view shows.

    Args:
        shelf: where all is that the view names.
        view: what is drawn.
        quick: draw large pictures small, while a slider moves.

    Raises:
        InputError: it cannot be drawn; see `rows`.
    """
    start = time.perf_counter()
    photo = None if view.recipe.photo is None else shelf.photos.get(view.recipe.photo)
    large = shelf.base(shelf.home(view.recipe)).resolution
    several = view.mode in (STRIP, GRID, METHODS)
    size = SMALL_ONE if several else max(LARGE_ONE, large)
    found = [] if view.mode == LOOP else rows(shelf, view, size=size, quick=quick or several)
    seeds = iter(view.pool if view.mode == GRID else ())
    lines = [
        (
            row.title,
            row.note,
            [_Shown(_uri(tile.picture), tile.text, next(seeds, None)) for tile in row.tiles],
        )
        for row in found
    ]
    edits = told_edits(shelf, view)
    told = ", ".join(f"{name} {how}" for name, how in edits) or "not edited"
    return (
        _environment()
        .get_template("stage.html")
        .render(
            mode=view.mode,
            query=to_query(view),
            place=_place(shelf, view),
            lines=lines,
            before=_before(shelf, view, size, photo) if view.mode == PICTURE and (edits or photo) else "",
            seed=view.seed,
            title=view.title,
            photo=photo,
            near="" if photo is None else told_near(photo),
            edits=edits,
            alt=f"{view.title}, {told}",
            milliseconds=round((time.perf_counter() - start) * 1000),
            rough=quick and not several and large >= LARGE,
        )
    )


def _place(shelf: Shelf, view: View) -> int:
    """Where, on the page of sliders, the chosen direction is; -1: it is not."""
    indices, at = page(shelf, view), view.at
    return indices.index(at[1]) if at and at[1] in indices else -1


def told_near(photo: Photo) -> str:
    """How near the picture of a photo is, and what is being done about it."""
    found = photo.inversion
    near = f"{float(found.psnr[0]):.1f} dB"
    if not bool(found.lpips[0].isnan()):
        near += f", LPIPS {float(found.lpips[0]):.3f}"
    if photo.tuning is not None:
        near += ", tuned"
    return near


def _before(shelf: Shelf, view: View, size: int, photo: Photo | None) -> str:
    """The photo, or the picture without edits. Remembered: it is sent along with every edited one."""
    plain = view.recipe.unedited()
    if photo is not None and photo.picture is not None:
        picture = photo.picture
        return str(
            shelf.remembered.get(("photo", photo.id, size), lambda: _uri(enlarged(to_pil(picture), size)))
        )
    return str(
        shelf.remembered.get(("before", plain, size), lambda: _uri(edited(shelf, plain, size=size)[0]))
    )


def _uri(picture: Image.Image) -> str:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


@cache
def _environment() -> "Environment":
    return environment("latentclr.explorer")
