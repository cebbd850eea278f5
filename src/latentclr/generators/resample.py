"""Resampling by a finite impulse response filter, as the StyleGAN family does it.

Karras et al., StyleGAN2 (CVPR 2020), appendix B; Zhang, Making Convolutional Networks Shift-Invariant Again
(ICML 2019). A filter is a (k, k) tensor that sums to 1, such as the outer product of [1, 3, 3, 1] / 8.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, pad

Maps = Float[Tensor, "n c h w"]
Resized = Float[Tensor, "n c h2 w2"]
Convolved = Float[Tensor, "n c_out h_out w_out"]
"""Maps of other channels, and perhaps another size."""
Filter = Float[Tensor, "k k"]


def filter2d(x: Maps, kernel: Filter, padding: tuple[int, int, int, int], gain: float = 1.0) -> Resized:
    """Convolve every channel with the filter (a true convolution: the filter is flipped).

    Args:
        x: maps.
        kernel: the filter.
        padding: zeros to the left, right, top and bottom; negative numbers crop.
        gain: factor of the result.
    """
    channels = x.shape[1]
    weight = (gain * kernel).flip(0, 1).expand(channels, 1, *kernel.shape)
    left, right, top, bottom = padding
    if left == right == top == bottom and left >= 0:
        return conv2d(x, weight, padding=left, groups=channels)
    return conv2d(pad(x, padding), weight, groups=channels)


def upsample2d(x: Maps, kernel: Filter) -> Resized:
    """Maps of twice the height and width: zeros between the pixels, then the filter with gain 4.

    Computed as a transposed convolution, so that the zeros are never multiplied.

    Args:
        x: maps.
        kernel: the filter.
    """
    channels, size = x.shape[1], kernel.shape[0]
    weight = (4 * kernel).expand(channels, 1, *kernel.shape)
    full = conv_transpose2d(x, weight, stride=2, groups=channels)  # (2 h - 2 + k, 2 w - 2 + k)
    start = (size - 1) // 2
    return full[..., start : start + 2 * x.shape[-2], start : start + 2 * x.shape[-1]]


def downsample2d(x: Maps, kernel: Filter) -> Resized:
    """Maps of half the height and width: the filter, then every second pixel.

    Args:
        x: maps.
        kernel: the filter.
    """
    channels, size = x.shape[1], kernel.shape[0]
    before, after = (size - 1) // 2, (size - 2) // 2
    weight = kernel.flip(0, 1).expand(channels, 1, *kernel.shape)
    return conv2d(pad(x, (before, after, before, after)), weight, stride=2, groups=channels)


def conv_up2(x: Maps, weight: Float[Tensor, "out c 3 3"], kernel: Filter) -> Float[Tensor, "n out h2 w2"]:
    """A 3 x 3 convolution to twice the size: transposed convolution with stride 2, then the filter.

    Args:
        x: maps.
        weight: of the convolution.
        kernel: the filter.
    """
    doubled = conv_transpose2d(x, weight.transpose(0, 1), stride=2)  # (2 h + 1, 2 w + 1)
    size = kernel.shape[0]
    before, after = (size - 1) // 2, (size - 2) // 2
    return filter2d(doubled, kernel, (before, after, before, after), gain=4.0)


def doubling_kernel(weight: Float[Tensor, "out c 3 3"]) -> Float[Tensor, "c out 4 4"]:
    """Nearest-neighbour upsampling and a 3 x 3 convolution as one transposed one, stride 2 and padding 1.

    An input pixel stands for a square of 2 x 2 equal ones. What it adds to the output is the flipped kernel
    under each of the four, and their sum is a 4 x 4 footprint: 4 products a pixel instead of 9. Twice as fast
    (CPU, float32, forward and backward), and equal but for rounding. Channels are last in memory.
    """
    footprint = avg_pool2d(weight.flip(2, 3), 2, stride=1, padding=1, divisor_override=1)
    return footprint.transpose(0, 1).contiguous(memory_format=torch.channels_last)


def binomial(taps: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)) -> Filter:
    """The separable filter with these taps, scaled to sum 1."""
    line = torch.tensor(taps, dtype=torch.float32)
    square = torch.outer(line, line)
    return square / square.sum()
