"""StyleGAN2 in each published layout: written from our own tensors, imported, equal bit for bit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.cases import assert_equal, config, expected, weights
from tests.generators.precise import in_float64
from tests.generators.small_stylegan2 import small_stylegan2
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError
from latentclr.checkpoints.network import Layout, Network
from latentclr.checkpoints.stylegan2 import LAYOUTS
from latentclr.generators import StyleGAN2

Tensors = dict[str, Tensor]


def read(network: Network) -> tuple[StyleGAN2, list[str], Layout]:
    kinds = [kind for kind in LAYOUTS if kind.recognize(network)]
    if not kinds:
        raise InputError("no known kind")
    generator, ignored = kinds[0].build(network)
    assert isinstance(generator, StyleGAN2)
    return generator.freeze(), ignored, kinds[0]


def doublings(name: str) -> int:
    return int(name.removeprefix("b")).bit_length() - 3


# ---- writers, each from its layout's description ----------------------------------------------------------


def as_nvidia_torch(g: StyleGAN2) -> Network:
    tensors: Tensors = {}
    modules: dict[str, dict[str, Any]] = {"": {"class_name": "Generator", "z_dim": g.z_dim}}
    clamp = g.settings()["clamp"]
    for name, value in g.state_dict().items():
        if name != "resample_filter":
            tensors[name] = value.clone()
        layer, _, entry = name.rpartition(".")
        if entry == "weight" and layer.split(".")[-1] in ("conv0", "conv1", "torgb", "skip"):
            tensors[f"{layer}.resample_filter"] = g.resample_filter.clone()
            modules[layer] = {"conv_clamp": None if layer.endswith("skip") else clamp, "activation": "lrelu"}
            if layer.endswith("torgb"):
                del tensors[f"{layer}.resample_filter"], modules[layer]["activation"]
    tensors["synthesis.b16.resample_filter"] = g.resample_filter.clone()
    return Network("NVIDIA PyTorch pickle", tensors, {"modules": modules})


def as_nvidia_tensorflow(g: StyleGAN2) -> Network:
    tensors: Tensors = {"lod": torch.tensor(0.0)}
    joint = g.settings()["joint_embedding"]
    for name, value in g.state_dict().items():
        parts = name.split(".")
        if name == "mapping.w_avg":
            tensors["dlatent_avg"] = value
        elif parts[:2] == ["mapping", "embed"]:
            kind = "LabelConcat" if joint else "LabelEmbed"
            tensors[f"mapping/{kind}/{parts[2]}"] = value.T if parts[2] == "weight" else value
        elif parts[0] == "mapping":
            tensors[f"mapping/Dense{parts[1][2:]}/{parts[2]}"] = value.T if parts[2] == "weight" else value
        elif parts[0] == "synthesis":
            r = parts[1][1:]
            spelled = {
                "const": "Const",
                "conv0": "Conv0_up",
                "conv1": "Conv" if r == "4" else "Conv1",
                "torgb": "ToRGB",
                "skip": "Skip",
            }[parts[2]]
            place = f"synthesis/{r}x{r}/{spelled}"
            if parts[2] == "const":
                tensors[f"{place}/const"] = value.unsqueeze(0)
            elif parts[3] == "affine":
                if parts[4] == "weight":
                    tensors[f"{place}/mod_weight"] = value.T
                else:
                    tensors[f"{place}/mod_bias"] = value - 1
            elif parts[3] == "noise_const":
                d = doublings(parts[1])
                number = 0 if d == 0 else 2 * d - (1 if parts[2] == "conv0" else 0)
                tensors[f"synthesis/noise{number}"] = value[None, None]
            elif parts[3] == "weight":
                stored = value.permute(2, 3, 1, 0)
                tensors[f"{place}/weight"] = stored.flip(0, 1) if parts[2] in ("conv0", "skip") else stored
            else:
                tensors[f"{place}/{parts[3]}"] = value
    given = {"resolution": 16, "conv_clamp": g.settings()["clamp"], "resample_kernel": [1, 3, 3, 1]}
    return Network("NVIDIA TensorFlow pickle", tensors, {"version": 4, "static_kwargs": given})


def as_rosinality(g: StyleGAN2) -> Network:
    tensors: Tensors = {}
    for name, value in g.state_dict().items():
        parts = name.split(".")
        if parts[0] == "mapping" and parts[1] != "w_avg":
            tensors[f"style.{int(parts[1][2:]) + 1}.{parts[2]}"] = value
        if parts[0] != "synthesis":
            continue
        d = doublings(parts[1])
        if parts[2] == "const":
            tensors["input.input"] = value.unsqueeze(0)
            continue
        number = 0 if d == 0 else 2 * d - (1 if parts[2] == "conv0" else 0)
        if parts[2] == "torgb":
            place = f"to_rgbs.{d - 1}" if d else "to_rgb1"
        else:
            place = f"convs.{number - 1}" if number else "conv1"
        entry = ".".join(parts[3:])
        if entry.startswith("affine."):
            tensors[f"{place}.conv.modulation.{parts[4]}"] = value
        elif entry == "weight":
            tensors[f"{place}.conv.weight"] = value.unsqueeze(0)
        elif entry == "noise_const":
            tensors[f"noises.noise_{number}"] = value[None, None]
        elif entry == "noise_strength":
            tensors[f"{place}.noise.weight"] = value.reshape(1)
        elif parts[2] == "torgb":
            tensors[f"{place}.bias"] = value.reshape(1, 3, 1, 1)
        else:
            tensors[f"{place}.activate.bias"] = value
    tensors["convs.0.conv.blur.kernel"] = g.resample_filter * 4
    tensors["to_rgbs.0.upsample.kernel"] = g.resample_filter * 4
    return Network("torch file (zip)", tensors, {"latent_avg": g.mapping.w_avg.clone()})


def as_genforce(g: StyleGAN2) -> Network:
    tensors: Tensors = {"truncation.w_avg": g.mapping.w_avg.clone()}
    for name, value in g.state_dict().items():
        parts = name.split(".")
        if parts[0] == "mapping" and parts[1] != "w_avg":
            tensors[f"mapping.dense{parts[1][2:]}.{parts[2]}"] = value
        if parts[0] != "synthesis":
            continue
        d = doublings(parts[1])
        if parts[2] == "const":
            tensors["synthesis.early_layer.const"] = value.unsqueeze(0)
            continue
        number = 0 if d == 0 else 2 * d - (1 if parts[2] == "conv0" else 0)
        place = f"synthesis.output{d}" if parts[2] == "torgb" else f"synthesis.layer{number}"
        entry = ".".join(parts[3:])
        if entry == "affine.weight":
            tensors[f"{place}.style.weight"] = value
        elif entry == "affine.bias":
            tensors[f"{place}.style.bias"] = value - 1
        elif entry == "noise_const":
            tensors[f"{place}.noise"] = value[None, None]
        elif entry == "weight":
            tensors[f"{place}.weight"] = value.flip(2, 3) if parts[2] == "conv0" else value
        else:
            tensors[f"{place}.{entry}"] = value
    tensors["synthesis.layer1.filter.kernel"] = g.resample_filter * 4
    tensors["synthesis.upsample.kernel"] = g.resample_filter * 4
    return Network("torch file (zip)", tensors)


WRITERS: dict[str, Callable[[StyleGAN2], Network]] = {
    "NVIDIA, PyTorch": as_nvidia_torch,
    "NVIDIA, TensorFlow": as_nvidia_tensorflow,
    "rosinality": as_rosinality,
    "genforce": as_genforce,
}


def exact(**changes: Any) -> StyleGAN2:
    """A small generator whose style biases survive - 1 + 1 without rounding."""
    generator = small_stylegan2(**changes)
    with torch.no_grad():
        for name, value in generator.named_parameters():
            if name.endswith("affine.bias"):
                value.copy_((value * 1024).round() / 1024)
    return generator.freeze()


CLASSES = {"num_classes": 3, "embed_dim": 5}
EVERYWHERE: list[dict[str, Any]] = [
    {},
    {"architecture": "resnet"},
    {"architecture": "orig"},
    {"clamp": 256.0},
    CLASSES,
    {"noise": False},
]
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *(("NVIDIA, PyTorch", changes) for changes in EVERYWHERE),
    *(("NVIDIA, TensorFlow", changes) for changes in [*EVERYWHERE, {**CLASSES, "joint_embedding": True}]),
    ("rosinality", {"z_dim": 12}),
    ("genforce", {}),
]


@pytest.mark.parametrize(("layout", "changes"), VARIANTS, ids=str)
def test_every_layout_gives_equal_tensors(layout: str, changes: dict[str, Any]) -> None:
    ours = exact(**changes)
    network = WRITERS[layout](ours)
    theirs, ignored, kind = read(network)
    assert kind.name == f"StyleGAN2 ({layout})"
    assert theirs.settings() == ours.settings()
    for name, value in ours.state_dict().items():
        assert torch.equal(theirs.state_dict()[name], value), name
    assert theirs.fingerprint() == ours.fingerprint()
    assert all("filter" in name or "kernel" in name or name == "lod" for name in ignored)


@pytest.mark.parametrize("layout", WRITERS)
def test_what_is_missing_or_left_over_is_named(layout: str) -> None:
    network = WRITERS[layout](exact())
    names = list(network.tensors)
    _, ignored, _ = read(network)
    for name in names:
        may_be_missing = name.startswith("noises.") or name == "mapping.w_avg" or name in ignored
        if may_be_missing:
            continue
        less = {key: value for key, value in network.tensors.items() if key != name}
        with pytest.raises(InputError, match=r"lacks|belong nowhere|is no|some resolutions|no known"):
            read(Network(network.container, less, network.config))
    more = {**network.tensors, "stranger": torch.zeros(1)}
    with pytest.raises(InputError, match="belong nowhere: stranger"):
        read(Network(network.container, more, network.config))
    broken = {**network.tensors, names[3]: network.tensors[names[3]] * float("nan")}
    with pytest.raises(InputError, match=f"not finite, in {names[3]}"):
        read(Network(network.container, broken, network.config))
    last = names[-5]
    wrong = {**network.tensors, last: torch.zeros(2, 2, 2)}
    with pytest.raises(InputError):
        read(Network(network.container, wrong, network.config))


def test_rosinality_reference() -> None:
    case = "rosinality_sg2_32"
    values = expected(case)
    content = {"latent_avg": values["latent_avg"].float()}
    generator = in_float64(read(Network("torch file (zip)", weights(case), content))[0])
    assert generator.num_slots == config(case)["n_latent"]
    assert_equal(generator.map(values["z"])[:, 0], values["w"], "w")
    assert_equal(generator(generator.map(values["z"])), values["img_buffers"])
    assert_equal(generator(generator.at(0.7).map(values["z"])), values["img_trunc0.7_buffers"])
    mixed = torch.cat([generator.map(values["z"])[:, :3], generator.map(values["z2"])[:, 3:]], dim=1)
    assert_equal(generator(mixed), values["img_mix_inject3"])
    assert_equal(generator(values["wp"]), values["img_wp_buffers"])
    state = generator.state_dict()
    for number in range(7):
        d = (number + 1) // 2
        conv = "conv1" if number % 2 == 0 else "conv0"
        state[f"synthesis.b{4 << d}.{conv}.noise_const"].copy_(values[f"noise_{number}"][0, 0])
    assert_equal(generator(values["wp"]), values["img_wp_noise"])
    outputs = dict(generator.run(values["wp"]))
    checked = [name for name in values if name.startswith("layer:") and not name.endswith((".conv", "input"))]
    assert len(checked) == 11
    for name in checked:
        layer = name.removeprefix("layer:")
        ours = "image" if layer == "to_rgbs.2" else generator.layer(layer).name
        assert_equal(outputs[ours], values[name], name)


def test_rosinality_without_mean_or_noise_maps() -> None:
    network = as_rosinality(exact(z_dim=12))
    less = {name: value for name, value in network.tensors.items() if not name.startswith("noises.")}
    one, _, _ = read(Network("torch file (zip)", less))
    two, _, _ = read(Network("torch file (zip)", less))
    assert one.fingerprint() == two.fingerprint()
    assert one.synthesis["b16"].get_buffer("conv1.noise_const").std() > 0.5
    z = torch.randn(20000, 12, generator=torch.Generator().manual_seed(5))
    w = one.mapping(z, None)
    assert_close(one.mapping.w_avg, w.mean(0), atol=float(w.std() * 4 / 4096**0.5), rtol=0)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["synthesis.input.freqs", "synthesis.b4.const"], "alias-free StyleGAN3"),
        (
            ["synthesis/4x4/Conv/mod_weight", "synthesis/ToRGB_lod0/weight"],
            r"progressively grown.*take config E",
        ),
    ],
)
def test_known_families_that_cannot_be_run_are_refused_by_name(names: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(Network("any", dict.fromkeys(names, torch.zeros(1))))


def test_other_activations_and_mixed_clamps_are_refused() -> None:
    for change, said in (
        ({"activation": "relu"}, "the activation 'relu'"),
        ({"conv_clamp": 3}, "different clamps"),
    ):
        network = as_nvidia_torch(exact(clamp=256.0))
        network.config["modules"]["synthesis.b8.conv0"].update(change)
        with pytest.raises(InputError, match=said):
            read(network)
    network = as_nvidia_tensorflow(exact())
    network.config["static_kwargs"]["mapping_lrmul"] = 0.1
    with pytest.raises(InputError, match=r"mapping_lrmul=0\.1; only 0\.01"):
        read(network)
