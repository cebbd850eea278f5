"""StyleGAN2: a mapping network, and convolutions whose weights are scaled by the style.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila: Analyzing and Improving the Image Quality of StyleGAN
(CVPR 2020); conditioning and clamping as in Karras et al., Training Generative Adversarial Networks with
Limited Data (NeurIPS 2020). Parameters have the names, shapes and values of NVIDIA's PyTorch networks.

Speed comes from three identities. Modulation scales input channels and demodulation output channels, so one
convolution with the shared weights serves a whole batch: no weights are made for each sample. The sum of
squares that demodulation needs is a matrix product of squared styles and a matrix that is fixed. And the
first layer's input is a constant, so that layer is a fixed linear map of its style.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu, unfold

from latentclr.errors import InputError
from latentclr.generators.base import IMAGE, Folded, Latents, Layer, Outputs, arguments, shrink
from latentclr.generators.equalized import EqualLinear, normalize
from latentclr.generators.mapped import MappedGenerator
from latentclr.generators.resample import Convolved, Filter, Maps, binomial, conv_up2, upsample2d

Architecture = Literal["skip", "resnet", "orig"]

DEMODULATION_EPS = 1e-8
SLOPE, GAIN = 0.2, math.sqrt(2)
"""Slope and gain of every leaky ReLU."""


@dataclass(frozen=True)
class _LayerOptions:
    """Settings that all layers share; see the arguments of `StyleGAN2`."""

    w_dim: int
    noise: bool
    clamp: float | None


class _Mapping(nn.Module):
    """z (and the vector of a class) to w, by layers of these widths, each with a leaky ReLU."""

    LR = 0.01
    w_avg: Tensor

    def __init__(
        self, z_dim: int, widths: Sequence[int], *, num_classes: int, embed_dim: int, joint: bool
    ) -> None:
        super().__init__()
        self.joint = joint
        self.embed = EqualLinear(num_classes, embed_dim, bias=None if joint else 0.0) if num_classes else None
        sizes = [z_dim + (embed_dim if num_classes else 0), *widths]
        self.names = [f"fc{i}" for i in range(len(widths))]
        for name, n_in, n_out in zip(self.names, sizes[:-1], sizes[1:], strict=True):
            self.add_module(name, EqualLinear(n_in, n_out, lr=self.LR))
        self.register_buffer("w_avg", torch.zeros(widths[-1]))

    def forward(
        self, z: Float[Tensor, "n z"], label: Float[Tensor, " classes"] | None
    ) -> Float[Tensor, "n w"]:
        if self.embed is None or label is None:
            x = normalize(z)
        elif self.joint:
            embedded = label @ self.embed.weight.T
            x = normalize(torch.cat([z, embedded.expand(len(z), -1)], dim=1))
        else:
            embedded = normalize(self.embed(label.unsqueeze(0)))
            x = torch.cat([normalize(z), embedded.expand(len(z), -1)], dim=1)
        for name in self.names:
            x = leaky_relu(self.get_submodule(name)(x), SLOPE) * GAIN
        return x


def modulated_conv(
    x: Maps, weight: Float[Tensor, "d c 3 3"], style: Float[Tensor, "n c"], up: Filter | None = None
) -> Convolved:
    """Convolve with weights whose input channels are scaled by the style: x is scaled, which is the same.

    Args:
        x: maps.
        weight: shared by the batch.
        style: a factor for each input channel of each sample.
        up: filter with which to double the height and width; None keeps them.
    """
    x = x * style[:, :, None, None]
    return conv2d(x, weight, padding=1) if up is None else conv_up2(x, weight, up)


def demodulation(style: Float[Tensor, "n c"], squares: Float[Tensor, "d c"]) -> Float[Tensor, "n d"]:
    """The factor of each output channel that undoes the style's effect on its variance: 1 / |W_o s|.

    Args:
        style: a factor for each input channel of each sample.
        squares: sum over the kernel of W^2.
    """
    return (style.square() @ squares.T + DEMODULATION_EPS).rsqrt()


class _StyledConv(nn.Module, Folded):
    """Modulated 3 x 3 convolution (to a map of this resolution), noise, bias, leaky ReLU."""

    weight_squares: Tensor | None
    noise_const: Tensor

    def __init__(
        self, n_in: int, n_out: int, resolution: int, options: _LayerOptions, *, up: bool = False
    ) -> None:
        super().__init__()
        self.affine = EqualLinear(options.w_dim, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.zeros(n_out, n_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.up, self.clamp, self.has_noise = up, options.clamp, options.noise
        if self.has_noise:
            self.noise_strength = nn.Parameter(torch.zeros(()))
            self.register_buffer("noise_const", torch.zeros(resolution, resolution))
        self.register_buffer("weight_squares", None, persistent=False)

    def fold(self) -> None:
        self.weight_squares = self.weight.square().sum((2, 3))
        self.weight.data = self.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(
        self, x: Maps, w: Float[Tensor, "n w_dim"], kernel: Filter, *, gain: float = 1.0
    ) -> Convolved:
        style: Tensor = self.affine(w)
        x = modulated_conv(x, self.weight, style, kernel if self.up else None)
        return self.finish(x, style, gain=gain)

    def finish(
        self, x: Float[Tensor, "n d h w"], style: Float[Tensor, "n c"], *, gain: float = 1.0
    ) -> Float[Tensor, "n d h w"]:
        """Demodulation, noise, bias and activation of the convolution's output.

        The activation's gain is positive, so it may go before the leaky ReLU, into the factors: three passes
        over the map are left.
        """
        total = GAIN * gain
        squares = self.weight_squares
        if squares is None or self.training:
            squares = self.weight.square().sum((2, 3))
        factor = (demodulation(style, squares) * total)[:, :, None, None]
        x = torch.addcmul((self.bias * total)[:, None, None], x, factor)
        if self.has_noise:
            x = x + self.noise_const * (self.noise_strength * total)
        x = leaky_relu(x, SLOPE, inplace=not self.training)
        return x if self.clamp is None else x.clamp(-self.clamp * gain, self.clamp * gain)


class _ConstantConv(_StyledConv):
    """The first layer: its input is a constant, so the convolution is a fixed linear map of the style.

    y[o, p] = sum_i A[(p, o), i] s_i with A[(p, o), i] = (W[o, i] * const_i)[p]: one GEMM instead of a
    convolution for each sample, with nine times fewer multiplications at 4 x 4. Its rows are in the order of
    maps with the channels last.
    """

    constant_map: Tensor | None

    def __init__(self, channels: int, options: _LayerOptions) -> None:
        super().__init__(channels, channels, 4, options)
        self.register_buffer("constant_map", None, persistent=False)

    def from_constant(
        self, const: Float[Tensor, "c 4 4"], w: Float[Tensor, "n w_dim"], kernel: Filter
    ) -> Float[Tensor, "n d 4 4"]:
        if self.constant_map is None or self.training:
            return self.forward(const.expand(len(w), -1, -1, -1), w, kernel)
        style: Tensor = self.affine(w)
        x = (style @ self.constant_map.T).unflatten(1, (*const.shape[1:], -1)).permute(0, 3, 1, 2)
        return self.finish(x, style)


def constant_map(const: Float[Tensor, "c h w"], weight: Float[Tensor, "d c 3 3"]) -> Float[Tensor, "hwd c"]:
    """The matrix A with (A s) = conv(const * s, weight), flattened with the channels last.

    Args:
        const: the constant input.
        weight: of the convolution.
    """
    patches = unfold(const.unsqueeze(1), 3, padding=1)  # (c, 9, h w)
    return torch.einsum("dck,ckp->pdc", weight.flatten(2), patches).flatten(0, 1).contiguous()


class _ToRGB(nn.Module):
    """Modulated 1 x 1 convolution to three channels, without demodulation."""

    def __init__(self, n_in: int, options: _LayerOptions) -> None:
        super().__init__()
        self.affine = EqualLinear(options.w_dim, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.zeros(3, n_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.clamp = options.clamp

    def forward(self, x: Maps, w: Float[Tensor, "n w_dim"]) -> Float[Tensor, "n 3 h w"]:
        # The weights are small here, so they, not the maps, are scaled for each sample.
        style = self.affine(w) / math.sqrt(self.weight.shape[1])
        weight = style.unsqueeze(2) * self.weight.flatten(1).T  # (n, c, 3)
        pixels = torch.baddbmm(self.bias, x.permute(0, 2, 3, 1).flatten(1, 2), weight)
        picture: Tensor = pixels.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)
        return picture if self.clamp is None else picture.clamp(-self.clamp, self.clamp)


class _Skip(nn.Module):
    """1 x 1 convolution without bias, then upsampling: the shortcut of the residual architecture."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_out, n_in, 1, 1))

    def forward(self, x: Maps, kernel: Filter) -> Convolved:
        scale = math.sqrt(0.5 / self.weight.shape[1])  # 0.5: the sum of two branches keeps its variance
        return upsample2d(conv2d(x, self.weight * scale), kernel)


