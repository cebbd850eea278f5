"""Reconstructors: from a picture and its edited version to which edit it was and how far it went.

Voynov and Babenko (ICML 2020), section 3.2: two pictures, stacked to six channels, go into a convolutional
network with two heads. It gives logits of the K directions and an estimate of the shift. Theirs is LeNet or
ResNet-18; these are written anew, for pictures of any size.
"""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, relu

from latentclr.discover.settings.voynov import Network as Network
from latentclr.engine.initial import he_initialised
from latentclr.generators.base import shrink

GROUP = 4
"""Channels that are normalised together."""

GAIN = 10.0
"""What the change of a picture is multiplied by, so that it is not small beside the picture. (On
`scenes`, edits of up to 6 along random directions change pictures by 0.12, rms; without it, both networks
learn later.)"""

Pictures = Float[Tensor, "n 3 h w"]


class Reconstructor(nn.Module, ABC):
    """Says of pairs of pictures which direction lies between them, and how far.

    Each pair is judged by itself: all normalisation is within one sample (`GroupNorm`, Wu and He, ECCV 2018),
    where the authors' networks use the statistics of the batch. So training and use compute the same, nothing
    but the weights has to be kept, no running mean lags behind the weights, and a batch can be shared among
    processes without a change of its gradient.

    Args:
        k: number of directions.
        length: of what `features` gives.
        pixels: larger pictures are averaged down to this side first.
    """

    def __init__(self, k: int, length: int, pixels: int) -> None:
        super().__init__()
        self.k, self.pixels = k, pixels
        self.which = nn.Linear(length, k)
        self.shift = nn.Linear(length, 1)

    @abstractmethod
    def features(self, pair: Float[Tensor, "n 6 h w"]) -> Float[Tensor, "n length"]:
        """The features that both heads read."""

    @final  # type: ignore[misc]
    def forward(self, before: Pictures, after: Pictures) -> tuple[Float[Tensor, "n k"], Float[Tensor, " n"]]:
        """Logits of the directions, and the shifts.

        The second three channels are GAIN * (after - before) rather than after: what a first layer can make
        of either, it can make of the other, but an edit is then no small difference of two large inputs.

        Args:
            before: pictures.
            after: the same ones, edited.
        """
        pair = shrink(torch.cat([before, GAIN * (after - before)], dim=1), self.pixels)
        seen = self.features(pair)
        return self.which(seen), self.shift(seen).squeeze(1)


class LeNet(Reconstructor):
    """Two convolutions with averages between, two hidden layers, as LeCun et al. 1998, but wider.

    Before the hidden layers, maps of any size are averaged to 4 x 4 (of 8 x 8 pictures: 2 x 2 repeated).
    """

    CHANNELS = (16, 48)
    HIDDEN = (240, 168)
    GRID = 4

    def __init__(self, k: int, *, pixels: int = 32) -> None:
        super().__init__(k, self.HIDDEN[-1], pixels)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, 5, padding=2, bias=False) for i, o in pairwise((6, *self.CHANNELS))
        )
        self.norms = nn.ModuleList(_norm(c) for c in self.CHANNELS)
        sizes = (self.CHANNELS[-1] * self.GRID**2, *self.HIDDEN)
        self.hidden = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))

    def features(self, pair: Float[Tensor, "n 6 h w"]) -> Float[Tensor, "n length"]:
        """Outputs of the second hidden layer."""
        x = pair
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = avg_pool2d(relu(norm(convolution(x))), 2)
        x = adaptive_avg_pool2d(x, self.GRID).flatten(1)
        for layer in self.hidden:
            x = relu(layer(x))
        return x


class ResNet(Reconstructor):
    """Eight blocks of two convolutions with a way around (He et al., CVPR 2016): ResNet-18 at half its width.

    The first convolution is of 3 x 3 pixels with stride 2 and no pooling follows, so that of 8 x 8 pixels
    something is left.
    """

    WIDTHS = (32, 64, 128, 256)

    def __init__(self, k: int, *, pixels: int = 32) -> None:
        super().__init__(k, self.WIDTHS[-1], pixels)
        first = self.WIDTHS[0]
        self.stem = nn.Sequential(
            nn.Conv2d(6, first, 3, stride=2, padding=1, bias=False), _norm(first), nn.ReLU()
        )
        blocks = [_Block(first, first, 1), _Block(first, first, 1)]
        for narrow, wide in pairwise(self.WIDTHS):
            blocks += [_Block(narrow, wide, 2), _Block(wide, wide, 1)]
        self.blocks = nn.Sequential(*blocks)

    def features(self, pair: Float[Tensor, "n 6 h w"]) -> Float[Tensor, "n length"]:
        """Mean of the last maps."""
        maps: Tensor = self.blocks(self.stem(pair))
        return maps.mean((2, 3))


class _Block(nn.Module):
    def __init__(self, narrow: int, wide: int, stride: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(narrow, wide, 3, stride=stride, padding=1, bias=False),
            _norm(wide),
            nn.ReLU(),
            nn.Conv2d(wide, wide, 3, padding=1, bias=False),
            _norm(wide),
        )
        self.around = (
            nn.Identity()
            if narrow == wide and stride == 1
            else nn.Sequential(nn.Conv2d(narrow, wide, 1, stride=stride, bias=False), _norm(wide))
        )

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.inner(x) + self.around(x))


def make_reconstructor(network: Network, k: int, *, pixels: int = 32, rng: torch.Generator) -> Reconstructor:
    """A reconstructor of k directions, on the CPU, whose weights all come from rng.

    Convolutions and hidden layers start from He et al. 2015; the heads start small, so that the first loss is
    that of guessing.

    Args:
        network: "lenet" or "resnet".
        k: number of directions.
        pixels: side to which pictures are scaled down.
        rng: draws the weights.
    """
    kind: type[LeNet] | type[ResNet] = LeNet if network == "lenet" else ResNet
    made = he_initialised(lambda: kind(k, pixels=pixels), rng)
    with torch.no_grad():
        for head in (made.which, made.shift):
            head.weight.mul_(0.1)
    return made


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(channels // GROUP, channels)
