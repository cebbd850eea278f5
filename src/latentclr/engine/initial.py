"""Initial weights of networks from a given random state."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Net = TypeVar("Net", bound=nn.Module)


def he_initialised(make: Callable[[], Net], rng: torch.Generator) -> Net:
    """A network on the CPU whose weights all come from rng: convolutions and products as He et al. 2015.

    Args:
        make: constructs the network; it is called on the meta device.
        rng: draws the weights.
    """
    with torch.device("meta"):  # torch's own start would draw from the global random state
        empty = make()
    made = empty.to_empty(device="cpu")
    for module in made.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=rng)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.GroupNorm):
            module.reset_parameters()
    return made
