"""ProGAN in each published layout: written from our own tensors, imported, equal bit for bit."""

import math
from collections.abc import Callable

import pytest
import torch
from tests.checkpoints.layouts import check_that_damage_is_named, reader, run_layer
from tests.generators.precise import in_float64, same
from tests.generators.small_stylegan import randomize, small_progan
from tests.rounding import assert_rounded
from torch import Tensor
from torch.nn.functional import conv2d

from latentclr import InputError
from latentclr.checkpoints.network import Network
from latentclr.checkpoints.progan import LAYOUTS
from latentclr.generators.progan import ProGAN

Tensors = dict[str, Tensor]
read = reader(LAYOUTS, ProGAN)


# ---- writers, each from its layout's description ----------------------------------------------------------


def parts(g: ProGAN) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer, the projection first, the picture last."""
    state = {name: value.clone() for name, value in g.state_dict().items()}
    layers = [(state[f"blocks.{k}.conv.weight"], state[f"blocks.{k}.bias"]) for k in range(len(g.blocks))]
    first = (state["project.weight"], state["project.bias"])
    return [first, *layers, (state["to_image.conv.weight"], state["to_image.bias"])]


def as_convolutions(g: ProGAN) -> list[tuple[Tensor, Tensor]]:
    """The same with the projection as the ports keep it: (channels, z, 4, 4), read backwards."""
    (matrix, bias), *others = parts(g)
    channels, z_dim = len(matrix) // 16, matrix.shape[1]
    kernel = torch.empty(channels, z_dim, 4, 4)
    for c in range(channels):
        for i in range(4):
            for j in range(4):
                kernel[c, :, 3 - i, 3 - j] = matrix[c * 16 + i * 4 + j]
    return [(kernel, bias), *others]


def as_tensorflow(g: ProGAN, *, fused: bool) -> Network:
    *layers, (image, image_bias) = parts(g)
    tensors: Tensors = {"lod": torch.tensor(0.0)}
    for k, (weight, bias) in enumerate(layers):
        r = 4 << (k // 2)
        up = "Conv0_up" if fused else "Conv0"
        place = f"{r}x{r}/" + (("Dense", "Conv")[k] if k < 2 else (up, "Conv1")[k % 2])
        if k == 0:
            tensors[f"{place}/weight"] = weight.T
        elif k % 2 == 0 and fused:
            tensors[f"{place}/weight"] = weight.flip(2, 3).permute(2, 3, 0, 1)
        else:
            tensors[f"{place}/weight"] = weight.permute(2, 3, 1, 0)
        tensors[f"{place}/bias"] = bias
    for lod in range(len(layers) // 2):
        tensors[f"ToRGB_lod{lod}/weight"] = image.permute(2, 3, 1, 0) if lod == 0 else torch.ones(1, 1, 9, 3)
        tensors[f"ToRGB_lod{lod}/bias"] = image_bias if lod == 0 else torch.ones(3)
    arguments = {"num_channels": 3, "resolution": 16, "label_size": 0, "fused_scale": fused}
    config = {"version": 2, "static_kwargs": arguments, "build_func_name": {"": "G_paper"}}
    return Network("NVIDIA TensorFlow pickle", tensors, config)


def as_genforce(g: ProGAN, *, fused: bool) -> Network:
    *layers, image = as_convolutions(g)
    if fused:
        layers = [
            (weight.flip(2, 3).transpose(0, 1) if k and k % 2 == 0 else weight, bias)
            for k, (weight, bias) in enumerate(layers)
        ]
    tensors = {"lod": torch.tensor(0.0)}
    for k, (weight, bias) in enumerate(layers):
        tensors |= {f"layer{k}.weight": weight, f"layer{k}.bias": bias}
    blocks = len(layers) // 2
    for i in range(blocks):
        weight, bias = image if i == blocks - 1 else (torch.ones(3, 9, 1, 1), torch.ones(3))
        tensors |= {f"output{i}.weight": weight, f"output{i}.bias": bias}
    return Network("torch file (zip)", tensors)


def as_legacy(g: ProGAN, first: int, last: str, *, scaled: bool) -> Network:
    """The older ports: layers from a number on, the picture's by a name, and perhaps the scale of each."""
    *layers, image = as_convolutions(g)
    prefix = "features." if scaled else "layer"
    named = {f"{prefix}{k}": layer for k, layer in enumerate(layers, first)} | {last: image}
    tensors: Tensors = {}
    for name, (weight, bias) in named.items():
        tensors |= {f"{name}.conv.weight": weight, f"{name}.wscale.b": bias}
        if scaled:
            gain = 1.0 if name == last else math.sqrt(2)
            tensors[f"{name}.wscale.scale"] = torch.tensor([gain / math.sqrt(weight[0].numel())])
    return Network("torch file (legacy)", tensors)


def as_dissection(g: ProGAN) -> Network:
    return as_legacy(g, 1, f"output_{g.resolution}x{g.resolution}", scaled=False)


def as_ptrblck(g: ProGAN) -> Network:
    return as_legacy(g, 0, "output", scaled=True)


