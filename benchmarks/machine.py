"""What a machine is and can do, and measurements in processes of their own."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latentclr.engine.memory import in_use
from latentclr.engine.precision import Precision, products

STREAMED = 500_000_000
"""Bytes of each array whose passes through memory are timed: far more than any cache holds."""
SQUARE = {"cpu": 3072, "cuda": 8192}
"""Side of the large square product."""
CHILD = "--child"


def facts(threads: int, device: torch.device) -> dict[str, Any]:
    """Facts about the machine that a result has to name."""
    found: dict[str, Any] = {"torch": torch.__version__, "threads": threads, "device": str(device)}
    if name := cpu_name():
        found["cpu"] = f"{name}, {torch.backends.cpu.get_cpu_capability()}"  # one name, many processors
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def cpu_name() -> str | None:
    """Name of the processor; None where the system has no /proc/cpuinfo."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return None


def best(call: Callable[[], Tensor], repeats: int, device: torch.device) -> tuple[float, Tensor]:
    """Time a call.

    Args:
        call: what is timed.
        repeats: number of calls; if there are several, one more comes first and is not counted.
        device: that computes.

    Returns:
        Seconds of the fastest call, and the result of the last.
    """
    times = []
    for _ in range(repeats + (repeats > 1)):
        started = time.perf_counter()
        result = call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return min(times[1:] or times), result


def product_rate(
    shape: Sequence[int], device: torch.device, *, precision: Precision = "float32", repeats: int = 4
) -> float:
    """Operations a second of a product of (m, k) and (k, n), or of a batch of them, without allocations.

    Args:
        shape: m, k and n; before them the size of the batch, if there is one.
        device: where.
        precision: of the factors.
        repeats: the best of so many.
    """
    *batch, m, k, n = shape
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(size, device=device, dtype=dtype) for size in ((*batch, m, k), (*batch, k, n)))
    out = a.new_empty(*batch, m, n)
    with products(precision):
        seconds = best(partial(torch.matmul, a, b, out=out), repeats, device)[0]
    return 2 * prod(shape) / seconds


def square_rate(device: torch.device, precision: Precision) -> float:
    """Operations a second of a large square product: in practice, the most that the machine reaches."""
    side = SQUARE["cuda" if device.type == "cuda" else "cpu"]
    return product_rate((side, side, side), device, precision=precision)


def bandwidth(device: torch.device, *, size: int = STREAMED, repeats: int = 4) -> dict[str, float]:
    """Bytes a second that operations ask for: of a copy, of a triad a = b + s c, and of an update a += b.

    A processor may read the memory that it is about to write; the update shows what it does without that.
    """
    a, b, c = torch.ones(3, size // 4, device=device)  # written, so that each page is there
    calls: dict[str, tuple[int, Callable[[], Tensor]]] = {
        "copy": (2, partial(a.copy_, b)),
        "triad": (3, partial(torch.add, b, c, alpha=0.5, out=a)),
        "update": (3, partial(a.add_, b)),
    }
    return {name: passes * size / best(call, repeats, device)[0] for name, (passes, call) in calls.items()}


def ceilings(device: torch.device, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The machine's two limits, in operations and in bytes a second.

    Args:
        device: whose.
        shapes: products of a computation, by name, that are timed beside the large square one.
    """
    precisions: Sequence[Precision] = (
        ("float32",) if device.type == "cpu" else ("float32", "tf32", "bfloat16")
    )
    square = SQUARE["cuda" if device.type == "cuda" else "cpu"]
    return {
        "products": {
            precision: product_rate((square,) * 3, device, precision=precision) for precision in precisions
        },
        "shapes": {name: product_rate(shape, device, repeats=8) for name, shape in shapes.items()},
        "bandwidth": bandwidth(device),
    }


def in_child(module: str, job: Mapping[str, Any], *, threads: int) -> dict[str, Any]:
    """Do a job in a process of its own, so that its memory is its own: `python -m MODULE --child JOB`.

    Args:
        module: whose main function hands the job to `answer`.
        job: JSON values.
        threads: of the process.

    Raises:
        CalledProcessError: it failed; its words are on the error output.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, CHILD, json.dumps(job)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def answer(work: Callable[..., Mapping[str, Any] | None]) -> bool:
    """Do the job on the command line of a child process, and print the result. False: this is not a child."""
    if sys.argv[1:2] != [CHILD]:
        return False
    result = work(**json.loads(sys.argv[2]))
    if result is not None:
        print(json.dumps(result))
    return True


class Peak:
    """The largest memory of this process from here on; on a GPU, of its tensors."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        else:
            with suppress(OSError):  # not allowed everywhere: then it is the peak since the process began
                Path("/proc/self/clear_refs").write_text("5")
        self._before = in_use(device)

    def values(self) -> dict[str, int]:
        """Bytes: "peak" in total, "growth" over the memory at the start."""
        if self._device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self._device)
        else:
            peak = resident_peak()
        return {"peak": peak, "growth": peak - self._before}


def resident_peak() -> int:
    """The largest memory that this process has taken, in bytes."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    scale = 1 if sys.platform == "darwin" else 1024
    return scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
