"""The table of a benchmark of steps: its rows, how they are printed, and the figure."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.runner import save_figure
from benchmarks.step.counts import Counts
from benchmarks.step.jobs import REFERENCE, Job
from benchmarks.step.measuring import done

from latentclr.discover.latentclr import PRESETS, LatentCLR


def measure(what: str, job: Job, limits: Mapping[str, Any]) -> dict[str, Any]:
    """Do a job, and compare the result with the machine's limits.

    Args:
        what: name of the row.
        job: to do.
        limits: of the machine, from `limits_of`.

    Returns:
        A row: "seconds" of a step, "loss" of the first step (of a training: of its best validation), "peak"
        bytes of the process (on a GPU of its tensors) and their "growth" over the generator's, and what only
        this job gives as "more". Of ours, also "rate" and "gemm", the operations a second of the formula and
        of a large square product, "bound", the least seconds that such a step takes, and the shares "of_gemm"
        and "of_bound".
    """
    found = done(job)
    row = {"what": what, **{key: found.pop(key) for key in ("seconds", "loss", "peak", "growth")}}
    row |= dict.fromkeys(("ratio", "rate", "gemm", "of_gemm", "bound", "of_bound"))
    batch = LatentCLR(**PRESETS[job.preset]).batch
    if job.kind == "reference":
        if found["batch"] != batch:
            found["measured_seconds"] = row["seconds"]
            row["seconds"] *= batch / found["batch"]
            row["what"] += f" (measured at N {found['batch']}, scaled)"
        return row | {"more": found}
    counts, gemm = Counts(**limits["counts"]), found.pop("gemm")
    counts = counts.fused() if job.fuse else counts
    bound = sum(counts.bounds(gemm, max(limits["bandwidth"].values())).values())
    rate = counts.total / row["seconds"]
    row |= {"rate": rate, "gemm": gemm, "of_gemm": rate / gemm}
    row |= {"bound": bound, "of_bound": bound / row["seconds"]}
    return row | {"more": {key: value for key, value in found.items() if value is not None}}


def merged(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of an earlier run and new ones, with their ratios to the reference."""
    rows = {row["what"]: dict(row) for row in (*old, *new)}
    reference = [row for what, row in rows.items() if what.startswith(REFERENCE)]
    for row in rows.values():
        row["ratio"] = reference[0]["seconds"] / row["seconds"] if reference else None
    return sorted(rows.values(), key=lambda row: not row["what"].startswith("reference"))


def check_losses(rows: Sequence[Mapping[str, Any]], batch: int) -> None:
    """Check that ours and the reference found the same loss at the same latents."""
    exact = [row for row in rows if row["what"].startswith("ours") and "gradient_cosine" not in row["more"]]
    same = [row for row in rows if row["more"].get("batch") == batch]
    for ours, theirs in product(exact, same):
        difference = abs(ours["loss"] / theirs["loss"] - 1)
        assert difference < 1e-3, f"{ours['what']}: loss {ours['loss']}, {theirs['what']}: {theirs['loss']}"


HEADER = (
    f"{'':<58}{'seconds':>10}{'ratio':>8}{'GFLOP/s':>9}{'of GEMM':>9}{'bound':>9}{'of bound':>10}"
    f"{'growth':>9}{'peak':>8}"
)


def line(row: Mapping[str, Any]) -> str:
    cells = f"{row['what']:<58}{row['seconds']:>10.4f}"
    cells += f"{row['ratio']:>8.1f}" if row["ratio"] else f"{'':>8}"
    if row["rate"]:
        cells += (
            f"{row['rate'] / 1e9:>9.1f}{row['of_gemm']:>9.1%}{row['bound']:>9.4f}{row['of_bound']:>10.1%}"
        )
    else:
        cells += f"{'':>37}"
    return f"{cells}{row['growth'] / 1e9:>6.2f} GB{row['peak'] / 1e9:>5.2f} GB"


def describe(title: str, limits: Mapping[str, Any]) -> None:
    counts = Counts(**limits["counts"])
    rates = ", ".join(f"{name} {rate / 1e9:.1f}" for name, rate in limits["products"].items())
    passes = ", ".join(f"{name} {rate / 1e9:.1f}" for name, rate in limits["bandwidth"].items())
    print(f"\n{title}")
    print(f"square product, GFLOP/s: {rates}; memory, GB/s: {passes}")
    for name, rate in limits["shapes"].items():
        print(f"  {name:<56}{rate / 1e9:>8.1f} GFLOP/s")
    bounds = counts.bounds(limits["products"]["float32"], max(limits["bandwidth"].values()))
    for name, seconds in bounds.items():
        operations, moved = counts.operations.get(name, 0.0), counts.moved.get(name, 0.0)
        print(f"  {name:<42}{operations / 1e9:>10.3f} GFLOP{moved / 1e9:>8.3f} GB{seconds:>9.4f} s")
    total, executed = counts.total / 1e9, counts.total_executed / 1e9
    print(f"  {'all':<42}{total:>10.3f} GFLOP, of which {executed:.3f} are computed")


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Plot the seconds of every row, and the parts of the bound of each preset."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    parts, colours = results["parts"], colormaps["tab20"]
    heights = [len(part["rows"]) for part in parts.values()]
    figure = Figure(figsize=(12, 2.2 + 0.45 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(parts), 2, squeeze=False, height_ratios=[height + 2 for height in heights])
    for (bars, stack), part in zip(axes, parts.values(), strict=True):
        rows = part["rows"][::-1]
        kinds = ["tab:grey" if row["what"].startswith("reference") else "tab:blue" for row in rows]
        drawn = bars.barh([row["what"] for row in rows], [row["seconds"] for row in rows], color=kinds)
        bars.bar_label(drawn, [f" {row['seconds']:.3g} s" for row in rows])
        bars.set(title=part["title"], xlabel="seconds a step", xscale="log")
        bars.xaxis.set_minor_formatter(NullFormatter())
        bars.margins(x=0.25)
        left = 0.0
        bounds = Counts(**part["ceilings"]["counts"]).bounds(
            part["ceilings"]["products"]["float32"], max(part["ceilings"]["bandwidth"].values())
        )
        for i, (name, seconds) in enumerate(bounds.items()):
            stack.barh(["bound"], [seconds], left=left, label=name, color=colours(i))
            left += seconds
        ours = [row for row in part["rows"] if row["what"].startswith("training, float32, fused")][:1]
        ours = ours or [row for row in part["rows"] if row["what"].startswith("ours")][:1]
        for row in ours:
            stack.barh(["measured"], [row["seconds"]], color="tab:blue")
        stack.set(
            xlabel="seconds", title="bound by parts, float32" + (f"; {ours[0]['what']}" if ours else "")
        )
        stack.legend(fontsize="x-small", ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    save_figure(figure, results, path)
