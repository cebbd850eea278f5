"""latentclr encoder: train an encoder of a generator, for instant and for in-domain inversion."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from latentclr.cli.console import Follower, out, say, stop_on_interrupt
from latentclr.cli.options import (
    ClassName,
    DeviceOption,
    GeneratorName,
    ResumeOptions,
    open_generator,
    pick_device,
)
from latentclr.errors import InputError
from latentclr.invert.settings import EncoderSettings

if TYPE_CHECKING:
    from latentclr.generators import Generator
    from latentclr.pretrain import Pool

ENCODER = "encoder.safetensors"
CARD = "encoder.json"
LOG = "log.jsonl"


@dataclass(frozen=True)
class Command(ResumeOptions, DeviceOption):
    """Train an encoder of a generator: it finds latents of a picture in one pass, for `latentclr invert`."""

    generator: GeneratorName
    out: Path
    """Folder for the encoder, its card and log."""
    outside: str | None = None
    """Pictures that no GAN made, to learn from as well: a folder, or a world of scenes."""
    count: int = 6000
    """Number of scenes, if --outside is a world."""
    pixels_only: bool = False
    """Compare pixels only: LPIPS is not computed, and its weights are not fetched."""
    label: ClassName = None
    """Class, by number or name, for a generator that has its classes in w."""
    settings: EncoderSettings = field(default_factory=EncoderSettings)
    """Settings of the training."""

    def run(self) -> int:
        """Train the encoder, and print how good it is. Returns the exit code."""
        from latentclr.engine.checkpoint import Keeper, has_state, remove_state
        from latentclr.engine.memory import keep_memory
        from latentclr.files import make_folder, write_json
        from latentclr.invert.train import train_encoder
        from latentclr.scorers.lpips import load_lpips

        if has_state(self.out) and not self.resume:
            raise InputError(
                f"{self.out} holds a training: add --resume to continue it, or choose another folder."
            )
        device = pick_device(self.device)
        if device == "cpu":
            keep_memory()
        generator = self._open(device)
        outside = self._outside(generator)
        metric = None if self.pixels_only else load_lpips(device=device, log=say)
        make_folder(self.out)
        started = time.perf_counter()
        with (
            (self.out / LOG).open("w") as log_file,
            stop_on_interrupt() as interrupted,
            Follower(self.settings.steps, log_file, what="training") as log,
        ):
            trained = train_encoder(
                generator,
                self.settings,
                outside=outside,
                metric=metric,
                log=log,
                stop=interrupted,
                keep=Keeper(self.out, every=self.save_every),
            )
        trained.encoder.save(self.out / ENCODER)
        card = {
            "generator": {"name": generator.name, "sha256": generator.fingerprint()},
            "settings": asdict(self.settings),
            "steps": trained.steps,
            "seconds": round(time.perf_counter() - started, 1),
            "held-out samples": {**trained.values, "best_step": trained.best_step},
        }
        write_json(self.out / CARD, card)
        if interrupted():
            say(f"stopped after step {trained.steps}; the same command with --resume continues.")
        else:
            remove_state(self.out)
        shown = {"psnr": "PSNR {:.1f} dB", "lpips": "LPIPS {:.3f}", "accuracy": "classes {:.0%}"}
        values = [text.format(trained.values[name]) for name, text in shown.items() if name in trained.values]
        out.print(f"encoder: {self.out / ENCODER} ({', '.join(values)} on held-out samples)")
        given = f"--generator {self.generator} --encoder {self.out / ENCODER}"
        say(f"\nnext:\n  latentclr invert PHOTO {given} --out DIR")
        return interrupted.exit_code

    def _open(self, device: str) -> Generator:
        from latentclr.checkpoints import load_generator

        if self.label is None:  # an encoder of a generator that draws classes learns all of them
            return load_generator(self.generator, device=device, log=say)
        return open_generator(self.generator, device=device, label=self.label, space=None)

    def _outside(self, generator: Generator) -> Pool | None:
        from latentclr.invert.train import outside_scenes
        from latentclr.pretrain import folder
        from latentclr.scenes import WORLDS

        if self.outside is None:
            return None
        if self.outside in WORLDS:
            return outside_scenes(self.outside, self.count, seed=self.settings.seed, log=say)
        if not Path(self.outside).is_dir():
            raise InputError(f"--outside {self.outside}: give a folder of pictures, or {', '.join(WORLDS)}.")
        return folder(Path(self.outside), generator.resolution, classes=bool(generator.num_classes))
