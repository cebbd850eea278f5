"""latentclr pretrain ARCHITECTURE: train a small generator from scratch."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import tyro

from latentclr.cli.console import err, out, say, stop_on_interrupt
from latentclr.cli.options import pick_device
from latentclr.cli.parsing import chosen, parse
from latentclr.errors import InputError
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
    """Train a generator of one architecture."""

    data: str
    """Procedural scenes ("scenes": six factors; "scenes-biggan": all eight), or a folder of pictures."""
    out: Path
    """Folder for the checkpoint, the generator, sheets of samples, curves and log."""
    settings: Architecture
    """Settings of the architecture and the training."""
    resume: bool = False
    """Continue the training in the folder, if there is one."""
    start: str | None = None
    """Start with the weights of another training (its folder; of the same or half the resolution), or of a
    generator (name or file)."""
    pool: int = 20_000
    """Scenes that are drawn before the training, and then used again and again."""
    classes: bool = False
    """Use the subfolders of the data as classes (classes of scenes are their shapes)."""
    flip: bool = False
    """Mirror half of the pictures of a folder."""

    def run(self) -> int:
        """Train the generator, and print where it is. Returns the exit code."""
        from latentclr.files import make_folder
        from latentclr.pretrain import GENERATOR, SAMPLES, train

        settings = replace(self.settings, device=pick_device(self.settings.device))
        self._check_start()
        source = {"data": self.data}
        if isinstance(settings, BigGANDeepSettings):
            replace(settings, num_classes=1).check()  # so that they are refused before the pictures are read
            data = self._open_data(conditional=True)
            settings = replace(settings, num_classes=len(data.class_names))
        else:
            settings.check()
            data = self._open_data(conditional=False)
        make_folder(self.out)
        with (
            (self.out / LOG).open("a") as log_file,
            stop_on_interrupt() as interrupted,
            _TrainingProgress(settings, log_file) as log,
        ):
            train(
                settings,
                data,
                self.out,
                resume=self.resume,
                start=self.start,
                class_names=data.class_names if isinstance(settings, BigGANDeepSettings) else (),
                source=source,
                measure=self._metrics(),
                stop=interrupted,
                log=log,
            )
        if interrupted():
            say("stopped; the same command with --resume continues.")
        out.print(f"generator: {self.out / GENERATOR}\nsamples: {self.out / SAMPLES}")
        label = " --class 0" if isinstance(settings, BigGANDeepSettings) else ""
        generator = f"--generator {self.out / GENERATOR}{label}"
        say(f"\nnext:\n  latentclr discover latentclr {generator} --out runs/new")
        return interrupted.exit_code

    def _check_start(self) -> None:
        from latentclr.checkpoints import load_generator
        from latentclr.engine.checkpoint import has_state

        if self.start is None:
            return
        if not Path(self.start).is_dir():
            load_generator(self.start)
        elif not has_state(Path(self.start)):
            raise InputError(f"--start {self.start}: there is no training in this folder.")

    def _open_data(self, *, conditional: bool) -> Pool:
        """The pictures, with their classes if `conditional`."""
        import torch

        from latentclr.pretrain import folder
        from latentclr.scenes import WORLDS

        size = self.settings.resolution
        if self.data in WORLDS:
            return self._scenes(conditional=conditional)
        if not Path(self.data).is_dir():
            raise InputError(f"--data {self.data}: give {', '.join(WORLDS)}, or a folder of pictures.")
        found = folder(Path(self.data), size, classes=self.classes, flip=self.flip)
        say(f"{len(found.pictures)} pictures in {self.data}")
        if conditional and found.labels is None:
            say("all pictures are one class; --classes makes a class of each subfolder.")
            labels = torch.zeros(len(found.pictures), dtype=torch.long)
            return replace(found, labels=labels, class_names=("picture",))
        return found

    def _metrics(self) -> SceneMetrics | None:
        """The metrics of exported generators of scenes; None for other data and sizes."""
        from latentclr.pretrain.scene_metrics import SceneMetrics
        from latentclr.scenes import WORLDS
        from latentclr.scorers import load_oracle
        from latentclr.scorers.oracle import SIZE

        if self.data not in WORLDS or self.settings.resolution != SIZE:
            return None
        metrics = SceneMetrics(load_oracle(), self.data)
        _say_values(metrics.references)
        return metrics

    def _scenes(self, *, conditional: bool) -> Pool:
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


class _TrainingProgress:
    """Progress of a training of a generator: a status line and a log file.

    The file gets a JSON line for each call. Where stderr is no terminal, a line is printed from time to time.
    An instance is the `log` of `train`.
    """

    EVERY = 60.0
    """Seconds between two lines where stderr is no terminal."""

    def __init__(self, settings: Settings, log_file: TextIOBase) -> None:
        self._settings = settings
        self._log_file = log_file
        self._status = err.status("training") if err.is_terminal else None
        self._said = float("-inf")

    def __enter__(self) -> _TrainingProgress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        """Record the values of a step, and show them."""
        self._log_file.write(json.dumps({"step": step, **values}) + "\n")
        self._log_file.flush()
        if "pictures_per_second" not in values:  # a measurement of the exported generator
            _say_values(values)
            return
        line = self._line(values)
        if self._status is not None:
            self._status.update(line)
        elif time.monotonic() - self._said >= self.EVERY:
            self._said = time.monotonic()
            say(line)

    def _line(self, values: Mapping[str, float]) -> str:
        seen, speed = values["pictures"], values["pictures_per_second"]
        left = timedelta(seconds=round(max(0, self._settings.pictures - seen) / max(speed, 1e-9)))
        losses = "  ".join(f"{name} {values[name]:.3f}" for name in ("loss_g", "loss_d"))
        return (
            f"{seen:,} of {self._settings.pictures:,} pictures  {losses}  {speed:.1f} pictures/s  {left} left"
        )


def _say_values(values: Mapping[str, float]) -> None:
    say("  ".join(f"{name} {value:.4g}" for name, value in values.items()))


def choices() -> dict[str, Any]:
    """The dataclass of options of each architecture."""
    return {name: Pretrain[kind] for name, kind in ARCHITECTURES.items()}  # type: ignore[valid-type]


def main(arguments: Sequence[str]) -> int | None:
    """Run the command; its first argument is the architecture. Returns the exit code."""
    found = chosen(arguments, "architecture", ARCHITECTURES, _overview)
    if found is None:
        return None
    architecture, rest = found
    kind = ARCHITECTURES[architecture]
    return parse(
        Pretrain[kind],  # type: ignore[valid-type]
        rest,
        prog=f"pretrain {architecture}",
        about=(kind.__doc__ or "").splitlines()[0],
        default=Pretrain(tyro.MISSING, tyro.MISSING, kind()),
    ).run()


def _overview() -> str:
    kinds = "\n".join(
        f"  {name:<13}{(kind.__doc__ or '').splitlines()[0]}" for name, kind in ARCHITECTURES.items()
    )
    return (
        "usage: latentclr pretrain ARCHITECTURE --data scenes|FOLDER --out FOLDER [options]\n\n"
        "Train a small generator from scratch. Ctrl-C saves the training; --resume continues it.\n\n"
        f"architectures:\n{kinds}\n\n"
        "`latentclr pretrain ARCHITECTURE --help` lists the options."
    )
