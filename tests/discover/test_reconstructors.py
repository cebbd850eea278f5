"""Reconstructors: pictures of any size, each pair by itself, and all weights from one generator."""

from itertools import pairwise
from typing import Any, get_args

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from latentclr.discover.reconstructors import GAIN, LeNet, Network, ResNet, make_reconstructor
from latentclr.generators.base import shrink

every_network = pytest.mark.parametrize("network", get_args(Network))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pair(n: int, height: int, width: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    before, after = torch.rand(2, n, 3, height, width or height, generator=seeded(1)) * 2 - 1
    return before, after


@every_network
@pytest.mark.parametrize("size", [(8, 8), (32, 32), (48, 48), (64, 32), (1024, 1024)])
def test_any_size_of_picture_gives_logits_and_shifts(network: Any, size: tuple[int, int]) -> None:
    made = make_reconstructor(network, 5, rng=seeded())
    logits, shift = made(*pair(2, *size))
    assert logits.shape == (2, 5)
    assert shift.shape == (2,)
    (logits.square().sum() + shift.square().sum()).backward()
    assert all(
        p.grad is not None and bool(p.grad.isfinite().all()) and bool((p.grad != 0).any())
        for p in made.parameters()
    )


@every_network
def test_each_pair_is_judged_by_itself(network: Any) -> None:
    made = make_reconstructor(network, 4, rng=seeded())
    before, after = pair(5, 16)
    logits, shift = made(before, after)
    alone = [made(before[i : i + 1], after[i : i + 1]) for i in range(5)]
    assert_close(logits, torch.cat([x for x, _ in alone]), atol=1e-5, rtol=1e-4)
    assert_close(shift, torch.cat([x for _, x in alone]), atol=1e-5, rtol=1e-4)
    made.eval()
    assert torch.equal(made(before, after)[0], logits), "the same in training and in use"


@every_network
def test_large_pictures_are_averaged_to_its_size_first(network: Any) -> None:
    made = make_reconstructor(network, 4, pixels=16, rng=seeded())
    before, after = pair(2, 64)
    assert_close(made(before, after)[0], made(shrink(before, 16), shrink(after, 16))[0])
    larger = make_reconstructor(network, 4, pixels=64, rng=seeded())
    assert not torch.allclose(larger(before, after)[0], made(before, after)[0])


def test_lenet_equals_its_layers_written_out() -> None:
    made = make_reconstructor("lenet", 4, rng=seeded()).double()
    assert isinstance(made, LeNet)
    before, after = (x.double() for x in pair(2, 16))
    x = torch.cat([before, GAIN * (after - before)], 1)
    weights = made.state_dict()
    for i in range(2):
        x = torch.conv2d(x, weights[f"convolutions.{i}.weight"], padding=2)
        groups = x.unflatten(1, (-1, 4))
        mean, var = groups.mean((2, 3, 4), keepdim=True), groups.var((2, 3, 4), keepdim=True, correction=0)
        x = ((groups - mean) / (var + 1e-5).sqrt()).flatten(1, 2).relu()
        x = x.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).mean((3, 5))
    x = x.flatten(1)  # 16 pixels are 4 after two halvings
    for i in range(2):
        x = (x @ weights[f"hidden.{i}.weight"].T + weights[f"hidden.{i}.bias"]).relu()
    logits, shift = made(before, after)
    assert_close(logits, x @ made.which.weight.T + made.which.bias)
    assert_close(shift, (x @ made.shift.weight.T + made.shift.bias).squeeze(1))


def test_resnet_has_the_eighteen_layers() -> None:
    made = make_reconstructor("resnet", 4, rng=seeded())
    assert isinstance(made, ResNet)
    weights = [m for m in made.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(weights) + 1 == 18, "and one that the heads share"
    shortcuts = [m for m in made.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (1, 1)]
    assert [(m.in_channels, m.out_channels) for m in shortcuts] == list(pairwise(ResNet.WIDTHS))


@every_network
def test_weights_are_the_seeds_and_global_states_are_untouched(network: Any) -> None:
    before = torch.get_rng_state()
    one, two, other = (make_reconstructor(network, 3, rng=seeded(s)).state_dict() for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["which.weight"], other["which.weight"])
    assert all(bool(value.isfinite().all()) for value in one.values())


@every_network
def test_the_first_guess_is_nearly_uniform(network: Any) -> None:
    logits, _ = make_reconstructor(network, 8, rng=seeded())(*pair(16, 32))
    loss = cross_entropy(logits, torch.arange(8).repeat(2))
    assert_close(loss, torch.tensor(8.0).log(), atol=0.25, rtol=0)


@pytest.mark.parametrize("network", ["lenet", pytest.param("resnet", marks=pytest.mark.training)])
def test_it_learns_what_changes_and_how_far(network: Any) -> None:
    # Planted: direction k brightens colour k by epsilon / 10.
    made, rng = make_reconstructor(network, 3, rng=seeded()), seeded(2)
    optimizer = torch.optim.Adam(made.parameters(), 0.002)

    def draw(n: int) -> tuple[torch.Tensor, ...]:
        before = torch.rand(n, 3, 8, 8, generator=rng) - 0.5
        index, epsilon = torch.randint(3, (n,), generator=rng), 4 * torch.rand(n, generator=rng) - 2
        epsilon = torch.where(epsilon.abs() < 0.5, 0.5, epsilon)
        after = before + 0.1 * (epsilon[:, None] * torch.eye(3)[index])[:, :, None, None]
        return before, after, index, epsilon

    for _ in range(120):
        before, after, index, epsilon = draw(32)
        logits, shift = made(before, after)
        optimizer.zero_grad()
        (cross_entropy(logits, index) + 0.25 * (shift - epsilon).abs().mean()).backward()
        optimizer.step()
    before, after, index, epsilon = draw(256)
    with torch.no_grad():
        logits, shift = made(before, after)
    assert (logits.argmax(1) == index).float().mean() > 0.95
    assert (shift - epsilon).abs().mean() < 0.6 * (epsilon - epsilon.median()).abs().mean()
