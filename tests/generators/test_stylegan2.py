"""StyleGAN2 against the original's outputs, and against a plain second formulation."""

import math
from typing import Any

import pytest
import torch
from tests.cases import assert_equal, config, expected, weights
from tests.generators.precise import in_float64, same
from tests.generators.small_stylegan2 import small_stylegan2
from torch import Tensor
from torch.nn.functional import conv2d, leaky_relu

from latentclr import InputError
from latentclr.checkpoints.network import Network
from latentclr.checkpoints.stylegan2 import LAYOUTS
from latentclr.generators import IMAGE, StyleGAN2
from latentclr.generators.stylegan2 import constant_map


def reference(case: str) -> StyleGAN2:
    network = Network("NVIDIA PyTorch pickle", weights(case))
    (kind,) = [kind for kind in LAYOUTS if kind.recognize(network)]
    generator, _ = kind.build(network)
    assert isinstance(generator, StyleGAN2)
    return in_float64(generator)


@pytest.mark.parametrize("case", ["ada_sg2_16_tiny", "ada_sg2_32"])
def test_every_output_of_the_original(case: str) -> None:
    generator, values = reference(case), expected(case)
    assert generator.num_slots == config(case)["num_ws"]
    checked = 0
    outputs = dict(generator.run(values["wp"]))
    for name, value in values.items():
        kind, _, module = name.partition(":synthesis.")
        if kind == "layer":
            assert_equal(outputs[generator.layer(f"synthesis.{module}").name], value, name)
        elif kind == "block" and module.endswith(".x"):
            assert_equal(outputs[f"{module[:-2]}.conv1"], value, name)
        elif kind == "block":
            picture = f"{module.removesuffix('.img')}.image"
            assert_equal(outputs.get(picture, outputs[IMAGE]), value, name)
        else:
            continue
        checked += 1
    assert checked >= 13
    assert_equal(generator.map(values["z"]), values["ws"], "w")
    assert_equal(generator.at(0.7).map(values["z"]), values["ws_psi0.7"], "truncated")
    assert_equal(generator.at(0.5, cutoff=3).map(values["z"]), values["ws_psi0.5_cutoff3"], "cutoff")
    for name in ("img_wp_const_fused0", "img_wp_const_fused1"):
        assert_equal(generator(values["wp"]), values[name], name)
    assert_equal(generator(generator.at(0.7).map(values["z"])), values["img_z_psi0.7_const"])
    with torch.no_grad():
        for name, value in generator.named_parameters():
            if name.endswith("noise_strength"):
                value.zero_()
    assert_equal(generator(values["wp"]), values["img_wp_none"], "without noise")


# ---- a second formulation: weights for each sample, nothing folded, resampling by zeros ------------------


def plain_linear(x: Tensor, weight: Tensor, bias: Tensor, lr: float) -> Tensor:
    return x @ (weight * lr / math.sqrt(weight.shape[1])).T + bias * lr


def plain_upsample(x: Tensor, kernel: Tensor) -> Tensor:
    n, c, h, w = x.shape
    wide = torch.zeros(n, c, 2 * h + 3, 2 * w + 3, dtype=x.dtype)
    wide[:, :, 2:-1:2, 2:-1:2] = x
    weight = (4 * kernel).flip(0, 1).expand(c, 1, 4, 4)
    return conv2d(wide, weight, groups=c)


def plain_modulated(x: Tensor, weight: Tensor, style: Tensor, kernel: Tensor, *, up: bool) -> Tensor:
    outputs = []
    for sample, factors in zip(x, style, strict=True):
        own = weight * factors[None, :, None, None]
        own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:  # a transposed convolution, as zeros between pixels and a mirrored kernel
            c, h, w = sample.shape
            wide = torch.zeros(1, c, 2 * h + 3, 2 * w + 3, dtype=x.dtype)
            wide[0, :, 2:-2:2, 2:-2:2] = sample
            doubled = conv2d(wide, own.flip(2, 3))
            channels = len(weight)
            blur = (4 * kernel).flip(0, 1).expand(channels, 1, 4, 4)
            outputs.append(conv2d(doubled, blur, padding=1, groups=channels))
        else:
            outputs.append(conv2d(sample.unsqueeze(0), own, padding=1))
    return torch.cat(outputs)


