"""Memory layout and precision of convolutions: contiguous, channels last, bfloat16.

    python -m benchmarks.layouts --threads 2

Milliseconds, best of five, at the sizes of StyleGAN2: a 3 x 3 convolution with as many outputs as inputs,
the same with twice the resolution, and the resampling filter.
"""

from functools import partial

import torch
from benchmarks.machine import best
from benchmarks.runner import Parser, announce, say
from torch.nn.functional import conv2d, conv_transpose2d

from latentclr.generators.resample import binomial, filter2d

SIZES = ((512, 16, 4), (512, 64, 1), (256, 128, 1), (64, 512, 1), (32, 1024, 1))
"""(Channels, resolution, pictures)."""


@torch.no_grad()
def main() -> None:
    given = Parser(__doc__, threads=0, device=True, out=False).options()
    device = torch.device(given.device)
    kernel = binomial().to(device)
    formats = {
        "contiguous": (torch.contiguous_format, torch.float32),
        "channels last": (torch.channels_last, torch.float32),
        "channels last, bfloat16": (torch.channels_last, torch.bfloat16),
    }
    announce(given.threads, device)
    print(f"{'channels, resolution, pictures':<32}{'':<26}{'conv':>9}{'doubling':>10}{'filter':>9}")
    for channels, resolution, n in SIZES:
        for name, (layout, dtype) in formats.items():
            x = torch.randn(n, channels, resolution, resolution).to(device, dtype, memory_format=layout)
            weight = torch.randn(channels, channels, 3, 3).to(device, dtype, memory_format=layout)
            half = x[:, :, ::2, ::2].contiguous(memory_format=layout)
            calls = (
                partial(conv2d, x, weight, padding=1),
                partial(conv_transpose2d, half, weight, stride=2),
                partial(filter2d, x, kernel.to(dtype), (1, 1, 1, 1)),
            )
            conv, doubling, fir = (1000 * best(call, 5, device)[0] for call in calls)
            size = f"{channels}, {resolution}, {n}"
            say(f"{size:<32}{name:<26}{conv:>9.1f}{doubling:>10.1f}{fir:>9.1f}")


if __name__ == "__main__":
    main()
