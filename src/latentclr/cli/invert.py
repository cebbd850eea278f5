"""latentclr invert PHOTO...: find the latents of photos, to edit them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from latentclr.cli.console import Follower, Interrupted, out, say, stop_on_interrupt, table
from latentclr.cli.options import (
    ClassName,
    DeviceOption,
    GeneratorName,
    OverwriteOption,
    ResumeOptions,
    pick_device,
)
from latentclr.errors import InputError
from latentclr.invert.settings import Method, Settings, Tuning
from latentclr.ranges import numbers

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from latentclr.generators import Generator
    from latentclr.invert.artefact import Inversion
    from latentclr.invert.crop import Cropped
    from latentclr.invert.difference import Difference
    from latentclr.invert.encoder import LatentEncoder
    from latentclr.invert.photo import Decoded
    from latentclr.scorers.lpips import LPIPS

TILE = 192
"""Smallest height of a picture on the sheet, in pixels."""
TOGETHER = 8
"""Pictures that are drawn at once."""

Box = tuple[float, float, float, float]
Nearness = list[dict[str, float]]
"""How near the picture of each photo is to it: "psnr", and "lpips" unless only pixels are compared."""


@dataclass(frozen=True)
class Command(ResumeOptions, OverwriteOption, DeviceOption):
    """Find the latents of photos, to edit them."""

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PHOTO...")]
    """Files of photos: PNG, JPEG or WebP."""
    out: Path
    """Folder for the latents, a sheet of photos before and after, figures and log."""
    generator: GeneratorName = "faces"
    method: Method = Settings.method
    """The encoder alone, optimisation, or in-domain: optimisation that stays where the encoder agrees."""
    space: Literal["z", "w", "slots"] | None = None
    """What is found: one latent in z or in w, or one for each slot of the generator (default: one in the
    generator's own space)."""
    steps: int = Settings.steps
    """Steps of the optimisation."""
    starts: int = Settings.starts
    """Starting points of the optimisation; the best one is continued."""
    rate: float = Settings.rate
    """Largest learning rate of the optimisation, in standard deviations of the latents."""
    pixels_only: bool = False
    """Compare pixels only: LPIPS is not computed, and its weights are not fetched."""
    tune: bool = False
    """Also change the generator a little, so that it draws the photos as they are (pivotal tuning)."""
    tuning_steps: int = Tuning.steps
    """Steps of that tuning."""
    crop: str | None = None
    """Part of the photo to use, as x,y,width,height in its pixels; for one photo."""
    centre: bool = False
    """Use the largest part in the middle, whatever pictures the generator was trained on."""
    face: int | None = None
    """Face of a photo to use, counted from 0 at the left (default: the largest)."""
    crop_as: str | None = None
    """Crop photos as for this generator of the zoo: "ffhq" for a checkpoint file that was trained on FFHQ."""
    label: ClassName = None
    """Class of the photos, by number or name (default: it is found, if the generator draws classes)."""
    encoder: Path | None = None
    """File of an encoder of the generator (default: the one that ships, if there is one)."""
    truncation: float = 1.0
    """Truncation of the latents."""
    seed: int = 0
    """Seed of the starting points."""

    def run(self) -> int:
        """Invert the photos, write the folder, and print how near the pictures are. Returns the exit code."""
        from latentclr.engine.memory import keep_memory
        from latentclr.invert.photo import read_photo
        from latentclr.invert.shipped import find_encoder, load_encoder
        from latentclr.runs.inversions import INVERSION

        if self.resume and INVERSION.is_finished(self.out):
            say(f"{self.out} is finished: there is nothing to resume.")
            return 0
        box = self._check()
        photos = [read_photo(path) for path in self.photos]
        device = pick_device(self.device)
        generator = self._open(device)
        crops = self._crop(photos, generator, box)
        if device == "cpu":
            keep_memory()
        encoder = load_encoder(generator, self.encoder) if self.encoder else find_encoder(generator)
        with stop_on_interrupt() as interrupted:
            _Job(self, generator, encoder, crops, interrupted).run()
        return interrupted.exit_code

    @property
    def settings(self) -> Settings:
        """The settings of the inversion."""
        return Settings(
            method=self.method,
            space="slots" if self.space == "slots" else "shared",
            steps=self.steps,
            starts=self.starts,
            rate=self.rate,
            lpips_weight=0.0 if self.pixels_only else Settings.lpips_weight,
            seed=self.seed,
        )

    def _check(self) -> Box | None:
        """Refuse options out of range and contradictory ones; return the numbers of --crop."""
        _ = self.settings, Tuning(steps=self.tuning_steps)  # they refuse values out of range
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
            raise InputError("--crop is for one photo; invert each photo with a command of its own.")
        box = numbers(self.crop, float, "--crop")
        if len(box) != 4:
            raise InputError(
                f"--crop {self.crop}: give four numbers, x,y,width,height, in pixels of the photo."
            )
        return box[0], box[1], box[2], box[3]

    def _open(self, device: str) -> Generator:
        from latentclr.checkpoints import load_generator

        generator = load_generator(self.generator, device=device, log=say).at(self.truncation)
        if self.label is not None:
            generator = generator.for_class(self.label)
        return generator.in_space(self.space) if self.space in ("z", "w") else generator

    def _crop(self, photos: Sequence[Decoded], generator: Generator, box: Box | None) -> list[Cropped]:
        """The parts of the photos that the generator could draw."""
        from latentclr.checkpoints.crops import CENTRE
        from latentclr.invert.crop import crop_photo, picture_size, rule_of

        rule = CENTRE if self.centre else rule_of(generator, self.crop_as)
        size = picture_size(generator)
        crops = [crop_photo(photo, size, rule, box=box, face=self.face) for photo in photos]
        for note in (note for crop in crops for note in crop.notes):
            say(note)
        return crops


@dataclass(frozen=True)
class _Job:
    """An inversion whose options have been checked, and whose files are loaded."""

    options: Command
    generator: Generator
    encoder: LatentEncoder | None
    crops: Sequence[Cropped]
    interrupted: Interrupted

    def run(self) -> None:
        """Write the folder, and print what is in it."""
        from latentclr.files import write_json
        from latentclr.images import save_picture
        from latentclr.runs.inversions import FIGURES, INVERSION, LATENTS, LOG, SHEET, TUNING

        options = self.options
        with INVERSION.new(options.out, overwrite=options.overwrite, resume=options.resume) as folder:
            started = time.perf_counter()
            with (folder / LOG).open("w") as log_file:
                drawn = self._preview()
                found = self._search(folder, log_file)
                drawn[options.method] = _draw(found, self.generator)
                tuned = self._tune(found, folder, log_file)
            seconds, stopped = time.perf_counter() - started, self.interrupted()
            if tuned is not None:
                tuned.save(folder / TUNING)
                drawn["tuned"] = _draw(found, tuned.apply(self.generator))
            near = {name: self._nearness(some) for name, some in drawn.items()}
            found.save(folder / LATENTS)
            save_picture(self._sheet(drawn, near), folder / SHEET)
            write_json(folder / FIGURES, {**self._record(found, near, seconds), "interrupted": stopped})
        if not stopped:  # not earlier: until the folder is in its place, it can still be lost
            INVERSION.remove_checkpoints(options.out)
        self._print(found, near, seconds, stopped=stopped)

    @cached_property
    def _pictures(self) -> Tensor:
        import torch

        return torch.stack([crop.picture for crop in self.crops])

    @cached_property
    def _metric(self) -> LPIPS | None:
        from latentclr.scorers.lpips import load_lpips

        return None if self.options.pixels_only else load_lpips(device=self.generator.device, log=say)

    def _invert(self, settings: Settings, **more: Any) -> Inversion:
        from latentclr.invert.invert import invert

        label = None if self.options.label is None else self.generator.label_number
        return invert(
            self.generator,
            self._pictures,
            settings,
            labels=[label] * len(self.crops),
            encoder=self.encoder,
            metric=self._metric,
            **more,
        )

    def _preview(self) -> dict[str, Tensor]:
        """The pictures of the encoder alone, if another method starts from it."""
        if self.encoder is None or self.options.method == "encoder":
            return {}
        found = self._invert(replace(self.options.settings, method="encoder"))
        return {"encoder": _draw(found, self.generator)}

    def _search(self, folder: Path, log_file: TextIOBase) -> Inversion:
        from latentclr.engine.checkpoint import Keeper

        steps = 1 if self.options.method == "encoder" else self.options.steps
        with Follower(steps, log_file, what="inverting") as log:
            return self._invert(
                self.options.settings,
                photos=[crop.source for crop in self.crops],
                log=log,
                stop=self.interrupted,
                keep=Keeper(folder, every=self.options.save_every),
                tell=say,
            )

    def _tune(self, found: Inversion, folder: Path, log_file: TextIOBase) -> Difference | None:
        """The change of the generator; None: not asked for, or stopped before."""
        from latentclr.engine.checkpoint import Keeper
        from latentclr.files import make_folder
        from latentclr.invert.pivotal import tune
        from latentclr.runs.inversions import TUNING_STATE

        if not self.options.tune or self.interrupted():
            return None
        keep = Keeper(make_folder(folder / TUNING_STATE), every=self.options.save_every)
        with Follower(self.options.tuning_steps, log_file, what="tuning") as log:
            return tune(
                self.generator,
                found,
                self._pictures,
                Tuning(steps=self.options.tuning_steps),
                metric=self._metric,
                log=log,
                stop=self.interrupted,
                keep=keep,
            )

    def _nearness(self, drawn: Tensor) -> Nearness:
        import torch

        from latentclr.invert.objective import Target, psnr

        device, near = self.generator.device, []
        for some, wanted in zip(drawn.split(TOGETHER), self._pictures.split(TOGETHER), strict=True):
            with torch.no_grad():
                found = Target(wanted.to(device), self._metric).differences(some.to(device))
            for decibels, lpips in zip(psnr(found.pixel).tolist(), found.lpips.tolist(), strict=True):
                perceived = {} if self._metric is None else {"lpips": round(lpips, 4)}
                near.append({"psnr": round(decibels, 2), **perceived})
        return near

    def _sheet(self, drawn: Mapping[str, Tensor], near: Mapping[str, Nearness]) -> Image.Image:
        from latentclr.report.sheet import inversion_sheet

        height = self._pictures.shape[2]
        tile = max(TILE, min(height, 2 * TILE))
        columns: dict[str, Tensor | Sequence[Tensor]] = {
            "photo": [crop.shown(tile) for crop in self.crops],
            f"at {height} pixels": self._pictures,
            **drawn,
        }
        captions = {name: [_format(one) for one in some] for name, some in near.items()}
        return inversion_sheet(columns, captions, height=tile)

    def _record(self, found: Inversion, near: Mapping[str, Nearness], seconds: float) -> dict[str, Any]:
        import torch

        return {
            **found.origin,
            "device": str(self.generator.device),
            "threads": torch.get_num_threads(),
            "seconds": round(seconds, 2),
            "median": {
                name: {key: statistics.median(one[key] for one in some) for key in some[0]}
                for name, some in near.items()
            },
            "photos": [
                {
                    "name": photo.name,
                    "sha256": photo.sha256,
                    "pixels": [crop.photo.width, crop.photo.height],
                    "crop": list(photo.crop),
                    "class": label,
                    **{name: some[i] for name, some in near.items()},
                }
                for i, (photo, crop, label) in enumerate(
                    zip(found.photos, self.crops, found.labels, strict=True)
                )
            ],
        }

    def _print(
        self, found: Inversion, near: Mapping[str, Nearness], seconds: float, *, stopped: bool
    ) -> None:
        from latentclr.runs.inversions import LATENTS, SHEET

        options, classes = self.options, self.generator.class_names
        if stopped:
            say(
                "stopped; the best so far is saved and can be used. The same command with --resume continues."
            )
        count = "1 photo" if len(found) == 1 else f"{len(found)} photos"
        units = "PSNR" if options.pixels_only else "PSNR and LPIPS"
        say(f"inverted {count} in {seconds:.0f} s; how near the pictures are, {units}:")
        named = ["class"] if any(label is not None for label in found.labels) else []
        shown = table("photo", "name", *named, *near, right=("photo", *named, *near))
        for i, (photo, label) in enumerate(zip(found.photos, found.labels, strict=True)):
            name = classes[label] if label is not None and label < len(classes) else str(label)
            shown.add_row(
                str(i), photo.name, *([name] if named else []), *(_format(some[i]) for some in near.values())
            )
        out.print(shown)
        latents = options.out / LATENTS
        out.print(f"\nsheet: {options.out / SHEET}\nlatents: {latents}")
        given = f"--generator {options.generator}"
        given += f" --space {options.space}" if options.space in ("z", "w") else ""
        given += "" if found.labels[0] is None else f" --class {found.labels[0]}"
        say(
            "\nnext, with a run of the same generator:\n"
            f"  latentclr discover latentclr {given} --out runs/new\n"
            f'  latentclr edit runs/new --latents {latents} --edits "0:+3" --strip --out mine.png'
        )


def _draw(found: Inversion, generator: Generator) -> Tensor:
    """The pictures of an inversion, by its generator or a tuned copy."""
    import torch

    latents = found.latents.to(generator.device)
    parts = torch.arange(len(found)).split(TOGETHER)
    with torch.no_grad():
        return torch.cat(
            [found.select(part.tolist()).pictures(generator, latents[part]).cpu() for part in parts]
        )


def _format(near: Mapping[str, float]) -> str:
    return f"{near['psnr']:.1f} dB" + (f", {near['lpips']:.3f}" if "lpips" in near else "")
