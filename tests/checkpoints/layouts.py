"""What the tests of ProGAN's and StyleGAN's layouts share."""

import math
import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad

from latentclr import Generator, InputError
from latentclr.checkpoints.network import Layout, Network

Kind = TypeVar("Kind", bound=Generator)
Read = Callable[[Network], tuple[Kind, list[str], str]]


def reader(layouts: Sequence[Layout], expected: type[Kind]) -> Read[Kind]:
    """A function that gives a network's generator, the tensors of no use, and the name of its layout."""

    def read(network: Network) -> tuple[Kind, list[str], str]:
        kinds = [kind for kind in layouts if kind.recognize(network)]
        assert len(kinds) == 1, kinds
        generator, ignored = kinds[0].build(network)
        assert isinstance(generator, expected)
        return generator.freeze(), ignored, kinds[0].name

    return read


def run_layer(x: Tensor, weight: Tensor, *, fused: bool) -> Tensor:
    """A doubling layer of TensorFlow's network with the file's weight (height, width, in, out), scaled."""
    weight = weight * math.sqrt(2 / (9 * weight.shape[2]))
    if not fused:
        x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return conv2d(x, weight.permute(3, 2, 0, 1), padding=1)
    kernel = pad(weight.permute(2, 3, 0, 1), (1, 1, 1, 1))  # (in, out, 5, 5)
    kernel = kernel[..., 1:, 1:] + kernel[..., :-1, 1:] + kernel[..., 1:, :-1] + kernel[..., :-1, :-1]
    return conv_transpose2d(x, kernel, stride=2, padding=1)


def check_that_damage_is_named(
    read: Read[Kind], layouts: Sequence[Layout], network: Network, damage: str, spared: Collection[str]
) -> None:
    """Lose each tensor, or give it another shape, or fill it with NaN; and add one that belongs nowhere."""
    for name, tensor in network.tensors.items():
        tensors = dict(network.tensors)
        if name in spared:
            continue
        if damage == "lost":
            del tensors[name]
        else:
            tensors[name] = torch.zeros(2, 2, 2) if damage == "shape" else tensor * float("nan")
        damaged = Network(network.container, tensors, network.config)
        if any(kind.recognize(damaged) for kind in layouts):
            with pytest.raises(InputError, match=re.escape(name)):
                read(damaged)
    more = {**network.tensors, "stranger": torch.zeros(1)}
    with pytest.raises(InputError, match="belong nowhere: stranger"):
        read(Network(network.container, more, network.config))
