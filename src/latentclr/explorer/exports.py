"""What the page exports and opens: an address for each, which is told a view by its query."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from latentclr.errors import InputError
from latentclr.explorer.address import from_query, to_query, with_recipe
from latentclr.explorer.canvas import SHOWN, Size
from latentclr.explorer.checks import shown
from latentclr.explorer.drawing import frames
from latentclr.explorer.export import MIME, LoopKind, PictureKind, loop_file, picture_file, read_recipe
from latentclr.explorer.recipe import Recipe
from latentclr.explorer.seen import in_one, looped, rows
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.view import GRID, LOOP, PICTURE, View

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

PICTURES: tuple[PictureKind, ...] = ("png", "webp")
LOOPS: tuple[LoopKind, ...] = ("gif", "webp", "mp4")
TYPES = {**MIME, "json": "application/json"}
SIZES = (64, 128, 256, 512, 1024)
"""Heights in pixels that exports may have, besides the generator's own."""
KEPT = 3600
"""Seconds for which a browser keeps an animation: the same address is the same one."""


def add_exports(app: "FastAPI", shelf: Shelf) -> None:
    """Add `/picture.png`, `/loop.gif` and so on, `/recipe.json` and `/open` to an app.

    All but the last are told a view by their query, and a size in pixels by "size". `/open` is sent a file
    and answers with the query of the recipe in it. What cannot be done is answered with 400 and a sentence.
    """
    from fastapi import Request, Response
    from fastapi.responses import JSONResponse

    def exports(name: str, make: Callable[[View, Size], bytes]) -> None:
        def answer(request: Request) -> Response:
            view, size = _asked(shelf, request.query_params)
            headers = {"Content-Disposition": f'{_how(request)}; filename="{file_name(view, name)}"'}
            if _how(request) == "inline":
                headers["Cache-Control"] = f"private, max-age={KEPT}"
            return Response(make(view, size), media_type=TYPES[name.rpartition(".")[2]], headers=headers)

        app.add_api_route(f"/{name}", answer, response_model=None)

    async def opened(request: Request) -> Response:
        found = with_recipe(shelf, read_recipe(await request.body()))
        return JSONResponse({"query": to_query(found)})

    for still in PICTURES:
        exports(f"picture.{still}", partial(_picture, shelf, still))
    for moving in LOOPS:
        exports(f"loop.{moving}", partial(_loop, shelf, moving))
    exports("recipe.json", lambda view, _: exported(view).to_json().encode())
    app.add_api_route("/open", opened, methods=["POST"], response_model=None)


def _picture(shelf: Shelf, kind: PictureKind, view: View, size: Size) -> bytes:
    still = replace(view, mode=PICTURE) if view.mode == LOOP else view
    return picture_file(in_one(rows(shelf, still, size=size)), exported(still), kind)


def _loop(shelf: Shelf, kind: LoopKind, view: View, size: Size) -> bytes:
    recipe = looped(shelf, view)
    return loop_file(frames(shelf, recipe, size=size), recipe, kind)


def exported(view: View) -> Recipe:
    """The recipe of what is seen: in the grid, of all its seeds."""
    return view.recipe.of_seeds(view.pool) if view.mode == GRID else view.recipe


def file_name(view: View, name: str) -> str:
    """What a browser calls the file: "scenes-seed3-strip.png"."""
    generator = re.sub(r"[^A-Za-z0-9]+", "-", PurePath(view.recipe.generator).stem).strip("-")[:40]
    stem, _, kind = name.rpartition(".")
    what = view.mode if stem == "picture" else stem
    which = "photo" if view.seed is None else f"seed{view.seed}"
    return "-".join(filter(None, [generator, which, what])) + f".{kind}"


def _asked(shelf: Shelf, query: Mapping[str, str]) -> tuple[View, Size]:
    view, size = from_query(shelf, query), query.get("size", str(SHOWN))
    if size == "native":
        return view, "native"
    if size not in map(str, SIZES):
        raise InputError(f"size {shown(size)}: choose native or {', '.join(map(str, SIZES))}.")
    return view, int(size)


def _how(request: "Request") -> str:
    return "inline" if request.query_params.get("inline") else "attachment"
