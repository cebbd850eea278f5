"""What is measured: each row of the table is a job, on a CPU in a process of its own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import get_args

from benchmarks.generators import biggan_deep, stylegan2

from latentclr.discover.latentclr import PRESETS
from latentclr.engine.precision import Precision
from latentclr.generators import Generator

GENERATORS: Mapping[str, Callable[[], Generator]] = {
    "paper-stylegan2": stylegan2,
    "paper-biggan": biggan_deep,
}
"""By the preset that is measured."""
TITLES = {
    "paper-stylegan2": "StyleGAN2 1024, conv1, K 100, N 8",
    "paper-biggan": "BigGAN-deep 512, layers.4, K 32, N 16",
}
REFERENCE_BATCH = {"paper-biggan": 8}
"""On a CPU, where all latents would take 16 GB and minutes; the time is scaled to the preset's."""


@dataclass(frozen=True)
class Job:
    """What one process measures.

    Attributes:
        kind: "ours" or "reference"; "fit" is a whole training, for its rate; "ceilings" are the machine's.
        preset: settings of LatentCLR, and with them the generator.
        keep: let the process keep the memory that it frees, as the command does.
        memory: budget of ours.
        precision: of ours.
        graph: launch each step of a fit as one CUDA graph.
        fuse: compile the step.
        frozen: the reference's generator wants no gradients.
        batch: latents of the reference; None: those of the preset.
        steps: of a training; of ours, that are timed twice, or 1 for a single one.
        threads: of the process.
        device: "cpu" or "cuda".
    """

    kind: str
    preset: str
    keep: bool = True
    memory: str | None = None
    precision: Precision = "float32"
    graph: bool = True
    fuse: bool = False
    frozen: bool = False
    batch: int | None = None
    steps: int = 1
    threads: int = 1
    device: str = "cpu"


REFERENCE = "reference, generator not frozen"


def jobs(preset: str, *, device: str, threads: int, batch: int | None) -> Iterator[tuple[str, Job]]:
    """All rows and their jobs; `batch`: number of latents of the reference, None: that of the preset."""
    on_gpu, small = device == "cuda", preset == "paper-stylegan2"
    any_job = Job("ours", preset, threads=threads, device=device)
    reference = replace(any_job, kind="reference", keep=False, batch=batch)
    if not on_gpu and preset in REFERENCE_BATCH:
        yield REFERENCE, replace(reference, batch=batch or REFERENCE_BATCH[preset])
        ours = replace(any_job, memory="6GB", keep=False)
        yield "ours, memory 6 GB", ours
        yield "ours, memory 6 GB, fused", replace(ours, fuse=True, steps=2)
        return
    ours = replace(any_job, steps=8)
    yield REFERENCE, reference
    yield "reference, generator frozen", replace(reference, frozen=True)
    yield "ours", ours
    if not on_gpu:
        yield "ours, fused", replace(ours, fuse=True)
        yield "ours, memory given back at once", replace(ours, keep=False)
    else:
        yield "ours, tf32", replace(ours, precision="tf32")
    yield "ours, bfloat16", replace(ours, precision="bfloat16", steps=5 if on_gpu else 1)
    budget = "2GB" if small else "6GB"
    yield f"ours, memory {budget[0]} GB", replace(ours, memory=budget, keep=False, steps=2)
    if on_gpu:
        fit = replace(ours, kind="fit", steps=300 if small else 60)
        for precision, fuse in product(get_args(Precision), (False, True)):
            if fuse and precision == "float32" and not small:  # half a minute, for what products limit
                continue
            how = f"{precision}, fused" if fuse else precision
            yield f"training, {how}, one launch a step", replace(fit, precision=precision, fuse=fuse)
        if small:
            yield "training, float32, step by step", replace(fit, graph=False)
            whole = replace(fit, precision="tf32", fuse=True, steps=PRESETS[preset]["steps"])
            yield "whole training, tf32, fused, one launch a step", whole
