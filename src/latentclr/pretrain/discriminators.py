"""Discriminators: pictures in, one logit for each out (above 0: taken for real).

They are needed for training only and are not part of an exported generator.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, leaky_relu, pad

from latentclr.generators.equalized import EqualLinear
from latentclr.generators.resample import Convolved, Filter, Maps, binomial, downsample2d, filter2d
from latentclr.generators.stylegan2 import GAIN, SLOPE
from latentclr.pretrain.spectral import initialize_orthogonally, layers_with_weights, normalize_spectrally

GROUP = 4
"""Number of pictures that minibatch standard deviation compares with each other."""


class _EqualConv(nn.Module):
    """A convolution with equalised learning rate, and leaky ReLU if asked for.

    The activation's gain sqrt(2) is positive, so it goes before the leaky ReLU, into the weights.

    Args:
        n_in: input channels.
        n_out: output channels.
        size: height and width of the kernel, odd.
        down: halve the resolution: the filter, then stride 2.
        activate: add a bias and apply leaky ReLU; otherwise neither.
        gain: factor of the output.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        size: int,
        *,
        down: bool = False,
        activate: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_out, n_in, size, size))
        self.bias = nn.Parameter(torch.zeros(n_out)) if activate else None
        self.down = down
        self.gain = gain * (GAIN if activate else 1.0)

    def forward(self, x: Maps, kernel: Filter) -> Convolved:
        weight = self.weight * (self.gain / math.sqrt(self.weight[0].numel()))
        bias = None if self.bias is None else self.bias * self.gain
        size, taps = weight.shape[-1], len(kernel)
        if self.down and size == 1:
            x = conv2d(downsample2d(x, kernel), weight, bias)
        elif self.down:
            before, after = (taps - 1) // 2 + size // 2, (taps - 2) // 2 + size // 2
            x = filter2d(x, kernel, (before, after, before, after))
            x = conv2d(x, weight, bias, stride=2)
        else:
            x = conv2d(x, weight, bias, padding=size // 2)
        return x if bias is None else leaky_relu(x, SLOPE, inplace=True)


class _DownBlock(nn.Module):
    """Two convolutions, the second of which halves the resolution, beside a 1 x 1 shortcut."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        half = math.sqrt(0.5)  # so that the sum of both branches keeps its variance
        self.conv0 = _EqualConv(n_in, n_in, 3)
        self.conv1 = _EqualConv(n_in, n_out, 3, down=True, gain=half)
        self.skip = _EqualConv(n_in, n_out, 1, down=True, activate=False, gain=half)

    def forward(self, x: Maps, kernel: Filter) -> Convolved:
        skip: Tensor = self.skip(x, kernel)
        x = self.conv1(self.conv0(x, kernel), kernel)
        return skip + x


class StyleGAN2Discriminator(nn.Module):
    """The residual discriminator of StyleGAN2 (Karras and others, CVPR 2020, figure 7c).

    Args:
        channels: number of channels at each resolution from 4 up, as of the generator.
    """

    kernel: Tensor

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        largest_first = list(reversed(channels))
        self.from_rgb = _EqualConv(3, largest_first[0], 1)
        self.blocks = nn.ModuleList(_DownBlock(n_in, n_out) for n_in, n_out in pairwise(largest_first))
        last = channels[0]
        self.conv = _EqualConv(last + 1, last, 3)
        self.hidden = EqualLinear(16 * last, last)
        self.out = EqualLinear(last, 1)
        self.register_buffer("kernel", binomial(), persistent=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def initialize(self, rng: torch.Generator) -> None:
        """Standard normal weights, biases 0."""
        with torch.no_grad():
            for name, value in self.named_parameters():
                if name.endswith("weight"):
                    value.copy_(torch.randn(value.shape, generator=rng))
                else:
                    value.zero_()

    def forward(
        self, pictures: Float[Tensor, "n 3 h w"], labels: Int[Tensor, " n"] | None = None
    ) -> Float[Tensor, " n"]:
        """A logit for each picture.

        Args:
            pictures: in [-1, 1], of the highest resolution.
            labels: not used.
        """
        x = self.from_rgb(pictures, self.kernel)
        for block in self.blocks:
            x = block(x, self.kernel)
        x = self.conv(_append_minibatch_stddev(x), self.kernel)
        x = leaky_relu(self.hidden(x.flatten(1)), SLOPE) * GAIN
        return self.out(x).squeeze(1)


def _append_minibatch_stddev(x: Maps, group: int = GROUP) -> Float[Tensor, "n c1 h w"]:
    """The maps and, as one more channel, how much the pictures of a group differ.

    A group is every (n / group)-th picture; it is smaller where the batch is, or is no multiple of it. The
    value is the standard deviation over the group, averaged over channels and places. Karras, Aila, Laine,
    Lehtinen: Progressive Growing of GANs for Improved Quality, Stability, and Variation (ICLR 2018), section
    3.
    """
    n = len(x)
    group = next(size for size in range(min(group, n), 0, -1) if n % size == 0)
    groups = x.reshape(group, n // group, -1)
    deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean(1)  # (n / group)
    channel = deviation.repeat(group).view(n, 1, 1, 1).expand(-1, 1, *x.shape[2:])
    return torch.cat([x, channel], 1).contiguous(memory_format=torch.channels_last)


class _PoolingConv(nn.Conv2d):
    """A 3 x 3 convolution and the mean of every 2 x 2 pixels, as one convolution with stride 2.

    The mean of four neighbouring 3 x 3 windows is a 4 x 4 window: 4 products for each pixel of the input in
    place of 9, and no map at the full size.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Maps) -> Convolved:
        whole = pad(self.weight, (1, 1, 1, 1)) / 4
        kernel = whole[:, :, :4, :4] + whole[:, :, :4, 1:] + whole[:, :, 1:, :4] + whole[:, :, 1:, 1:]
        return conv2d(x, kernel.contiguous(memory_format=torch.channels_last), self.bias, stride=2, padding=1)


