"""Train an encoder of a generator: the one that ships, or one of your own.

    python -m benchmarks.train_encoder scenes
    python -m benchmarks.train_encoder faces --out runs/encoder-faces

Killed or stopped, the same command goes on. Writes encoder.safetensors and its card (command, seconds,
figures) into the folder; with --ship also into src/latentclr/weights.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path

import torch
from benchmarks.runner import Parser, say

from latentclr import load_generator
from latentclr.engine.checkpoint import Keeper, remove_state
from latentclr.files import make_folder, write_bytes, write_json
from latentclr.invert.train import EncoderSettings, outside_scenes, train_encoder
from latentclr.scenes import WORLDS
from latentclr.scorers.lpips import load_lpips

WEIGHTS = Path(__file__).parents[1] / "src" / "latentclr" / "weights"
OUTSIDE = 6000
"""Renders that the encoders of scenes see."""


def main() -> None:
    parser = Parser(__doc__, threads=1)
    parser.add_argument("generator")
    parser.add_argument("--ship", action="store_true")
    for field in fields(EncoderSettings):
        kind = type(field.default)
        if kind is bool:
            parser.add_argument(f"--{field.name.replace('_', '-')}", action=argparse.BooleanOptionalAction)
        else:
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind)
    arguments = parser.options()
    given = {
        field.name: value
        for field in fields(EncoderSettings)
        if (value := getattr(arguments, field.name)) is not None
    }
    settings = EncoderSettings(**given)
    out = arguments.out or Path("runs") / f"encoder-{Path(arguments.generator).stem}"
    make_folder(out)
    generator = load_generator(arguments.generator, log=print)
    outside = None
    if generator.name in WORLDS:
        outside = outside_scenes(generator.name, OUTSIDE, seed=settings.seed, log=print)
    started, before = time.process_time(), _seconds(out)

    def log(step: int, values: Mapping[str, float]) -> None:
        if values and (step % 100 == 0 or "validation_loss" in values):
            shown = {name: round(value, 4) for name, value in values.items()}
            say(f"{step} {shown}")
        if step % 50 == 0:
            write_json(out / "seconds.json", before + time.process_time() - started)

    trained = train_encoder(
        generator,
        settings,
        outside=outside,
        metric=load_lpips(),
        log=log,
        keep=Keeper(out, every=30),
    )
    seconds = before + time.process_time() - started
    path = out / "encoder.safetensors"
    trained.encoder.save(path)
    card = {
        "what": f"encoder of {generator.name!r}: latents of a picture in one pass (docs/inversion.md)",
        "licence": "MIT",
        "command": " ".join(["python -m benchmarks.train_encoder", *sys.argv[1:]]),
        "settings": asdict(settings),
        "outside pictures": OUTSIDE if outside is not None else 0,
        "processor seconds": round(seconds),
        "machine": f"one of {os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}",
        "generator sha256": generator.fingerprint(),
        "held-out samples": {
            **{name: round(value, 4) for name, value in trained.values.items()},
            "best_step": trained.best_step,
        },
    }
    write_json(path.with_suffix(".json"), card)
    if arguments.ship:
        for suffix in (".safetensors", ".json"):
            write_bytes(WEIGHTS / f"encoder-{generator.name}{suffix}", path.with_suffix(suffix).read_bytes())
    remove_state(out)
    print(json.dumps(card, indent=2))


def _seconds(out: Path) -> float:
    path = out / "seconds.json"
    return float(json.loads(path.read_text())) if path.is_file() else 0.0


if __name__ == "__main__":
    main()
