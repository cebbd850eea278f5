"""Orthogonal initial weights, and weights divided by their largest singular value, as BigGAN is trained.

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
def initialize_orthogonally(network: nn.Module, rng: torch.Generator) -> None:
    """Give every layer an orthogonal matrix (rows are output channels) and zero biases.

    Args:
        network: changes.
        rng: for the matrices.
    """
    for module in network.modules():
        if isinstance(module, Weighted):
            module.weight.copy_(orthogonal_(torch.empty(module.weight.shape), generator=rng))
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def normalize_spectrally(layers: Iterable[nn.Module], rng: torch.Generator) -> None:
    """Make each layer divide its weight by an estimate of its largest singular value, from now on.

    The estimate is one power iteration at each run in training mode. PyTorch starts it from the global random
    state, which is put back as it was.

    Args:
        layers: change.
        rng: for the start of the power iterations.
    """
    seed = int(torch.randint(2**62, (1,), generator=rng))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for layer in layers:
            spectral_norm(layer)


@torch.no_grad()
def normalized_weights(network: nn.Module, names: Iterable[str]) -> list[Tensor]:
    """Weights as the network's layers use them: divided, where there is spectral norm.

    No power iteration is made.

    Args:
        network: in training mode.
        names: of the weights, as "layer.attribute".
    """
    network.eval()
    values = []
    for name in names:
        layer, _, attribute = name.rpartition(".")
        values.append(getattr(network.get_submodule(layer), attribute))
    network.train()
    return values
