"""One training step of LatentCLR: ours beside the usual formulation, and beside what the machine can do.

    python -m benchmarks.step --threads 2 --out benchmarks/results/step.json

Ours is what the library runs. The reference is that of benchmarks/plain.py: K networks in a loop, K calls of
the generator with weights made for each sample, masks of true and false; its generator's weights want
gradients ("not frozen"), as public code leaves them, or do not ("frozen"). Both compute the same loss, which
is checked. On a CPU every row is a process of its own. Times are the best of some steps, in seconds.

Operations and bytes are counted from shapes. "of GEMM" is the rate over the operations of the formula (all
similarities, though not all are computed), as a share of what a large square product reaches in between. The
bound is the sum over the parts of what each takes at that rate or at the memory's bandwidth, whichever is
longer: no step of these operations and passes is faster on this machine.
"""

import json
from typing import Any

import torch
from benchmarks.machine import answer
from benchmarks.runner import Parser, announce, save, say
from benchmarks.step.jobs import GENERATORS, TITLES, Job, jobs
from benchmarks.step.measuring import done, work
from benchmarks.step.table import HEADER, check_losses, describe, line, measure, merged, plot

from latentclr.discover.latentclr import PRESETS, LatentCLR


def main() -> None:
    if answer(work):
        return
    parser = Parser(__doc__, threads=0, device=True)
    parser.add_argument("--presets", nargs="+", default=list(GENERATORS), choices=list(GENERATORS))
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    parser.add_argument("--reference-batch", type=int, help="latents of the reference; its time is scaled")
    options = parser.options()
    here = announce(options.threads, torch.device(options.device))
    before = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    parts: dict[str, Any] = before.get("parts", {})
    for preset in options.presets:
        common = Job("ceilings", preset, threads=options.threads, device=options.device)
        limits = done(common)
        describe(TITLES[preset], limits)
        rows = parts.get(preset, {}).get("rows", [])
        wanted = jobs(preset, device=options.device, threads=options.threads, batch=options.reference_batch)
        for what, job in wanted:
            if options.only in what:
                rows = merged(rows, [measure(what, job, limits)])
                check_losses(rows, LatentCLR(**PRESETS[preset]).batch)
                parts[preset] = {"title": TITLES[preset], "ceilings": limits, "rows": rows}
                say(f"  done: {what}")
                save(options.out, {**here, "parts": parts})
        say("\n".join([HEADER, *map(line, rows)]))
    if options.out and parts:
        plot({**here, "parts": parts}, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
