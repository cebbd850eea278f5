"""The explorer as a web app."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from latentclr.explorer.doors import Doors
from latentclr.explorer.export import LARGEST
from latentclr.explorer.exports import add_exports
from latentclr.explorer.page import build, text
from latentclr.explorer.refining import Refiner
from latentclr.explorer.sessions import Sessions
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.uploads import add_uploads
from latentclr.web import Guards, Policy, as_sentences, offline

if TYPE_CHECKING:
    from fastapi import FastAPI

UPLOAD = LARGEST
"""Bytes of a file that is opened: what a server of the explorer lets pass."""
EVENT = 2**18
"""Bytes of an event of the page; the largest that it sends has some hundred."""
STATIC = {
    "/page.js": ("page.js", "text/javascript"),
    "/photo.js": ("photo.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/favicon.ico": ("icon.svg", "image/svg+xml"),  # what a browser asks for before it has read the page
}
HEAD = (
    '<link rel="icon" href="/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/page.css">'
    '<script src="/page.js" defer></script><script src="/photo.js" defer></script>'
)
SANS = ("system-ui", "Segoe UI", "Roboto", "Noto Sans", "DejaVu Sans", "sans-serif")
MONO = ("ui-monospace", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")


def explorer(shelf: Shelf, *, log: Callable[[str], None] = lambda _: None) -> "FastAPI":
    """The explorer of a shelf as an ASGI app, to be served by `latentclr.web.serve` with `Policy(UPLOAD)`.

    Gradio's own routes for files, uploads and the like cannot be reached (`Doors`): pictures are part of the
    page's answers, exports are made when they are asked for, what is opened is read from the request. Nothing
    is written but names and marks, into the runs of the shelf.

    Args:
        shelf: what the page may open.
        log: told in a sentence when weights are fetched for a photo.

    Raises:
        InputError: see `page.build`.
    """
    offline()
    os.environ["GRADIO_TEMP_DIR"] = _private_folder().name
    import fastapi
    from starlette.routing import Mount

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    as_sentences(app)
    refiner = Refiner(shelf.photos, log=log)
    add_exports(app, shelf)
    add_uploads(app, shelf, refiner)
    for path, (name, kind) in STATIC.items():
        app.add_api_route(path, _sending(text(name), kind), response_model=None)
    inner = _in_a_loop(lambda: _mounted(fastapi.FastAPI(), build(shelf, Sessions(shelf), refiner)))
    app.router.lifespan_context = _ending(inner.router.lifespan_context, refiner.close)
    app.router.routes.append(Mount("/", Guards(Doors(inner), Policy(EVENT), names=None)))
    return app


@cache
def _private_folder() -> "TemporaryDirectory[str]":
    """Where gradio may put files, though none is: nobody else's, and gone when the program ends."""
    return TemporaryDirectory(prefix="latentclr-explorer-")


def _ending(lifespan: Any, close: Callable[[], None]) -> Any:
    """A lifespan at whose end something is closed, too."""

    @asynccontextmanager
    async def both(app: Any) -> AsyncIterator[Any]:
        try:
            async with lifespan(app) as state:
                yield state
        finally:
            close()

    return both


def _in_a_loop(what: Callable[[], Any]) -> Any:
    """Call something inside an event loop: gradio makes several and leaves them open where there is none."""

    async def call() -> Any:
        return what()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(call())
    return what()


def _sending(content: str, kind: str) -> Any:
    from fastapi import Response

    return lambda: Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})


def _mounted(app: Any, page: Any) -> Any:
    """Gradio's app, with all that it offers beside the page switched off."""
    import gradio

    theme = gradio.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        spacing_size="sm",
        radius_size="sm",
        text_size="sm",
        font=SANS,
        font_mono=MONO,
    ).set(  # darker than usual: all that is written has a contrast of 4.5 at least
        color_accent="*primary_600",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
    )
    page.has_launched = page.is_running = True  # else gradio does not check which files an event names
    return gradio.mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme,
        head=HEAD,
        footer_links=[],
        run_history=False,
        show_error=True,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
    )
