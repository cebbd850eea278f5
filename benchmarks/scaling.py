"""How time and memory of a training step grow: with latents, directions, the layer's depth and processes.

    python -m benchmarks.scaling --threads 2 --out benchmarks/results/scaling.json

On a StyleGAN2 of 256 x 256 with 128 channels up to 64 x 64. One number is changed at a time; exponents are
fitted by least squares to the logarithms, and stand beside the expected ones: similarities are as many as the
edits squared, the generator runs once for each edit, and twice the resolution is four times the pixels.
Memory of the sweeps is that of the tensors of one step; that of the loss alone and of the budgets is the peak
of a process of its own. `--quick` measures less, to see that all of it runs.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import log
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from benchmarks.machine import Peak, answer, best, in_child
from benchmarks.runner import Parser, announce, save, save_figure, say
from torch import Tensor

from latentclr.directions import Nonlinear
from latentclr.discover.contrast import Contrast
from latentclr.discover.effects import Effects
from latentclr.discover.latentclr import LatentCLR
from latentclr.discover.tiled import tile_rows, tiled_loss
from latentclr.engine.launcher import launch
from latentclr.engine.memory import in_use, keep_memory, parse_bytes, peak_bytes
from latentclr.engine.training import adam
from latentclr.engine.world import ALONE, World
from latentclr.generators import StyleGAN2

MODULE = "benchmarks.scaling"
CHANNELS = (128, 128, 128, 128, 128, 32, 16)
DIM = 256
REPEATS = 2
PARTS = ("networks", "generator", "similarities", "step")
"""Of a step; networks with Adam."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Size:
    """What a step works on.

    Attributes:
        k: directions.
        n: latents, of all processes.
        resolution: of the layer that is compared.
    """

    k: int
    n: int
    resolution: int

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return f"b{self.resolution}.conv1"


@dataclass(frozen=True)
class Sweep:
    """A series of steps in which one number changes.

    Attributes:
        variable: its name in `Size`.
        start: the other two.
        values: it takes.
        expected: exponents of time and of memory, by part; from, to.
    """

    variable: str
    start: Size
    values: Sequence[int]
    expected: Mapping[str, Mapping[str, Range]]

    def sizes(self) -> list[Size]:
        """The size of each step."""
        return [Size(**{**asdict(self.start), self.variable: value}) for value in self.values]


EDITS: Mapping[str, Mapping[str, Range]] = {
    "seconds": {"generator": (1, 1), "similarities": (2, 2), "step": (1, 2)},
    "bytes": {"generator": (1, 1), "similarities": (1, 2), "step": (1, 2)},
}
"""More edits. Of the similarities, the gradient is as long as the features and the matrices are square."""
MORE_LATENTS = {kind: {**parts, "networks": (0, 1)} for kind, parts in EDITS.items()}
"""The networks' weights, read once, are the same for more latents."""
MORE_DIRECTIONS = {kind: {**parts, "networks": (1, 1)} for kind, parts in EDITS.items()}
DEEPER = {kind: {**dict.fromkeys(PARTS, (2, 2)), "networks": (0, 0)} for kind in EDITS}
"""Pixels double in both directions, and what is compared is all of them."""


def sweeps(*, on_gpu: bool, quick: bool) -> list[Sweep]:
    """All series of measurements; a GPU gets more work, so that it is busy."""
    more = 4 if on_gpu else 1
    powers = (0, 1) if quick else (0, 1, 2, 3)
    start = 8 if quick else 16 * more
    return [
        Sweep("n", Size(16, start, 8), [start << i for i in powers], MORE_LATENTS),
        Sweep("k", Size(start, 16, 8), [start << i for i in powers], MORE_DIRECTIONS),
        Sweep("resolution", Size(4, 4 * more if quick else 8 * more, 8), [8 << i for i in powers], DEEPER),
    ]


