"""The files of pages: pictures of the study, style and script. Names are looked up, never made a path."""

from fastapi import APIRouter
from fastapi.responses import Response

from latentclr.errors import InputError
from latentclr.study.pages.forms import RefusedError
from latentclr.study.pages.site import Site

FOREVER = {"cache-control": "public, max-age=31536000, immutable"}
"""A name stands for its contents."""


def routes(site: Site) -> APIRouter:
    """The addresses."""
    router = APIRouter()

    @router.get("/picture/{name}")
    def _(name: str) -> Response:
        try:
            data = site.study.picture(name).read_bytes()
        except (InputError, OSError):
            raise RefusedError(404, "There is no such picture.") from None
        return Response(data, headers=FOREVER, media_type="image/webp")

    @router.get("/static/{name}")
    def _(name: str) -> Response:
        asset = site.assets.get(name)
        if asset is None:
            raise RefusedError(404, "There is no such file.")
        return Response(asset.data, headers=FOREVER, media_type=asset.kind)

    @router.get("/robots.txt")
    def _() -> Response:
        return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")

    return router