def plain_run(g: StyleGAN2, ws: Tensor) -> dict[str, Tensor]:
    state = g.state_dict()
    s, kernel = g.settings(), state["resample_filter"]
    residual = s["architecture"] == "resnet"
    found: dict[str, Tensor] = {}

    def conv(x: Tensor, name: str, w: Tensor, *, up: bool, gain: float = 1.0) -> Tensor:
        part = {key.removeprefix(f"synthesis.{name}."): value for key, value in state.items()}
        style = plain_linear(w, part["affine.weight"], part["affine.bias"], 1.0)
        y = plain_modulated(x, part["weight"], style, kernel, up=up)
        if s["noise"]:
            y = y + part["noise_const"] * part["noise_strength"]
        y = leaky_relu(y + part["bias"][:, None, None], 0.2) * math.sqrt(2) * gain
        if s["clamp"] is not None:
            y = y.clamp(-s["clamp"] * gain, s["clamp"] * gain)
        found[name] = y
        return y

    def torgb(x: Tensor, name: str, w: Tensor) -> Tensor:
        part = {key.removeprefix(f"synthesis.{name}.torgb."): value for key, value in state.items()}
        style = plain_linear(w, part["affine.weight"], part["affine.bias"], 1.0) / math.sqrt(x.shape[1])
        y = torch.stack(
            [
                conv2d(sample, part["weight"] * factors[None, :, None, None]) + part["bias"][:, None, None]
                for sample, factors in zip(x, style, strict=True)
            ]
        )
        return y if s["clamp"] is None else y.clamp(-s["clamp"], s["clamp"])

    x = state["synthesis.b4.const"].expand(len(ws), -1, -1, -1)
    picture = None
    for i in range(len(s["channels"])):
        name = f"b{4 << i}"
        if i == 0:
            x = conv(x, "b4.conv1", ws[:, 0], up=False)
        else:
            before = x
            x = conv(x, f"{name}.conv0", ws[:, 2 * i - 1], up=True)
            gain = math.sqrt(0.5) if residual else 1.0
            x = conv(x, f"{name}.conv1", ws[:, 2 * i], up=False, gain=gain)
            if residual:
                shortcut = conv2d(before, state[f"synthesis.{name}.skip.weight"] / math.sqrt(before.shape[1]))
                x = x + plain_upsample(shortcut, kernel) * math.sqrt(0.5)
                found[name] = x
        if f"synthesis.{name}.torgb.weight" in state:
            added = torgb(x, name, ws[:, 2 * i + 1])
            if s["architecture"] == "skip":
                found[f"{name}.torgb"] = added
                found[f"{name}.image"] = picture = (
                    added if picture is None else plain_upsample(picture, kernel) + added
                )
            else:
                picture = added
    assert picture is not None
    found[IMAGE] = picture
    return found


