"""Photos to invert, inversions that are kept, and what is reported of them."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from benchmarks.runner import Rows, say
from jaxtyping import Float
from torch import Tensor

from latentclr import Directions
from latentclr.evaluate.intervals import Bootstrap, Interval
from latentclr.files import write_json
from latentclr.generators import Generator
from latentclr.invert.artefact import Inversion
from latentclr.invert.invert import Settings, invert
from latentclr.invert.train import draw_samples
from latentclr.scenes import sample
from latentclr.scorers.lpips import LPIPS

NAMES = ("scenes", "scenes-biggan", "faces", "celebs")
MOST = 64
"""Photos of each kind; fewer are the first of them."""
BATCH = 8
CHANGE = 0.12
"""LPIPS of the edits whose leakage is measured, on generated pictures."""
HELD_OUT = 1_000_000
"""Seed of pictures that no training saw."""
PLAIN: Mapping[str, Any] = {
    "method": "optimise",
    "from_encoder": False,
    "prior_weight": 0.0,
    "spread_weight": 0.0,
    "steps": 300,
    "finish": 0,
}
"""Optimisation as it was before encoders: from the nearest samples, of the picture's distance alone."""
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "encoder": {"method": "encoder"},
    "plain": PLAIN,
    "plain, each slot": {**PLAIN, "space": "slots"},
    "optimised": {"method": "optimise"},
    "optimised, each slot": {"method": "optimise", "space": "slots"},
    "in-domain": {"method": "in-domain"},
    "in-domain, each slot": {"method": "in-domain", "space": "slots"},
}


@dataclass(frozen=True)
class Photos:
    """Pictures to invert, with the 256 values of each channel that files have.

    Attributes:
        name: for files.
        pictures: in [-1, 1].
        factors: of scenes, by name.
    """

    name: str
    pictures: Float[Tensor, "n 3 h w"]
    factors: Mapping[str, Tensor]


@dataclass(frozen=True)
class Bench:
    """What all parts share.

    Attributes:
        rows: the results.
        runs: folder for inversions and directions.
        n: number of photos.
        metric: LPIPS.
    """

    rows: Rows
    runs: Path
    n: int
    metric: LPIPS

    def inverted(self, generator: Generator, photos: Photos, variant: str) -> tuple[Inversion, list[float]]:
        """Invert photos in batches, of which those that are kept are not inverted again.

        Args:
            generator: in which they are inverted.
            photos: the photos.
            variant: name of the settings in `VARIANTS`.

        Returns:
            The inversion, and the seconds of a batch: of the processor, and on the clock.
        """
        settings = Settings(**VARIANTS[variant])
        parts, seconds = [], []
        for i, some in enumerate(photos.pictures.split(BATCH)):
            name = f"{generator.name}-{photos.name}-{variant}-{i}".replace(", ", "-")
            path, clock = self.runs / f"{name}.safetensors", self.runs / f"{name}.json"
            if not (path.is_file() and clock.is_file()):
                began, wall = time.process_time(), time.perf_counter()
                invert(generator, some, settings, metric=self.metric).save(path)
                took = [time.process_time() - began, time.perf_counter() - wall]
                write_json(clock, took)
                say(f"{name}: {took[0]:.1f} s of the processor, {took[1]:.1f} s")
            parts.append(Inversion.load(path))
            seconds.append(json.loads(clock.read_text()))
        return joined(parts), [sorted(column)[len(column) // 2] for column in zip(*seconds, strict=True)]

    def add(self, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Keep and print a row.

        Args:
            key: what was measured.
            values: the measurements.
        """
        self.rows.add({**key, **values})
        short = {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in {**key, **values}.items()
            if not isinstance(value, list)
        }
        say(json.dumps(short))

    def directions(self, generator: Generator, name: str, make: Callable[[], Directions]) -> Directions:
        """Load directions that are kept, or make and keep them.

        Args:
            generator: whose directions they are.
            name: of the file.
            make: finds them.
        """
        path = self.runs / f"{generator.name}-{name}.safetensors"
        if not path.is_file():
            make().save(path)
        return Directions.load(path)


def joined(parts: Sequence[Inversion]) -> Inversion:
    first = parts[0]
    return Inversion(
        torch.cat([part.latents for part in parts]),
        first.space,
        tuple(label for part in parts for label in part.labels),
        torch.cat([part.psnr for part in parts]),
        torch.cat([part.lpips for part in parts]),
        tuple(photo for part in parts for photo in part.photos),
        first.origin,
    )


def in_bytes(pictures: Tensor) -> Tensor:
    """Pictures rounded to the 256 values of a channel in a file."""
    return (pictures.clamp(-1, 1) * 127.5 + 127.5).round() / 127.5 - 1


def generated_photos(generator: Generator, n: int) -> Photos:
    found = draw_samples(generator, MOST, torch.Generator().manual_seed(HELD_OUT + 7))
    return Photos("samples", in_bytes(found.pictures[:n]), {})


def rendered_photos(world: str, n: int) -> Photos:
    pictures, factors = sample(MOST, torch.Generator().manual_seed(HELD_OUT), world=world)
    some = {name: values[:n] for name, values in factors.items()}
    return Photos("renders", in_bytes(pictures[:n]), some)


def as_json(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def mean(values: Tensor) -> dict[str, float]:
    """The mean and its interval, as JSON values."""
    return as_json(Bootstrap().means(values.double().unsqueeze(1)).at(0))


def figures(inversion: Inversion, seconds: Sequence[float]) -> dict[str, Any]:
    """Reconstruction errors and time of an inversion, as JSON values."""
    return {
        "psnr": float(inversion.psnr.median()),
        "lpips": float(inversion.lpips.median()),
        "mean psnr": mean(inversion.psnr),
        "mean lpips": mean(inversion.lpips),
        "worst psnr": float(inversion.psnr.min()),
        "seconds a batch of 8": seconds[0],
        "seconds on the clock": seconds[1],
    }