def exponent(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The a of y = b x^a, by least squares of the logarithms.

    >>> round(exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    points = [(log(x), log(y)) for x, y in zip(xs, ys, strict=True)]
    middle, height = fmean(x for x, _ in points), fmean(y for _, y in points)
    rise = sum((x - middle) * (y - height) for x, y in points)
    return rise / sum((x - middle) ** 2 for x, _ in points)


def made_generator(device: torch.device) -> StyleGAN2:
    """A generator of middle size with random weights."""
    generator = StyleGAN2(4 << (len(CHANNELS) - 1), CHANNELS, z_dim=DIM, mapping=(DIM,) * 2)
    generator.initialize(torch.Generator().manual_seed(0))
    return generator.freeze().to(device)


def step_parts(generator: StyleGAN2, size: Size, world: World = ALONE) -> dict[str, Callable[[], Tensor]]:
    """One step and its parts, each forward and backward."""
    mine = world.even_share(size.n)
    model = Nonlinear(size.k, DIM, rng=torch.Generator().manual_seed(2)).to(generator.device)
    optimizer = adam(model.parameters(), 1e-3, 0.0, generator.device)
    effects = Effects(generator, size.layer, generator.check_slots(None))
    contrast = Contrast(2.0, "cosine", world)
    latents = generator.sample(size.n, rng=torch.Generator().manual_seed(1))[mine]
    alphas = torch.full((size.k, len(latents)), 3.0, device=generator.device)
    ones = torch.ones(size.k, len(latents), DIM, device=generator.device)
    edited = latents.repeat(size.k, 1, 1).requires_grad_()
    with torch.no_grad():
        changes = effects.changes(model, latents, alphas)
    leaf = torch.randn_like(changes).requires_grad_()

    def networks() -> Tensor:
        optimizer.zero_grad()
        found: Tensor = model(latents[:, 0])
        found.backward(ones)
        optimizer.step()
        return found.detach()

    def features() -> Tensor:
        edited.grad = None
        found = effects.features(edited)
        found.backward(leaf.detach().flatten(0, 1))
        return found.detach()

    def similarities() -> Tensor:
        leaf.grad = None
        loss = contrast.loss(leaf)
        loss.backward()
        return loss.detach()

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = effects.backward(model, latents, alphas, contrast.loss)
        world.sum([loss, *(p.grad for p in model.parameters() if p.grad is not None)])
        optimizer.step()
        return loss

    return dict(zip(PARTS, (networks, features, similarities, step), strict=True))


def measure_sweep(sweep: Sweep, generator: StyleGAN2) -> dict[str, Any]:
    """Seconds and bytes of every part at every size, and their exponents."""
    points: list[dict[str, Any]] = []
    for size in sweep.sizes():
        parts = step_parts(generator, size)
        seconds = {name: best(call, REPEATS, generator.device)[0] for name, call in parts.items()}
        taken = {name: peak_bytes(call) for name, call in parts.items()}
        points.append({"value": getattr(size, sweep.variable), "seconds": seconds, "bytes": taken})
        say(line(points[-1]))
    exponents = {
        kind: {name: exponent(sweep.values, [point[kind][name] for point in points]) for name in expected}
        for kind, expected in sweep.expected.items()
    }
    return {
        "start": asdict(sweep.start),
        "points": points,
        "exponents": exponents,
        "expected": sweep.expected,
    }


def line(point: Mapping[str, Any]) -> str:
    seconds = "".join(f"{point['seconds'][name]:>13.4f} s" for name in PARTS)
    return f"{point['value']:>12}{seconds}" + "".join(
        f"{point['bytes'][name] / 1e6:>11.1f} MB" for name in PARTS
    )


def exponent_line(label: str, exponents: Mapping[str, Mapping[str, str]]) -> str:
    seconds = "".join(f"{exponents['seconds'][name]:>15}" for name in PARTS)
    return f"{label:>12}{seconds}" + "".join(f"{exponents['bytes'][name]:>14}" for name in PARTS)


def show(low: float, high: float) -> str:
    """An expected exponent.

    >>> show(2, 2), show(0, 1)
    ('2', '0 to 1')
    """
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


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


def plot(results: Mapping[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 10), layout="constrained")
    axes = figure.subplots(3, 3)
    for column, (variable, sweep) in enumerate(results["sweeps"].items()):
        for row, (kind, unit) in enumerate((("seconds", 1.0), ("bytes", 1e6))):
            axis = axes[row][column]
            xs = [point["value"] for point in sweep["points"]]
            for name in PARTS:
                label = name
                if name in sweep["exponents"][kind]:
                    label += f": {sweep['exponents'][kind][name]:.2f}"
                axis.plot(xs, [point[kind][name] / unit for point in sweep["points"]], "o-", label=label)
            axis.set_xscale("log", base=2)
            axis.set_yscale("log")
            axis.set(xlabel=variable, ylabel="seconds" if kind == "seconds" else "MB")
            axis.legend(title="exponents", fontsize="small")
    budgets, ranks, loss = results["budgets"], results["ranks"], results["loss"]
    names = [row["memory"] for row in budgets]
    axes[2][0].bar(names, [row["budget"] / 1e6 for row in budgets], color="lightgrey", label="budget")
    axes[2][0].bar(names, [row["peak"] / 1e6 for row in budgets], width=0.5, label="measured peak")
    axes[2][0].set(title="memory budgets", ylabel="MB")
    axes[2][0].legend()
    drawn = axes[2][1].bar([str(row["ranks"]) for row in ranks], [row["seconds"] for row in ranks])
    axes[2][1].bar_label(drawn, [f"{row['seconds']:.3f} s" for row in ranks])
    axes[2][1].set(title="processes of one thread", ylabel="seconds a step")
    axes[2][2].bar(["budget", "measured peak"], [2000, loss["peak"] / 1e6], color=["lightgrey", "C0"])
    axes[2][2].set(title=f"loss alone, {loss['edits']} edits: {loss['seconds']:.1f} s", ylabel="MB")
    save_figure(figure, results, path)


def main() -> None:
    if answer(work):
        return
    parser = Parser(__doc__, threads=0, device=True)
    parser.add_argument("--quick", action="store_true", help="a smoke test of some seconds")
    options = parser.options()
    keep_memory()
    device = torch.device(options.device)
    here = announce(options.threads, device)
    generator = made_generator(device)
    found: dict[str, Any] = {}
    for sweep in sweeps(on_gpu=device.type == "cuda", quick=options.quick):
        fixed = {name: value for name, value in asdict(sweep.start).items() if name != sweep.variable}
        print(f"\n{', '.join(f'{name} {value}' for name, value in fixed.items())}")
        heads = "".join(f"{name:>15}" for name in PARTS) + "".join(f"{name:>14}" for name in PARTS)
        print(f"{sweep.variable:>12}{heads}")
        result = measure_sweep(sweep, generator)
        found[sweep.variable] = result
        fitted, expected = result["exponents"], sweep.expected
        print(
            exponent_line("exponent", {a: {b: f"{x:.2f}" for b, x in v.items()} for a, v in fitted.items()})
        )
        print(
            exponent_line("expected", {a: {b: show(*x) for b, x in v.items()} for a, v in expected.items()})
        )
    results = {**here, "quick": options.quick, "sweeps": found, **measure_processes(options)}
    save(options.out, results)
    if options.out:
        plot(results, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
