"""Orthogonal first weights, and weights divided by their largest singular value, as BigGAN is trained with.

Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial Networks (ICLR 2018);
Brock, Donahue, Simonyan: BigGAN (ICLR 2019), section 3.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.init import orthogonal_
from torch.nn.utils.parametrizations import spectral_norm

Weighted = nn.Conv2d | nn.Linear | nn.Embedding


def layers_with_weights(network: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """The convolutions and linear layers of a network."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


@torch.no_grad()
def orthogonal(network: nn.Module, rng: torch.Generator) -> None:
    """Give every layer an orthogonal matrix (rows are output channels) and zero biases."""
    for module in network.modules():
        if isinstance(module, Weighted):
            first = torch.empty(module.weight.shape)
            module.weight.copy_(orthogonal_(first, generator=rng))
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def normalize_spectrally(layers: Iterable[nn.Module], rng: torch.Generator) -> None:
    """From now on, let each layer's weight be divided by an estimate of its largest singular value.

    The estimate is one power iteration at each run in training mode. PyTorch starts it from the global random
    state, which is put back as it was.
    """
    seed = int(torch.randint(2**62, (1,), generator=rng))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for layer in layers:
            spectral_norm(layer)


@torch.no_grad()
def weights_in_use(network: nn.Module, names: Iterable[str]) -> list[Tensor]:
    """The weights of those names as the network's layers use them: with spectral norm, divided.

    No power iteration is made.
    """
    network.eval()
    values = []
    for name in names:
        layer, _, attribute = name.rpartition(".")
        values.append(getattr(network.get_submodule(layer), attribute))
    network.train()
    return values