class _BigGANBlock(nn.Module):
    """ReLU, 3 x 3, ReLU, 3 x 3, downsampling, beside a 1 x 1 shortcut.

    Args:
        n_in: input channels.
        n_out: output channels.
        first: the input is a picture: no ReLU before the first convolution.
        down: halve the resolution.
    """

    def __init__(self, n_in: int, n_out: int, *, first: bool = False, down: bool = True) -> None:
        super().__init__()
        self.first, self.down = first, down
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.conv2 = _PoolingConv(n_out, n_out) if down else nn.Conv2d(n_out, n_out, 3, padding=1)
        self.shortcut = nn.Conv2d(n_in, n_out, 1) if n_in != n_out or down else None

    def forward(self, x: Maps) -> Convolved:
        h: Tensor = self.conv2(self.conv1(x if self.first else x.relu()).relu_())
        if self.down:  # the mean first: a 1 x 1 convolution does the same to it, with fewer pixels
            x = avg_pool2d(x, 2)
        h += x if self.shortcut is None else self.shortcut(x)
        return h


class ProjectionDiscriminator(nn.Module):
    """A residual discriminator with spectral norm, conditioned on the class by projection.

    D(x, y) = v . f(x) + e_y . f(x), with e_y learned for each class. Miyato and Koyama: cGANs with Projection
    Discriminator (ICLR 2018), equation 5; spectral norm: Miyato, Kataoka, Koyama, Yoshida (ICLR 2018); the
    blocks are those of Brock and others: BigGAN (ICLR 2019), figure 15c.

    Args:
        channels: number of output channels of the block at each resolution from 4 up.
        num_classes: number of classes.
    """

    def __init__(self, channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        sizes = [3, *reversed(channels)]
        self.blocks = nn.Sequential(
            *(
                _BigGANBlock(n_in, n_out, first=i == 0, down=i < len(channels) - 1)
                for i, (n_in, n_out) in enumerate(pairwise(sizes))
            )
        )
        self.out = nn.Linear(channels[0], 1)
        self.classes = nn.Embedding(num_classes, channels[0])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def initialize(self, rng: torch.Generator) -> None:
        """Orthogonal weights, biases 0, then spectral norm of every layer."""
        initialize_orthogonally(self, rng)
        normalize_spectrally([*layers_with_weights(self), self.classes], rng)

    def forward(self, pictures: Float[Tensor, "n 3 h w"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """A logit for each picture.

        Args:
            pictures: in [-1, 1], of the highest resolution.
            labels: the class of each.
        """
        x = self.blocks(pictures).relu().sum((2, 3))
        return (x * (self.out.weight + self.classes(labels))).sum(1) + self.out.bias
