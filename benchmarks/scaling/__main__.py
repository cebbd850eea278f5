"""How time and memory of a training step grow: with latents, directions, the layer's depth and processes.

    python -m benchmarks.scaling --threads 2 --out benchmarks/results/scaling.json

On a StyleGAN2 of 256 x 256 with 128 channels up to 64 x 64. One number is changed at a time; exponents are
fitted by least squares to the logarithms, and stand beside the expected ones: similarities are as many as the
edits squared, the generator runs once for each edit, and twice the resolution is four times the pixels.
Memory of the sweeps is that of the tensors of one step; that of the loss alone and of the budgets is the peak
of a process of its own. `--quick` measures less, to see that all of it runs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from benchmarks.machine import answer
from benchmarks.runner import Parser, announce, save, save_figure
from benchmarks.scaling.processes import measure_processes, work
from benchmarks.scaling.step import PARTS, made_generator
from benchmarks.scaling.sweeps import measure_sweep, sweeps

from latentclr.engine.memory import keep_memory


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
        found[sweep.variable] = measure_sweep(sweep, generator)
    results = {**here, "quick": options.quick, "sweeps": found, **measure_processes(options)}
    save(options.out, results)
    if options.out:
        plot(results, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
