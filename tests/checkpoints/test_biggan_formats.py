"""BigGAN and BigGAN-deep checkpoints: every tensor has its place, what no tensor says is asked for."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from tests.generators.small_biggan import DEEP_BLOCKS, published_biggan, small_biggan, small_biggan_deep
from torch import Tensor

from latentclr import InputError
from latentclr.checkpoints import biggan, biggan_deep
from latentclr.checkpoints.network import Network
from latentclr.generators.biggan import BigGAN
from latentclr.generators.biggan_deep import BigGANDeep

Tensors = dict[str, Tensor]


def unit(weight: Tensor) -> None:
    """Make first row and column unit vectors: the estimate of the spectral norm from them is exactly 1."""
    weight[0] = 0
    column = weight
    while column.ndim > 1:
        column = column[:, 0]
    column[:] = 0
    column[0] = 1


def first(size: int) -> Tensor:
    return torch.eye(size)[0]


def deep_for_export() -> BigGANDeep:
    generator = small_biggan_deep()
    for name, value in generator.state_dict().items():
        if name.endswith("weight") and name != "classes.weight":
            unit(value.data)
    return generator.freeze()


def deep_layout(generator: BigGANDeep) -> Tensors:
    """The tensors under Hugging Face's names."""
    renamed: Tensors = {}
    for name, value in generator.state_dict().items():
        theirs = name.replace("blocks.", "generator.layers.").replace("statistics.", "running_")
        theirs = theirs.replace("running_variances", "running_vars")
        for ours, other in (("norms.", "bn_"), ("convs.", "conv_"), (".gain.", ".scale.")):
            theirs = theirs.replace(ours, other)
        for ours, other in (("query", "theta"), ("key", "phi"), ("value", "g"), ("out", "o_conv")):
            theirs = theirs.replace(f".{ours}.", f".snconv1x1_{other}.")
        for ours, other in (
            ("classes.", "embeddings."),
            ("gen_z.", "generator.gen_z."),
            ("norm.gain", "generator.bn.weight"),
            ("norm.offset", "generator.bn.bias"),
            ("norm.", "generator.bn."),
            ("to_image.", "generator.conv_to_rgb."),
        ):
            if theirs.startswith(ours):
                theirs = other + theirs.removeprefix(ours)
        value = value.clone(memory_format=torch.contiguous_format)
        if name.startswith("to_image"):
            value = torch.cat([value, torch.randn(1, *value.shape[1:])])  # as many channels as it reads: 4
        if theirs.endswith("gamma"):
            value = value.view(1)
        spectral = name.endswith("weight") and name != "classes.weight"
        if spectral:
            renamed[f"{theirs}_u"] = first(len(value))
            renamed[f"{theirs}_v"] = first(value[0].numel())
        renamed[f"{theirs}_orig" if spectral else theirs] = value
    return renamed


DEEP_CONFIG = {
    "output_dim": 32,
    "z_dim": 6,
    "class_embed_dim": 5,
    "channel_width": 4,
    "num_classes": 3,
    "layers": DEEP_BLOCKS,
    "attention_layer_position": 2,
    "eps": 1e-4,
    "n_stats": 51,
}


def biggan_for_export(**options: bool) -> BigGAN:
    generator = small_biggan(**options)
    for name, value in generator.state_dict().items():
        if name.endswith("weight") and not (generator.shared is None and "norm" in name):
            unit(value.data)
    return generator.freeze()


