"""LPIPS, version 0.1: how different two pictures look, from the features of AlexNet or VGG16.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018. Features of
five layers are scaled to unit length at every place (f below), then (section 3, equation 1)

    d(a, b) = sum over layers l of  1 / (H_l W_l)  sum over places  w_l . (f_l(a) - f_l(b))^2

with a weight w_l >= 0 for each channel (published as the square of the paper's). The weights were fitted to
people's judgements of patches of 64 x 64 pixels.
"""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.checkpoints import arrays
from latentclr.checkpoints.arrays import stored_tensor
from latentclr.checkpoints.inert import PLAIN, Budget
from latentclr.checkpoints.renaming import Source, fill, hwio
from latentclr.checkpoints.unpickle import unpickle
from latentclr.errors import InputError
from latentclr.scorers.weights import weights_file

Pictures = Float[Tensor, "n 3 h w"]
Network = Literal["alex", "vgg"]

SHIFT = (-0.030, -0.088, -0.188)
"""Means of red, green and blue of ImageNet's pictures, in [-1, 1]."""
SCALE = (0.458, 0.448, 0.450)
"""Standard deviations of red, green and blue of the same pictures."""
LENGTH_EPS = 1e-10
"""Added to a length before it divides, as in the published version."""
SMALLEST = 32
"""Smallest side in pixels: AlexNet's last maps would be empty (its first convolution sees 11 pixels)."""


class LPIPS(nn.Module):
    """Distances of pictures, with gradients; pictures of any size from 32 x 32 on.

    It compares what is at the same place, at the scale of pixels: pictures of one kind are compared at one
    size, and one picture at two sizes has two distances. Build it with `load_lpips`.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        stages = list(_alex_stages() if network == "alex" else _vgg_stages())
        self.network = network
        self.stages = nn.ModuleList(stages)
        self.weights = nn.ParameterList(
            torch.zeros(_convolutions(stage)[-1].out_channels) for stage in stages
        )

    def forward(self, a: Pictures, b: Pictures) -> Float[Tensor, " n"]:
        """The distance of each picture of a from its counterpart in b: 0 is equal, 0.5 is very different.

        Args:
            a: pictures in [-1, 1].
            b: as many pictures of the same size.

        Raises:
            InputError: pictures that are too small.
        """
        squares = (self.features(a) - self.features(b)).square()
        return squares.sum(1)

    def features(self, pictures: Pictures) -> Float[Tensor, "n f"]:
        """Rows whose squared Euclidean distances are the pictures' distances.

        They save work where few pictures form many pairs. At 64 pixels a row has 31,872 numbers (AlexNet) or
        499,712 (VGG16); it grows with the number of pixels.

        Args:
            pictures: in [-1, 1].

        Raises:
            InputError: pictures that are too small.
        """
        height, width = pictures.shape[-2:]
        if min(height, width) < SMALLEST:
            raise InputError(
                f"LPIPS needs pictures of {SMALLEST} x {SMALLEST} pixels or more, not {height} x {width}; "
                "enlarge all pictures that are compared, in the same way."
            )
        shift, scale = (pictures.new_tensor(values).view(3, 1, 1) for values in (SHIFT, SCALE))
        hidden: Tensor = (pictures - shift) / scale
        rows = []
        for stage, weights in zip(self.stages, self.weights, strict=True):
            hidden = stage(hidden)
            lengths = torch.linalg.vector_norm(hidden, dim=1, keepdim=True)
            places = math.prod(hidden.shape[2:])
            weighted = hidden / (lengths + LENGTH_EPS) * (weights / places).sqrt().view(-1, 1, 1)
            rows.append(weighted.flatten(1))
        return torch.cat(rows, dim=1)


def load_lpips(
    network: Network = "alex",
    *,
    device: torch.device | str = "cpu",
    log: Callable[[str], None] = lambda _: None,
) -> LPIPS:
    """The published metric, frozen; its weights (64 MB) are fetched when first asked for.

    Args:
        network: "alex", which its authors advise for measuring, or "vgg", which they advise as a loss and
            which is some thirty times as slow.
        device: where it computes.
        log: called with a sentence when something is fetched.

    Raises:
        InputError: weights that are not known or cannot be fetched.
    """
    path = weights_file(f"lpips-{network}", log=log)
    with torch.device("meta"):
        metric = LPIPS(network)
    fill(metric, _read(path), _names(metric))
    metric.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return metric.to(device).eval().requires_grad_(False)


def _alex_stages() -> Iterator[nn.Sequential]:
    """AlexNet in its second version (Krizhevsky 2014) up to its fifth convolution, in as many stages."""
    yield _stage(nn.Conv2d(3, 64, 11, stride=4, padding=2))
    yield _stage(nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2))
    yield _stage(nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1))
    yield _stage(nn.Conv2d(384, 256, 3, padding=1))
    yield _stage(nn.Conv2d(256, 256, 3, padding=1))


def _vgg_stages() -> Iterator[nn.Sequential]:
    """VGG16 (Simonyan and Zisserman 2015, configuration D), up to its last convolution, in five stages."""
    for width, before, count in ((64, 3, 2), (128, 64, 2), (256, 128, 3), (512, 256, 3), (512, 512, 3)):
        halved = [] if before == 3 else [nn.MaxPool2d(2, 2)]
        widths = pairwise([before, *[width] * count])
        yield _stage(*halved, *(nn.Conv2d(n_in, n_out, 3, padding=1) for n_in, n_out in widths))


def _stage(*layers: nn.Module) -> nn.Sequential:
    """The layers, with a ReLU behind each convolution."""
    behind = ([layer, nn.ReLU()] if isinstance(layer, nn.Conv2d) else [layer] for layer in layers)
    return nn.Sequential(*(part for parts in behind for part in parts))


def _convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


def _names(metric: LPIPS) -> dict[str, Source]:
    part = {"alex": "AlexNet_0", "vgg": "VGG16_0"}[metric.network]
    places = [name for name, module in metric.named_modules() if isinstance(module, nn.Conv2d)]
    names: dict[str, Source] = {}
    for i, place in enumerate(places):
        names[f"{place}.weight"] = (f"{part}/Conv_{i}/kernel", hwio)
        names[f"{place}.bias"] = f"{part}/Conv_{i}/bias"
    for i in range(len(metric.weights)):
        names[f"weights.{i}"] = (f"NetLinLayer_{i}/Conv_0/kernel", torch.flatten)
    return names


def _read(path: Path) -> dict[str, Tensor]:
    """The arrays of the file, a pickle of nested dicts, by "part/layer/array"."""
    data = memoryview(path.read_bytes())
    content: Any = unpickle(data, {**PLAIN, **arrays.GLOBALS}, Budget(len(data)))[0]
    found = {
        f"{part}/{layer}/{name}": stored_tensor(array)
        for part, layers in content.items()
        for layer, entries in layers.items()
        for name, array in entries.items()
    }
    return {name: array.tensor() for name, array in found.items() if array is not None}
