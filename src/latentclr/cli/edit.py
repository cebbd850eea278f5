"""latentclr edit RUN: edit a picture along directions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentclr.cli.console import out, say
from latentclr.cli.options import ClassName, Run, open_run, parse, run_truncation
from latentclr.errors import InputError
from latentclr.ranges import numbers, told

if TYPE_CHECKING:
    from PIL import Image

    from latentclr.directions import Directions
    from latentclr.generators import Generator, Latents

STRIP = 7
"""Pictures of a strip."""
FRAMES, FPS = 48, 24
"""Of a video: one loop of two seconds."""


@dataclass(frozen=True)
class Edit:
    """Options of the command."""

    run: Run
    """A run folder, or a directions file."""
    edits: str | None = None
    """What to do, as direction:alpha with commas between: "0:+3,4:-2" or "smile:+3"."""
    from_ganspace: str | None = None
    """Instead: an edit that was published with GANSpace, for a run of that method on the same generator. A
    name ("ffhq/bald") or the paper's notation with the number of sigmas, "E(10, 7-8):-3"."""
    seed: int = 0
    """Picture to edit."""
    latents: Path | None = None
    """Instead: a photo. The file of latents that `latentclr invert` left, or its folder; what tuned the
    generator to the photos is used if it lies beside it."""
    photo: int = 0
    """Which of its photos, 0 the first."""
    out: Path | None = None
    """Picture or video to write; none: edited.png (strip.png with --strip)."""
    strip: bool = False
    """A row of pictures from the opposite edit over the original to the edit."""
    video: bool = False
    """A loop to the edit, back, to the opposite edit and back: .gif, .webp, or .mp4 (extra `video`)."""
    slots: str | None = None
    """Slots of the generator to move; none: those of the run."""
    steps: int = 1
    """More than one asks a conditional direction anew on the way."""
    size: int | None = None
    """Height of a picture in pixels; none: the generator's own, at least 256."""
    truncation: float | None = None
    """Of the latents; none: as in the run."""
    generator: str | None = None
    """Name or file of the generator; none: the one that the run names."""
    label: ClassName = None
    """Class to draw, by number or name; none: the run's. Directions of one class may fit another."""

    def draw(self) -> None:
        """Write the picture or video, print its path."""
        from latentclr.directions.several import Move, edit_all
        from latentclr.images import save_picture, save_video, side_by_side

        if self.strip and self.video:
            raise InputError("--strip and --video exclude each other; choose one.")
        directions, generator = open_run(self.run, self.generator, self.label)
        if (self.edits is None) == (self.from_ganspace is None):
            raise InputError('give either --edits, such as "0:+3,4:-2", or --from-ganspace.')
        if self.latents is None:
            generator = generator.at(run_truncation(directions, self.truncation))
            latents = generator.from_seeds([self.seed])
        else:
            generator, latents = self.inverted(generator, self.latents)
        slots: Sequence[int] | None = None if self.slots is None else numbers(self.slots, int, "--slots")
        if self.from_ganspace is not None:
            edits, moved = as_published(self.from_ganspace, directions, generator)
            slots = moved if slots is None else slots
        else:
            edits = parse_edits(self.edits or "", directions)
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
        out.print(str(path), markup=False)

    def inverted(self, generator: Generator, path: Path) -> tuple[Generator, Latents]:
        """The generator as a photo needs it, and the photo's latents.

        Raises:
            InputError: no such file or photo, or inverted in another generator.
        """
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


def parse_edits(text: str, directions: Directions) -> list[tuple[int, float]]:
    """(direction, alpha) pairs from "0:+3,smile:-2".

    Raises:
        InputError: it does not read like that, or there is no such direction.
    """
    edits = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(?P<which>[^:]+?)\s*:\s*(?P<alpha>[^:\s]+)\s*", part)
        try:
            alpha = float(match["alpha"]) if match else math.nan
        except ValueError:
            alpha = math.nan
        if match is None or not math.isfinite(alpha):
            raise InputError(
                f"edit {part!r} does not parse; write direction:alpha with commas between, as in 0:+3,4:-2."
            )
        which = match["which"]
        edits.append((directions.index(int(which) if which.isdigit() else which), alpha))
    return edits


def as_published(
    text: str, directions: Directions, generator: Generator
) -> tuple[list[tuple[int, float]], tuple[int, ...]]:
    """(direction, alpha) and slots of an edit of GANSpace; says what it will move.

    The authors truncate after the edit, so that in W it shrinks by psi. Ours come after truncation, so here
    they are made shorter: by psi, as a share of the truncation at which a standard deviation was measured.

    Raises:
        InputError: the run is of another method, or has no such component or slot.
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
    say(f"component {edit.component} by {sigma:+g} sigma in slots {told(slots)} (layers {read})")
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


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parse(Edit, arguments, prog="edit", about="Edit a picture: the result, a strip, or a video.").draw()
