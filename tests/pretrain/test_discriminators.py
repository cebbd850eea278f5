"""Discriminators against their definitions, written slowly."""

import math
from typing import Any

import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, leaky_relu
from torch.testing import assert_close

from latentclr.generators.resample import binomial
from latentclr.pretrain.discriminators import (
    ProjectionDiscriminator,
    StyleGAN2Discriminator,
    _append_minibatch_stddev,
    _BigGANBlock,
    _DownBlock,
    _EqualConv,
    _PoolingConv,
)
from latentclr.pretrain.spectral import (
    initialize_orthogonally,
    layers_with_weights,
    normalize_spectrally,
    normalized_weights,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("n", "group"), [(8, 4), (4, 4), (6, 3), (2, 2), (1, 1), (7, 1)])
def test_minibatch_deviation_by_hand(n: int, group: int) -> None:
    x = torch.randn(n, 3, 2, 2, generator=rng(), dtype=torch.float64)
    y = _append_minibatch_stddev(x)
    assert_close(y[:, :3], x)
    groups = n // group
    for i in range(n):
        members = [j for j in range(n) if j % groups == i % groups]
        assert len(members) == group
        deviations = []
        for c in range(3):
            for place in range(4):
                values = [float(x[j, c].flatten()[place]) for j in members]
                mean = sum(values) / group
                deviations.append(math.sqrt(sum((value - mean) ** 2 for value in values) / group + 1e-8))
        assert_close(y[i, 3], torch.full((2, 2), sum(deviations) / 12, dtype=torch.float64))


def test_equal_conv_is_a_scaled_convolution_with_leaky_relu() -> None:
    conv = _EqualConv(5, 4, 3, gain=0.7).double()
    with torch.no_grad():
        conv.weight.normal_(generator=rng())
        assert conv.bias is not None
        conv.bias.normal_(generator=rng())
        x = torch.randn(2, 5, 6, 6, generator=rng(1), dtype=torch.float64)
        expected = conv2d(x, conv.weight / math.sqrt(5 * 9), conv.bias, padding=1)
        expected = leaky_relu(expected, 0.2) * math.sqrt(2) * 0.7
        assert_close(conv(x, binomial().double()), expected)


@pytest.mark.parametrize("size", [1, 3])
def test_downsampling_conv_filters_then_takes_every_second_pixel(size: int) -> None:
    conv = _EqualConv(2, 3, size, down=True, activate=False).double()
    with torch.no_grad():
        conv.weight.normal_(generator=rng())
        x = torch.randn(1, 2, 8, 8, generator=rng(1), dtype=torch.float64)
        taps = [1 / 8, 3 / 8, 3 / 8, 1 / 8]
        around = {(c, i, j): float(x[0, c, i, j]) for c in range(2) for i in range(8) for j in range(8)}
        y = conv(x, binomial().double())
        assert y.shape == (1, 3, 4, 4)
        for place in ((0, 0), (1, 2), (3, 3)):
            for d in range(3):
                total = 0.0
                for c in range(2):
                    for u in range(size):
                        for v in range(size):
                            # The filter has its middle between pixels 2 i and 2 i + 1.
                            i, j = 2 * place[0] + u - size // 2, 2 * place[1] + v - size // 2
                            blurred = sum(
                                taps[a] * taps[b] * around.get((c, i + a - 1, j + b - 1), 0.0)
                                for a in range(4)
                                for b in range(4)
                            )
                            total += float(conv.weight[d, c, u, v]) / math.sqrt(2 * size * size) * blurred
                assert float(y[0, d, place[0], place[1]]) == pytest.approx(total)


def test_block_keeps_the_variance() -> None:
    block = _DownBlock(32, 32)
    with torch.no_grad():
        for parameter in block.parameters():
            if parameter.dim() > 1:
                parameter.normal_(generator=rng())
        x = torch.randn(8, 32, 32, 32, generator=rng(1))
        skip = block.skip(x, binomial())
        both = block(x, binomial())
    assert both.shape == (8, 32, 16, 16)
    assert both.square().mean() < 2
    assert skip.square().mean() < 0.6


@pytest.mark.parametrize("channels", [(8, 6), (8, 6, 4, 4)])
def test_stylegan2_discriminator_sees_every_pixel(channels: tuple[int, ...]) -> None:
    discriminator = StyleGAN2Discriminator(channels)
    discriminator.initialize(rng())
    size = 4 << (len(channels) - 1)
    pictures = torch.randn(4, 3, size, size, generator=rng(1)).requires_grad_()
    verdicts = discriminator(pictures)
    assert verdicts.shape == (4,)
    (gradient,) = torch.autograd.grad(verdicts.sum(), pictures)
    assert bool((gradient != 0).all())
    assert all(parameter.requires_grad for parameter in discriminator.parameters())


