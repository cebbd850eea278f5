"""ProGAN checkpoints: NVIDIA's TensorFlow pickles and three PyTorch layouts.

All hold the same numbers: a projection, two convolutions for every resolution, and a 1 x 1 convolution to
colours (NVIDIA's and genforce's files one for every resolution, of which a grown network uses the last). They
differ in names, in the order of the axes, and in the form of the layers that double the resolution:

- plain: kernel of the convolution of the enlarged map, which is ours;
- fused: kernel from which a transposed convolution is made. The same footprint is made from the plain one
  flipped in both directions, so a fused kernel becomes a plain one by a flip.

Layouts of the projection: TensorFlow's is the matrix (z, channels x 4 x 4); the ports' is a 4 x 4 convolution
of a single pixel padded by 3, which reads its kernel backwards.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from latentclr.checkpoints.network import Layout, Network, has
from latentclr.checkpoints.renaming import Change, Source, fill, hwio, mirrored, sizes
from latentclr.errors import InputError
from latentclr.generators.progan import ProGAN

Layer = tuple[Source, str]
"""Where a layer's weight and its bias come from."""

RESOLUTIONS = [4 << i for i in range(9)]
USUAL = {
    "label_size": 0,
    "normalize_latents": True,
    "use_wscale": True,
    "use_pixelnorm": True,
    "pixelnorm_epsilon": 1e-8,
    "use_leakyrelu": True,
}
"""Arguments of NVIDIA's `G_paper` that change the network, with the only values that can be run."""