def biggan_layout(generator: BigGAN) -> Tensors:
    """The tensors under the names of Brock's code."""
    renamed: Tensors = {}
    for name, value in generator.state_dict().items():
        first_part, _, rest = name.partition(".")
        theirs = {"shared": "shared.weight", "linear": name, "to_image": f"output_layer.2.{rest}"}.get(
            first_part
        )
        if theirs is None and first_part == "norm":
            theirs = f"output_layer.0.{rest}"
        elif theirs is None:
            number, _, rest = rest.partition(".")
            theirs = f"blocks.{number}.{int(first_part == 'attention')}.{rest}"
        for ours, other in (
            (".norm", ".bn"),
            ("offset", "bias"),
            (".shortcut", ".conv_sc"),
            ("query", "theta"),
            ("key", "phi"),
            ("value", "g"),
            ("1.out", "1.o"),
        ):
            theirs = theirs.replace(ours, other)
        for ours, other in (("mean", "stored_mean"), ("variance", "stored_var")):
            theirs = theirs.removesuffix(ours) + other if theirs.endswith(f".{ours}") else theirs
        renamed[theirs] = value.clone(memory_format=torch.contiguous_format)
        if theirs.endswith(".weight") and theirs != "shared.weight":
            if generator.shared is None and ".bn" in theirs:
                renamed[theirs] = value.T.clone()
                continue
            renamed[theirs.removesuffix("weight") + "u0"] = first(len(value))[None]
            renamed[theirs.removesuffix("weight") + "sv0"] = torch.ones(1)
    return renamed


def test_biggan_deep_comes_back_bit_by_bit() -> None:
    ours = deep_for_export()
    network = Network("test", deep_layout(ours), DEEP_CONFIG)
    assert biggan_deep.recognize(network)
    assert not biggan.recognize(network)
    loaded, ignored = biggan_deep.build(network)
    assert ignored == []
    assert loaded.settings() == ours.settings()
    assert loaded.fingerprint() == ours.fingerprint()
    latents = ours.from_seeds([1, 2])
    assert torch.equal(loaded.for_class(0)(latents), ours(latents))
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert loaded.device.type == "cpu"


@pytest.mark.parametrize(
    "options", [{}, {"hierarchical": False}, {"hierarchical": False, "shared": False}], ids=str
)
def test_biggan_comes_back_bit_by_bit(options: dict[str, bool]) -> None:
    ours = biggan_for_export(**options)
    network = Network("test", biggan_layout(ours))
    assert biggan.recognize(network)
    assert not biggan_deep.recognize(network)
    loaded, ignored = biggan.build(network)
    assert ignored
    assert all(name.endswith(".sv0") for name in ignored)
    assert loaded.settings() == ours.settings()
    assert loaded.fingerprint() == ours.fingerprint()
    latents = ours.from_seeds([1, 2])
    assert torch.equal(loaded.for_class(0)(latents), ours(latents))
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_neither_is_seen_in_other_files() -> None:
    for tensors in ({}, {"main.0.weight": torch.zeros(1)}, {"linear.weight": torch.zeros(1)}):
        network = Network("test", tensors)
        assert not biggan.recognize(network)
        assert not biggan_deep.recognize(network)


def test_counted_statistics_are_means_and_the_count_is_no_left_over() -> None:
    sums, _ = biggan.build(Network("test", published_biggan(norm="sums")))
    plain, _ = biggan.build(Network("test", published_biggan(norm="plain")))
    state = plain.state_dict()
    for name, value in sums.state_dict().items():
        torch.testing.assert_close(value, state[name])
    tensors = published_biggan(norm="sums")
    for name in tensors:
        if name.endswith("counter"):
            tensors[name] = torch.zeros(1)  # never accumulated: the statistics are as they are
    raw, _ = biggan.build(Network("test", tensors))
    assert torch.equal(raw.norm.mean, tensors["output_layer.0.bn.stored_mean"])


def test_tensors_without_use_are_told() -> None:
    _, ignored = biggan.build(Network("test", published_biggan(norm="devices")))
    assert {name.rpartition(".")[2] for name in ignored} == {"sv0", "num_batches_tracked"}


@pytest.mark.parametrize(
    ("options", "config", "eps"),
    [
        ({}, {}, 1e-5),
        ({"logged": False}, {}, 1e-4),
        ({"spectral": False}, {}, 1e-5),
        ({"logged": False}, {"bn_eps": 1e-3}, 1e-3),
    ],
)
def test_eps_of_biggan(options: dict[str, bool], config: dict[str, float], eps: float) -> None:
    tensors = published_biggan(**options)  # type: ignore[arg-type]
    assert biggan.build(Network("test", tensors, config))[0].settings()["bn_eps"] == eps