@pytest.mark.parametrize("size", [4, 10])
def test_pooling_conv_is_convolution_then_mean(size: int) -> None:
    conv = _PoolingConv(3, 5).double()
    x = torch.randn(2, 3, size, size, generator=rng(), dtype=torch.float64)
    expected = avg_pool2d(conv2d(x, conv.weight, conv.bias, padding=1), 2)
    assert_close(conv(x), expected)


def test_projection_block() -> None:
    for down in (False, True):
        block = _BigGANBlock(3, 5, down=down).double()
        x = torch.randn(2, 3, 8, 8, generator=rng(), dtype=torch.float64)
        before = x.clone()
        h = conv2d(x.clamp(min=0), block.conv1.weight, block.conv1.bias, padding=1).clamp(min=0)
        h = conv2d(h, block.conv2.weight, block.conv2.bias, padding=1)
        assert block.shortcut is not None
        expected = h + conv2d(x, block.shortcut.weight, block.shortcut.bias)
        assert_close(block(x), avg_pool2d(expected, 2) if down else expected)
        assert_close(x, before, rtol=0, atol=0)


def test_projection_discriminator_projects_on_the_class() -> None:
    discriminator = ProjectionDiscriminator((8, 6, 4), 3)
    discriminator.initialize(rng())
    discriminator.eval().double()  # batches of three and of one round in other places
    pictures = torch.randn(3, 3, 16, 16, generator=rng(1), dtype=torch.float64)
    labels = torch.tensor([2, 0, 2])
    verdicts = discriminator(pictures, labels)
    for i, label in enumerate(labels.tolist()):
        features = discriminator.blocks(pictures[i : i + 1])[0].clamp(min=0).sum((1, 2))
        expected = discriminator.out.weight[0] @ features + discriminator.out.bias[0]
        expected = expected + discriminator.classes.weight[label] @ features
        assert_close(verdicts[i], expected)


def test_spectral_norm_divides_by_the_largest_singular_value() -> None:
    discriminator = ProjectionDiscriminator((8, 6, 4), 3)
    discriminator.initialize(rng())
    with torch.no_grad():
        for name, parameter in discriminator.named_parameters():
            if name.endswith("original"):
                parameter.copy_(torch.randn(parameter.shape, generator=rng()))
        for _ in range(200):
            discriminator(torch.zeros(1, 3, 16, 16), torch.tensor([0]))
    discriminator.eval()
    for layer in [*layers_with_weights(discriminator), discriminator.classes]:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(largest) == pytest.approx(1, abs=1e-3)


def test_first_weights_are_orthogonal_and_draw_from_the_generator_alone() -> None:
    state = torch.get_rng_state()
    networks = [ProjectionDiscriminator((8, 6, 4), 3) for _ in range(2)]
    made = torch.get_rng_state()
    for network in networks:
        network.initialize(rng())
    assert bool((torch.get_rng_state() == made).all())
    torch.set_rng_state(state)
    one, two = (network.state_dict() for network in networks)
    assert all(bool((one[name] == two[name]).all()) for name in one)
    weight = one["blocks.1.conv1.parametrizations.weight.original"].flatten(1)
    assert_close(weight @ weight.T, torch.eye(len(weight)), atol=1e-5, rtol=0)


def test_normalized_weights_are_divided_and_make_no_iteration() -> None:
    network: Any = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.Linear(3, 2))
    initialize_orthogonally(network, rng())
    with torch.no_grad():
        network[0].weight.mul_(3)
    normalize_spectrally([network[0]], rng())
    with torch.no_grad():
        network[0].parametrizations.weight.original.mul_(5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    weights = normalized_weights(network, ["0.weight", "0.bias", "1.weight"])
    assert network.training
    assert all(bool((before[name] == value).all()) for name, value in network.state_dict().items())
    matrix = before["0.parametrizations.weight.original"].flatten(1)
    u, v = before["0.parametrizations.weight.0._u"], before["0.parametrizations.weight.0._v"]
    assert_close(weights[0].flatten(1), matrix / (u @ matrix @ v))
    assert_close(weights[2], before["1.weight"])
