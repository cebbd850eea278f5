"""latentclr invert PHOTO...: find the latents of photos, to edit them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from latentclr.cli.console import say, stop_on_interrupt
from latentclr.cli.options import ClassName, parse, pick_device
from latentclr.engine.settings import SAVE_EVERY
from latentclr.errors import InputError
from latentclr.invert.settings import Method, Settings, Tuning
from latentclr.ranges import numbers

if TYPE_CHECKING:
    from latentclr.generators import Generator
    from latentclr.invert.crop import Cropped
    from latentclr.invert.photo import Decoded

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Invert:
    """Options of the command."""

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PHOTO...")]
    """Files of photos: PNG, JPEG or WebP."""
    out: Path
    """Folder for the latents, a sheet of photos before and after, figures and log."""
    generator: str = "faces"
    """A name of the zoo (see `latentclr generators list`), or the path of a checkpoint file."""
    method: Method = Settings.method
    """The encoder alone, optimisation, or in-domain: optimisation that stays where the encoder agrees."""
    space: Literal["z", "w", "slots"] | None = None
    """What is found: one latent in z or in w, or one for each slot of the generator; none: one in the
    generator's own space."""
    steps: int = Settings.steps
    """Of the optimisation."""
    starts: int = Settings.starts
    """Places from which it begins; the best goes on."""
    rate: float = Settings.rate
    """Of the optimisation at its largest, in standard deviations of the latents."""
    pixels_only: bool = False
    """Compare pixels alone: LPIPS is not computed, and its weights are not fetched."""
    tune: bool = False
    """Also change the generator a little, until the photos come out as they are (pivotal tuning)."""
    tuning_steps: int = Tuning.steps
    """Of that."""
    crop: str | None = None
    """Part of the photo by hand, as x,y,width,height in its pixels; for one photo."""
    centre: bool = False
    """The largest part in the middle, whatever the generator's training pictures were."""
    face: int | None = None
    """Which face of a photo, from the left, 0 the first; none: the largest."""
    crop_as: str | None = None
    """Cut photos as for this generator of the zoo: "ffhq" for a checkpoint file that was trained on FFHQ."""
    label: ClassName = None
    """Class of the photos, by number or name; none: it is found, where the generator draws classes."""
    encoder: Path | None = None
    """File of an encoder of the generator; none: the one that ships, if there is one."""
    truncation: float = 1.0
    """Of the generator."""
    device: str = "auto"
    """cpu, cuda, or auto: a GPU if there is one."""
    seed: int = 0
    """Of the starts."""
    overwrite: bool = False
    """Replace the inverted photos that are in the folder."""
    resume: bool = False
    """Go on with what was stopped or killed, if there is something; needs the same other options."""
    save_every: float = SAVE_EVERY
    """Seconds from one checkpoint to the next."""

    def run(self) -> int:
        """Invert, write, say what was found. Returns the exit code."""
        from latentclr.cli.inverting import Inverting
        from latentclr.engine.memory import keep_memory
        from latentclr.invert.photo import read_photo
        from latentclr.invert.shipped import find_encoder, load_encoder
        from latentclr.runs.inversions import INVERSION

        if self.resume and INVERSION.is_finished(self.out):
            say(f"{self.out} is finished: nothing is left to go on with.")
            return 0
        box = self.check()
        photos = [read_photo(path) for path in self.photos]
        device = pick_device(self.device)
        generator, label = self.open(device)
        crops = self.cut(photos, generator, box)
        if device == "cpu":
            keep_memory()
        space = f" --space {self.space}" if self.space in ("z", "w") else ""
        with stop_on_interrupt() as interrupted:
            Inverting(
                place=self.out,
                overwrite=self.overwrite,
                resume=self.resume,
                save_every=self.save_every,
                settings=self.settings(),
                tuning=Tuning(steps=self.tuning_steps) if self.tune else None,
                generator=generator,
                encoder=find_encoder(generator)
                if self.encoder is None
                else load_encoder(generator, self.encoder),
                crops=crops,
                labels=[label] * len(crops),
                interrupted=interrupted,
                whose=f"--generator {self.generator}{space}",
            ).write()
        return interrupted.exit_code

    def settings(self) -> Settings:
        """For the library."""
        return Settings(
            method=self.method,
            space="slots" if self.space == "slots" else "shared",
            steps=self.steps,
            starts=self.starts,
            rate=self.rate,
            lpips_weight=0.0 if self.pixels_only else Settings.lpips_weight,
            seed=self.seed,
        )

    def check(self) -> Box | None:
        """Refuse what cannot be followed, before anything is read. Returns the crop by hand.

        Raises:
            InputError: options out of range or at odds.
        """
        self.settings().check()
        Tuning(steps=self.tuning_steps).check()
        if not self.photos:
            raise InputError("no photos: give one or more PNG, JPEG or WebP files.")
        given = [
            name
            for name, value in (("--crop", self.crop), ("--centre", self.centre), ("--face", self.face))
            if value is not None and value is not False
        ]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} exclude each other; choose one.")
        if self.crop is None:
            return None
        if len(self.photos) > 1:
            raise InputError("--crop is of one photo; invert the others with a command of their own.")
        box = numbers(self.crop, float, "--crop")
        if len(box) != 4:
            raise InputError(
                f"--crop {self.crop}: give four numbers, x,y,width,height, in pixels of the photo."
            )
        return box[0], box[1], box[2], box[3]

    def open(self, device: str) -> tuple[Generator, int | None]:
        """The generator, and the class of the photos if one is given.

        Raises:
            InputError: no such generator, class or space.
        """
        from latentclr.checkpoints import load_generator

        generator = load_generator(self.generator, device=device, log=say).at(self.truncation)
        label = None
        if self.label is not None:
            generator = generator.for_class(self.label)
            label = generator.label_number
        if self.space in ("z", "w"):
            generator = generator.in_space(self.space)
        return generator, label

    def cut(self, photos: Sequence[Decoded], generator: Generator, box: Box | None) -> list[Cropped]:
        """The photos as the generator could draw them; says what their sender may want to know.

        Raises:
            InputError: no face where one is needed, or a crop that is not possible.
        """
        from latentclr.checkpoints.crops import CENTRE
        from latentclr.invert.crop import crop_photo, picture_size, rule_of

        rule = CENTRE if self.centre else rule_of(generator, self.crop_as)
        size = picture_size(generator)
        crops = [crop_photo(photo, size, rule, box=box, face=self.face) for photo in photos]
        for note in (note for crop in crops for note in crop.notes):
            say(note)
        return crops


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    command = parse(Invert, arguments, prog="invert", about="Find the latents of photos, to edit them.")
    sys.exit(command.run())
