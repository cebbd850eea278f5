"""ProGAN against a plain formulation of its description."""

import math

import pytest
import torch
from tests.generators.precise import in_float64, same
from tests.generators.small_stylegan import small_progan
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, leaky_relu

from latentclr import InputError
from latentclr.generators.equalized import normalize
from latentclr.generators.progan import ProGAN


def latents_of() -> Tensor:
    return torch.randn(2, 1, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def rows_to_unit(x: Tensor) -> Tensor:
    """Pixelwise normalisation, pixel by pixel."""
    y = torch.empty_like(x)
    for n in range(x.shape[0]):
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                vector = x[n, :, i, j]
                y[n, :, i, j] = vector / math.sqrt(float(vector.square().mean()) + 1e-8)
    return y


def plain_progan(g: ProGAN, z: Tensor, truncation: float = 1.0) -> dict[str, Tensor]:
    """Every layer by the description: explicit scales, enlarged maps, loops over pixels."""
    state = g.state_dict()
    channels = g.settings()["channels"]
    direction = torch.stack([row / (row.square().mean() + 1e-8).sqrt() for row in z]) * truncation
    matrix = state["project.weight"] * (math.sqrt(2) / 4 / math.sqrt(z.shape[1]))
    x = (direction @ matrix.T).reshape(len(z), channels[0], 4, 4)
    x = rows_to_unit(leaky_relu(x + state["project.bias"].reshape(1, -1, 1, 1), 0.2))
    found = {"layer0": x}
    for k in range(1, 2 * len(channels)):
        weight = state[f"blocks.{k - 1}.conv.weight"]
        scaled = weight * math.sqrt(2 / (9 * weight.shape[1]))
        x = conv2d(interpolate(x, scale_factor=2) if k % 2 == 0 else x, scaled, padding=1)
        x = rows_to_unit(leaky_relu(x + state[f"blocks.{k - 1}.bias"].reshape(1, -1, 1, 1), 0.2))
        found[f"layer{k}"] = x
    weight = state["to_image.conv.weight"] / math.sqrt(channels[-1])
    picture = torch.einsum("nchw,oc->nohw", x, weight[:, :, 0, 0])
    return found | {"image": picture + state["to_image.bias"].reshape(1, 3, 1, 1)}


@pytest.mark.parametrize("truncation", [1.0, 0.6])
def test_every_layer_equals_the_plain_network(truncation: float) -> None:
    generator = in_float64(small_progan()).at(truncation)
    latents = latents_of()
    plain = plain_progan(generator, latents[:, 0], truncation)
    assert list(plain) == [layer.name for layer in generator.layers]
    for name, output in generator.run(latents):
        same(output, plain[name], what=name)


def test_normalization_has_its_epsilon() -> None:
    small = torch.full((1, 4), 1e-4, dtype=torch.float64)
    same(normalize(small), small / math.sqrt(2e-8))


def test_style_weight_is_the_projection() -> None:
    generator, latents = in_float64(small_progan()), latents_of()
    z = latents[:, 0] / (latents[:, 0].square().mean(1, keepdim=True) + 1e-8).sqrt()
    before = z @ generator.style_weight("4x4/Dense").T * (math.sqrt(2) / 12)
    x = before.view(2, 12, 4, 4) + generator.project.bias.view(1, -1, 1, 1)
    same(rows_to_unit(leaky_relu(x, 0.2)), generator.features(latents, "layer0"))
    with pytest.raises(InputError, match="only layer0"):
        generator.style_weight("layer1")


def test_names_are_those_of_the_published_code() -> None:
    layers = small_progan().layers
    assert [layer.aliases[0] for layer in layers] == [
        *("4x4/Dense", "4x4/Conv", "8x8/Conv0_up", "8x8/Conv1", "16x16/Conv0_up", "16x16/Conv1"),
        "ToRGB_lod0",
    ]
    assert [layer.resolution for layer in layers] == [4, 4, 8, 8, 16, 16, 16]


def test_changed_weights_are_folded_anew() -> None:
    generator, latents = in_float64(small_progan()), latents_of()
    with torch.no_grad():
        generator.get_parameter("blocks.1.conv.weight").mul_(-1)
    generator.freeze()
    same(generator(latents), plain_progan(generator, latents[:, 0])["image"])
