"""BigGAN-deep in training: batch statistics, many classes in a batch, and the way back to a plain one."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from tests.generators.small_biggan import small_biggan_deep
from tests.pretrain.toy_training import small, stripes
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized
from torch.testing import assert_close

from latentclr.generators import BigGANDeep
from latentclr.generators.biggan import DoublingConv, double
from latentclr.generators.biggan_deep import StatisticsTable, truncated_normal
from latentclr.pretrain import BigGANDeepSettings
from latentclr.pretrain.biggan_deep import BigGANDeepGame, _fill_statistics, _generate_from
from latentclr.pretrain.spectral import normalized_weights
from latentclr.pretrain.state import State
from latentclr.pretrain.trainer import train_step


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def trained() -> BigGANDeepGame:
    settings = small("biggan-deep", standing=6)
    state = State.new(settings)
    for _ in range(4):
        train_step(state, stripes)
    assert isinstance(state.game, BigGANDeepGame)
    return state.game


def test_statistics_of_the_batch_in_training() -> None:
    table = StatisticsTable(3, 5, 1e-3).double()
    x = torch.randn(4, 3, 5, 5, generator=rng(), dtype=torch.float64) * 3 + 1
    gain = torch.randn(4, 3, generator=rng(1), dtype=torch.float64)
    offset = torch.randn(4, 3, generator=rng(2), dtype=torch.float64)
    y = table(x, gain, offset, ((0, 1.0),))
    for c in range(3):
        mean = float(x[:, c].mean())
        variance = float((x[:, c] - mean).square().mean())
        for i in range(4):
            expected = (x[i, c] - mean) / (variance + 1e-3) ** 0.5 * gain[i, c] + offset[i, c]
            assert_close(y[i, c], expected)
    assert not bool(table.means.any())
    assert not torch.equal(table.eval()(x, gain, offset, ((0, 1.0),)), y)


def test_doubling_conv_in_training_follows_its_weight() -> None:
    conv = DoublingConv(3, 4).double()
    conv.fold()
    with torch.no_grad():
        conv.weight.mul_(2)
    x = torch.randn(2, 3, 5, 5, generator=rng(), dtype=torch.float64)
    expected = torch.nn.functional.conv2d(double(x), conv.weight, conv.bias, padding=1)
    assert_close(conv.train()(x), expected)
    (gradient,) = torch.autograd.grad(conv(x).square().sum(), conv.weight)
    (other,) = torch.autograd.grad(expected.square().sum(), conv.weight)
    assert_close(gradient, other)
    conv.eval().fold()
    assert_close(conv(x), expected)


def test_an_embedding_for_each_picture_equals_a_class_for_all() -> None:
    generator = small_biggan_deep().double()  # batches of three and of one round in other places
    z = torch.randn(3, generator.z_dim, generator=rng(), dtype=torch.float64)
    labels = torch.tensor([2, 0, 2])
    pictures = _generate_from(generator, z, labels)
    for i, label in enumerate(labels.tolist()):
        assert_close(pictures[i : i + 1], generator.for_class(label)(generator.map(z[i : i + 1])))


def test_latents_of_training_are_those_of_the_contract(trained: BigGANDeepGame) -> None:
    z = torch.randn(2, 6, generator=rng())
    assert_close(trained.generator.map(z)[:, 3], truncated_normal(z))


def test_the_average_is_a_plain_generator_with_the_normalized_weights(trained: BigGANDeepGame) -> None:
    assert not any(is_parametrized(module) for module in trained.average.modules())
    parametrized = [name for name, module in trained.generator.named_modules() if is_parametrized(module)]
    assert "gen_z" in parametrized
    assert "blocks.1.convs.1" in parametrized
    assert "blocks.0.norms.0.gain" in parametrized
    assert "classes" not in parametrized
    trained.update_average(0.0)
    for name, weight in zip(trained.names, normalized_weights(trained.generator, trained.names), strict=True):
        assert_close(trained.average.get_parameter(name).detach(), weight.detach(), rtol=1e-6, atol=1e-7)
    # The training generator without its power iterations, and the average with statistics of the batch.
    z, labels = torch.randn(5, 6, generator=rng()), torch.tensor([0, 1, 2, 2, 1])
    with torch.no_grad():
        for module in trained.generator.modules():
            if type(module).__name__ == "_SpectralNorm":
                module.eval()
        expected = _generate_from(trained.generator, z, labels)
        trained.generator.train()
        pictures = _generate_from(trained.average.train(), z, labels)
        trained.average.freeze()
    # Ten layers of sums of up to 144 terms: errors of random signs grow with the root, to 38 units.
    assert_close(pictures, expected, atol=1e-5, rtol=1e-4)


def test_exported_statistics_are_those_of_batches_at_each_truncation(trained: BigGANDeepGame) -> None:
    exported = trained.exported(7)
    assert isinstance(exported, BigGANDeep)
    for name, parameter in trained.average.named_parameters():
        assert torch.equal(parameter, exported.get_parameter(name))
    z = torch.randn(6, 6, generator=rng(7))
    labels = torch.arange(6) % 3
    for truncation in (0.02, 0.5, 1.0):
        # The very batch that the table was made of: by stored statistics or its own, the same pictures.
        stored = _generate_from(exported.at(truncation), z, labels)
        exported.train()
        own = _generate_from(exported.at(truncation), z, labels)
        exported.freeze()
        assert_close(stored, own, atol=2e-5, rtol=1e-4)
    table = exported.norm.statistics
    assert len(table.means.unique(dim=0)) == exported.n_stats
    assert bool((trained.average.norm.statistics.means == 0).all())


def test_statistics_by_hand() -> None:
    settings = BigGANDeepSettings(resolution=8, width=4, d_channels=(4, 4), num_classes=2)
    generator = BigGANDeepGame(settings, rng()).average
    _fill_statistics(generator, 5, rng(3))
    first = generator.get_submodule("blocks.0.norms.0.statistics")
    assert isinstance(first, StatisticsTable)
    z = torch.randn(5, 64, generator=rng(3))
    for row in (0, 13, 50):
        latent = truncated_normal(z) * (row / 50)
        embedding = generator.classes.weight.T[torch.tensor([0, 1, 0, 1, 0])]
        x = generator.gen_z(torch.cat([latent, embedding], 1)).view(5 * 16, -1)  # channels last
        assert_close(first.means[row], x.mean(0), atol=1e-6, rtol=1e-4)
        assert_close(first.variances[row], x.var(0, correction=0), atol=1e-6, rtol=1e-4)
    assert not generator.training


@pytest.mark.parametrize("resolution", [8, 16, 32, 64, 128])
def test_blocks_reach_the_resolution(resolution: int) -> None:
    settings = BigGANDeepSettings(resolution=resolution, width=4, num_classes=2)
    blocks = list(settings.blocks())
    generator = BigGANDeep(6, 5, 4, 2, blocks, attention=None)
    assert generator.resolution == resolution
    assert generator.layers[-2].channels == 4
    assert all(one[2] == two[1] for one, two in pairwise(blocks))
    assert max(channels for _, channels, _ in blocks) <= 8


def test_default_generator_is_small() -> None:
    with torch.device("meta"):
        generator = BigGANDeep(64, 32, 32, 8, list(BigGANDeepSettings().blocks()), attention=None)
    assert sum(tensor.numel() * 4 for tensor in generator.state_dict().values()) < 8_000_000


def test_a_step_gives_the_class_of_the_real_picture_to_the_generated_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = small("biggan-deep")
    state = State.new(settings)
    game: Any = state.game
    seen: list[Tensor] = []

    def forward(pictures: Tensor, labels: Tensor) -> Tensor:
        seen.append(labels)
        verdicts: Tensor = pictures.sum((1, 2, 3)) * game.discriminator.out.bias
        return verdicts

    monkeypatch.setattr(game.discriminator, "forward", forward)
    train_step(state, stripes)
    both, fake = seen
    assert torch.equal(both[:4], both[4:])
    assert torch.equal(fake, both[:4])
