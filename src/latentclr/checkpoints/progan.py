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

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from latentclr.checkpoints.network import Format, Network
from latentclr.checkpoints.renaming import Source, fill, hwio, mirrored, sizes
from latentclr.errors import InputError
from latentclr.generators.progan import ProGAN

Entry = tuple[Source, str]
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


def usual(config: Mapping[str, Any], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments that NVIDIA's network function got.

    Raises:
        InputError: one of them asks for a variant of the network.
    """
    given = config.get("static_kwargs")
    if not isinstance(given, Mapping):
        return {}
    for name, value in wanted.items():
        if _listed(given.get(name, value)) != _listed(value):
            raise InputError(f"the network has {name}={given[name]!r}; only {value!r} can be run here.")
    return given


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def grown(tensors: Mapping[str, Tensor], *names: str) -> list[str]:
    """Those of the names (of the level of detail) that there are; of no further use.

    Raises:
        InputError: one is not 0: training stopped before the last resolution was reached.
    """
    found = [name for name in names if name in tensors]
    for name in found:
        if (tensors[name] != 0).any():
            raise InputError(
                f"the network is not fully grown: {name!r} is {float(tensors[name].abs().max()):g}; only one "
                "at its full resolution (0) can be run here."
            )
    return found


def reach(tensors: Iterable[str], prefixes: Sequence[str]) -> int:
    """How many prefixes there are up to the last that is in use; 1 if none is."""
    used = (i for i, prefix in enumerate(prefixes, 1) if any(name.startswith(prefix) for name in tensors))
    return max(used, default=1)


def _projection(weight: Tensor) -> Tensor:
    """The projection's matrix from its form as a convolution (channels, z, 4, 4)."""
    return weight.flip(2, 3).permute(0, 2, 3, 1).flatten(0, 2)


def _assemble(
    tensors: Mapping[str, Tensor],
    z_dim: int,
    channels: Sequence[int],
    layers: Sequence[Entry],
    output: Entry,
    ignored: list[str],
) -> tuple[ProGAN, list[str]]:
    with torch.device("meta"):
        generator = ProGAN(channels, z_dim)
    places = ["project", *(f"blocks.{k}" for k in range(len(layers) - 1)), "to_image"]
    names: dict[str, Source] = {}
    for place, (weight, bias) in zip(places, [*layers, output], strict=True):
        names[f"{place}.weight" if place == "project" else f"{place}.conv.weight"] = weight
        names[f"{place}.bias"] = bias
    fill(generator, tensors, names, ignored=ignored)
    return generator, ignored


def build_tensorflow(network: Network) -> tuple[ProGAN, list[str]]:
    """The generator of NVIDIA's `G_paper`, and the tensors of the file that it has no use for.

    Raises:
        InputError: tensors are missing, left over, of impossible shapes or not finite; the network is a
            variant or not fully grown.
    """
    tensors = network.tensors
    usual(network.config, USUAL)
    ignored = grown(tensors, "lod")
    ignored += [name for name in tensors if name.startswith("ToRGB_lod") and "ToRGB_lod0/" not in name]
    scopes = [f"{r}x{r}/" for r in RESOLUTIONS]
    scopes = scopes[: reach(tensors, scopes)]
    z_dim, _ = sizes(tensors, "4x4/Dense/weight", 2)
    channels = [
        sizes(tensors, f"{scope}{'Conv1' if i else 'Conv'}/weight", 4)[3] for i, scope in enumerate(scopes)
    ]
    layers: list[Entry] = [
        (("4x4/Dense/weight", torch.t), "4x4/Dense/bias"),
        (("4x4/Conv/weight", hwio), "4x4/Conv/bias"),
    ]
    for scope in scopes[1:]:
        # Only fused layers are called so; their kernels are (height, width, out, in).
        fused = not any(name.startswith(f"{scope}Conv0/") for name in tensors)
        first, change = ("Conv0_up", _plain_from_hwoi) if fused else ("Conv0", hwio)
        layers.append(((f"{scope}{first}/weight", change), f"{scope}{first}/bias"))
        layers.append(((f"{scope}Conv1/weight", hwio), f"{scope}Conv1/bias"))
    output: Entry = (("ToRGB_lod0/weight", hwio), "ToRGB_lod0/bias")
    return _assemble(tensors, z_dim, channels, layers, output, ignored)


def _plain_from_hwoi(weight: Tensor) -> Tensor:
    return mirrored(weight.permute(2, 3, 0, 1))


def build_genforce(network: Network) -> tuple[ProGAN, list[str]]:
    """The generator of genforce's PGGAN, and the tensors of the file that it has no use for.

    Files do not say whether their network is fused. Fused kernels are (in, out, 3, 3), which shows where a
    layer changes the number of channels; where none does, it is plain, as is usual there.

    Raises:
        InputError: as `build_tensorflow`.
    """
    tensors = network.tensors
    blocks = reach(tensors, [f"layer{2 * i + 1}." for i in range(len(RESOLUTIONS))])
    ignored = grown(tensors, "lod")
    ignored += [f"output{i}.{part}" for i in range(blocks - 1) for part in ("weight", "bias")]
    ignored = [name for name in ignored if name in tensors]
    _, z_dim, _, _ = sizes(tensors, "layer0.weight", 4)
    channels = [sizes(tensors, f"layer{2 * i + 1}.weight", 4)[0] for i in range(blocks)]
    doubling = [sizes(tensors, f"layer{2 * i}.weight", 4)[:2] for i in range(1, blocks)]
    fused = any(
        found == (n_in, n_out) and n_in != n_out
        for found, n_in, n_out in zip(doubling, channels[:-1], channels[1:], strict=True)
    )
    weights: list[Source] = [f"layer{k}.weight" for k in range(2 * blocks)]
    weights[0] = ("layer0.weight", _projection)
    if fused:
        for k in range(2, 2 * blocks, 2):
            weights[k] = (f"layer{k}.weight", _plain_from_iohw)
    layers: list[Entry] = [(weight, f"layer{k}.bias") for k, weight in enumerate(weights)]
    output: Entry = (f"output{blocks - 1}.weight", f"output{blocks - 1}.bias")
    return _assemble(tensors, z_dim, channels, layers, output, ignored)


def _plain_from_iohw(weight: Tensor) -> Tensor:
    return mirrored(weight.transpose(0, 1))


def build_dissection(network: Network) -> tuple[ProGAN, list[str]]:
    """The generator of GAN Dissection's files (Bau et al. 2019): "layer1" is the projection.

    Raises:
        InputError: as `build_tensorflow`.
    """
    blocks = reach(network.tensors, [f"layer{2 * i + 2}." for i in range(len(RESOLUTIONS))])
    size = RESOLUTIONS[blocks - 1]
    layers = [f"layer{k + 1}" for k in range(2 * blocks)]
    return _build_wscale(network.tensors, layers, f"output_{size}x{size}")


def build_ptrblck(network: Network) -> tuple[ProGAN, list[str]]:
    """The generator of ptrblck's port, which GANLatentDiscovery (Voynov and Babenko 2020) uses.

    Its scales are stored, each as one number. They are put into the weights, relative to our scale.

    Raises:
        InputError: as `build_tensorflow`.
    """
    tensors = dict(network.tensors)
    blocks = reach(tensors, [f"features.{2 * i + 1}." for i in range(len(RESOLUTIONS))])
    layers = [f"features.{k}" for k in range(2 * blocks)]
    for layer in (*layers, "output"):
        _, n_in, size, _ = sizes(tensors, f"{layer}.conv.weight", 4)
        gain = 1 if layer == "output" else 2**0.5
        name = f"{layer}.wscale.scale"
        if sizes(tensors, name, 1) != (1,) or not 0 < (scale := float(tensors.pop(name))) < 1e6:
            raise InputError(f"tensor {name!r} of the checkpoint is not a single number above 0.")
        ratio = scale * size * n_in**0.5 / gain
        # With the scale that the paper gives, weights stay as they are, to the bit.
        if abs(ratio - 1) > 1e-5:
            tensors[f"{layer}.conv.weight"] = tensors[f"{layer}.conv.weight"] * ratio
    return _build_wscale(tensors, layers, "output")


def _build_wscale(
    tensors: Mapping[str, Tensor], layers: Sequence[str], output: str
) -> tuple[ProGAN, list[str]]:
    """From "<layer>.conv.weight" and "<layer>.wscale.b", as both ports have them; no layer is fused."""
    _, z_dim, _, _ = sizes(tensors, f"{layers[0]}.conv.weight", 4)
    channels = [sizes(tensors, f"{layer}.conv.weight", 4)[0] for layer in layers[1::2]]
    entries: list[Entry] = [(f"{layer}.conv.weight", f"{layer}.wscale.b") for layer in (*layers, output)]
    entries[0] = ((f"{layers[0]}.conv.weight", _projection), entries[0][1])
    return _assemble(tensors, z_dim, channels, entries[:-1], entries[-1], [])


FORMATS = (
    Format(
        "ProGAN (NVIDIA, TensorFlow)",
        lambda network: {"4x4/Dense/weight", "ToRGB_lod0/weight"} <= network.tensors.keys(),
        build_tensorflow,
    ),
    Format(
        "ProGAN (genforce)",
        lambda network: {"layer0.weight", "output0.weight"} <= network.tensors.keys(),
        build_genforce,
    ),
    Format(
        "ProGAN (GAN Dissection)",
        lambda network: {"layer1.conv.weight", "layer1.wscale.b"} <= network.tensors.keys(),
        build_dissection,
    ),
    Format(
        "ProGAN (ptrblck)",
        lambda network: {"features.0.conv.weight", "features.0.wscale.b"} <= network.tensors.keys(),
        build_ptrblck,
    ),
)
"""Every known layout."""