def z_of(generator: StyleGAN2, n: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(n, generator.z_dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def different_ws(generator: StyleGAN2) -> Tensor:
    """Another w in each slot."""
    ws = generator.map(z_of(generator))
    return ws + 0.3 * torch.randn(ws.shape, generator=torch.Generator().manual_seed(2))


VARIANTS: list[dict[str, Any]] = [
    {},
    {"architecture": "resnet"},
    {"architecture": "orig"},
    {"clamp": 0.7},
    {"clamp": 0.7, "architecture": "resnet"},
    {"noise": False},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_every_layer_equals_the_plain_formulation(changes: dict[str, Any]) -> None:
    generator = in_float64(small_stylegan2(**changes))
    ws = different_ws(generator)
    plain = plain_run(generator, ws)
    for name, output in generator.run(ws):
        same(output, plain[name], what=name)
    if "clamp" in changes:
        assert max(float(x.abs().max()) for x in plain.values()) > 0.69


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_folded_equals_unfolded(changes: dict[str, Any]) -> None:
    generator = in_float64(small_stylegan2(**changes))
    ws = different_ws(generator)
    folded = generator(ws)
    generator.train()  # nothing folded is used in training, where weights move
    same(generator(ws), folded)


def test_the_first_layer_is_a_linear_map_of_its_style() -> None:
    rng = torch.Generator().manual_seed(0)
    const, weight, style = (
        torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((6, 4, 4), (5, 6, 3, 3), (2, 6))
    )
    convolved = conv2d(const * style[:, :, None, None], weight, padding=1)
    same((style @ constant_map(const, weight).T).view(2, 4, 4, 5).permute(0, 3, 1, 2), convolved)


# ---- classes, spaces, crops ------------------------------------------------------------------------------


@pytest.mark.parametrize("joint", [False, True])
def test_conditional_mapping_by_hand(joint: bool) -> None:
    generator = in_float64(small_stylegan2(num_classes=3, embed_dim=5, joint_embedding=joint))
    state = generator.state_dict()
    z = z_of(generator, 4)

    def normal(x: Tensor) -> Tensor:
        return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()

    for label in range(3):
        column = state["mapping.embed.weight"][:, label].expand(4, -1)
        if joint:
            x = normal(torch.cat([z, column], 1))
        else:
            embedded = column / math.sqrt(3) + state["mapping.embed.bias"]
            x = torch.cat([normal(z), normal(embedded)], 1)
        for i in range(2):
            y = plain_linear(x, state[f"mapping.fc{i}.weight"], state[f"mapping.fc{i}.bias"], 0.01)
            x = leaky_relu(y, 0.2) * math.sqrt(2)
        same(generator.for_class(torch.eye(3).double()[label]).map(z)[:, 2], x)


def test_a_class_must_be_chosen() -> None:
    generator = small_stylegan2(num_classes=3, embed_dim=5)
    with pytest.raises(InputError, match=r"small draws 3 classes: choose one with for_class.*--class"):
        generator.from_seeds([0])


@pytest.mark.parametrize("psi", [1.0, 0.6])
def test_pictures_are_the_same_from_z_and_from_w(psi: float) -> None:
    in_w = in_float64(small_stylegan2()).at(psi, cutoff=4 if psi < 1 else None)
    in_z = in_w.in_space("z")
    assert (in_z.space, in_z.latent_dim, in_z.num_slots) == ("z", 10, 6)
    z = z_of(in_w)
    assert in_z.map(z).shape == (3, 6, 10)
    same(in_z(in_z.map(z)), in_w(in_w.map(z)))
    assert in_z.style_weight("b8.conv0").shape == (14, 10)
    assert torch.equal(in_z.in_space("w")(in_w.map(z)), in_w(in_w.map(z)))


def test_in_z_each_slot_is_mapped_alone() -> None:
    in_w = in_float64(small_stylegan2())
    in_z = in_w.in_space("z")
    one, other = z_of(in_w, seed=1), z_of(in_w, seed=2)
    mixed, ws = (torch.cat([g.map(one)[:, :2], g.map(other)[:, 2:]], dim=1) for g in (in_z, in_w))
    same(in_z(mixed), in_w(ws))


def test_spaces_and_cutoffs_that_there_are_not() -> None:
    generator = small_stylegan2()
    with pytest.raises(InputError, match="latents in w or z"):
        generator.in_space("s")
    with pytest.raises(InputError, match=r"cutoff=7: give a number of slots, 0 to 6"):
        generator.at(0.7, cutoff=7)


def test_a_crop_is_the_middle_of_the_whole_picture() -> None:
    whole = small_stylegan2()
    cropped = small_stylegan2(height=12)
    latents = whole.from_seeds([0, 1])
    assert cropped.resolution == 12
    assert torch.equal(cropped(latents), whole(latents)[:, :, 2:14])
    assert cropped.preview(latents, 8).shape == (2, 3, 6, 8)


def test_a_preview_is_the_sum_up_to_its_resolution() -> None:
    generator = small_stylegan2()
    latents = generator.from_seeds([0])
    assert torch.equal(generator.preview(latents, 8), generator.features(latents, "b8.image"))
    assert generator.preview(latents, 6).shape == (1, 3, 6, 6)


def test_aliases_of_the_papers() -> None:
    generator = small_stylegan2()
    assert generator.layer("conv1").name == "b4.conv1"
    assert generator.layer("convs.0").name == "b8.conv0"
    assert generator.layer("convs.3").name == "b16.conv1"
    assert generator.layer("to_rgbs.0").name == "b8.image"
    assert generator.layer("synthesis.b16.torgb").name == "b16.torgb"


@pytest.mark.parametrize(
    ("resolution", "base", "mapping", "parameters"),
    [
        (256, 16384, 8, 24_767_458),
        (256, 32768, 8, 30_034_338),
        (512, 32768, 8, 30_276_583),
        (1024, 16384, 8, 24_900_764),
        (1024, 32768, 8, 30_370_060),
    ],
)
def test_published_parameter_counts(resolution: int, base: int, mapping: int, parameters: int) -> None:
    sizes = [4 << i for i in range(int(math.log2(resolution)) - 1)]
    with torch.device("meta"):
        generator = StyleGAN2(resolution, [min(base // r, 512) for r in sizes], mapping=(512,) * mapping)
    assert sum(p.numel() for p in generator.parameters()) == parameters
    assert generator.num_slots == 2 * int(math.log2(resolution)) - 2


def test_training_starts_from_weights_of_one_size_as_they_are_used() -> None:
    # Equalised learning rates: weights are stored without their scale; the rate of the mapping is .01.
    generator = StyleGAN2(16, (16, 12, 8), z_dim=24, mapping=(24, 24))
    generator.initialize(torch.Generator().manual_seed(0))
    sizes = {name: value.std() for name, value in generator.state_dict().items() if value.numel() >= 500}
    assert {name.startswith("mapping.fc") for name in sizes} == {True, False}
    for (
        name,
        size,
    ) in sizes.items():  # the deviation of 500 normal numbers is known to 3 %: 20 % is six times that
        assert float(size) == pytest.approx(100.0 if name.startswith("mapping.fc") else 1.0, rel=0.2), name
