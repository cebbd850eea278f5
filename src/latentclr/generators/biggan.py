"""BigGAN: a residual generator of ImageNet classes whose blocks each read a piece of z.

Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis (ICLR 2019),
figure 15 and tables 4 to 6; the layout is that of Brock's PyTorch code (ajbrock/BigGAN-PyTorch). A linear
layer makes a 4 x 4 map; every block doubles the resolution and reads, by conditional batch normalisation, the
class and its own piece of z; self-attention (Zhang and others: Self-Attention Generative Adversarial
Networks, ICML 2019) follows one of them.

The published networks normalise every weight by an estimate of its largest singular value. The estimate of a
trained network is fixed, so it is divided out when a checkpoint is read (`latentclr.checkpoints.biggan`):
here are plain convolutions and linear layers, which are simpler and faster.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, interpolate, max_pool2d

from latentclr.errors import InputError
from latentclr.generators.base import IMAGE, Folded, Generator, Latents, Layer, Outputs, arguments
from latentclr.generators.classes import imagenet_names
from latentclr.generators.resample import Convolved, Maps, doubling_kernel


def normalize(
    x: Maps,
    mean: Float[Tensor, " c"],
    variance: Float[Tensor, " c"],
    gain: Float[Tensor, "#n c"],
    offset: Float[Tensor, "#n c"],
    eps: float,
) -> Maps:
    """(x - mean) / sqrt(variance + eps) * gain + offset.

    All four are first brought into one factor and one summand, so that the map is read only once.

    Args:
        x: maps.
        mean: of each channel.
        variance: of each channel.
        gain: of each channel, for each picture or for all.
        offset: of each channel, for each picture or for all.
        eps: added to the variance.
    """
    factor = gain * (variance + eps).rsqrt()
    summand = offset - mean * factor
    return torch.addcmul(summand[:, :, None, None], x, factor[:, :, None, None])


def double(x: Maps) -> Float[Tensor, "n c h2 w2"]:
    """Maps of twice the height and width; every pixel becomes four equal ones."""
    return interpolate(x, scale_factor=2.0, mode="nearest")


class DoublingConv(nn.Conv2d, Folded):
    """A 3 x 3 convolution of the map at twice its size, as one transposed convolution."""

    kernel: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)
        self.register_buffer("kernel", torch.empty(in_channels, out_channels, 4, 4), persistent=False)

    def fold(self) -> None:
        """Keep the kernel of the transposed convolution."""
        self.kernel = doubling_kernel(self.weight)

    def forward(self, x: Maps) -> Convolved:
        """Maps of twice the height and width. In training, the kernel follows the weights at each step."""
        kernel = doubling_kernel(self.weight) if self.training else self.kernel
        return conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


class Attention(nn.Module):
    """Self-attention: adds to each pixel a weighted mean over the whole map.

    Keys and values are of the map at half the resolution. `gamma` is the learned factor of the result.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.key = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.value = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.out = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Maps) -> Maps:
        """The map plus the attended values."""
        query = self.query(x).flatten(2)
        key = max_pool2d(self.key(x), 2).flatten(2)
        value = max_pool2d(self.value(x), 2).flatten(2)
        weights = (query.mT @ key).softmax(-1)  # (n, pixels, pixels / 4); not scaled by the dimension
        attended = (value @ weights.mT).unflatten(2, x.shape[2:])
        return torch.addcmul(x, self.gamma, self.out(attended))


class _StoredNorm(nn.Module):
    """Batch normalisation by stored statistics; a subclass has the gain and the offset."""

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))


class _ConditionalNorm(_StoredNorm):
    """Its gain and offset are linear in the condition; the gain is around 1."""

    def __init__(self, channels: int, condition_dim: int, eps: float) -> None:
        super().__init__(channels, eps)
        self.gain = nn.Linear(condition_dim, channels, bias=False)
        self.offset = nn.Linear(condition_dim, channels, bias=False)

    def forward(self, x: Maps, condition: Float[Tensor, "#n d"]) -> Maps:
        gain, offset = 1 + self.gain(condition), self.offset(condition)
        return normalize(x, self.mean, self.variance, gain, offset, self.eps)


