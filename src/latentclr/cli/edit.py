"""latentclr edit RUN: edit a picture along directions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentclr.cli.console import out, say
from latentclr.cli.options import Run
from latentclr.cli.runs import RunOptions
from latentclr.errors import InputError
from latentclr.ranges import as_ranges

if TYPE_CHECKING:
    from PIL import Image

    from latentclr.directions import Directions
    from latentclr.generators import Generator, Latents

STRIP = 7
"""Number of pictures in a strip."""
FRAMES, FPS = 48, 24
"""Frames of a video, and per second: one loop of two seconds."""


@dataclass(frozen=True)
class Command(RunOptions):
    """Edit a picture along directions: the result, a strip, or a video."""

    path: Run
    """A run folder, or a directions file."""
    edits: str | None = None
    """The edits, as direction:alpha, separated by commas: "0:+3,4:-2" or "smile:+3"."""
    from_ganspace: str | None = None
    """In place of --edits: an edit published with GANSpace, for a run of that method on the same generator. A
    name ("ffhq/bald"), or the paper's notation with the number of sigmas, "E(10, 7-8):-3"."""
    seed: int = 0
    """Seed of the picture to edit."""
    latents: Path | None = None
    """In place of --seed: a photo. The file of latents that `latentclr invert` wrote, or its folder. A tuning
    of the generator that lies beside it is used, too."""
    photo: int = 0
    """Number of the photo in --latents, from 0."""
    out: Path | None = None
    """Picture or video to write (default: edited.png, strip.png or edited.gif)."""
    strip: bool = False
    """Draw a row of pictures, from the opposite edit over the original to the edit."""
    video: bool = False
    """Draw a loop to the edit, back, to the opposite edit and back: .gif, .webp, or .mp4 (extra `video`)."""
    steps: int = 1
    """Steps of each edit: a conditional direction is computed anew at each."""
    size: int | None = None
    """Height of a picture in pixels (default: that of the generator, at least 256)."""

    def run(self) -> None:
        """Write the picture or video, and print its path."""
        from latentclr.directions import Move, edit_all
        from latentclr.images import save_picture, save_video, side_by_side

        if self.strip and self.video:
            raise InputError("--strip and --video exclude each other; choose one.")
        directions, generator = self.open_run(self.path)
        if (self.edits is None) == (self.from_ganspace is None):
            raise InputError('give either --edits, such as "0:+3,4:-2", or --from-ganspace.')
        if self.latents is None:
            generator = generator.at(self.truncation_for(directions))
            latents = generator.from_seeds([self.seed])
        else:
            generator, latents = self._inverted(generator, self.latents)
        slots: Sequence[int] | None = self.moved
        if self.from_ganspace is not None:
            edits, moved = _as_published(self.from_ganspace, directions, generator)
            slots = moved if slots is None else slots
        else:
            edits = _parse_edits(self.edits or "", directions)
        moves = [
            Move(directions, index, alpha, None if slots is None else tuple(slots)) for index, alpha in edits
        ]

        def pictures(strengths: Sequence[float]) -> list[Image.Image]:
            return _pictures(
                generator,
                [edit_all(latents, moves, share=strength, steps=self.steps) for strength in strengths],
                self.size or max(256, generator.resolution),
            )

        if self.video:
            path = self.out or Path("edited.gif")
            turns = [math.sin(2 * math.pi * frame / FRAMES) for frame in range(FRAMES)]
            save_video(pictures(turns), path, fps=FPS)
        elif self.strip:
            path = self.out or Path("strip.png")
            half = STRIP // 2
            save_picture(side_by_side(pictures([i / half for i in range(-half, half + 1)])), path)
        else:
            path = self.out or Path("edited.png")
            save_picture(pictures([1.0])[0], path)
        out.print(str(path))

    def _inverted(self, generator: Generator, path: Path) -> tuple[Generator, Latents]:
        """The generator as the photo needs it, and the latents of the photo."""
        from latentclr.runs.inversions import read_inversions

        if self.truncation is not None:
            raise InputError(
                "--truncation and --latents exclude each other: a photo keeps that of its inversion."
            )
        photos, tuning = read_inversions(path)
        found = photos.select([self.photo])
        generator = found.require(generator)
        if found.labels[0] is not None and self.label is None:
            generator = generator.for_class(found.labels[0])
        if tuning is not None:
            say(f"drawn by the generator as tuned to {'it' if len(photos) == 1 else 'these photos'}")
            generator = tuning.apply(generator)
        return generator, found.latents


def _parse_edits(text: str, directions: Directions) -> list[tuple[int, float]]:
    """Read (direction, alpha) pairs from text such as "0:+3,smile:-2"."""
    edits = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(?P<which>[^:]+?)\s*:\s*(?P<alpha>[^:\s]+)\s*", part)
        try:
            alpha = float(match["alpha"]) if match else math.nan
        except ValueError:
            alpha = math.nan
        if match is None or not math.isfinite(alpha):
            raise InputError(
                f"edit {part!r} cannot be read; write direction:alpha, separated by commas, as in 0:+3,4:-2."
            )
        which = match["which"]
        edits.append((directions.index(int(which) if which.isdigit() else which), alpha))
    return edits


def _as_published(
    text: str, directions: Directions, generator: Generator
) -> tuple[list[tuple[int, float]], tuple[int, ...]]:
    """Read an edit published with GANSpace: its (direction, alpha) and slots; print what it will move.

    The authors truncate after the edit, so that in W it shrinks by psi. Edits here come after truncation, so
    they are shortened by psi, relative to the truncation at which the standard deviation was measured.
    """
    from latentclr.directions.published import DEFAULT_SIGMA, published_edit
    from latentclr.generators import check_slots

    method = directions.origin.method
    if method != "ganspace":
        raise InputError(
            f"--from-ganspace needs a run of ganspace, this one is of {method}: latentclr discover ganspace."
        )
    edit = published_edit(text)
    index = directions.index(edit.component)
    slots = tuple(range(generator.num_slots)) if edit.slots is None else edit.slots
    check_slots(slots, generator.num_slots)
    shorter = generator.truncation / directions.origin.truncation if generator.space == "w" else 1.0
    sigma = DEFAULT_SIGMA if edit.sigma is None else edit.sigma
    read = ", ".join(layer.name for layer in generator.layers if layer.slot in slots)
    say(f"component {edit.component} by {sigma:+g} sigma in slots {as_ranges(slots)} (layers {read})")
    return [(index, sigma * shorter)], slots


def _pictures(generator: Generator, latents: Sequence[Latents], size: int) -> list[Image.Image]:
    import torch
    from PIL import Image

    from latentclr.images import to_pil

    with torch.no_grad():
        pictures = torch.cat([generator(chunk) for chunk in torch.cat(list(latents)).split(16)])
    scale = size / pictures.shape[-2]
    shape = (round(pictures.shape[-1] * scale), size)
    return [to_pil(picture).resize(shape, Image.Resampling.LANCZOS) for picture in pictures]
