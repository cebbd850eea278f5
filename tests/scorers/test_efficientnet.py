"""EfficientNet-Lite0: its parts against their definitions, and with real weights, beside another program."""

import pytest
import torch
from tests.generators.precise import same
from tests.scorers.test_lpips import blocks
from torch import Tensor, nn
from torch.testing import assert_close

import latentclr.scorers.efficientnet
from latentclr.scorers.efficientnet import EfficientNetLite0, _NormalizedConv, load_efficientnet

CLASSES = [0, 1, 500, 836, 837, 999]
LOGITS = [
    [0.4136091, -1.934784, -1.354913, 1.037485, 1.61975, 0.177026],
    [-0.0913159, -2.110068, -1.155239, 1.262823, 1.194354, 0.1287567],
]
"""What efficientnet_lite_pytorch 0.1.0 gives for `blocks(0, 2, 224)`, in these classes."""
LENGTHS = [20.72889, 20.89479]
"""Of the features, by the same."""


def random_network() -> EfficientNetLite0:
    with torch.device("meta"):
        network = EfficientNetLite0()
    network.to_empty(device="cpu")
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5, generator=rng)
            elif value.is_floating_point():
                size = value[0].numel() if value.ndim > 1 else 100
                value.normal_(0, (2 / size) ** 0.5, generator=rng)
                value += name.endswith("norm.weight")
    return network.double().eval().requires_grad_(False)


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_unit_pads_as_tensorflow_does(kernel: int) -> None:
    """SAME: the output has half the size, and of an odd number of zeros most are below and on the right."""
    unit = _NormalizedConv(1, 1, kernel, stride=2).double().eval().requires_grad_(False)
    unit.conv.weight.copy_(torch.arange(kernel * kernel).view(1, 1, kernel, kernel))
    hidden = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(0)).double() / 100
    found = unit(hidden)[0, 0]
    zeros = kernel - 2  # (6 / 2 - 1) * 2 + kernel - 6
    padded = torch.zeros(6 + zeros, 6 + zeros).double()
    padded[zeros // 2 : zeros // 2 + 6, zeros // 2 : zeros // 2 + 6] = hidden[0, 0]
    expected = torch.tensor(
        [
            [(padded[i : i + kernel, j : j + kernel] * unit.conv.weight[0, 0]).sum() for j in (0, 2, 4)]
            for i in (0, 2, 4)
        ]
    )
    same(found, expected.double() / (1 + 1e-3) ** 0.5)


def test_a_folded_unit_gives_the_same() -> None:
    rng = torch.Generator().manual_seed(0)
    unit = _NormalizedConv(4, 8, 3).double().eval().requires_grad_(False)
    norm = unit.norm
    assert isinstance(norm, nn.BatchNorm2d)
    for value in (norm.weight, norm.bias, norm.running_mean):
        assert value is not None
        value.normal_(generator=rng)
    hidden = torch.randn(2, 4, 7, 7, generator=rng).double()
    before = unit(hidden)
    unit.fold()
    same(unit(hidden), before)


def test_features_are_pooled_and_logits_are_linear_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latentclr.scorers.efficientnet, "BATCH", 2)
    network, pictures = random_network(), blocks(0, 3, 64)
    features = network.features(pictures)
    assert features.shape == (3, 1280)
    assert features.min() >= 0
    assert features.max() <= 6
    assert features.std(0).max() > 0
    same(network.features(pictures[2:]), features[2:])
    expected = features @ network.dense.weight.T + network.dense.bias
    same(network(pictures), expected)


def test_gradients_reach_the_pictures() -> None:
    network, pictures = random_network(), blocks(0, 1, 64).requires_grad_()
    (gradient,) = torch.autograd.grad(network(pictures)[0, 0], pictures)
    assert gradient.isfinite().all()
    assert (gradient != 0).float().mean() > 0.9


@pytest.mark.network
def test_the_published_network_gives_what_another_program_gives() -> None:
    # In float64: what is between is the other program's rounding in float32.
    network, pictures = load_efficientnet().double(), blocks(0, 2, 224)
    logits = network(pictures)
    assert_close(logits[:, CLASSES], torch.tensor(LOGITS).double(), rtol=1e-4, atol=1e-4)
    assert logits.argmax(1).tolist() == [539, 539]
    lengths: Tensor = network.features(pictures).norm(dim=1)
    assert_close(lengths, torch.tensor(LENGTHS).double(), rtol=1e-5, atol=0)
    assert all(not parameter.requires_grad for parameter in network.parameters())