class _SynthesisBlock(nn.Module, Folded):
    """The layers of one resolution; the first block, where n_in is None, starts from a constant."""

    def __init__(
        self,
        n_in: int | None,
        n_out: int,
        resolution: int,
        options: _LayerOptions,
        *,
        residual: bool,
        picture: bool,
    ) -> None:
        super().__init__()
        self.residual = residual and n_in is not None
        if n_in is None:
            self.const = nn.Parameter(torch.zeros(n_out, 4, 4))
            self.conv1: _StyledConv = _ConstantConv(n_out, options)
        else:
            self.conv0 = _StyledConv(n_in, n_out, resolution, options, up=True)
            self.conv1 = _StyledConv(n_out, n_out, resolution, options)
            if residual:
                self.skip = _Skip(n_in, n_out)
        self.torgb = _ToRGB(n_out, options) if picture else None

    def fold(self) -> None:
        if isinstance(self.conv1, _ConstantConv):
            self.conv1.constant_map = constant_map(self.const, self.conv1.weight)

    def run(
        self, x: Maps | None, styles: Sequence[Callable[[], Float[Tensor, "n w_dim"]]], kernel: Filter
    ) -> Outputs:
        """Yield (name within the block, output); the last is the block's output.

        Args:
            x: output of the block before; None for the first.
            styles: functions that return the w of each convolution, called when it is needed.
            kernel: filter of the resampling.
        """
        if x is None:
            assert isinstance(self.conv1, _ConstantConv)
            yield ".conv1", self.conv1.from_constant(self.const, styles[0](), kernel)
            return
        y = self.conv0(x, styles[0](), kernel)
        yield ".conv0", y
        y = self.conv1(y, styles[1](), kernel, gain=math.sqrt(0.5) if self.residual else 1.0)
        yield ".conv1", y
        if self.residual:
            yield "", y + self.skip(x, kernel)


