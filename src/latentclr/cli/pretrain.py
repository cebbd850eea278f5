"""latentclr pretrain ARCHITECTURE: train a small generator on a CPU."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import tyro

from latentclr.cli.console import err, out, say, stop_on_interrupt
from latentclr.cli.options import parse, pick_device
from latentclr.errors import InputError, did_you_mean
from latentclr.pretrain.settings import ARCHITECTURES, BigGANDeepSettings, Settings

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, Int
    from torch import Tensor

    from latentclr.pretrain import Pool
    from latentclr.pretrain.scene_metrics import SceneMetrics

LOG = "log.jsonl"

Architecture = TypeVar("Architecture", bound=Settings)


@dataclass(frozen=True)
class Pretrain(Generic[Architecture]):
    """Options of the command beside those of the architecture."""

    data: str
    """Procedural scenes ("scenes": six factors; "scenes-biggan": all eight), or a folder of pictures."""
    out: Path
    """Folder for the checkpoint, the generator, sheets of samples, curves and log."""
    settings: Architecture
    """The architecture's own."""
    resume: bool = False
    """Go on with the training in the folder, if there is one."""
    start: str | None = None
    """Begin with the weights of another training (its folder; at the same or half the resolution), or of a
    generator (name or file)."""
    pool: int = 20_000
    """Scenes to draw before the training, which then sees them again and again."""
    classes: bool = False
    """The folders in the data's folder are classes (of scenes, the shapes are)."""
    flip: bool = False
    """Show half of the folder's pictures mirrored."""

    def run(self) -> int:
        """Train, say what was made. Returns the exit code."""
        from latentclr.files import make_folder
        from latentclr.pretrain import GENERATOR, SAMPLES, train

        settings = replace(self.settings, device=pick_device(self.settings.device))
        self.check_start()
        source = {"data": self.data}
        if isinstance(settings, BigGANDeepSettings):
            replace(settings, num_classes=1).check()  # refused now rather than after the pictures are read
            data = self.open_data(conditional=True)
            settings = replace(settings, num_classes=len(data.class_names))
        else:
            settings.check()
            data = self.open_data(conditional=False)
        make_folder(self.out)
        with (
            (self.out / LOG).open("a") as log_file,
            stop_on_interrupt() as interrupted,
            Teller(settings, log_file) as log,
        ):
            train(
                settings,
                data,
                self.out,
                resume=self.resume,
                start=self.start,
                class_names=data.class_names if isinstance(settings, BigGANDeepSettings) else (),
                source=source,
                measure=self.metrics(),
                stop=interrupted,
                log=log,
            )
        if interrupted():
            say("stopped; go on with the same command and --resume.")
        out.print(f"generator: {self.out / GENERATOR}\nsamples: {self.out / SAMPLES}", markup=False)
        label = " --class 0" if isinstance(settings, BigGANDeepSettings) else ""
        generator = f"--generator {self.out / GENERATOR}{label}"
        say(f"\nnext:\n  latentclr discover latentclr {generator} --out runs/new")
        return interrupted.exit_code

    def check_start(self) -> None:
        """Refuse a start that there is not, before anything is drawn.

        Raises:
            InputError: neither a folder with a training nor a generator.
        """
        from latentclr.checkpoints import load_generator
        from latentclr.engine.checkpoint import has_state

        if self.start is None:
            return
        if not Path(self.start).is_dir():
            load_generator(self.start)
        elif not has_state(Path(self.start)):
            raise InputError(f"--start {self.start}: this folder holds no training.")

    def open_data(self, *, conditional: bool) -> Pool:
        """The pictures, and their classes if they are asked for.

        Raises:
            InputError: no such data.
        """
        import torch

        from latentclr.pretrain import folder
        from latentclr.scenes import WORLDS

        size = self.settings.resolution
        if self.data in WORLDS:
            return self.scenes(conditional=conditional)
        if not Path(self.data).is_dir():
            raise InputError(f"--data {self.data}: give {', '.join(WORLDS)}, or a folder of pictures.")
        found = folder(Path(self.data), size, classes=self.classes, flip=self.flip)
        say(f"{len(found.pictures)} pictures in {self.data}")
        if conditional and found.labels is None:
            say("one class for all; --classes makes a class of each folder.")
            labels = torch.zeros(len(found.pictures), dtype=torch.long)
            return replace(found, labels=labels, class_names=("picture",))
        return found

    def metrics(self) -> SceneMetrics | None:
        """The metrics of exported generators of scenes; None for other data and sizes."""
        from latentclr.pretrain.scene_metrics import SceneMetrics
        from latentclr.scenes import WORLDS
        from latentclr.scorers import load_oracle
        from latentclr.scorers.oracle import SIZE

        if self.data not in WORLDS or self.settings.resolution != SIZE:
            return None
        metrics = SceneMetrics(load_oracle(), self.data)
        say("  ".join(f"{name} {value:.4g}" for name, value in metrics.references.items()))
        return metrics

    def scenes(self, *, conditional: bool) -> Pool:
        """Scenes, drawn once."""
        import torch

        from latentclr.pretrain import pool
        from latentclr.scenes import SHAPES, WORLDS, sample

        if self.pool < 1:
            raise InputError(f"--pool {self.pool}: give at least 1.")
        say(f"drawing {self.pool} scenes")

        def draw(n: int, rng: torch.Generator) -> tuple[Float[Tensor, "n 3 h w"], Int[Tensor, " n"] | None]:
            pictures, factors = sample(n, rng, world=self.data, size=self.settings.resolution)
            return pictures, factors["shape"].long() if conditional else None

        drawn = pool(draw, self.pool, torch.Generator().manual_seed(self.settings.seed))
        return replace(drawn, class_names=SHAPES[: WORLDS[self.data].shapes] if conditional else ())


