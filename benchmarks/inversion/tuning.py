"""Tuning of small generators to photos, and inversion in a large one."""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from benchmarks.inversion.bench import BATCH, HELD_OUT, NAMES, Bench, rendered_photos
from benchmarks.machine import Peak, in_child

from latentclr import load_generator
from latentclr.engine.checkpoint import Keeper
from latentclr.generators import StyleGAN2
from latentclr.invert.drawing import draw
from latentclr.invert.invert import Settings, invert
from latentclr.invert.objective import Target, psnr
from latentclr.invert.pivotal import Tuning, tune
from latentclr.invert.train import draw_samples
from latentclr.scorers.lpips import load_lpips


def tuning(bench: Bench) -> None:
    """Tune generators to eight renders at once."""
    for name in NAMES[:2]:
        key = {"part": "tuning", "generator": name}
        if bench.rows.having(**key):
            continue
        generator = load_generator(name)
        photos = rendered_photos(name, BATCH)
        inversion, _ = bench.inverted(generator, photos, "in-domain")
        began = time.process_time()
        difference = tune(generator, inversion, photos.pictures, Tuning(), metric=bench.metric)
        seconds = time.process_time() - began
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            difference.save(Path(file.name))
            size = Path(file.name).stat().st_size
        tuned = difference.apply(generator)
        others = draw_samples(generator, 64, torch.Generator().manual_seed(HELD_OUT + 2))
        with torch.no_grad():
            after = Target(photos.pictures, bench.metric).differences(inversion.pictures(tuned))
            moved = draw(tuned, others.latents, others.labels).clamp(-1, 1)
            elsewhere = Target(others.pictures, bench.metric).differences(moved)
        row = {
            "bytes": size,
            "seconds": seconds,
            "psnr before": float(inversion.psnr.median()),
            "lpips before": float(inversion.lpips.median()),
            "psnr": float(psnr(after.pixel).median()),
            "lpips": float(after.lpips.median()),
            "other pictures, psnr": float(psnr(elsewhere.pixel).median()),
            "other pictures, lpips": float(elsewhere.lpips.median()),
        }
        bench.add(key, row)


def large(bench: Bench) -> None:
    """Run steps in a generator of the size of FFHQ, each in a process of its own."""
    for space in ("shared", "slots"):
        key = {"part": "large", "space": space}
        if bench.rows.having(**key):
            continue
        bench.add(key, in_child("benchmarks.inversion", {"space": space}, threads=bench.rows.threads))


def large_steps(space: str, steps: int = 3) -> dict[str, Any]:
    """Run a few steps, stop, and resume."""
    with torch.device("meta"):
        network = StyleGAN2(1024, (512, 512, 512, 512, 512, 256, 128, 64, 32))
    network.to_empty(device="cpu")
    network.initialize(torch.Generator().manual_seed(0))
    network.name = "random"
    metric = load_lpips()
    with torch.no_grad():
        scale = float(network(network.sample(1, rng=torch.Generator().manual_seed(1))).std())
        photo = (network(network.sample(1, rng=torch.Generator().manual_seed(2))) / scale / 3).clamp(-1, 1)
    peak = Peak(torch.device("cpu"))
    settings = Settings(steps=2 * steps, starts=1, space=space, batch=1)  # type: ignore[arg-type]
    asked: list[float] = []

    def stop() -> bool:
        asked.append(time.process_time())
        return len(asked) > steps

    with tempfile.TemporaryDirectory() as folder:
        keep = Keeper(Path(folder), every=0.0)
        first = invert(network, photo, settings, metric=metric, stop=stop, keep=keep)
        again = invert(network, photo, settings, metric=metric, keep=keep)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return {
        "seconds a step": (asked[-1] - asked[0]) / steps,
        "steps": [first.origin["steps"], again.origin["steps"]],
        "psnr": [float(first.psnr), float(again.psnr)],
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "bytes of the checkpoints": size,
        **peak.values(),
    }
