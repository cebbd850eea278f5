"""EfficientNet-Lite0: a small classifier of the 1000 ImageNet classes, for features of any pictures.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, in the
publishers' variant for small devices: blocks without squeeze-and-excitation, ReLU6 for the swish.
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, relu6
from torch.nn.utils.fusion import fuse_conv_bn_eval

from latentclr.checkpoints.containers import read_network
from latentclr.checkpoints.renaming import Source, fill
from latentclr.scorers.weights import weights_file

Pictures = Float[Tensor, "n 3 h w"]

SIZE = 224
"""Side in pixels of the pictures that it was trained on; pictures of other sizes are scaled."""
MEAN, DEVIATION = 127, 128
"""Mean and deviation of values from 0 to 255, as its publishers rounded them."""
STEM, FEATURES, CLASSES = 32, 1280, 1000
BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""(blocks, kernel, stride of the first block, expansion, channels) of the stages (the paper's table 1)."""
EPSILON = 1e-3
"""Added to variances, as its publishers set it."""
BATCH = 32
"""Pictures that are computed at once, however many are given: each takes some 20 MB of memory."""


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 for pictures of any size, with gradients. Build it with `load_efficientnet`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _NormalizedConv(3, STEM, 3, stride=2)
        self.blocks = nn.Sequential(*_blocks())
        self.head = _NormalizedConv(BLOCKS[-1][-1], FEATURES, 1)
        self.dense = nn.Linear(FEATURES, CLASSES)

    def features(self, pictures: Pictures) -> Float[Tensor, "n 1280"]:
        """The last map before the classes, averaged over its pixels, for pictures in [-1, 1]."""
        rows = [self._last_map(some).mean((2, 3)) for some in pictures.split(BATCH)]
        return torch.cat(rows)

    def _last_map(self, pictures: Pictures) -> Float[Tensor, "n 1280 7 7"]:
        blocks = self.blocks(relu6(self.stem(_prepared(pictures)), inplace=True))
        return relu6(self.head(blocks), inplace=True)

    def forward(self, pictures: Pictures) -> Float[Tensor, "n 1000"]:
        """The logits of the ImageNet classes, in the usual order, for pictures in [-1, 1]."""
        return self.dense(self.features(pictures))


class _NormalizedConv(nn.Module):
    """A convolution and its normalisation.

    With a stride of 2 there is one more row and column of zeros below and on the right than above and on the
    left, as TensorFlow pads pictures of even sizes.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        before, behind = (kernel - stride) // 2, (kernel - stride + 1) // 2
        # Equal zeros on all sides are left to the convolution: no copy is made.
        self.more = behind - before
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=before, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(n_out, eps=EPSILON)

    def forward(self, hidden: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        """The normalised map, of half the size with a stride of 2, otherwise of the same size."""
        if self.more:
            hidden = pad(hidden, (0, self.more) * 2)
        return self.norm(self.conv(hidden))

    def fold(self) -> None:
        """Put the normalisation into the convolution: equal up to rounding, in two thirds of the time."""
        assert isinstance(self.norm, nn.BatchNorm2d)
        self.conv, self.norm = fuse_conv_bn_eval(self.conv, self.norm), nn.Identity()


class _InvertedBottleneck(nn.Module):
    """Inverted bottleneck: expand the channels, convolve each alone, project to fewer channels."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = n_in * expansion
        self.expand = _NormalizedConv(n_in, inner, 1) if expansion > 1 else None
        self.depthwise = _NormalizedConv(inner, inner, kernel, stride=stride, groups=inner)
        self.project = _NormalizedConv(inner, n_out, 1)
        self.skips = stride == 1 and n_in == n_out

    def forward(self, hidden: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        """The map of the block; its input is added where both have the same shape."""
        expanded = hidden if self.expand is None else relu6(self.expand(hidden), inplace=True)
        result: Tensor = self.project(relu6(self.depthwise(expanded), inplace=True))
        return result + hidden if self.skips else result


def load_efficientnet(
    *, device: torch.device | str = "cpu", log: Callable[[str], None] = lambda _: None
) -> EfficientNetLite0:
    """The published network, frozen; its weights (17 MB) are fetched when first asked for.

    Args:
        device: where it computes.
        log: called with a sentence when something is fetched.

    Raises:
        InputError: the weights cannot be fetched.
    """
    with torch.device("meta"):
        network = EfficientNetLite0()
    tensors = read_network(weights_file("efficientnet-lite0", log=log)).tensors
    fill(network, tensors, {name: _published(name) for name in network.state_dict()})
    network.eval()
    for part in network.modules():
        if isinstance(part, _NormalizedConv):
            part.fold()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device).requires_grad_(False)


def _blocks() -> Iterator[_InvertedBottleneck]:
    n_in = STEM
    for count, kernel, stride, expansion, n_out in BLOCKS:
        for i in range(count):
            yield _InvertedBottleneck(n_in, n_out, kernel, stride if i == 0 else 1, expansion)
            n_in = n_out


def _prepared(pictures: Pictures) -> Float[Tensor, "n 3 224 224"]:
    if pictures.shape[-2:] != (SIZE, SIZE):
        pictures = interpolate(pictures, size=(SIZE, SIZE), mode="bicubic", antialias=True)
    return ((pictures + 1) * (255 / 2) - MEAN) / DEVIATION


_UNITS = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
_PARTS = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}


def _published(name: str) -> Source:
    """The name in the file of a tensor of our network.

    >>> _published("blocks.3.project.norm.weight")
    '_blocks.3._bn2.weight'
    """
    match name.split("."):
        case ["dense", entry]:
            return f"_fc.{entry}"
        case ["blocks", i, part, layer, entry]:
            return f"_blocks.{i}.{_PARTS[part][layer == 'norm']}.{entry}"
        case [part, layer, entry]:
            return f"{_UNITS[part][layer == 'norm']}.{entry}"
    raise AssertionError(name)
