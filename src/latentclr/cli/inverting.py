"""An inversion that is under way: what `latentclr invert` does once its options are read."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import TextIOBase
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from rich.table import Table
from torch import Tensor

from latentclr.cli.console import Follower, Interrupted, out, say
from latentclr.engine.checkpoint import Keeper
from latentclr.files import make_folder, write_json
from latentclr.generators import Generator
from latentclr.images import save_picture
from latentclr.invert.artefact import Inversion
from latentclr.invert.crop import Cropped
from latentclr.invert.difference import Difference
from latentclr.invert.encoder import LatentEncoder
from latentclr.invert.invert import Settings, invert
from latentclr.invert.objective import Target, psnr
from latentclr.invert.pivotal import Tuning, tune
from latentclr.report.sheet import inversion_sheet
from latentclr.runs.inversions import (
    FIGURES,
    INVERSION,
    LATENTS,
    LOG,
    SHEET,
    TUNING,
    TUNING_STATE,
)
from latentclr.scorers.lpips import LPIPS, load_lpips

TILE = 192
"""Least height of a picture on the sheet."""
TOGETHER = 8
"""Pictures that are drawn at once."""

Near = list[dict[str, float]]
"""Of each photo, how near its picture is: "psnr", and "lpips" unless only pixels are compared."""


@dataclass(frozen=True)
class Inverting:
    """What the options have come to.

    Attributes:
        place: folder for the results.
        overwrite: replace what is there.
        resume: go on with what was stopped.
        save_every: seconds from one checkpoint to the next.
        settings: of the inversion.
        tuning: of the generator; None: it stays as it is.
        generator: at its truncation, in its space.
        encoder: of the generator; None: there is none.
        crops: of the photos.
        labels: the class of each.
        interrupted: whether to stop.
        whose: options that name the generator, for what to do next.
    """

    place: Path
    overwrite: bool
    resume: bool
    save_every: float
    settings: Settings
    tuning: Tuning | None
    generator: Generator
    encoder: LatentEncoder | None
    crops: Sequence[Cropped]
    labels: Sequence[int | None]
    interrupted: Interrupted
    whose: str

    def write(self) -> None:
        """Leave the folder, say what is in it.

        Raises:
            InputError: the place is taken, or what the method needs is not there.
        """
        pictures = torch.stack([crop.picture for crop in self.crops])
        with INVERSION.new(self.place, overwrite=self.overwrite, resume=self.resume) as folder:
            started = time.perf_counter()
            metric = load_lpips(device=self.generator.device, log=say) if self.settings.lpips_weight else None
            with (folder / LOG).open("w") as log_file:
                drawn = self.preview(pictures, metric)
                found = self.search(pictures, metric, folder, log_file)
                drawn[self.settings.method] = self.draw(found, self.generator)
                tuned = self.tune(found, pictures, metric, folder, log_file)
            seconds, stopped = time.perf_counter() - started, self.interrupted()
            if tuned is not None:
                tuned.save(folder / TUNING)
                drawn["tuned"] = self.draw(found, tuned.apply(self.generator))
            near = {name: self.measure(some, pictures, metric) for name, some in drawn.items()}
            found.save(folder / LATENTS)
            save_picture(self.sheet(pictures, drawn, near), folder / SHEET)
            write_json(folder / FIGURES, {**self.record(found, near, seconds), "interrupted": stopped})
        if not stopped:  # only now: until it is in its place, it can still be lost
            INVERSION.remove_checkpoints(self.place)
        self.tell(found, near, seconds, stopped=stopped)

    def preview(self, pictures: Tensor, metric: LPIPS | None) -> dict[str, Tensor]:
        """What the encoder alone makes of the photos, where it is not all there is."""
        if self.encoder is None or self.settings.method == "encoder":
            return {}
        found = invert(
            self.generator,
            pictures,
            replace(self.settings, method="encoder"),
            labels=self.labels,
            encoder=self.encoder,
            metric=metric,
        )
        return {"encoder": self.draw(found, self.generator)}

    def search(self, pictures: Tensor, metric: LPIPS | None, folder: Path, log_file: TextIOBase) -> Inversion:
        """What the method finds."""
        steps = 1 if self.settings.method == "encoder" else self.settings.steps
        with Follower(steps, log_file, what="inverting") as log:
            return invert(
                self.generator,
                pictures,
                self.settings,
                photos=[crop.source for crop in self.crops],
                labels=self.labels,
                encoder=self.encoder,
                metric=metric,
                log=log,
                stop=self.interrupted,
                keep=Keeper(folder, every=self.save_every),
                tell=say,
            )

    def tune(
        self, found: Inversion, pictures: Tensor, metric: LPIPS | None, folder: Path, log_file: TextIOBase
    ) -> Difference | None:
        """The change of the generator; None: not asked for, or stopped before."""
        if self.tuning is None or self.interrupted():
            return None
        keep = Keeper(make_folder(folder / TUNING_STATE), every=self.save_every)
        with Follower(self.tuning.steps, log_file, what="tuning") as log:
            return tune(
                self.generator,
                found,
                pictures,
                self.tuning,
                metric=metric,
                log=log,
                stop=self.interrupted,
                keep=keep,
            )

    @torch.no_grad()
    def draw(self, found: Inversion, generator: Generator) -> Float[Tensor, "n 3 h w"]:
        """Its pictures, by the generator or its tuned copy."""
        latents = found.latents.to(generator.device)
        parts = torch.arange(len(found)).split(TOGETHER)
        return torch.cat(
            [found.select(part.tolist()).pictures(generator, latents[part]).cpu() for part in parts]
        )

    @torch.no_grad()
    def measure(self, drawn: Tensor, pictures: Tensor, metric: LPIPS | None) -> Near:
        """How near pictures are to their photos."""
        device, near = self.generator.device, []
        for some, wanted in zip(drawn.split(TOGETHER), pictures.split(TOGETHER), strict=True):
            found = Target(wanted.to(device), metric).differences(some.to(device))
            for decibels, seen in zip(psnr(found.pixel).tolist(), found.lpips.tolist(), strict=True):
                perceived = {} if metric is None else {"lpips": round(seen, 4)}
                near.append({"psnr": round(decibels, 2), **perceived})
        return near

    def sheet(self, pictures: Tensor, drawn: Mapping[str, Tensor], near: Mapping[str, Near]) -> Image.Image:
        """Photos before and after."""
        height = pictures.shape[2]
        tile = max(TILE, min(height, 2 * TILE))
        photos = [crop.shown(tile) for crop in self.crops]
        columns: dict[str, Tensor | Sequence[Tensor]] = {
            "photo": photos,
            f"at {height} pixels": pictures,
            **drawn,
        }
        captions = {name: [told(one) for one in some] for name, some in near.items()}
        return inversion_sheet(columns, captions, height=tile)

    def record(self, found: Inversion, near: Mapping[str, Near], seconds: float) -> dict[str, Any]:
        """What goes into figures.json."""
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

    def tell(self, found: Inversion, near: Mapping[str, Near], seconds: float, *, stopped: bool) -> None:
        """Print the figures and what to do next."""
        if stopped:
            say("stopped; the best so far is saved and can be used. The same command with --resume goes on.")
        count = "1 photo" if len(found) == 1 else f"{len(found)} photos"
        units = "PSNR" if self.settings.lpips_weight == 0 else "PSNR and LPIPS"
        say(f"inverted {count} in {seconds:.0f} s; how near the pictures are, {units}:")
        table = Table(box=None, pad_edge=False)
        table.add_column("photo", justify="right")
        table.add_column("name")
        classes = any(label is not None for label in found.labels)
        for name in (*(["class"] if classes else []), *near):
            table.add_column(name, justify="right")
        names = self.generator.class_names
        for i, (photo, label) in enumerate(zip(found.photos, found.labels, strict=True)):
            shown = (
                [names[label] if label is not None and label < len(names) else str(label)] if classes else []
            )
            table.add_row(str(i), photo.name, *shown, *(told(some[i]) for some in near.values()))
        out.print(table)
        latents = self.place / LATENTS
        out.print(f"\nsheet: {self.place / SHEET}\nlatents: {latents}", markup=False)
        chosen = "" if found.labels[0] is None else f" --class {found.labels[0]}"
        say(
            "\nnext, with a run of the same generator:\n"
            f"  latentclr discover latentclr {self.whose}{chosen} --out runs/new\n"
            f'  latentclr edit runs/new --latents {latents} --edits "0:+3" --strip --out mine.png'
        )


def told(near: Mapping[str, float]) -> str:
    """For people."""
    return f"{near['psnr']:.1f} dB" + (f", {near['lpips']:.3f}" if "lpips" in near else "")
