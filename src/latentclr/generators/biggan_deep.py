"""BigGAN-deep: twice as many blocks as BigGAN, each a bottleneck that reads the whole z.

Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis (ICLR 2019),
appendix B, figure 16 and tables 7 to 9; the layout is that of Hugging Face's conversion of the published
TensorFlow networks (huggingface/pytorch-pretrained-BigGAN).

Two things are from the conversion, not from the paper. The statistics of every batch normalisation are a
table with a row for each truncation 0, 0.02, ..., 1; and the published networks normalise every weight by an
estimate of its largest singular value. The latter is fixed in a trained network, so it is divided out when a
checkpoint is read (`latentclr.checkpoints.biggan_deep`): here are plain convolutions and linear layers, which
are simpler and faster.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from latentclr.errors import InputError
from latentclr.generators.base import IMAGE, Generator, Latents, Layer, Outputs, arguments
from latentclr.generators.biggan import Attention, DoublingConv, double, normalize
from latentclr.generators.classes import imagenet_names
from latentclr.generators.resample import Convolved, Maps

Rows = Sequence[tuple[int, float]]
"""Rows of the tables of statistics with the weight of each."""


def statistics_rows(truncation: float, n_stats: int, *, corrected: bool = False) -> Rows:
    """The rows of the tables of statistics that are used at a truncation, and their weights.

    Between two rows the published code gives each the weight that belongs to the other. We do the same by
    default, since the published pictures are made so.

    >>> statistics_rows(0.5, 51), statistics_rows(0.3125, 5), statistics_rows(0.3125, 5, corrected=True)
    (((25, 1.0),), ((1, 0.25), (2, 0.75)), ((1, 0.75), (2, 0.25)))

    Args:
        truncation: in [0, 1].
        n_stats: number of rows.
        corrected: give the nearer row the larger weight.
    """
    # This very division also decides on which side of a row its rounding falls: 0.58 / 0.02 is a little less
    # than 29, so that the original uses row 28 there.
    over, whole = math.modf(truncation / (1 / (n_stats - 1)))
    row = int(whole)
    if over == 0 or row == n_stats - 1:
        return ((row, 1.0),)
    share = 1 - over if corrected else over
    return ((row, share), (row + 1, 1 - share))


def truncated_normal(z: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Standard normal numbers as numbers of the normal distribution between -2 and 2, in the same order.

    Each keeps its quantile. The networks are trained with z from this distribution.
    """
    return _quantile(torch.special.ndtr(z.double())).to(z.dtype)


def truncated_noise(n: int, z_dim: int, *, truncation: float, seed: int) -> Float[Tensor, "n z_dim"]:
    """The z that Hugging Face's package draws (`truncated_noise_sample`) for a seed.

    Use it as latents with `.unsqueeze(1).repeat(1, generator.num_slots, 1)`; the generator's own samples come
    from `sample` and `from_seeds`.

    Args:
        n: number of pictures.
        z_dim: length of z.
        truncation: factor of the result.
        seed: of numpy's random state.
    """
    uniform = torch.from_numpy(np.random.RandomState(seed).uniform(size=(n, z_dim)))
    return _quantile(uniform).float() * truncation


ENDS: tuple[float, float] = tuple(torch.special.ndtr(torch.tensor([-2.0, 2.0], dtype=torch.float64)).tolist())
"""Shares of the normal distribution below -2 and below 2."""


