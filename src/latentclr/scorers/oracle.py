"""The oracle: a network that reads the factors of a scene from its picture.

It is small and was trained on renders, whose factors are known. It judges pictures of GANs, so some of the
renders were a little blurred, shifted in colour and noisy.
"""

import math
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy, interpolate

from latentclr.errors import InputError
from latentclr.files import read_tensors
from latentclr.scenes.factors import FACTORS, Factor, Factors

SIZE = 64
"""Height and width of the pictures that it was trained on; others are scaled."""
WIDTHS = (32, 64, 96, 128)
FEATURES = 128
FORMAT = 1
WEIGHTS = "oracle.safetensors"


def outputs_of(factor: Factor) -> int:
    """How many numbers the network gives for a factor."""
    return {"interval": 1, "circular": 2, "category": int(factor.high)}[factor.kind]


class Oracle(nn.Module):
    """A scorer of the factors of scenes: each by name, in its own unit, shapes as numbers."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (3, *WIDTHS)
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(WIDTHS[-1], WIDTHS[-1], 3, padding=1), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Linear(16 * WIDTHS[-1], FEATURES)
        self.head = nn.Linear(FEATURES, sum(map(outputs_of, FACTORS)))

    def features(self, pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n f"]:
        """The last hidden layer, for distances between sets: pictures of similar scenes are close in it."""
        if pictures.shape[-1] > SIZE:
            pictures = adaptive_avg_pool2d(pictures, SIZE)
        elif pictures.shape[-1] < SIZE:
            pictures = interpolate(pictures, size=(SIZE, SIZE), mode="bilinear", antialias=True)
        hidden: Tensor = self.dense(self.convolutions(pictures).flatten(1))
        return hidden.relu()

    def raw(self, pictures: Float[Tensor, "n 3 h w"]) -> dict[str, Float[Tensor, "n d"]]:
        """The outputs for each factor: scaled to [-1, 1], as cosine and sine, or as logits."""
        values = self.head(self.features(pictures)).split([outputs_of(factor) for factor in FACTORS], dim=1)
        return {factor.name: value for factor, value in zip(FACTORS, values, strict=True)}

    def forward(self, pictures: Float[Tensor, "n 3 h w"]) -> dict[str, Float[Tensor, " n"]]:
        """Each factor in its own unit."""
        found = {}
        for factor, value in zip(FACTORS, self.raw(pictures).values(), strict=True):
            if factor.kind == "category":
                found[factor.name] = value.argmax(1).float()
            elif factor.kind == "circular":
                turns = torch.atan2(value[:, 1], value[:, 0]) / (2 * math.pi)
                found[factor.name] = turns % 1
            else:
                middle, half = (factor.high + factor.low) / 2, (factor.high - factor.low) / 2
                found[factor.name] = middle + half * value[:, 0]
        return found

    def loss(self, pictures: Float[Tensor, "n 3 h w"], factors: Factors) -> Float[Tensor, ""]:
        """Squared errors of the scaled factors, and the cross entropy of the shape.

        Args:
            pictures: in [-1, 1].
            factors: the true ones.
        """
        total = torch.zeros(())
        for factor, value in zip(FACTORS, self.raw(pictures).values(), strict=True):
            target = targets(factor, factors[factor.name])
            if factor.kind == "category":
                total = total + 0.2 * cross_entropy(value, target.squeeze(1).long())
            else:
                total = total + (value - target).square().sum(1).mean()
        return total


def targets(factor: Factor, values: Float[Tensor, " n"]) -> Float[Tensor, "n d"]:
    """The outputs that the network should give for a factor (for a category: its number).

    Args:
        factor: the factor.
        values: of the factor, in its own unit.
    """
    if factor.kind == "category":
        return values.unsqueeze(1)
    if factor.kind == "circular":
        angle = 2 * math.pi * values
        return torch.stack([angle.cos(), angle.sin()], dim=1)
    middle, half = (factor.high + factor.low) / 2, (factor.high - factor.low) / 2
    return ((values - middle) / half).unsqueeze(1)


def load_oracle(path: Path | None = None) -> Oracle:
    """The oracle that is part of this package, or that of a file; frozen.

    Raises:
        InputError: the file holds no oracle.
    """
    place = path or Path(str(files("latentclr") / "weights" / WEIGHTS))
    tensors, header = read_tensors(place, kind="an oracle's weights")
    if header.get("format") != FORMAT or header.get("kind") != "oracle":
        raise InputError(f"{place} holds no oracle of this version.")
    oracle = Oracle()
    try:
        oracle.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{place} holds an oracle of other sizes.") from error
    return oracle.eval().requires_grad_(False)
