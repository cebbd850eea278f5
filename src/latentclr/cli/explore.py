"""latentclr explore [RUN ...]: try directions on a page in the browser."""

from __future__ import annotations

import os
import webbrowser
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from latentclr.cli.console import out, say
from latentclr.web import HOST, Policy, check_host, needs, serve

PASSWORD = "LATENTCLR_AUTH"
"""Environment variable with USER:PASSWORD. Unlike an option, other users of the machine cannot see it."""
SMALL = 128
"""Largest resolution that is drawn by one thread; a second one gains less than the browser needs."""


@dataclass(frozen=True)
class Command:
    """Try directions on a page in the browser: sliders, strips, comparisons, animations."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN ...]")] = ()
    """Run folders or directions files; those of one generator can be shown beside each other."""
    generator: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Name or file of a generator; may be repeated (default: those that the runs name; without runs, the one
    that ships). A generator without a run gets directions of SeFa, which are found at once."""
    latents: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """Inverted photos: the file of latents that `latentclr invert` wrote, or its folder; may be repeated. The
    page opens on the first one. (Photos can be opened on the page, too.)"""
    host: str = HOST
    """Address to listen at. One that other machines can reach needs --auth."""
    port: int | None = None
    """Port to listen at (default: 7860, or a free one if that is taken)."""
    auth: str | None = None
    """USER:PASSWORD that visitors must give (default: that of the environment variable LATENTCLR_AUTH)."""
    browser: Annotated[bool, tyro.conf.arg(name="open")] = False
    """Open the page in the browser."""

    def run(self) -> None:
        """Print the address of the page, and serve it until Ctrl-C."""
        import torch

        from latentclr.checkpoints import load_generator
        from latentclr.runs.inversions import read_inversions

        needs("explore", "gradio", "fastapi", "uvicorn")
        auth = self.auth or os.environ.get(PASSWORD)
        check_host(self.host, Policy(auth=auth))
        from latentclr.explorer.instant import add_directions
        from latentclr.explorer.server import UPLOAD, explorer
        from latentclr.explorer.shelf import Shelf

        found = [read_inversions(path) for path in self.latents]
        homes = [photos.origin.generator.name for photos, _ in found]
        shelf = Shelf(
            self.generator or (() if self.runs else tuple(filter(None, homes))),
            self.runs,
            load=partial(load_generator, log=say),
            log=say,
        )
        if shelf.base(shelf.generators()[0]).resolution <= SMALL:
            torch.set_num_threads(1)
        add_directions(shelf)
        for photos, tuning in found:
            shelf.add_photos(photos, tuning)
        serve(
            explorer(shelf, log=say),
            Policy(UPLOAD, auth=auth),
            host=self.host,
            port=self.port,
            ready=self._ready,
        )

    def _ready(self, address: str) -> None:
        out.print(address)
        say("Ctrl-C stops the server.")
        if self.browser:
            webbrowser.open(address)