class Teller:
    """Follows a training: one line that is renewed, a log file; where stderr is no terminal, a line at times.

    It is the `log` of `train`.
    """

    EVERY = 60.0
    """Seconds from one line to the next, where they are not renewed."""

    def __init__(self, settings: Settings, log_file: TextIOBase) -> None:
        """Every call is a JSON line in `log_file`."""
        self._settings = settings
        self._log_file = log_file
        self._status = err.status("training") if err.is_terminal else None
        self._said = float("-inf")

    def __enter__(self) -> Teller:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        """Take note of one call of `log`."""
        self._log_file.write(json.dumps({"step": step, **values}) + "\n")
        self._log_file.flush()
        if "pictures_per_second" not in values:  # a measurement of the exported generator
            say("  ".join(f"{name} {value:.4g}" for name, value in values.items()))
            return
        line = self.line(values)
        if self._status is not None:
            self._status.update(line)
        elif time.monotonic() - self._said >= self.EVERY:
            self._said = time.monotonic()
            say(line)

    def line(self, values: Mapping[str, float]) -> str:
        """Where the training stands, and when it will be done."""
        seen, speed = values["pictures"], values["pictures_per_second"]
        left = timedelta(seconds=round(max(0, self._settings.pictures - seen) / max(speed, 1e-9)))
        losses = "  ".join(f"{name} {values[name]:.3f}" for name in ("loss_g", "loss_d"))
        return (
            f"{seen:,} of {self._settings.pictures:,} pictures  {losses}  {speed:.1f} pictures/s  {left} left"
        )


def subcommands() -> Iterator[tuple[str, Any]]:
    """Every architecture with its options."""
    return ((name, Pretrain[kind]) for name, kind in ARCHITECTURES.items())  # type: ignore[valid-type]


def main(arguments: Sequence[str]) -> None:
    """Run the command: the first argument is the architecture."""
    if not arguments or arguments[0] in ("-h", "--help"):
        out.print(_help(), markup=False)
        return
    architecture, *rest = arguments
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        hint = did_you_mean(architecture, ARCHITECTURES)
        raise InputError(f"there is no architecture {architecture!r} to train{hint}; there are {known}.")
    kind = ARCHITECTURES[architecture]
    command = parse(
        Pretrain[kind],  # type: ignore[valid-type]
        rest,
        prog=f"pretrain {architecture}",
        about=(kind.__doc__ or "").splitlines()[0],
        default=Pretrain(tyro.MISSING, tyro.MISSING, kind()),
    )
    sys.exit(command.run())


def _help() -> str:
    kinds = "\n".join(
        f"  {name:<13}{(kind.__doc__ or '').splitlines()[0]}" for name, kind in ARCHITECTURES.items()
    )
    return (
        "usage: latentclr pretrain ARCHITECTURE --data scenes|FOLDER --out FOLDER [options]\n\n"
        "Train a small generator from scratch. Ctrl-C saves; --resume goes on.\n\n"
        f"architectures:\n{kinds}\n\n"
        "`latentclr pretrain ARCHITECTURE --help` lists the options."
    )
