"""latentclr explore [RUN ...]: try directions on a page."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from latentclr.cli.console import out, say
from latentclr.cli.options import parse
from latentclr.web import HOST, check_host, needs, serve

if TYPE_CHECKING:
    from latentclr.generators import Generator

PASSWORD = "LATENTCLR_AUTH"
"""Environment variable with USER:PASSWORD, which other users of the machine cannot see, unlike an option."""
SMALL = 128
"""Pictures up to that many pixels are drawn by one thread: a second one gains less than the browser needs."""


@dataclass(frozen=True)
class Explore:
    """Options of the command."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN ...]")] = ()
    """Run folders or directions files; of one generator, they can be seen beside each other."""
    generator: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Name or file of a generator, may be repeated; none: those that the runs name, without runs the one that
    ships. One that has no run gets directions of SeFa, which are found at once."""
    latents: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """Photos that were inverted before: the file of latents that `latentclr invert` left, or its folder; may
    be repeated. The page opens on the first one. (Photos can be opened on the page, too.)"""
    host: str = HOST
    """Address to listen at. One that other machines reach needs --auth."""
    port: int | None = None
    """Port to listen at; none: 7860, or a free one if that is taken."""
    auth: str | None = None
    """USER:PASSWORD that visitors must give; none: as the environment variable LATENTCLR_AUTH says."""
    browser: Annotated[bool, tyro.conf.arg(name="open")] = False
    """Open the page in the browser, too."""

    def show(self) -> None:
        """Serve the page until Ctrl-C, print its address."""
        import torch

        from latentclr.runs.inversions import read_inversions

        needs("explore", "gradio", "fastapi", "uvicorn")
        auth = self.auth or os.environ.get(PASSWORD)
        check_host(self.host, auth)
        from latentclr.explorer.instant import add_directions
        from latentclr.explorer.server import UPLOAD, explorer
        from latentclr.explorer.shelf import Shelf

        found = [read_inversions(path) for path in self.latents]
        homes = [photos.origin.generator.name for photos, _ in found]
        shelf = Shelf(
            self.generator or (() if self.runs else tuple(filter(None, homes))),
            self.runs,
            load=_load,
            log=say,
        )
        if shelf.base(shelf.generators()[0]).resolution <= SMALL:
            torch.set_num_threads(1)
        add_directions(shelf)
        for photos, tuning in found:
            shelf.add_photos(photos, tuning)
        serve(
            explorer(shelf, log=say),
            host=self.host,
            port=self.port,
            auth=auth,
            body=UPLOAD,
            ready=self._ready,
        )

    def _ready(self, address: str) -> None:
        out.print(address, markup=False)
        say("Ctrl-C ends it.")
        if self.browser:
            webbrowser.open(address)


def _load(name: str) -> Generator:
    from latentclr.checkpoints import load_generator

    return load_generator(name, log=say)


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    about = "Try directions on a page in the browser: sliders, strips, comparisons, animations."
    parse(Explore, arguments, prog="explore", about=about).show()