def _quantile(p: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """The quantiles of the normal distribution between -2 and 2."""
    low, high = ENDS
    return torch.special.ndtri(low + p * (high - low))


class StatisticsTable(nn.Module):
    """Tables of means and variances of one batch normalisation, a row for each truncation.

    In training mode a batch is normalised by its own mean and variance instead.
    """

    means: Tensor
    variances: Tensor

    def __init__(self, channels: int, n_stats: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("means", torch.zeros(n_stats, channels))
        self.register_buffer("variances", torch.ones(n_stats, channels))

    def forward(
        self, x: Maps, gain: Float[Tensor, "#n c"], offset: Float[Tensor, "#n c"], rows: Rows
    ) -> Maps:
        """Normalised maps.

        Args:
            x: maps.
            gain: of each channel, for each picture or for all.
            offset: of each channel, for each picture or for all.
            rows: of the tables; not used in training.
        """
        if self.training:
            y = batch_norm(x, None, None, training=True, eps=self.eps)
            return torch.addcmul(offset[:, :, None, None], y, gain[:, :, None, None])
        mean = torch.stack([self.means[row] * share for row, share in rows]).sum(0)
        variance = torch.stack([self.variances[row] * share for row, share in rows]).sum(0)
        return normalize(x, mean, variance, gain, offset, self.eps)


class ConditionalNorm(nn.Module):
    """Batch normalisation whose gain and offset are linear in the condition; the gain is around 1."""

    def __init__(self, channels: int, condition_dim: int, n_stats: int, eps: float) -> None:
        super().__init__()
        self.gain = nn.Linear(condition_dim, channels, bias=False)
        self.offset = nn.Linear(condition_dim, channels, bias=False)
        self.statistics = StatisticsTable(channels, n_stats, eps)

    def forward(self, x: Maps, condition: Float[Tensor, "n d"], rows: Rows) -> Maps:
        """Normalised maps.

        Args:
            x: maps.
            condition: of each picture.
            rows: see `StatisticsTable.forward`.
        """
        return self.statistics(x, 1 + self.gain(condition), self.offset(condition), rows)


class _OutputNorm(nn.Module):
    """Batch normalisation with a learned gain and offset, before the picture."""

    def __init__(self, channels: int, n_stats: int, eps: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))
        self.statistics = StatisticsTable(channels, n_stats, eps)

    def forward(self, x: Maps, rows: Rows) -> Maps:
        return self.statistics(x, self.gain[None], self.offset[None], rows)


class Bottleneck(nn.Module):
    """1 x 1 to a quarter of the channels, 3 x 3 twice, 1 x 1 to the output; the input is added.

    Before each convolution are a norm and ReLU. Of the input, only the first channels are added where the
    output has fewer.

    Args:
        in_channels: number of channels of the input.
        out_channels: number of channels of the output, at most as many.
        norm: makes the norm of a number of channels.
        upsample: double the resolution before the first 3 x 3.
    """

    def __init__(
        self, in_channels: int, out_channels: int, norm: Callable[[int], ConditionalNorm], *, upsample: bool
    ) -> None:
        super().__init__()
        inner = in_channels // 4
        self.upsample = upsample
        self.out_channels = out_channels
        self.norms = nn.ModuleList(map(norm, (in_channels, inner, inner, inner)))
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(in_channels, inner, 1),
                DoublingConv(inner, inner) if upsample else nn.Conv2d(inner, inner, 3, padding=1),
                nn.Conv2d(inner, inner, 3, padding=1),
                nn.Conv2d(inner, out_channels, 1),
            ]
        )

    def forward(self, x: Maps, condition: Float[Tensor, "n d"], rows: Rows) -> Convolved:
        """Maps of the same or twice the height and width.

        Args:
            x: maps.
            condition: of each picture.
            rows: see `StatisticsTable.forward`.
        """
        h = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = conv(norm(h, condition, rows).relu_())
        kept = x[:, : self.out_channels]
        return h.add_(double(kept) if self.upsample else kept)

    def condition_weights(self) -> Float[Tensor, "out d"]:
        """The rows of all matrices that read the condition: gains, then offsets, of each norm."""
        linears = [module for module in self.norms.modules() if isinstance(module, nn.Linear)]
        return torch.cat([linear.weight for linear in linears])