class StyleGAN2(MappedGenerator):
    """The StyleGAN2 generator.

    Its latents are w, one for every style input (`num_slots` = 2 log2(R) - 2); `in_space("z")` gives a view
    whose latents are z, each mapped on its way. A slot is read by up to two layers: the toRGB of a block and
    the first convolution of the next.

    Layers, for each resolution r: "b{r}.conv0" (not at 4), "b{r}.conv1", and by architecture "b{r}.torgb" and
    "b{r}.image" (skip: what this resolution adds, and the picture so far) or "b{r}" (resnet: the sum of both
    branches). Aliases are NVIDIA's module names ("synthesis.b4.conv1") and rosinality's ("conv1", "convs.0",
    "to_rgbs.0").

    Args:
        resolution: of the picture, a power of two.
        channels: number of channels at each resolution from 4 up.
        z_dim: length of z.
        mapping: number of outputs of each layer of the mapping network; the last is the length of w.
        num_classes: number of classes; 0 for an unconditional network.
        embed_dim: length of the class vector.
        joint_embedding: normalise z and the class vector together, without scaling the latter (NVIDIA's
            TensorFlow StyleGAN2); otherwise each is normalised alone (StyleGAN2-ADA and later).
        architecture: "skip" sums pictures of all resolutions, "resnet" has residual blocks, "orig" neither.
        clamp: largest magnitude after each layer (256 in nets trained with mixed precision); None: no limit.
        noise: whether convolutions add their fixed noise, scaled by its strength.
        filter_size: number of taps of the resampling filter.
        height: number of rows of the picture that hold content, in its middle (384 for LSUN cars at 512); the
            rest is cut off. None: all.
    """

    mapping: _Mapping
    resample_filter: Tensor

    def __init__(
        self,
        resolution: int,
        channels: Sequence[int],
        *,
        z_dim: int = 512,
        mapping: Sequence[int] = (512,) * 8,
        num_classes: int = 0,
        embed_dim: int = 0,
        joint_embedding: bool = False,
        architecture: Architecture = "skip",
        clamp: float | None = None,
        noise: bool = True,
        filter_size: int = 4,
        height: int | None = None,
    ) -> None:
        super().__init__(z_dim, mapping[-1], 2 * len(channels), num_classes)
        self._settings = arguments(locals())
        assert resolution == 4 << (len(channels) - 1), (resolution, channels)
        self.architecture = architecture
        self.height = height
        self.mapping = _Mapping(
            z_dim, mapping, num_classes=num_classes, embed_dim=embed_dim, joint=joint_embedding
        )
        self.register_buffer("resample_filter", torch.zeros(filter_size, filter_size))
        options = _LayerOptions(self.w_dim, noise, clamp)
        self.synthesis = nn.ModuleDict()
        for i, n_out in enumerate(channels):
            self.synthesis[f"b{4 << i}"] = _SynthesisBlock(
                channels[i - 1] if i else None,
                n_out,
                4 << i,
                options,
                residual=architecture == "resnet",
                picture=architecture == "skip" or i == len(channels) - 1,
            )
        self.layers = tuple(_layers(channels, architecture, height))
        self.freeze()

    def initialize(self, rng: torch.Generator) -> None:
        """Set random weights, with which training starts; noise is off (its strength is 0)."""
        with torch.no_grad():
            for name, value in self.state_dict().items():
                if name.endswith(("weight", "const", "noise_const")):
                    scale = 1 / _Mapping.LR if name.startswith("mapping.fc") else 1.0
                    value.copy_(torch.randn(value.shape, generator=rng) * scale)
                elif name.endswith("affine.bias"):
                    value.fill_(1)
                elif name.endswith("resample_filter"):
                    assert len(value) == 4, "the usual filter has four taps"
                    value.copy_(binomial())
                else:
                    value.zero_()
        self.freeze()

    @property
    def average(self) -> Float[Tensor, " w_dim"]:
        """See `MappedGenerator.average`; a buffer of the mapping network."""
        return self.mapping.w_avg

    def run(self, latents: Latents) -> Outputs:
        """See `Generator.run`; the first layer's name is "b4.conv1"."""
        x: Tensor | None = None
        picture: Tensor | None = None
        for i, (name, block) in enumerate(self.synthesis.items()):
            assert isinstance(block, _SynthesisBlock)
            styles = [partial(self.style, latents, slot) for slot in range(max(0, 2 * i - 1), 2 * i + 1)]
            for part, output in block.run(x, styles, self.resample_filter):
                yield name + part, output
            x = output
            if block.torgb is None:
                continue
            added = block.torgb(x, self.style(latents, 2 * i + 1))
            if self.architecture == "skip":
                yield f"{name}.torgb", added
            picture = added if picture is None else upsample2d(picture, self.resample_filter) + added
            if i < len(self.synthesis) - 1:
                yield f"{name}.image", picture
        assert picture is not None
        yield IMAGE, self._cropped(picture)

    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        """The affine map from w to the style of that layer; in space z, the first matrix of the mapping."""
        reads = dict(self.synthesis.named_modules()).get(self.layer(layer).name)
        if not isinstance(reads, _StyledConv | _ToRGB):
            raise InputError(f"layer {layer!r} of a StyleGAN2 reads no latent; convolutions and torgb do.")
        if self.space == "z":
            return self.mapping.get_parameter("fc0.weight")[:, : self.z_dim]
        return reads.affine.weight

    def preview(self, latents: Latents, pixels: int) -> Float[Tensor, "n 3 h w"]:
        """See `Generator.preview`; "skip" networks sum pictures only up to the resolution that is needed.

        Args:
            latents: as of `map`.
            pixels: the limit of either side.
        """
        needed = 4 << max(0, math.ceil(math.log2(pixels / 4)))
        if self.architecture != "skip" or needed >= self._settings["resolution"]:
            return super().preview(latents, pixels)
        (picture,) = self.outputs(latents, (f"b{needed}.image",))
        return shrink(self._cropped(picture), pixels)

    def _cropped(self, picture: Float[Tensor, "n 3 r r"]) -> Float[Tensor, "n 3 h r"]:
        if self.height is None:
            return picture
        size = picture.shape[-1]
        rows = self.height * size // self._settings["resolution"]
        top = (size - rows) // 2
        return picture[:, :, top : top + rows]


def _layers(channels: Sequence[int], architecture: Architecture, height: int | None) -> Iterator[Layer]:
    for i, c in enumerate(channels):
        r, theirs = 4 << i, f"synthesis.b{4 << i}"
        if i == 0:
            yield Layer("b4.conv1", 0, c, 4, (f"{theirs}.conv1", "conv1"))
        else:
            for j in range(2):
                names = (f"{theirs}.conv{j}", f"convs.{2 * i - 2 + j}")
                yield Layer(f"b{r}.conv{j}", 2 * i - 1 + j, c, r, names)
            if architecture == "resnet":
                yield Layer(f"b{r}", 2 * i, c, r)
        if architecture == "skip":
            slot = 2 * i + 1
            yield Layer(f"b{r}.torgb", slot, 3, r, (f"{theirs}.torgb",))
            if i < len(channels) - 1:
                yield Layer(f"b{r}.image", slot, 3, r, ("to_rgb1" if i == 0 else f"to_rgbs.{i - 1}",))
    yield Layer(IMAGE, 2 * len(channels) - 1, 3, height or r)