def lose(name: str) -> Callable[[Tensors], object]:
    return lambda tensors: tensors.pop(name)


def put(name: str, value: Any) -> Callable[[Tensors], object]:
    return lambda tensors: tensors.__setitem__(name, value)


NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lose("blocks.1.0.bn2.stored_var"), r"lacks blocks\.1\.0\.bn2\.stored_var"),
        (lose("blocks.1.0.conv2.u0"), r"lacks blocks\.1\.0\.conv2\.u0"),
        (lose("blocks.1.1.gamma"), r"lacks blocks\.1\.1\.gamma"),
        (lose("linear.bias"), r"lacks linear\.bias"),
        (lose("blocks.1.0.conv1.weight"), r"belong nowhere: blocks\.1\."),
        (put("blocks.9.0.conv1.weight", torch.zeros(1)), r"belong nowhere: blocks\.9\.0\.conv1\.weight"),
        (put("linear.u1", torch.zeros(1)), r"belong nowhere: linear\.u1"),
        (put("linear.weight", torch.zeros(3)), r"'linear\.weight' .* is \(3,\); expected 2 dimensions"),
        (put("linear.weight", torch.ones(200, 3)), r"is \(200, 3\); expected 16 x 16 rows"),
        (put("linear.weight", torch.zeros(256, 3)), r"'linear\.weight' .* has a spectral norm of 0"),
        (put("linear.weight", torch.full((256, 3), NAN)), r"not finite, in linear\.weight"),
        (put("linear.u0", torch.full((1, 256), NAN)), r"not finite, in linear\.u0"),
        (put("linear.u0", torch.ones(1, 9)), r"'linear\.u0' .* is \(1, 9\); expected \(1, 256\)"),
        (put("blocks.1.0.conv1.weight", torch.ones(8, 5, 3, 3)), r"block 1 .* reads 5 channels; .* are 12"),
        (put("blocks.1.0.conv1.weight", torch.ones(8, 12, 5, 5)), r"\(8, 12, 5, 5\); expected"),
        (put("blocks.0.0.bn1.gain.weight", torch.ones(16, 6)), r"read 6 numbers; expected 5 .* or 8"),
        (put("blocks.0.0.bn2.gain.weight", torch.ones(12, 6)), r"\(12, 6\); expected \(12, 8\)"),
        (put("shared.weight", torch.ones(0, 5)), r"'shared\.weight' .* is \(0, 5\)"),
        (put("blocks.0.1.theta.weight", torch.ones(1, 8, 1, 1)), r"lacks blocks\.0\.1\.theta\.u0"),
    ],
)
def test_what_does_not_fit_a_biggan_is_named(change: Callable[[Tensors], object], said: str) -> None:
    tensors = published_biggan()
    change(tensors)
    with pytest.raises(InputError, match=said):
        biggan.build(Network("test", tensors))


@pytest.mark.parametrize("config", [{"bn_eps": "x"}, {"sn_eps": 0}, {"bn_eps": True}, {"bn_eps": NAN}])
def test_impossible_eps_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"expected a number in \(0, 1\)"):
        biggan.build(Network("test", published_biggan(), config))


