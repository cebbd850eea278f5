"""StyleGAN in each published layout: written from our own tensors, imported, equal bit for bit."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.checkpoints.layouts import check_that_damage_is_named, reader, run_layer
from tests.generators.precise import in_float64, same
from tests.generators.small_stylegan import randomize, small_stylegan
from torch import Tensor

from latentclr import InputError
from latentclr.checkpoints.network import Network
from latentclr.checkpoints.stylegan import LAYOUTS
from latentclr.generators.stylegan import StyleGAN

Tensors = dict[str, Tensor]
read = reader(LAYOUTS, StyleGAN)


def usual_stylegan(channels: tuple[int, ...] = (12, 10, 8), num_classes: int = 0) -> StyleGAN:
    """Like `small_stylegan`, with the learning rate that files of genforce do not hold."""
    settings = small_stylegan(channels, num_classes=num_classes).settings()
    return randomize(StyleGAN(**{**settings, "mapping_lr": 0.01}))


def is_fused(k: int, fused_from: float) -> bool:
    return k > 0 and k % 2 == 0 and 4 * 2 ** (k // 2) >= fused_from


# ---- writers, each from its layout's description ----------------------------------------------------------


def as_tensorflow(g: StyleGAN, fused_from: float = 128) -> Network:
    tensors: Tensors = {"lod": torch.tensor(0.0), "synthesis/lod": torch.tensor(0.0)}
    last = g.num_slots // 2 - 1
    for name, value in g.state_dict().items():
        first, *rest = name.split(".")
        if name == "w_avg":
            tensors["dlatent_avg"] = value
        elif name == "mapping.label_weight":
            tensors["mapping/LabelConcat/weight"] = value
        elif first == "mapping":
            tensors[f"mapping/Dense{rest[1]}/{rest[2]}"] = value.T if rest[2] == "weight" else value
        elif first == "to_image":
            is_weight = rest[-1] == "weight"
            tensors[f"synthesis/ToRGB_lod0/{rest[-1]}"] = value.permute(2, 3, 1, 0) if is_weight else value
        else:
            k = int(rest[0])
            r = 4 << (k // 2)
            scope = f"synthesis/{r}x{r}/" + (("Const", "Conv")[k] if k < 2 else ("Conv0_up", "Conv1")[k % 2])
            match rest[1:]:
                case ["const"]:
                    tensors[f"{scope}/const"] = value
                case ["conv", "weight"]:
                    kernel = value.flip(2, 3) if is_fused(k, fused_from) else value
                    tensors[f"{scope}/weight"] = kernel.permute(2, 3, 1, 0)
                case ["epilogue", "noise"]:
                    tensors[f"synthesis/noise{k}"] = value
                case ["epilogue", "noise_strength"]:
                    tensors[f"{scope}/Noise/weight"] = value
                case ["epilogue", "bias"]:
                    tensors[f"{scope}/bias"] = value
                case ["epilogue", "style", entry]:
                    tensors[f"{scope}/StyleMod/{entry}"] = value.T if entry == "weight" else value
    for lod in range(1, last + 1):
        tensors[f"synthesis/ToRGB_lod{lod}/weight"] = torch.ones(1, 1, 6, 3)
        tensors[f"synthesis/ToRGB_lod{lod}/bias"] = torch.ones(3)
    arguments = {"resolution": 4 << last, "num_channels": 3, "mapping_lrmul": g.settings()["mapping_lr"]}
    config = {"version": 4, "static_kwargs": arguments, "build_func_name": {"": "G_style"}}
    return Network("NVIDIA TensorFlow pickle", tensors, config)


def as_genforce(g: StyleGAN) -> Network:
    tensors: Tensors = {"synthesis.lod": torch.tensor(0.0)}
    last = g.num_slots // 2 - 1
    for name, value in g.state_dict().items():
        layer = re.match(r"blocks\.(\d+)\.", name)
        if layer is None:
            theirs = name.replace("mapping.dense.", "mapping.dense").replace("w_avg", "truncation.w_avg")
            theirs = theirs.replace("to_image.conv.", "to_image.")
            tensors[theirs.replace("to_image", f"synthesis.output{last}")] = value
            continue
        k, entry = int(layer[1]), name.removeprefix(layer[0])
        entry = {
            "conv.weight": "weight",
            "epilogue.noise": "apply_noise.noise",
            "epilogue.noise_strength": "apply_noise.weight",
        }.get(entry, entry.removeprefix("epilogue."))
        fused = entry == "weight" and is_fused(k, 128)
        tensors[f"synthesis.layer{k}.{entry}"] = value.flip(2, 3) if fused else value
        if k and k % 2 == 0:
            kernel = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16
            tensors[f"synthesis.layer{k}.blur.kernel"] = kernel.repeat(5, 1, 1, 1)
    for i in range(last):
        tensors[f"synthesis.output{i}.weight"] = torch.ones(3, 6, 1, 1)
        tensors[f"synthesis.output{i}.bias"] = torch.ones(3)
    return Network("torch file (zip)", tensors)


WRITERS: dict[str, tuple[Callable[[StyleGAN], Network], str, int]] = {
    "tensorflow": (as_tensorflow, "StyleGAN (NVIDIA, TensorFlow)", 6),
    "genforce": (as_genforce, "StyleGAN (genforce)", 7),
}
"""How each is written, its name, and how many tensors of it are of no use."""


@pytest.fixture(params=WRITERS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("num_classes", [0, 3])
def test_import_gives_back_every_bit(layout: str, num_classes: int) -> None:
    write, kind, useless = WRITERS[layout]
    ours = usual_stylegan(num_classes=num_classes)
    generator, ignored, name = read(write(ours))
    assert name == kind
    assert len(ignored) == useless
    assert generator.fingerprint() == ours.fingerprint()
    if num_classes:
        ours, generator = ours.for_class(2), generator.for_class(2)
    latents = ours.from_seeds([1, 2])
    assert torch.equal(generator.from_seeds([1, 2]), latents)
    assert torch.equal(generator(latents), ours(latents))


@pytest.mark.parametrize("channels", [(5,), (6, 6, 6, 4), (6, 6, 5, 5, 4, 3)])
def test_sizes_are_read_off_the_file(layout: str, channels: tuple[int, ...]) -> None:
    ours = usual_stylegan(channels)
    assert read(WRITERS[layout][0](ours))[0].fingerprint() == ours.fingerprint()


def test_the_learning_rate_of_the_mapping_is_an_argument() -> None:
    ours = small_stylegan()
    assert read(as_tensorflow(ours))[0].fingerprint() == ours.fingerprint()


@pytest.mark.parametrize(("option", "fused_from"), [("auto", 128), (True, 0), (False, math.inf), (None, 128)])
def test_fused_layers_are_an_argument(option: Any, fused_from: float) -> None:
    ours = usual_stylegan((6, 6, 5, 5, 4, 3))
    network = as_tensorflow(ours, fused_from)
    if option is not None:
        network.config["static_kwargs"]["fused_scale"] = option
    assert read(network)[0].fingerprint() == ours.fingerprint()


@pytest.mark.parametrize("fused", [True, False])
def test_doubling_layers_do_what_the_file_means(fused: bool) -> None:
    network = as_tensorflow(small_stylegan())
    network.config["static_kwargs"]["fused_scale"] = fused
    generator, *_ = read(network)
    x = torch.randn(2, 12, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = run_layer(x, network.tensors["synthesis/8x8/Conv0_up/weight"].double(), fused=fused)
    same(in_float64(generator).get_submodule("blocks.2.conv")(x), expected)


@pytest.mark.parametrize("damage", ["lost", "shape", "nan"])
def test_every_damaged_tensor_is_named(layout: str, damage: str) -> None:
    network = WRITERS[layout][0](usual_stylegan(num_classes=2))
    if layout == "tensorflow":
        network.config["static_kwargs"]["label_size"] = 2
    spared = read(network)[1]
    if damage == "lost":  # without it, it is an unconditional network, as far as anybody can see
        spared = [*spared, "mapping.label_weight"]
    check_that_damage_is_named(read, LAYOUTS, network, damage, spared)


def test_a_network_that_is_still_growing_is_refused(layout: str) -> None:
    network = WRITERS[layout][0](usual_stylegan())
    tensors = {**network.tensors, "synthesis/lod": torch.tensor(0.5), "synthesis.lod": torch.tensor(0.5)}
    with pytest.raises(InputError, match=r"not fully grown: 'synthesis.lod' is 0\.5"):
        read(Network(network.container, tensors, network.config))


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("use_noise", False),
        ("use_pixel_norm", True),
        ("use_instance_norm", False),
        ("nonlinearity", "relu"),
        ("mapping_nonlinearity", "relu"),
        ("normalize_latents", False),
        ("blur_filter", None),
        ("fused_scale", "sometimes"),
        ("mapping_lrmul", 0),
        ("mapping_lrmul", "fast"),
    ],
)
def test_variants_are_refused_by_name(argument: str, value: object) -> None:
    network = as_tensorflow(usual_stylegan())
    network.config["static_kwargs"][argument] = value
    with pytest.raises(InputError, match=f"the network has {argument}={value!r}"):
        read(network)


def test_usual_arguments_change_nothing() -> None:
    ours = usual_stylegan()
    network = as_tensorflow(ours)
    usual = {"blur_filter": (1, 2, 1), "use_styles": True, "truncation_psi": 0.7}
    network.config["static_kwargs"].update(usual)
    assert read(network)[0].fingerprint() == ours.fingerprint()


def test_another_blur_is_refused() -> None:
    network = as_genforce(usual_stylegan())
    name = "synthesis.layer4.blur.kernel"
    tensors = {**network.tensors, name: network.tensors[name] * 2}
    with pytest.raises(InputError, match=r"another filter than \[1, 2, 1\] \(synthesis\.layer4"):
        read(Network(network.container, tensors))


def test_no_other_network_is_recognized() -> None:
    for names in (
        ("synthesis.early_layer.const", "synthesis.layer0.noise_strength", "mapping.dense0.weight"),
        ("synthesis/4x4/Const/const", "synthesis/4x4/Conv/mod_weight", "mapping/Dense0/weight"),  # StyleGAN2
        ("synthesis.b4.const", "mapping.fc0.weight"),
        ("4x4/Dense/weight", "ToRGB_lod0/weight"),  # ProGAN
        ("layer0.weight", "output0.weight"),
    ):
        network = Network("torch file", dict.fromkeys(names, torch.zeros(1)))
        assert not any(kind.recognize(network) for kind in LAYOUTS)
