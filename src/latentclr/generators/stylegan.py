"""StyleGAN, version 1: a mapping network, and a style after every convolution.

Karras, Laine, Aila: A Style-Based Generator Architecture for Generative Adversarial Networks (CVPR 2019).
The convolutions are ProGAN's. What is new: the input is a learned constant; a network maps z to w; and each
layer ends with noise, bias, leaky ReLU, and adaptive instance normalisation, by which w sets the mean and
the deviation of every channel. Doubled maps are blurred. Only the fully grown network is built.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from latentclr.errors import InputError
from latentclr.generators.base import IMAGE, Folded, Latents, Layer, Outputs, arguments
from latentclr.generators.equalized import EqualLinear, normalize
from latentclr.generators.mapped import MappedGenerator
from latentclr.generators.progan import HE_GAIN, EqualConv, ToImage
from latentclr.generators.resample import Convolved, Maps, binomial, filter2d


class _Mapping(nn.Module):
    """z (and a class, with a vector as long as z) to w, by layers of these widths, each with a leaky ReLU."""

    def __init__(self, z_dim: int, widths: Sequence[int], *, lr: float, num_classes: int) -> None:
        super().__init__()
        if num_classes:
            self.label_weight = nn.Parameter(torch.zeros(num_classes, z_dim))
        sizes = [2 * z_dim if num_classes else z_dim, *widths]
        self.dense = nn.ModuleList(
            EqualLinear(n_in, n_out, gain=HE_GAIN, lr=lr) for n_in, n_out in pairwise(sizes)
        )

    def forward(
        self, z: Float[Tensor, "n z"], label: Float[Tensor, " classes"] | None
    ) -> Float[Tensor, "n w"]:
        if label is not None:  # the class's vector is normalised together with z
            z = torch.cat([z, (label @ self.label_weight).expand(len(z), -1)], dim=1)
        x = normalize(z)
        for dense in self.dense:
            x = leaky_relu(dense(x), 0.2)
        return x


class _Epilogue(nn.Module):
    """Noise, bias, leaky ReLU and adaptive instance normalisation, which follow every convolution."""

    noise: Tensor

    def __init__(self, channels: int, resolution: int, w_dim: int) -> None:
        super().__init__()
        self.register_buffer("noise", torch.zeros(1, 1, resolution, resolution))
        self.noise_strength = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.style = EqualLinear(w_dim, 2 * channels)

    def forward(self, x: Float[Tensor, "m c h w"], w: Float[Tensor, "n w_dim"]) -> Maps:
        # Instance normalisation (biased variance) and the style's scale (stored less 1) are one product.
        scale, shift = self.style(w)[:, :, None, None].chunk(2, dim=1)
        x = leaky_relu(x + (self.noise * self.noise_strength[:, None, None] + self.bias[:, None, None]), 0.2)
        x = x - x.mean((2, 3), keepdim=True)
        deviation = (x.square().mean((2, 3), keepdim=True) + 1e-8).sqrt()
        return torch.addcmul(shift, x, (scale + 1) / deviation)


class _StyledConstant(nn.Module):
    """The first layer: a learned constant instead of a convolution."""

    def __init__(self, channels: int, w_dim: int) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.ones(1, channels, 4, 4))
        self.epilogue = _Epilogue(channels, 4, w_dim)

    def forward(self, w: Float[Tensor, "n w_dim"]) -> Float[Tensor, "n c 4 4"]:
        return self.epilogue(self.const, w)


class _StyledConv(nn.Module, Folded):
    """Convolution (blurred, if it doubles the resolution), then the epilogue."""

    blur: Tensor

    def __init__(self, in_channels: int, out_channels: int, resolution: int, w_dim: int, *, up: bool) -> None:
        super().__init__()
        self.conv = EqualConv(in_channels, out_channels, up=up)
        self.epilogue = _Epilogue(out_channels, resolution, w_dim)
        self.register_buffer("blur", torch.zeros(3, 3), persistent=False)

    def fold(self) -> None:
        self.blur = binomial((1.0, 2.0, 1.0)).to(self.conv.weight)

    def forward(self, x: Maps, w: Float[Tensor, "n w_dim"]) -> Convolved:
        x = self.conv(x)
        if self.conv.up:
            x = filter2d(x, self.blur, (1, 1, 1, 1))
        return self.epilogue(x, w)


class StyleGAN(MappedGenerator):
    """The StyleGAN generator (version 1).

    Its latents are w, one for every layer: slot k is read by layer k. `in_space("z")` gives a view whose
    latents are z, each mapped (and truncated) on its way.

    Layers are "layer0", "layer1", ..., two for every resolution, each the output after its style, and
    "image". Aliases are the names of NVIDIA's code ("4x4/Const", "8x8/Conv0_up") and of genforce's
    ("synthesis.layer3").

    NVIDIA's own pictures are drawn at truncation 0.7 in the first 8 slots: `at(0.7, cutoff=8)`.

    Args:
        resolution: of the picture, a power of two.
        channels: number of channels at each resolution from 4 up.
        z_dim: length of z.
        mapping: number of outputs of each layer of the mapping network; the last is the length of w.
        mapping_lr: relative learning rate of the mapping network.
        num_classes: number of classes; 0 for an unconditional network.
        height: number of rows of the picture that hold content, in its middle (384 for LSUN cars at 512); the
            rest is cut off. None: all.
    """

    channels_last = True
    w_avg: Tensor

    def __init__(
        self,
        resolution: int,
        channels: Sequence[int],
        *,
        z_dim: int = 512,
        mapping: Sequence[int] = (512,) * 8,
        mapping_lr: float = 0.01,
        num_classes: int = 0,
        height: int | None = None,
    ) -> None:
        super().__init__(z_dim, mapping[-1], 2 * len(channels), num_classes)
        self._settings = arguments(locals())
        assert resolution == 2 << len(channels), (resolution, channels)
        if height is not None and not 1 <= height <= resolution:
            raise InputError(f"height={height}: give a number of rows, 1 to {resolution}.")
        self.height = height or resolution
        self.mapping = _Mapping(z_dim, mapping, lr=mapping_lr, num_classes=num_classes)
        self.register_buffer("w_avg", torch.zeros(self.w_dim))
        self.blocks = nn.ModuleList([_StyledConstant(channels[0], self.w_dim)])
        for k in range(1, self.num_slots):
            n_in, n_out = channels[(k - 1) // 2], channels[k // 2]
            self.blocks.append(_StyledConv(n_in, n_out, 4 << k // 2, self.w_dim, up=k % 2 == 0))
        self.to_image = ToImage(channels[-1])
        self.layers = tuple(_layers(channels, self.height))
        self.freeze()

    @property
    def average(self) -> Float[Tensor, " w_dim"]:
        """See `MappedGenerator.average`; the buffer `w_avg`."""
        return self.w_avg

    def run(self, latents: Latents) -> Outputs:
        """See `Generator.run`; the first layer's name is "layer0"."""
        x = self.blocks[0](self.style(latents, 0)).contiguous(memory_format=torch.channels_last)
        yield "layer0", x
        for k in range(1, self.num_slots):
            x = self.blocks[k](x, self.style(latents, k))
            yield f"layer{k}", x
        top = (x.shape[2] - self.height) // 2
        yield IMAGE, self.to_image(x[:, :, top : top + self.height])

    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        """The matrix from w to the layer's style; in space z, the first of the mapping network."""
        name = self.layer(layer).name
        if name == IMAGE:
            raise InputError(f"layer {layer!r} of a StyleGAN reads no latent; all others do.")
        if self.space == "z":
            # Behind the columns for z there are those for the class.
            return self.mapping.get_parameter("dense.0.weight")[:, : self.z_dim]
        return self.get_parameter(f"blocks.{name.removeprefix('layer')}.epilogue.style.weight")


def _layers(channels: Sequence[int], height: int) -> Iterator[Layer]:
    for i, c in enumerate(channels):
        r = 4 << i
        for j, theirs in enumerate(("Conv0_up", "Conv1") if i else ("Const", "Conv")):
            k = 2 * i + j
            yield Layer(f"layer{k}", k, c, r, (f"{r}x{r}/{theirs}", f"synthesis.layer{k}"))
    last = len(channels) - 1
    yield Layer(IMAGE, 2 * last + 1, 3, height, ("ToRGB_lod0", f"synthesis.output{last}"))