class _OutputNorm(_StoredNorm):
    """Its gain and offset are learned; it precedes the picture."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1e-5)  # in every variant: the option for eps is for the blocks only
        self.gain = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Maps) -> Maps:
        return normalize(x, self.mean, self.variance, self.gain[None], self.offset[None], self.eps)


class _UpBlock(nn.Module):
    """Doubles the resolution: norm, ReLU, doubling, 3 x 3, norm, ReLU, 3 x 3, beside a 1 x 1 shortcut."""

    def __init__(self, in_channels: int, out_channels: int, condition_dim: int, eps: float) -> None:
        super().__init__()
        self.norm1 = _ConditionalNorm(in_channels, condition_dim, eps)
        self.conv1 = DoublingConv(in_channels, out_channels)
        self.norm2 = _ConditionalNorm(out_channels, condition_dim, eps)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Maps, condition: Float[Tensor, "#n d"]) -> Convolved:
        h = self.conv1(self.norm1(x, condition).relu_())
        h = self.conv2(self.norm2(h, condition).relu_())
        # The original doubles first; a 1 x 1 convolution does the same to every copy of a pixel.
        return double(self.shortcut(x)).add_(h)

    def condition_weights(self) -> Float[Tensor, "out d"]:
        # Gains, then offsets, of both norms.
        norms = (self.norm1, self.norm2)
        return torch.cat([linear.weight for norm in norms for linear in (norm.gain, norm.offset)])


class BigGAN(Generator):
    """The BigGAN generator, of any of its published sizes.

    Hierarchical (as all published networks of ImageNet): z has a piece for the first layer and one for each
    block. Every slot holds a *whole* z, of which its layer reads its own piece: a direction is then one
    vector, and it can still be applied to some layers only. Otherwise z is read once, by the first layer (one
    slot).

    z is standard normal and the truncation a factor of it.

    Layers are "linear" (the 4 x 4 map), "blocks.0", ... (the block's output), "blocks.i.attention" and
    "image". Aliases are the places in Brock's code: "blocks.i.0" the block, "blocks.i.1" its attention.

    Args:
        channels: number of channels of the 4 x 4 map, then of each block's output.
        z_dim: length of z; a multiple of the number of slots if hierarchical.
        num_classes: number of classes; class names are known for the 1000 of ImageNet.
        shared_dim: length of the class embedding that all blocks share; None: each norm has its own rows for
            every class (not for hierarchical networks).
        hierarchical: whether each block reads a piece of z.
        attention: indices of the blocks that self-attention follows.
        bn_eps: added to the variances in the blocks.
    """

    channels_last = True

    def __init__(
        self,
        channels: Sequence[int] = (1536, 1536, 768, 384, 192, 96),
        z_dim: int = 120,
        *,
        num_classes: int = 1000,
        shared_dim: int | None = 128,
        hierarchical: bool = True,
        attention: Sequence[int] = (3,),
        bn_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self._settings = arguments(locals())
        self.space = "z"
        self.z_dim = self.latent_dim = z_dim
        self.num_slots = len(channels) if hierarchical else 1
        self.num_classes = num_classes
        self.class_names = imagenet_names() if num_classes == 1000 else ()
        self.chunk = z_dim // self.num_slots
        assert self.chunk * self.num_slots == z_dim, "z has equal pieces"
        self.class_dim = num_classes if shared_dim is None else shared_dim
        condition_dim = self.class_dim + (self.chunk if hierarchical else 0)
        self.shared = nn.Parameter(torch.zeros(num_classes, shared_dim)) if shared_dim is not None else None
        self.linear = nn.Linear(self.chunk, 16 * channels[0])
        self.blocks = nn.ModuleList(
            _UpBlock(n_in, n_out, condition_dim, bn_eps) for n_in, n_out in pairwise(channels)
        )
        self.attention = nn.ModuleDict({str(i): Attention(channels[i + 1]) for i in attention})
        self.norm = _OutputNorm(channels[-1])
        self.to_image = nn.Conv2d(channels[-1], 3, 3, padding=1)
        layers = [Layer("linear", 0, channels[0], 4)]
        for i, size in enumerate(channels[1:]):
            slot = i + 1 if hierarchical else 0
            layers.append(Layer(f"blocks.{i}", slot, size, 8 << i, (f"blocks.{i}.0",)))
            if i in attention:
                layers.append(Layer(f"blocks.{i}.attention", slot, size, 8 << i, (f"blocks.{i}.1",)))
        self.layers = (*layers, Layer(IMAGE, layers[-1].slot, 3, layers[-1].resolution))
        self.freeze()

    def run(self, latents: Latents) -> Outputs:
        """See `Generator.run`; the first layer's name is "linear"."""
        label = self.chosen().to(latents.dtype)
        shared = (label if self.shared is None else label @ self.shared).expand(len(latents), -1)
        x = self.linear(latents[:, 0, : self.chunk]).unflatten(1, (-1, 4, 4))
        x = x.contiguous(memory_format=torch.channels_last)
        yield "linear", x
        for i, block in enumerate(self.blocks):
            condition = shared
            if self.num_slots > 1:
                condition = torch.cat([shared, latents[:, i + 1, self._piece(i + 1)]], 1)
            x = block(x, condition)
            yield f"blocks.{i}", x
            if str(i) in self.attention:
                x = self.attention[str(i)](x)
                yield f"blocks.{i}.attention", x
        yield IMAGE, self.to_image(self.norm(x).relu_()).tanh()

    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        """The first layer's matrix, or all gains and offsets of a block; zero where they do not read z."""
        name = self.layer(layer).name
        blocks = {f"blocks.{i}": (i + 1, block) for i, block in enumerate(self.blocks)}
        if name == "linear":
            slot, weight = 0, self.linear.weight
        elif name in blocks and self.num_slots > 1:
            slot, block = blocks[name]
            assert isinstance(block, _UpBlock)
            weight = block.condition_weights()[:, self.class_dim :]
        else:
            raise InputError(f"layer {layer!r} of this BigGAN reads no latent.")
        whole = weight.new_zeros(len(weight), self.z_dim)
        whole[:, self._piece(slot)] = weight
        return whole

    def _piece(self, slot: int) -> slice:
        return slice(slot * self.chunk, (slot + 1) * self.chunk)
