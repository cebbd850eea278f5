"""ProGAN: convolutions grown from 4 x 4 to the full resolution, every pixel normalised.

Karras, Aila, Laine, Lehtinen: Progressive Growing of GANs for Improved Quality, Stability, and Variation
(ICLR 2018); the generator is that of its table 2. z is normalised and projected to 4 x 4; then two
convolutions for every resolution, the first of which doubles it. After each come bias, leaky ReLU and
pixelwise normalisation. Only the fully grown network is built: the picture is read off the last layer.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu

from latentclr.errors import InputError
from latentclr.generators.base import IMAGE, Folded, Generator, Latents, Layer, Outputs, arguments
from latentclr.generators.equalized import normalize
from latentclr.generators.resample import Convolved, Maps, doubling_kernel

HE_GAIN = math.sqrt(2)
"""Gain of a layer before a (leaky) ReLU: keeps the variance (He et al. 2015)."""


class EqualConv(nn.Module, Folded):
    """Convolution with equalised learning rate (section 4.1), optionally of the input at twice its size.

    Weights are stored as they were trained, with variance about 1, and scaled when they are used.

    Args:
        in_channels: number of channels of the input.
        out_channels: number of channels of the output.
        size: height and width of the kernel, odd; zeros around the input keep its size.
        up: double the resolution (nearest neighbour) before convolving; needs size 3.
        gain: standard deviation of the output for independent inputs of variance 1.
    """

    doubling: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, size: int = 3, *, up: bool = False, gain: float = HE_GAIN
    ) -> None:
        super().__init__()
        self.up = up
        self.padding = size // 2
        self.scale = gain / math.sqrt(in_channels * size**2)
        self.weight = nn.Parameter(torch.zeros(out_channels, in_channels, size, size))
        if up:
            self.register_buffer("doubling", torch.zeros(in_channels, out_channels, 4, 4), persistent=False)

    def fold(self) -> None:
        """Keep the kernel that doubles and convolves at once, with the scale in it."""
        if self.up:
            self.doubling = doubling_kernel(self.weight * self.scale)

    def forward(self, x: Maps, bias: Float[Tensor, " out"] | None = None) -> Convolved:
        """Maps of the same or twice the height and width.

        Args:
            x: maps.
            bias: added to every pixel.
        """
        if self.up:
            return conv_transpose2d(x, self.doubling, bias, stride=2, padding=1)
        return conv2d(x, self.weight * self.scale, bias, padding=self.padding)


class _Projection(nn.Module):
    """z to a 4 x 4 map: normalisation, a matrix, then bias, leaky ReLU and pixelwise normalisation."""

    def __init__(self, z_dim: int, channels: int) -> None:
        super().__init__()
        # Gain sqrt(2) / 4: the published networks have it, so that their other scales are what they are.
        self.scale = HE_GAIN / (4 * math.sqrt(z_dim))
        self.weight = nn.Parameter(torch.zeros(channels * 16, z_dim))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, z: Float[Tensor, "n z_dim"], truncation: float) -> Float[Tensor, "n c 4 4"]:
        # The matrix has the 16 pixels of a channel in consecutive rows.
        x = (normalize(z) @ self.weight.T * (self.scale * truncation)).unflatten(1, (-1, 4, 4))
        return normalize(leaky_relu(x + self.bias[:, None, None], 0.2))


class _NormalizedConv(nn.Module):
    """Convolution, bias, leaky ReLU, pixelwise normalisation."""

    def __init__(self, in_channels: int, out_channels: int, *, up: bool) -> None:
        super().__init__()
        self.conv = EqualConv(in_channels, out_channels, up=up)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Maps) -> Convolved:
        return normalize(leaky_relu(self.conv(x, self.bias), 0.2))


class ToImage(nn.Module):
    """A linear 1 x 1 convolution to the picture's three colours, without an activation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = EqualConv(channels, 3, size=1, gain=1.0)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Maps) -> Float[Tensor, "n 3 h w"]:
        """Pictures from about -1 (black) to 1 (white), and a little beyond."""
        return self.conv(x, self.bias)


class ProGAN(Generator):
    """The generator of ProGAN; z is its only latent, read once (one slot).

    Layers are "layer0" (the projection), "layer1", ..., two for every resolution, each the output after its
    normalisation, and "image". Aliases are the names of NVIDIA's code ("8x8/Conv0_up", "8x8/Conv1"). PyTorch
    ports normalise at the beginning of a layer instead, so that their "layer1" has our "layer1" (in GAN
    Dissection, which counts from 1, our "layer0") before its normalisation.

    z is normalised before it is read: only its direction matters. Truncation is therefore a factor of the
    normalised z. (The paper has none.)

    Args:
        channels: number of channels at 4 x 4, 8 x 8, ...; the picture has the resolution of the last.
        z_dim: length of z.
    """

    channels_last = True

    def __init__(self, channels: Sequence[int], z_dim: int = 512) -> None:
        super().__init__()
        self._settings = arguments(locals())
        self.space = "z"
        self.z_dim = self.latent_dim = z_dim
        self.num_slots = 1
        self.project = _Projection(z_dim, channels[0])
        self.blocks = nn.ModuleList(
            _NormalizedConv(channels[(k - 1) // 2], channels[k // 2], up=k % 2 == 0)
            for k in range(1, 2 * len(channels))
        )
        self.to_image = ToImage(channels[-1])
        self.layers = (*_layers(channels), Layer(IMAGE, 0, 3, 2 << len(channels), ("ToRGB_lod0",)))
        self.freeze()

    def map(self, z: Float[Tensor, "n z_dim"]) -> Latents:
        """Z itself: truncation comes after the normalisation."""
        return z.unsqueeze(1)

    def run(self, latents: Latents) -> Outputs:
        """See `Generator.run`; the first layer's name is "layer0"."""
        x = self.project(latents[:, 0], self.truncation).contiguous(memory_format=torch.channels_last)
        yield "layer0", x
        for k, block in enumerate(self.blocks, start=1):
            x = block(x)
            yield f"layer{k}", x
        yield IMAGE, self.to_image(x)

    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        """The projection's matrix, for the first layer; no other reads the latent."""
        if self.layer(layer).name != "layer0":
            raise InputError(f"layer {layer!r} of a ProGAN reads no latent; only layer0 does.")
        return self.project.weight


def _layers(channels: Sequence[int]) -> Iterator[Layer]:
    for i, c in enumerate(channels):
        r = 4 << i
        for j, theirs in enumerate(("Conv0_up", "Conv1") if i else ("Dense", "Conv")):
            yield Layer(f"layer{2 * i + j}", 0, c, r, (f"{r}x{r}/{theirs}",))
