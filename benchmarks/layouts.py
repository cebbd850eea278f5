"""Memory layout and precision of convolutions: contiguous, channels last, bfloat16.

    python -m benchmarks.layouts --threads 2

Milliseconds, best of five, at the sizes of StyleGAN2: a 3 x 3 convolution with as many outputs as inputs,
the same with twice the resolution, and the resampling filter.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

from latentclr.generators.resample import binomial, filter2d

SIZES = ((512, 16, 4), (512, 64, 1), (256, 128, 1), (64, 512, 1), (32, 1024, 1))
"""(Channels, resolution, pictures)."""


def milliseconds(call: Callable[[], Tensor], device: str) -> float:
    """Of the fastest of five calls."""
    times = []
    for _ in range(6):
        started = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return 1000 * min(times[1:])


@torch.no_grad()
def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    kernel = binomial().to(arguments.device)
    formats = {
        "contiguous": (torch.contiguous_format, torch.float32),
        "channels last": (torch.channels_last, torch.float32),
        "channels last, bfloat16": (torch.channels_last, torch.bfloat16),
    }
    print(f"torch {torch.__version__}, {arguments.threads} threads, {arguments.device}")
    print(f"{'channels, resolution, pictures':<32}{'':<26}{'conv':>9}{'doubling':>10}{'filter':>9}")
    for channels, resolution, n in SIZES:
        for name, (layout, dtype) in formats.items():
            options = {"dtype": dtype, "device": arguments.device}
            x = torch.randn(n, channels, resolution, resolution).to(**options, memory_format=layout)
            weight = torch.randn(channels, channels, 3, 3).to(**options, memory_format=layout)
            half = x[:, :, ::2, ::2].contiguous(memory_format=layout)
            calls: list[Callable[[], Tensor]] = [
                partial(conv2d, x, weight, padding=1),
                partial(conv_transpose2d, half, weight, stride=2),
                partial(filter2d, x, kernel.to(dtype), (1, 1, 1, 1)),
            ]
            conv, doubling, fir = (milliseconds(call, arguments.device) for call in calls)
            size = f"{channels}, {resolution}, {n}"
            print(f"{size:<32}{name:<26}{conv:>9.1f}{doubling:>10.1f}{fir:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