WRITERS: dict[str, tuple[Callable[[ProGAN], Network], str, int]] = {
    "tensorflow": (lambda g: as_tensorflow(g, fused=False), "ProGAN (NVIDIA, TensorFlow)", 5),
    "tensorflow-fused": (lambda g: as_tensorflow(g, fused=True), "ProGAN (NVIDIA, TensorFlow)", 5),
    "genforce": (lambda g: as_genforce(g, fused=False), "ProGAN (genforce)", 5),
    "genforce-fused": (lambda g: as_genforce(g, fused=True), "ProGAN (genforce)", 5),
    "dissection": (as_dissection, "ProGAN (GAN Dissection)", 0),
    "ptrblck": (as_ptrblck, "ProGAN (ptrblck)", 0),
}
"""How each is written, its name, and how many tensors of it are of no use."""


@pytest.fixture(params=WRITERS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_import_gives_back_every_bit(layout: str) -> None:
    write, kind, useless = WRITERS[layout]
    ours = small_progan()
    generator, ignored, name = read(write(ours))
    assert name == kind
    assert len(ignored) == useless
    assert generator.fingerprint() == ours.fingerprint()
    latents = ours.from_seeds([1, 2])
    assert torch.equal(generator(latents), ours(latents))


def test_sizes_are_read_off_the_file(layout: str) -> None:
    for channels, z_dim in (((5,), 3), ((6, 5), 4), ((8, 8, 8, 4), 8)):
        ours = randomize(ProGAN(channels, z_dim))
        assert read(WRITERS[layout][0](ours))[0].fingerprint() == ours.fingerprint()


@pytest.mark.parametrize("fused", [True, False])
def test_doubling_layers_do_what_the_file_means(fused: bool) -> None:
    network = as_tensorflow(small_progan(), fused=fused)
    generator, *_ = read(network)
    x = torch.randn(2, 12, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    theirs = network.tensors["8x8/Conv0_up/weight" if fused else "8x8/Conv0/weight"]
    found = in_float64(generator).get_submodule("blocks.1.conv")(x)
    # A fused layer's weight is (height, width, out, in) here.
    same(found, run_layer(x, theirs.double().transpose(2, 3) if fused else theirs.double(), fused=fused))


def test_the_projection_does_what_the_file_means() -> None:
    generator = in_float64(small_progan())
    z = torch.randn(2, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    kernel = as_genforce(generator, fused=False).tensors["layer0.weight"].double()
    padded = conv2d(z[:, :, None, None], kernel, padding=3)
    same(padded, (z @ generator.style_weight("layer0").T).view(2, 12, 4, 4))


def test_stored_scales_are_put_into_the_weights() -> None:
    ours = small_progan()
    network = as_ptrblck(ours)
    tensors = dict(network.tensors)
    for name in ("features.0", "features.3", "output"):
        tensors[f"{name}.wscale.scale"] = tensors[f"{name}.wscale.scale"] * 2
        tensors[f"{name}.conv.weight"] = tensors[f"{name}.conv.weight"] / 2
    generator, *_ = read(Network("torch file", tensors))
    # Scales are float32 in the file: two roundings there, two here.
    for name, value in generator.state_dict().items():
        assert_rounded(value, ours.state_dict()[name], terms=4)


@pytest.mark.parametrize("damage", ["lost", "shape", "nan"])
def test_every_damaged_tensor_is_named(layout: str, damage: str) -> None:
    network = WRITERS[layout][0](small_progan())
    check_that_damage_is_named(read, LAYOUTS, network, damage, spared=read(network)[1])


@pytest.mark.parametrize("layout", ["tensorflow", "genforce"])
@pytest.mark.parametrize("lod", [1.5, float("nan")])
def test_a_network_that_is_still_growing_is_refused(layout: str, lod: float) -> None:
    network = WRITERS[layout][0](small_progan())
    tensors = {**network.tensors, "lod": torch.tensor(lod)}
    with pytest.raises(InputError, match=f"not fully grown: 'lod' is {lod}"):
        read(Network(network.container, tensors, network.config))


@pytest.mark.parametrize(
    ("argument", "value"),
    [("label_size", 10), ("use_pixelnorm", False), ("use_leakyrelu", False), ("use_wscale", False)],
)
def test_variants_are_refused_by_name(argument: str, value: object) -> None:
    network = as_tensorflow(small_progan(), fused=True)
    config = {"static_kwargs": {**network.config["static_kwargs"], argument: value}}
    with pytest.raises(InputError, match=f"the network has {argument}={value}"):
        read(Network(network.container, network.tensors, config))


def test_no_other_network_is_recognized() -> None:
    for names in (
        ("main.0.weight", "main.1.weight"),  # DCGAN
        ("synthesis.layer0.const", "synthesis.output0.weight", "mapping.dense0.weight"),  # StyleGAN
        ("synthesis/4x4/Const/const", "synthesis/ToRGB_lod0/weight"),
        ("synthesis.early_layer.const", "synthesis.layer0.weight"),  # StyleGAN2
        ("layer0.weight", "input0.weight"),  # genforce's discriminator
        ("4x4/Dense0/weight", "FromRGB_lod0/weight"),  # NVIDIA's
        ("layer1.0.conv1.weight", "conv1.weight"),  # ResNet
        ("features.0.weight", "classifier.0.weight"),  # VGG
    ):
        network = Network("torch file", dict.fromkeys(names, torch.zeros(1)))
        assert not any(kind.recognize(network) for kind in LAYOUTS)