def static_arguments(config: Mapping[str, Any], usual: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments that NVIDIA's network function got.

    Args:
        config: of the network.
        usual: arguments that change the network, with the only values that can be run.
    """
    given = config.get("static_kwargs")
    if not isinstance(given, Mapping):
        return {}
    for name, value in usual.items():
        found = given.get(name, value)
        if (list(found) if isinstance(found, tuple) else found) != value:
            raise InputError(f"the network has {name}={found!r}; only {value!r} can be run here.")
    return given


def grown(tensors: Mapping[str, Tensor], *names: str) -> list[str]:
    """The names of the level of detail that there are; they are of no further use.

    Args:
        tensors: of the checkpoint, by name.
        names: that the level of detail may have.
    """
    found = [name for name in names if name in tensors]
    for name in found:
        if (tensors[name] != 0).any():
            raise InputError(
                f"the network is not fully grown: {name!r} is {float(tensors[name].abs().max()):g}; only one "
                "at its full resolution (0) can be run here."
            )
    return found


def reach(tensors: Iterable[str], prefix: Callable[[int], str], most: int = len(RESOLUTIONS)) -> int:
    """How many of prefix(0), prefix(1), ... there are up to the last that starts a tensor's name.

    Args:
        tensors: names of the tensors.
        prefix: the prefix of a number.
        most: how many numbers are tried.

    Returns:
        1 or more, even if no prefix is in use.
    """
    used = (i for i in range(most) if any(name.startswith(prefix(i)) for name in tensors))
    return max(used, default=0) + 1


def tensorflow_scopes(tensors: Mapping[str, Tensor], prefix: str = "") -> tuple[list[str], list[str]]:
    """The scopes of the resolutions of a TensorFlow network ("4x4/"), and the tensors without use.

    Args:
        tensors: of the checkpoint, by name.
        prefix: of all names of the synthesis network.
    """
    ignored = grown(tensors, *dict.fromkeys(("lod", f"{prefix}lod")))
    ignored += [
        name for name in tensors if name.startswith(f"{prefix}ToRGB_lod") and "ToRGB_lod0/" not in name
    ]
    scopes = [f"{prefix}{r}x{r}/" for r in RESOLUTIONS]
    return scopes[: reach(tensors, scopes.__getitem__)], ignored


def genforce_blocks(tensors: Mapping[str, Tensor], prefix: str = "") -> tuple[int, list[str]]:
    """The number of resolutions of a network in genforce's layout, and the tensors without use.

    Args:
        tensors: of the checkpoint, by name.
        prefix: of all names of the synthesis network.
    """
    blocks = reach(tensors, lambda i: f"{prefix}layer{2 * i + 1}.")
    outputs = [f"{prefix}output{i}.{part}" for i in range(blocks - 1) for part in ("weight", "bias")]
    return blocks, [*grown(tensors, f"{prefix}lod"), *(name for name in outputs if name in tensors)]


def _projection(weight: Tensor) -> Tensor:
    """The projection's matrix from its form as a convolution (channels, z, 4, 4)."""
    return weight.flip(2, 3).permute(0, 2, 3, 1).flatten(0, 2)


def _plain_from_hwoi(weight: Tensor) -> Tensor:
    return mirrored(weight.permute(2, 3, 0, 1))


def _plain_from_iohw(weight: Tensor) -> Tensor:
    return mirrored(weight.transpose(0, 1))


def _assemble(
    tensors: Mapping[str, Tensor],
    z_dim: int,
    channels: Sequence[int],
    layers: Sequence[Layer],
    ignored: Sequence[str] = (),
) -> tuple[ProGAN, list[str]]:
    """The generator from its layers: the projection, the convolutions, and last the output."""
    with torch.device("meta"):
        generator = ProGAN(channels, z_dim)
    places = ["project", *(f"blocks.{k}.conv" for k in range(len(layers) - 2)), "to_image.conv"]
    names: dict[str, Source] = {}
    for place, (weight, bias) in zip(places, layers, strict=True):
        names[f"{place}.weight"] = weight
        names[f"{place.removesuffix('.conv')}.bias"] = bias
    fill(generator, tensors, names, ignored=ignored)
    return generator, list(ignored)


def _build_tensorflow(network: Network) -> tuple[ProGAN, list[str]]:
    """The network of NVIDIA's function `G_paper`."""
    tensors = network.tensors
    static_arguments(network.config, USUAL)
    scopes, ignored = tensorflow_scopes(tensors)
    z_dim, _ = sizes(tensors, "4x4/Dense/weight", 2)
    channels = [
        sizes(tensors, f"{scope}{'Conv1' if i else 'Conv'}/weight", 4)[3] for i, scope in enumerate(scopes)
    ]
    layers: list[tuple[str, Change]] = [("4x4/Dense", torch.t), ("4x4/Conv", hwio)]
    for scope in scopes[1:]:
        # Only fused layers are called "Conv0_up"; their kernels are (height, width, out, in).
        fused = not any(name.startswith(f"{scope}Conv0/") for name in tensors)
        layers.append((f"{scope}Conv0_up", _plain_from_hwoi) if fused else (f"{scope}Conv0", hwio))
        layers.append((f"{scope}Conv1", hwio))
    layers.append(("ToRGB_lod0", hwio))
    sources: list[Layer] = [((f"{layer}/weight", change), f"{layer}/bias") for layer, change in layers]
    return _assemble(tensors, z_dim, channels, sources, ignored)


def _build_genforce(network: Network) -> tuple[ProGAN, list[str]]:
    """The PGGAN of genforce.

    Files do not say whether their network is fused. Fused kernels are (in, out, 3, 3), which shows where a
    layer changes the number of channels; where none does, it is plain, as is usual there.
    """
    tensors = network.tensors
    blocks, ignored = genforce_blocks(tensors)
    _, z_dim, _, _ = sizes(tensors, "layer0.weight", 4)
    channels = [sizes(tensors, f"layer{2 * i + 1}.weight", 4)[0] for i in range(blocks)]
    doubling = [sizes(tensors, f"layer{2 * i}.weight", 4)[:2] for i in range(1, blocks)]
    fused = any(
        found == (n_in, n_out) and n_in != n_out
        for found, n_in, n_out in zip(doubling, channels[:-1], channels[1:], strict=True)
    )
    layers: list[Layer] = [(("layer0.weight", _projection), "layer0.bias")]
    for k in range(1, 2 * blocks):
        name = f"layer{k}.weight"
        layers.append(((name, _plain_from_iohw) if fused and k % 2 == 0 else name, f"layer{k}.bias"))
    layers.append((f"output{blocks - 1}.weight", f"output{blocks - 1}.bias"))
    return _assemble(tensors, z_dim, channels, layers, ignored)


def _build_dissection(network: Network) -> tuple[ProGAN, list[str]]:
    """The files of GAN Dissection (Bau et al. 2019): "layer1" is the projection."""
    blocks = reach(network.tensors, lambda i: f"layer{2 * i + 2}.")
    size = RESOLUTIONS[blocks - 1]
    layers = [*(f"layer{k + 1}" for k in range(2 * blocks)), f"output_{size}x{size}"]
    return _build_wscale(network.tensors, layers)


def _build_ptrblck(network: Network) -> tuple[ProGAN, list[str]]:
    """The port of ptrblck, which GANLatentDiscovery (Voynov and Babenko 2020) uses.

    Its scales are stored, each as one number. They are put into the weights, relative to our scale.
    """
    tensors = dict(network.tensors)
    blocks = reach(tensors, lambda i: f"features.{2 * i + 1}.")
    layers = [*(f"features.{k}" for k in range(2 * blocks)), "output"]
    for layer in layers:
        _, n_in, size, _ = sizes(tensors, f"{layer}.conv.weight", 4)
        gain = 1 if layer == "output" else 2**0.5
        name = f"{layer}.wscale.scale"
        if sizes(tensors, name, 1) != (1,) or not 0 < (scale := float(tensors.pop(name))) < 1e6:
            raise InputError(f"tensor {name!r} of the checkpoint is not a single number above 0.")
        ratio = scale * size * n_in**0.5 / gain
        # With the scale that the paper gives, weights stay as they are, to the bit.
        if abs(ratio - 1) > 1e-5:
            tensors[f"{layer}.conv.weight"] = tensors[f"{layer}.conv.weight"] * ratio
    return _build_wscale(tensors, layers)


def _build_wscale(tensors: Mapping[str, Tensor], layers: Sequence[str]) -> tuple[ProGAN, list[str]]:
    """Build from "<layer>.conv.weight" and "<layer>.wscale.b", as both ports name them; no layer is fused."""
    project, *others = layers
    _, z_dim, _, _ = sizes(tensors, f"{project}.conv.weight", 4)
    channels = [sizes(tensors, f"{layer}.conv.weight", 4)[0] for layer in others[:-1:2]]
    sources: list[Layer] = [(f"{layer}.conv.weight", f"{layer}.wscale.b") for layer in others]
    first: Layer = ((f"{project}.conv.weight", _projection), f"{project}.wscale.b")
    return _assemble(tensors, z_dim, channels, [first, *sources])


LAYOUTS = (
    Layout("ProGAN (NVIDIA, TensorFlow)", has("4x4/Dense/weight", "ToRGB_lod0/weight"), _build_tensorflow),
    Layout("ProGAN (genforce)", has("layer0.weight", "output0.weight"), _build_genforce),
    Layout("ProGAN (GAN Dissection)", has("layer1.conv.weight", "layer1.wscale.b"), _build_dissection),
    Layout("ProGAN (ptrblck)", has("features.0.conv.weight", "features.0.wscale.b"), _build_ptrblck),
)
"""Every known layout."""
