"""BigGAN-deep against outputs of the published code for random weights, and against its definitions.

The case holds a network of the 128-pixel layout with 8 channels in place of 128 and 10 classes. "layer_subS:"
and "img_subS_" are subsampled, every S-th pixel; layers are those at truncation 0.43.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from tests.cases import assert_equal, config, expected, weights
from tests.generators.precise import in_float64, same
from tests.generators.small_biggan import small_biggan_deep
from tests.rounding import assert_rounded
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError
from latentclr.checkpoints.biggan_deep import build
from latentclr.checkpoints.network import Network
from latentclr.generators.biggan_deep import (
    BigGANDeep,
    statistics_rows,
    truncated_noise,
    truncated_normal,
)

CASE = "hf_biggan_deep_w8"


@cache
def case() -> tuple[BigGANDeep, dict[str, Tensor]]:
    generator, ignored = build(Network("test", weights(CASE), config(CASE)))
    assert ignored == []
    return in_float64(generator), expected(CASE)


LAYERS = [
    *(f"layer:generator.{name}" for name in ("gen_z", "layers.0")),
    *(f"layer_sub2:generator.layers.{i}" for i in (1, 2)),
    *(f"layer_sub4:generator.layers.{i}" for i in (3, 4, 5, 6)),
    *(f"layer_sub8:generator.layers.{i}" for i in (7, 8, 9)),
    "layer_sub16:generator.layers.10",
]

IMAGES = [
    "img_sub2_t0.43",
    "img_sub4_t0.4",
    "img_sub4_t0.58",
    "img_sub4_t1.0",
    "img_sub2_soft_t0.5",
]


def step(key: str) -> int:
    """S of "layer_subS:" and "img_subS_"."""
    place = key.partition(":")[0].split("_")[1] if "_sub" in key else "sub1"
    return int(place.removeprefix("sub"))


def latents_and_labels(soft: bool = False) -> list[tuple[Tensor, Tensor]]:
    generator, io = case()
    latents = io["z"].unsqueeze(1).repeat(1, generator.num_slots, 1)
    labels = io["class_soft" if soft else "class_onehot"]
    return [(latents[i : i + 1], label) for i, label in enumerate(labels)]


@pytest.mark.parametrize("key", LAYERS)
def test_layers(key: str) -> None:
    generator, io = case()
    s = step(key)
    for (latent, label), reference in zip(latents_and_labels(), io[key], strict=True):
        output = generator.for_class(label).at(0.43).features(latent, key.partition(":")[2])[0]
        if reference.ndim == 1:  # the published layer's output before it is made a map, channels last
            reference = reference.view(4, 4, -1).permute(2, 0, 1)
        assert_equal(output[:, ::s, ::s], reference)


@pytest.mark.parametrize("key", IMAGES)
def test_images(key: str) -> None:
    generator, io = case()
    truncation, s = float(key.rpartition("t")[2]), step(key)
    inputs = latents_and_labels("soft" in key)
    for (latent, label), reference in zip(inputs, io[key], strict=True):
        assert_equal(generator.for_class(label).at(truncation)(latent)[0, :, ::s, ::s], reference)


def test_noise_of_the_published_package() -> None:
    expected = case()[1]["trunc_sample_seed5_t1_b2_d16"]
    for truncation in (1.0, 0.4):
        found = truncated_noise(2, 16, truncation=truncation, seed=5)
        assert_rounded(found, truncation * expected, terms=3)  # rounded here, there, and by the factor


def test_z_keeps_its_quantiles() -> None:
    z = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    cut = truncated_normal(z)
    assert float(cut.abs().max()) <= 2
    assert (cut[z.argsort()].diff() >= 0).all()
    assert float(cut.std()) == pytest.approx(0.8796, abs=0.005)
    # By counting: as many of the normal numbers within +-2 are below t as of all numbers map below t.
    inside = z[z.abs() < 2]
    for t in (-1.5, -0.3, 0.0, 1.0):
        shares = [float((values < t).double().mean()) for values in (inside, cut)]
        assert shares[0] == pytest.approx(shares[1], abs=0.005)
    assert_close(truncated_normal(torch.tensor([-40.0, 0.0, 40.0])), torch.tensor([-2.0, 0.0, 2.0]))


def test_rows_of_statistics() -> None:
    # Where rounding falls, as found with the published code; elsewhere whole rows.
    after = {7, 14, 28}
    before = {29, 47}
    for row in range(1, 51):
        rows = statistics_rows(row / 50, 51)
        if row in after | before:
            (first, share), (second, rest) = rows
            assert second == first + 1
            assert share + rest == pytest.approx(1)
            assert (first, round(share)) == ((row, 0) if row in after else (row - 1, 1)), row
        else:
            assert rows == ((row, 1.0),)
    (first, share), (second, rest) = statistics_rows(0.43, 51)
    assert (first, second) == (21, 22)
    assert share == pytest.approx(0.5) == rest
    (first, share), (second, rest) = statistics_rows(0.425, 51)  # nearer to 21
    assert (first, second) == (21, 22)
    assert share == pytest.approx(0.25)
    assert rest == pytest.approx(0.75)


def test_corrected_statistics_are_those_between_the_rows() -> None:
    for truncation in (0.013, 0.31, 0.425, 0.58, 0.999, 1.0):
        rows = statistics_rows(truncation, 51, corrected=True)
        assert sum(row * share for row, share in rows) == pytest.approx(50 * truncation)
        assert sum(share for _, share in rows) == pytest.approx(1)
    generator = small_biggan_deep().at(0.315)
    latents = generator.from_seeds([1])
    corrected = generator.view(corrected=True)
    assert not torch.equal(corrected(latents), generator(latents))
    assert corrected.fingerprint() == generator.fingerprint()
    assert torch.equal(corrected.at(0.5)(latents), generator.at(0.5)(latents))


@pytest.mark.parametrize("n_stats", [2, 3, 50, 51, 99])
def test_any_truncation_finds_rows(n_stats: int) -> None:
    for truncation in (1e-9, 0.001, 0.5, 1 - 1e-16, 1.0, *np.linspace(0.01, 1, 100)):
        for row, share in statistics_rows(float(truncation), n_stats):
            assert 0 <= row < n_stats
            assert 0 <= share <= 1


def test_style_weight_is_what_a_layer_reads_of_z() -> None:
    generator = in_float64(small_biggan_deep())
    z = torch.randn(6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    condition = torch.cat([z, torch.zeros(5, dtype=torch.float64)])
    block = generator.get_submodule("blocks.1")
    norms = list(block.get_submodule("norms").children())
    read = [getattr(norm, part)(condition) for norm in norms for part in ("gain", "offset")]
    same(generator.style_weight("layers.1") @ z, torch.cat(read))
    assert generator.style_weight("generator.layers.3").shape == (2 * (16 + 3 * 4), 6)
    projection = generator.gen_z(condition) - generator.gen_z.bias
    same(generator.style_weight("gen_z") @ z, projection)
    with pytest.raises(InputError, match=r"'layers\.2' of a BigGAN-deep reads no latent"):
        generator.style_weight("layers.2")


@pytest.mark.parametrize(("doublings", "slots"), [(5, 11), (6, 13), (7, 15)])
def test_sizes_of_the_published_networks(doublings: int, slots: int) -> None:
    channels = {
        5: (16, 16, 16, 16, 8, 8, 4, 4, 2, 2, 1),
        6: (16, 16, 16, 16, 8, 8, 8, 8, 4, 4, 2, 2, 1),
        7: (16, 16, 16, 16, 8, 8, 8, 8, 4, 4, 2, 2, 1, 1, 1),
    }[doublings]
    blocks = [[i % 2, *pair] for i, pair in enumerate(pairwise(channels))]
    with torch.device("meta"):
        generator = BigGANDeep(128, 128, 128, 1000, blocks)
    assert generator.num_slots == slots
    assert generator.resolution == 4 << doublings
    layer = generator.layer("generator.layers.4")
    assert (layer.channels, layer.resolution, layer.slot) == (1024, 16, 5)
    attention = generator.layer("layers.8")
    assert (attention.resolution, attention.slot) == (64, 8)
    millions = sum(parameter.numel() for parameter in generator.parameters()) / 1e6
    unused = 125 * (128 * 9 + 1) / 1e6  # rows of the published last convolution that make no picture
    assert millions + unused == pytest.approx({5: 50.4, 6: 55.9, 7: 56.2}[doublings], abs=0.05)
    assert generator.class_names[0] == "tench, Tinca tinca"
