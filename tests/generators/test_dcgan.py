"""DCGAN against a plain formulation of the PyTorch project's example."""

import torch
from tests.conftest import example_layout
from tests.generators.precise import in_float64, same
from torch import nn

from latentclr.generators import DCGAN


def plain_dcgan(generator: DCGAN) -> nn.Sequential:
    """The same network as a sequence of torch's modules, with the example's positions as names."""
    layers: list[nn.Module] = []
    sizes = [layer.channels for layer in generator.layers]
    for i, (n_in, n_out) in enumerate(zip([generator.z_dim, *sizes], sizes, strict=False)):
        stride, padding = (1, 0) if i == 0 else (2, 1)
        layers.append(nn.ConvTranspose2d(n_in, n_out, 4, stride, padding, bias=False))
        layers += [nn.Tanh()] if i == len(sizes) - 1 else [nn.BatchNorm2d(n_out), nn.ReLU()]
    main = nn.Sequential(*layers).double().eval()
    main.load_state_dict(
        {name.removeprefix("main."): value for name, value in example_layout(generator).items()}
    )
    return main


def test_every_layer_equals_the_plain_network(dcgan: DCGAN) -> None:
    latents = dcgan.sample(4, rng=torch.Generator().manual_seed(0)).double()
    dcgan = in_float64(dcgan)
    main = plain_dcgan(dcgan)
    x = latents[:, 0, :, None, None]
    positions = {}
    with torch.no_grad():
        for i, module in enumerate(main):
            x = module(x)
            positions[f"main.{i}"] = x
    for layer in dcgan.layers:
        (alias,) = layer.aliases
        same(dcgan.features(latents, layer.name), positions[alias], what=alias)


def test_style_weight_is_the_projection(dcgan: DCGAN) -> None:
    # Before normalisation and ReLU the first layer is linear in z; both are undone here.
    latents = dcgan.sample(2, rng=torch.Generator().manual_seed(0)).double()
    dcgan = in_float64(dcgan)
    norm = dcgan.project.norm
    projected = (latents[:, 0] @ dcgan.style_weight("b4").T).view(2, -1, 4, 4)
    same(norm(projected).relu(), dcgan.features(latents, "b4"))
