"""latentclr encoder: train an encoder of a generator, for instant inversion and for in-domain inversion."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from latentclr.cli.console import Follower, out, say, stop_on_interrupt
from latentclr.cli.options import ClassName, open_generator, parse, pick_device
from latentclr.engine.settings import SAVE_EVERY
from latentclr.errors import InputError
from latentclr.invert.settings import EncoderSettings

if TYPE_CHECKING:
    from latentclr.generators import Generator
    from latentclr.pretrain import Pool

ENCODER = "encoder.safetensors"
CARD = "encoder.json"
LOG = "log.jsonl"


@dataclass(frozen=True)
class Encoder:
    """Options of the command beside those of the training."""

    generator: str
    """A name of the zoo (see `latentclr generators list`), or the path of a checkpoint file."""
    out: Path
    """Folder for the encoder, its card and log."""
    outside: str | None = None
    """Pictures that no GAN made, from which it learns too: a folder, or a world of scenes."""
    count: int = 6000
    """Scenes that are drawn, if the outside pictures are scenes."""
    pixels_only: bool = False
    """Compare pixels alone: LPIPS is not computed, and its weights are not fetched."""
    label: ClassName = None
    """Class, by number or name, of a generator that has its classes in w."""
    device: str = "auto"
    """cpu, cuda, or auto: a GPU if there is one."""
    resume: bool = False
    """Go on with the training in the folder, if there is one."""
    save_every: float = SAVE_EVERY
    """Seconds from one checkpoint to the next."""
    settings: EncoderSettings = field(default_factory=EncoderSettings)
    """Of the training."""

    def run(self) -> int:
        """Train, say what it reaches. Returns the exit code."""
        from latentclr.engine.checkpoint import Keeper, has_state, remove_state
        from latentclr.engine.memory import keep_memory
        from latentclr.files import make_folder, write_json
        from latentclr.invert.train import train_encoder
        from latentclr.scorers.lpips import load_lpips

        self.settings.check()
        if has_state(self.out) and not self.resume:
            raise InputError(f"{self.out} holds a training already: --resume it, or choose another folder.")
        device = pick_device(self.device)
        if device == "cpu":
            keep_memory()
        generator = self.open(device)
        outside = self.pictures(generator)
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
            "held-out samples": trained.values,
        }
        write_json(self.out / CARD, card)
        if interrupted():
            say(f"stopped after step {trained.steps}; the same command with --resume goes on.")
        else:
            remove_state(self.out)
        told = {"psnr": "PSNR {:.1f} dB", "lpips": "LPIPS {:.3f}", "accuracy": "classes {:.0%}"}
        values = [text.format(trained.values[name]) for name, text in told.items() if name in trained.values]
        out.print(f"encoder: {self.out / ENCODER} ({', '.join(values)} on held-out samples)", markup=False)
        given = f"--generator {self.generator} --encoder {self.out / ENCODER}"
        say(f"\nnext:\n  latentclr invert PHOTO {given} --out DIR")
        return interrupted.exit_code

    def open(self, device: str) -> Generator:
        """The generator; of one that draws classes, all are learned."""
        from latentclr.checkpoints import load_generator

        if self.label is None:
            return load_generator(self.generator, device=device, log=say)
        return open_generator(self.generator, device=device, label=self.label, space=None)

    def pictures(self, generator: Generator) -> Pool | None:
        """Those that no GAN made.

        Raises:
            InputError: there are none.
        """
        from latentclr.invert.samples import outside_scenes
        from latentclr.pretrain import folder
        from latentclr.scenes import WORLDS

        if self.outside is None:
            return None
        if self.outside in WORLDS:
            return outside_scenes(self.outside, self.count, seed=self.settings.seed, log=say)
        if not Path(self.outside).is_dir():
            raise InputError(f"--outside {self.outside}: give a folder of pictures, or {', '.join(WORLDS)}.")
        return folder(Path(self.outside), generator.resolution, classes=bool(generator.num_classes))


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    command = parse(
        Encoder,
        arguments,
        prog="encoder",
        about="Train an encoder of a generator: latents of a picture in one pass, for `latentclr invert`.",
    )
    sys.exit(command.run())
