"""Photos that visitors open: an address to which they are sent, and two from which results are saved."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from latentclr.checkpoints.crops import CENTRE
from latentclr.errors import InputError
from latentclr.explorer.address import from_query
from latentclr.explorer.checks import shown
from latentclr.explorer.photos import Photo
from latentclr.explorer.recipe import Recipe
from latentclr.explorer.refining import Refiner, Wish
from latentclr.explorer.shelf import Shelf
from latentclr.generators import Generator
from latentclr.invert.crop import Cropped, Words, crop_photo, picture_size, rule_of
from latentclr.invert.invert import METHODS
from latentclr.invert.photo import decode_photo
from latentclr.ranges import numbers

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

LONGEST_NAME = 100
"""Characters of a photo's name that are kept."""
LONGEST_BOX = 200
LARGEST_FACE = 1000
TRAINED, MIDDLE = "trained", "middle"
"""What is cut out, unless it is a part by hand."""
WORDS = Words("a square by hand", "“the middle”", "face number")


def add_uploads(app: "FastAPI", shelf: Shelf, refiner: Refiner) -> None:
    """Add `/photo`, `/latents.safetensors` and `/tuning.safetensors` to an app.

    `/photo` is sent the bytes of a photo and answers with its id and what its sender may want to know. Its
    query is that of a view, whose generator is meant, and "name" (of the file), "cut" (`TRAINED`, `MIDDLE` or
    x,y,width,height in its pixels), "face" (a number; of those it shows), "method" and "tune". The others
    give what was found of the view's photo, as `latentclr invert` writes it. What cannot be done is answered
    with 400 and a sentence.
    """
    from fastapi import Request, Response
    from fastapi.responses import JSONResponse
    from starlette.concurrency import run_in_threadpool

    def developed(data: bytes, query: Mapping[str, str]) -> dict[str, object]:
        # Not the whole view: of a photo that was forgotten, another one may be opened all the same.
        recipe = Recipe.from_link(query["s"]) if query.get("s") else shelf.start()
        name = shelf.home(recipe)
        generator, wish = shelf.base(name), _wish(query)
        if generator.space != "z":  # where a class is of the mapping, it is not looked for: it is the view's
            generator = shelf.generator(name, recipe.label)
        cropped = _cropped(data, generator, query)
        photo = refiner.begin(generator, name, cropped.picture, cropped.source, wish)
        return {"photo": photo.id, "notes": [f"{note}." for note in cropped.notes]}

    async def opened(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(developed, await request.body(), request.query_params))

    def latents(request: Request) -> Response:
        return _file(_photo(shelf, request).inversion.to_bytes(), "latents.safetensors")

    def tuning(request: Request) -> Response:
        found = _photo(shelf, request).tuning
        if found is None:
            raise InputError("the generator was not tuned to this photo: open it again with “Tune” on.")
        return _file(found.to_bytes(), "tuning.safetensors")

    def _file(data: bytes, name: str) -> Response:
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(data, media_type="application/octet-stream", headers=headers)

    app.add_api_route("/photo", opened, methods=["POST"], response_model=None)
    app.add_api_route("/latents.safetensors", latents, response_model=None)
    app.add_api_route("/tuning.safetensors", tuning, response_model=None)


def _photo(shelf: Shelf, request: "Request") -> Photo:
    found = from_query(shelf, request.query_params).recipe.photo
    if found is None:
        raise InputError("no photo is shown: open one first.")
    return shelf.photos.get(found)


def _wish(query: Mapping[str, str]) -> Wish:
    method = query.get("method", Wish.method)
    if method not in METHODS:
        raise InputError(f"method {shown(method)}: choose one of {', '.join(METHODS)}.")
    return Wish(method, query.get("tune") == "1")


def _cropped(data: bytes, generator: Generator, query: Mapping[str, str]) -> Cropped:
    """What was asked to be cut out of the photo."""
    cut, face = query.get("cut") or TRAINED, query.get("face") or None
    box = None
    if cut not in (TRAINED, MIDDLE):
        sides = numbers(cut[:LONGEST_BOX], float, "the square by hand")
        if len(sides) != 4:
            raise InputError(
                f"the square by hand is {shown(cut)}: give four numbers, x,y,width,height, in pixels of the "
                "photo."
            )
        box = (sides[0], sides[1], sides[2], sides[3])
    if face is not None and not (face.isdecimal() and len(face) <= 4 and int(face) <= LARGEST_FACE):
        raise InputError(f"face number {shown(face)}: give a whole number, 0 is the face on the left.")
    photo = decode_photo(data, name=_name(query))
    rule = CENTRE if cut == MIDDLE else rule_of(generator)
    number = None if face is None else int(face)
    return crop_photo(photo, picture_size(generator), rule, box=box, face=number, words=WORDS)


def _name(query: Mapping[str, str]) -> str:
    """What the file is called, if that can be said in a sentence."""
    name = query.get("name", "")[:LONGEST_NAME].strip()
    return name if name and name.isprintable() else "the photo"