BN = "generator.layers.1.bn_2"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lose(f"{BN}.running_vars"), r"lacks generator\.layers\.1\.bn_2\.running_vars"),
        (lose(f"{BN}.scale.weight_u"), r"lacks generator\.layers\.1\.bn_2\.scale\.weight_u"),
        (lose("generator.layers.2.snconv1x1_g.weight_orig"), r"lacks .*snconv1x1_g\.weight_orig"),
        (lose("generator.bn.weight"), r"lacks generator\.bn\.weight"),
        (lose("generator.layers.1.conv_0.weight_orig"), r"after 1 blocks it lacks the next"),
        (lose("generator.layers.4.conv_0.weight_orig"), r"after 3 blocks it lacks the next"),
        (put("extra", torch.zeros(1)), r"belong nowhere: extra"),
        (put("generator.gen_z.weight_orig", torch.zeros(3)), r"gen_z\.weight_orig.* expected 2 dimensions"),
        (put("generator.gen_z.weight_orig", torch.zeros(256, 11)), r"has a spectral norm of 0"),
        (put("generator.gen_z.weight_orig", torch.zeros(256, 4)), r"sizes are -1 \(z\)"),
        (put("generator.gen_z.weight_u", torch.full((256,), NAN)), r"not finite, in .*gen_z\.weight_u"),
        (put("generator.gen_z.weight_v", torch.ones(9)), r"weight_v' .* is \(9,\); expected \(11,\)"),
        (put("generator.bn.running_means", torch.zeros(1, 4)), r"and 1 \(statistics\)"),
        (put(f"{BN}.running_means", torch.zeros(50, 4)), r"\(50, 4\); expected \(51, 4\)"),
        (put("generator.layers.1.conv_0.weight_orig", torch.ones(4, 8, 1, 1)), r"from 8 to 16 channels"),
        (put("generator.layers.0.conv_0.weight_orig", torch.ones(4, 18, 1, 1)), r"from 18 to 16 channels"),
    ],
)
def test_what_does_not_fit_a_biggan_deep_is_named(change: Callable[[Tensors], object], said: str) -> None:
    tensors = deep_layout(small_biggan_deep())
    change(tensors)
    with pytest.raises(InputError, match=said):
        biggan_deep.build(Network("test", tensors, DEEP_CONFIG))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"z_dim": 7}, r"another checkpoint's: it says z_dim=7, the tensors 6"),
        ({"class_embed_dim": "x"}, r"it says class_embed_dim='x', the tensors 5"),
        ({"channel_width": 10**30}, r"channel_width=10+, the tensors 4"),
        ({"num_classes": 1000}, r"num_classes=1000, the tensors 3"),
        ({"n_stats": 50}, r"n_stats=50, the tensors 51"),
        ({"attention_layer_position": 8}, r"attention_layer_position=8, the tensors 2"),
        ({"eps": "small"}, r"eps='small'; expected a number in \(0, 1\)"),
        ({"eps": -1e-4}, r"eps=-0\.0001; expected a number"),
        ({"layers": "many"}, r"'layers' must be a list of"),
        ({"layers": [[0, 4, 4]]}, r"'layers' must be a list of"),
        ({"layers": [[True, 4]]}, r"'layers' must be a list of"),
        ({"layers": DEEP_BLOCKS[1:]}, r"'layers' have other channels"),
        ({"layers": [[False, 4, 4]] * 4}, r"'layers' have other channels"),
        ({"output_dim": 64}, r"output_dim=64; its layers make pictures of 32"),
    ],
)
def test_a_configuration_that_does_not_belong_is_refused(change: dict[str, Any], said: str) -> None:
    network = Network("test", deep_layout(small_biggan_deep()), DEEP_CONFIG | change)
    with pytest.raises(InputError, match=said):
        biggan_deep.build(network)


def test_without_configuration_only_published_layouts_are_known() -> None:
    with pytest.raises(InputError, match=r"from its config\.json only"):
        biggan_deep.build(Network("test", deep_layout(small_biggan_deep())))
    for channels in biggan_deep.MULTIPLIERS:
        blocks = [[i % 2, *pair] for i, pair in enumerate(pairwise(channels))]
        ours = BigGANDeep(3, 2, 4, 2, blocks)
        tensors = deep_layout(ours)
        for name, value in tensors.items():
            if name.endswith("weight_orig"):
                value.view(-1)[0] = 1
        loaded, _ = biggan_deep.build(Network("test", tensors))
        assert loaded.settings() == ours.settings()
        assert loaded.resolution == 4 << (len(blocks) // 2)


def test_a_deep_generator_may_have_no_attention() -> None:
    ours = BigGANDeep(3, 2, 4, 2, DEEP_BLOCKS, attention=None)
    tensors = deep_layout(ours)
    for name, value in tensors.items():
        if name.endswith("weight_orig"):
            value.view(-1)[0] = 1
    loaded, _ = biggan_deep.build(Network("test", tensors, {"layers": DEEP_BLOCKS}))
    assert loaded.settings() == ours.settings()
