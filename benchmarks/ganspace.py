"""How long the two methods without training take: SeFa of all layers, and GANSpace on a million samples of w.

    python -m benchmarks.ganspace --threads 2 --out benchmarks/results/ganspace.json

On a StyleGAN2 of the sizes of FFHQ at 1024 x 1024. Each is a process of its own, so that the memory is its
own; "growth" is what it takes beside the generator. (The authors of SeFa claim less than a second.)

Operations are counted from shapes: of the mapping network and of the covariance, all of whose entries are
computed. The covariance is summed in float64, at half the rate or less; the share of what a large square
product in float32 reaches counts its operations like the others. That rate is measured before and after, and
the better one counts.
"""

import time
from collections.abc import Mapping
from typing import Any

import torch
from benchmarks.generators import stylegan2
from benchmarks.machine import Peak, answer, in_child, square_rate
from benchmarks.runner import Parser, announce, save, say

from latentclr.discover import Discoverer
from latentclr.discover.ganspace import CHUNK, GANSpace
from latentclr.discover.sefa import SeFa
from latentclr.engine.memory import show_bytes
from latentclr.generators import StyleGAN2

MODULE = "benchmarks.ganspace"
METHODS = ("sefa", "ganspace")


def mapping_operations(generator: StyleGAN2) -> int:
    """Multiplications and additions of the mapping network for one sample."""
    weights = [generator.mapping.get_parameter(f"{name}.weight") for name in generator.mapping.names]
    return sum(2 * weight.numel() for weight in weights)


def covariance_operations(dim: int) -> int:
    return 2 * dim**2


def settings(method: str, samples: int) -> Discoverer:
    """All directions of all layers for SeFa; the settings of the paper for GANSpace."""
    return SeFa(k=512) if method == "sefa" else GANSpace.preset("paper", samples=samples)


def counted(method: str, samples: int, generator: StyleGAN2) -> dict[str, int]:
    """Operations by part; those of SeFa are not worth counting."""
    if method == "sefa":
        return {}
    return {
        "mapping": samples * mapping_operations(generator),
        "covariance": samples * covariance_operations(generator.latent_dim),
    }


def work(method: str, samples: int, threads: int, device: str) -> dict[str, Any]:
    """Time one fit, after a small one that initialises the libraries."""
    torch.set_num_threads(threads)
    where = torch.device(device)
    generator = stylegan2().to(where)
    discoverer = settings(method, samples)
    settings(method, 2 * CHUNK).fit(generator)
    before = square_rate(where, "float32")
    peak = Peak(where)
    started = time.perf_counter()
    discoverer.fit(generator)  # ends with numbers on the CPU: nothing of it is still running on a GPU
    seconds = time.perf_counter() - started
    memory = peak.values()
    rate = max(before, square_rate(where, "float32"))
    operations = counted(method, samples, generator)
    total = sum(operations.values())
    return {
        "method": method,
        "samples": samples if operations else 0,
        "k": discoverer.k,
        "seconds": seconds,
        "operations": operations,
        "rate": total / seconds,
        "square_rate": rate,
        "of_square_rate": total / seconds / rate,
        **memory,
    }


def show(row: Mapping[str, Any]) -> None:
    what = row["method"] + (f", {row['samples']:,} samples" if row["samples"] else ", all layers")
    total = sum(row["operations"].values()) / 1e9
    rate = f"{total:>9.0f} GFLOP{row['rate'] / 1e9:>8.1f} GFLOP/s{row['of_square_rate']:>8.0%} of GEMM"
    say(
        f"{what:<32}{row['seconds']:>9.3f} s{rate if total else '':<45}"
        f"  peak {show_bytes(row['peak'])}, growth {show_bytes(row['growth'])}"
    )
    for name, operations in row["operations"].items():
        print(f"  {name:<30}{operations / 1e9:>20.0f} GFLOP")


def main() -> None:
    if answer(work):
        return
    parser = Parser(__doc__, threads=0, device=True)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    options = parser.options()
    here = announce(options.threads, torch.device(options.device))
    rows = []
    for method in options.methods:
        job = {name: getattr(options, name) for name in ("samples", "threads", "device")}
        rows.append(in_child(MODULE, {"method": method, **job}, threads=options.threads))
        show(rows[-1])
    save(options.out, {**here, "rows": rows})


if __name__ == "__main__":
    main()