class BigGANDeep(Generator):
    """The BigGAN-deep generator.

    Slot 0 is read by the first layer and slot i + 1 by block i (attention, which reads none, is not counted):
    11, 13 or 15 slots at 128, 256 and 512 pixels. Each holds a z; usually the same one.

    The published networks take z from a normal distribution cut off at -2 and 2. Our z is standard normal, as
    everywhere, and `map` gives each number the one of the same quantile there. The truncation is a factor of
    z, and chooses the statistics of the batch normalisations.

    Layers are "gen_z" (the 4 x 4 map), "layers.0", ... (blocks, and attention at its place) and "image".
    Aliases are the published code's "generator.gen_z", "generator.layers.0", ...

    Args:
        z_dim: length of z.
        class_dim: length of the class embedding.
        width: number of channels before the picture.
        num_classes: number of classes; class names are known for the 1000 of ImageNet.
        blocks: for each block, whether it doubles the resolution, and its numbers of input and output
            channels in multiples of `width`.
        attention: index of the self-attention among the layers; None: there is none.
        n_stats: number of rows in the tables of statistics.
        eps: added to the variances.

    Attributes:
        corrected: whether statistics between two rows are interpolated the right way round (see
            `statistics_rows`); `generator.view(corrected=True)` gives a generator that does.
    """

    channels_last = True
    corrected: bool = False

    def __init__(
        self,
        z_dim: int,
        class_dim: int,
        width: int,
        num_classes: int,
        blocks: Sequence[Sequence[int]],
        attention: int | None = 8,
        n_stats: int = 51,
        eps: float = 1e-4,
    ) -> None:
        super().__init__()
        blocks = [[bool(upsample), n_in, n_out] for upsample, n_in, n_out in blocks]
        self._settings = arguments(locals())
        self.space = "z"
        self.z_dim = self.latent_dim = z_dim
        self.num_slots = len(blocks) + 1
        self.num_classes = num_classes
        self.class_names = imagenet_names() if num_classes == 1000 else ()
        self.n_stats = n_stats
        condition_dim = z_dim + class_dim
        self.classes = nn.Linear(num_classes, class_dim, bias=False)
        self.gen_z = nn.Linear(condition_dim, 16 * width * blocks[0][1])
        modules: list[nn.Module] = []
        layers = [Layer("gen_z", 0, width * blocks[0][1], 4, ("generator.gen_z",))]

        def add(module: nn.Module, slot: int, channels: int, resolution: int) -> None:
            name = f"layers.{len(modules)}"
            modules.append(module)
            layers.append(Layer(name, slot, channels, resolution, (f"generator.{name}",)))

        norm = partial(ConditionalNorm, condition_dim=condition_dim, n_stats=n_stats, eps=eps)
        resolution = 4
        for i, (upsample, n_in, n_out) in enumerate(blocks):
            if i == attention:
                add(Attention(width * n_in), i, width * n_in, resolution)
            resolution *= 2 if upsample else 1
            block = Bottleneck(width * n_in, width * n_out, norm, upsample=bool(upsample))
            add(block, i + 1, width * n_out, resolution)
        last = layers[-1]
        self.blocks = nn.ModuleList(modules)
        self.norm = _OutputNorm(last.channels, n_stats, eps)
        self.to_image = nn.Conv2d(last.channels, 3, 3, padding=1)
        self.layers = (*layers, Layer(IMAGE, last.slot, 3, last.resolution))
        self.freeze()

    def map(self, z: Float[Tensor, "n z_dim"]) -> Latents:
        """See `Generator.map`; z is cut off at -2 and 2 first (see `truncated_normal`)."""
        return super().map(truncated_normal(z))

    def run(self, latents: Latents) -> Outputs:
        """See `Generator.run`; the first layer's name is "gen_z"."""
        embedding = self.classes(self.chosen().to(latents.dtype)).expand(len(latents), -1)
        yield from self.run_embedded(latents, embedding)

    def run_embedded(self, latents: Latents, embedding: Float[Tensor, "n class_dim"]) -> Outputs:
        """Like `run`, for batches of many classes, as training has them.

        Args:
            latents: as of `map`.
            embedding: of the class of each picture.
        """
        rows = statistics_rows(self.truncation, self.n_stats, corrected=self.corrected)
        # Of the linear layer's output, channels are the last axis: the map is channels-last as it stands.
        x = self.gen_z(torch.cat([latents[:, 0], embedding], 1)).unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)
        yield "gen_z", x
        for layer, module in zip(self.layers[1:-1], self.blocks, strict=True):
            if isinstance(module, Bottleneck):
                x = module(x, torch.cat([latents[:, layer.slot], embedding], 1), rows)
            else:
                x = module(x)
            yield layer.name, x
        yield IMAGE, self.to_image(self.norm(x, rows).relu_()).tanh()

    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        """The first layer's matrix, or all gains and offsets of a block; the columns that read z."""
        found = self.layer(layer)
        if found.name == "gen_z":
            return self.gen_z.weight[:, : self.z_dim]
        module = dict(zip(self.layers[1:-1], self.blocks, strict=True)).get(found)
        if not isinstance(module, Bottleneck):
            raise InputError(f"layer {layer!r} of a BigGAN-deep reads no latent.")
        return module.condition_weights()[:, : self.z_dim]
