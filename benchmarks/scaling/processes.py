"""Measurements in processes of their own: the loss alone, memory budgets, shared steps."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from benchmarks.machine import Peak, best, in_child
from benchmarks.runner import say
from benchmarks.scaling.step import CHANNELS, DIM, Size, made_generator, step_parts
from torch import Tensor

from latentclr.discover.latentclr import LatentCLR
from latentclr.discover.tiled import tile_rows, tiled_loss
from latentclr.engine.launcher import launch
from latentclr.engine.memory import in_use, keep_memory, parse_bytes

MODULE = "benchmarks.scaling"


def work(kind: str, device: str, threads: int, **values: Any) -> dict[str, Any] | None:
    torch.set_num_threads(threads)
    jobs: Mapping[str, Callable[..., dict[str, Any] | None]] = {
        "loss": measure_loss,
        "budget": measure_budget,
        "ranks": measure_ranks,
    }
    return jobs[kind](torch.device(device), **values)


def measure_loss(device: torch.device, edits: int, features: int, memory: str) -> dict[str, Any]:
    """The loss alone, forward and backward, with the largest tiles that the budget allows."""
    rows = (
        torch.randn(edits, features, generator=torch.Generator().manual_seed(0)).to(device).requires_grad_()
    )
    direction = torch.arange(edits, device=device) // 8
    peak = Peak(device)
    tile = tile_rows(edits, int(0.85 * parse_bytes(memory)) - in_use(device) - 4 * rows.numel())

    def loss() -> Tensor:
        rows.grad = None
        value = tiled_loss(rows, direction, temperature=2.0, similarity="cosine", tile=tile)
        value.backward()
        return value.detach()

    seconds, value = best(loss, 1, device)
    return {"seconds": seconds, "loss": float(value), "tile": tile, **peak.values()}


def measure_budget(device: torch.device, memory: str, k: int, n: int, resolution: int) -> dict[str, Any]:
    """The peak of a training within a budget: two steps, so that all of Adam's state exists."""
    generator = made_generator(device)
    settings = LatentCLR(
        k=k,
        batch=n,
        layer=Size(k, n, resolution).layer,
        model="nonlinear",
        memory=memory,
        steps=2,
        held_out=n,
        validate_every=2,
    )
    peak = Peak(device)
    settings.fit(generator)
    return {"budget": parse_bytes(memory), **peak.values()}


def measure_ranks(device: torch.device, ranks: int, k: int, n: int, resolution: int) -> dict[str, Any] | None:
    """Seconds of a step that several processes share; None in all but the first."""
    size = Size(k, n, resolution)
    with launch(ranks, device=device.type) as world:
        keep_memory()
        generator = made_generator(device)
        step = step_parts(generator, size, world)["step"]
        world.barrier()
        seconds, _ = best(step, 4, device)
        peak = Peak(device)
        step()
        if not world.first:
            return None
        rows = 4 * k * n * CHANNELS[0] * resolution**2
        parameters = 4 * k * 2 * (DIM * DIM + DIM)
        return {
            "ranks": world.size,
            "seconds": seconds,
            "gathered": rows if world.size > 1 else 0,
            "summed": rows + parameters if world.size > 1 else 0,
            **peak.values(),
        }


def measure_processes(options: argparse.Namespace) -> dict[str, Any]:
    """Run the measurements that need processes of their own."""
    quick, device = options.quick, options.device
    child = partial(in_child, MODULE)
    common = {"device": device, "threads": options.threads}
    edits = 4096 if quick else 32768
    print(f"\nthe loss alone, {edits} edits, 256 features, within 2 GB")
    loss = child(
        {"kind": "loss", **common, "edits": edits, "features": 256, "memory": "2GB"}, threads=options.threads
    )
    say(f"{loss['seconds']:.2f} s, peak {loss['peak'] / 1e6:.0f} MB, tiles of {loss['tile']} rows")

    size = asdict(Size(32, 4, 16) if quick else Size(32, 16, 16))
    print(f"\nmemory budgets, K {size['k']}, N {size['n']}, {Size(**size).layer}")
    budgets = []
    for memory in ["600MB"] if quick else ["750MB", "1GB", "1.5GB", "2GB"]:
        job = {"kind": "budget", **common, "memory": memory, **size}
        found = child(job, threads=options.threads)
        budgets.append({"memory": memory, **found})
        say(f"{memory:>8}: peak {found['peak'] / 1e6:.0f} MB ({found['peak'] / found['budget']:.0%})")

    size = asdict(Size(16, 8, 8) if quick else Size(16, 32, 8))
    print(f"\nprocesses of one thread, K {size['k']}, N {size['n']}, {Size(**size).layer}")
    ranks = []
    for count in (1, 2):
        if device == "cuda" and count > torch.cuda.device_count():
            break
        job = {"kind": "ranks", "device": device, "threads": 1, "ranks": count, **size}
        found = child(job, threads=1)
        ranks.append(found)
        say(
            f"{count:>8}: {found['seconds']:.4f} s ({ranks[0]['seconds'] / found['seconds']:.2f} x), "
            f"{found['gathered'] / 1e6:.1f} MB gathered, {found['summed'] / 1e6:.1f} MB summed"
        )
    return {"loss": {"edits": edits, "features": 256, **loss}, "budgets": budgets, "ranks": ranks}
