"""StyleGAN2 checkpoints in every published layout.

Our own names are those of NVIDIA's PyTorch networks. A `_NameTable` leads from them to those of a layout,
with the change that a tensor needs: TensorFlow keeps kernels as (height, width, in, out), and mirrored where
they upsample; TensorFlow and genforce keep the 1 of a style outside its bias.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from latentclr.checkpoints.network import Layout, Network, has
from latentclr.checkpoints.progan import static_arguments
from latentclr.checkpoints.renaming import (
    Change,
    Source,
    count,
    fill,
    hwio,
    hwio_mirrored,
    mirrored,
    parts,
    positive,
    reshaped,
    sizes,
)
from latentclr.errors import InputError
from latentclr.generators import StyleGAN2
from latentclr.generators.resample import binomial
from latentclr.generators.stylegan2 import Architecture

Built = tuple[StyleGAN2, list[str]]

OTHERS = (
    "resample_filter",
    "mapping.w_avg",
    "mapping.embed.weight",
    "mapping.embed.bias",
    "synthesis.b4.const",
)
"""Our tensors that belong to no layer with a number."""
USUAL = {"mapping_lrmul": 0.01, "nonlinearity": "lrelu", "mapping_nonlinearity": "lrelu"}
"""Arguments of NVIDIA's network functions that change the network, with the only values that can be run."""
MAX_BLOCKS = 12
"""Maximum number of resolutions, from 4 x 4 to 8192 x 8192."""

AVERAGED = 4096
"""Samples over which the mean w is taken, for files that lack it (as rosinality's tools do)."""


@dataclass(frozen=True)
class _NameTable:
    """The names of one layout.

    Attributes:
        layers: names of the layers by their number, for each kind: "conv" (number 0 at 4 x 4; 2i - 1, which
            doubles the resolution, and 2i at 4 << i), "torgb" and "skip" (number i at 4 << i) and "dense" (of
            the mapping network).
        tensors: sources of the tensors of a layer ("weight", "affine.bias"), or of those of one kind
            ("torgb.bias", "up.weight" of a doubling convolution), with {layer} and {number} to be filled in;
            tensors that are not listed have our names.
        others: sources of tensors that belong to no such layer, by our names, in the same way.
        channel_axis: axis of output channels in a kernel.
        kernel_axes: number of axes of a kernel.
        dense_axis: axis of outputs in a matrix of the mapping network.
        may_lack_average: whether a file may do without the mean w, which is then taken over samples.
        ignored: pattern of the names of tensors without use.
    """

    layers: Mapping[str, Callable[[int], str]]
    tensors: Mapping[str, Source]
    others: Mapping[str, Source]
    channel_axis: int = 0
    kernel_axes: int = 4
    dense_axis: int = 0
    may_lack_average: bool = False
    ignored: str = "$^"

    def tensor(self, kind: str, number: int, entry: str = "weight") -> tuple[str, Change]:
        # The source of a tensor ("weight") of the layer of this kind ("conv") and number.
        variant = "up" if kind == "conv" and number % 2 else kind
        listed = self.tensors.get(f"{variant}.{entry}") or self.tensors.get(entry)
        template, change = parts(listed or f"{{layer}}.{entry}")
        return template.format(layer=self.layers[kind](number), number=number), change

    def weight(self, kind: str, number: int) -> str:
        return self.tensor(kind, number)[0]

    def source(self, ours: str) -> Source:
        """The source of the tensor that has this name in our network."""
        if ours in self.others or ours in OTHERS:
            return self.others.get(ours, ours)
        network, place, *inner = ours.split(".")
        if network == "mapping":
            return self.tensor("dense", int(place.removeprefix("fc")), *inner)
        kind, entry = inner[0], ".".join(inner[1:])
        doublings = int(place.removeprefix("b")).bit_length() - 3  # 0 for "b4", 1 for "b8"
        if kind in ("conv0", "conv1"):
            return self.tensor("conv", 2 * doublings - (kind == "conv0"), entry)
        return self.tensor(kind, doublings, entry)


def _build(tensors: dict[str, Tensor], table: _NameTable, settings: Mapping[str, Any]) -> Built:
    """Build the generator whose tensors these are; sizes are read off their shapes.

    "resample_filter" is among the tensors; the settings are arguments that no tensor gives.
    """
    blocks = _count_blocks(tensors, table)
    channels = [
        sizes(tensors, table.weight("conv", 2 * i), table.kernel_axes)[table.channel_axis]
        for i in range(blocks)
    ]
    depth = count(tensors, partial(table.weight, "dense"))
    if not depth:
        raise InputError("the checkpoint is no StyleGAN2: it has no mapping network.")
    matrices = [sizes(tensors, table.weight("dense", i), 2) for i in range(depth)]
    mapping = [shape[table.dense_axis] for shape in matrices]
    z_dim = matrices[0][1 - table.dense_axis]
    classes: dict[str, Any] = {}
    embed, _ = parts(table.others.get("mapping.embed.weight", ""))
    if embed in tensors:
        embed_dim, num_classes = sizes(tensors, embed, 2)[:: -1 if table.dense_axis else 1]
        classes = {"num_classes": num_classes, "embed_dim": embed_dim}
        z_dim -= embed_dim
    if z_dim < 1:
        raise InputError("the checkpoint is no StyleGAN2: its mapping network has no room for z.")
    average, _ = parts(table.source("mapping.w_avg"))
    averaged = table.may_lack_average and average not in tensors
    if averaged and classes:
        raise InputError(f"the checkpoint lacks {average}, which a conditional network cannot do without.")
    if averaged:
        tensors[average] = torch.zeros(mapping[-1])
    with torch.device("meta"):
        generator = StyleGAN2(
            4 << (blocks - 1),
            channels,
            z_dim=z_dim,
            mapping=mapping,
            architecture=_architecture(tensors, table, blocks),
            filter_size=len(tensors["resample_filter"]),
            **classes,
            **settings,
        )
    ignored = [name for name in tensors if re.search(table.ignored, name)]
    fill(generator, tensors, {ours: table.source(ours) for ours in generator.state_dict()}, ignored=ignored)
    if averaged:
        z = torch.randn(AVERAGED, z_dim, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            generator.mapping.w_avg.copy_(generator.mapping(z, None).mean(0))
    return generator, ignored


def _count_blocks(tensors: Mapping[str, Tensor], table: _NameTable) -> int:
    blocks = count(tensors, lambda i: table.weight("conv", 2 * i))
    if not 2 <= blocks <= MAX_BLOCKS:
        raise InputError(
            f"the checkpoint is no StyleGAN2: it has convolutions at {blocks} resolutions; expected 2 to "
            f"{MAX_BLOCKS}."
        )
    return blocks


def _architecture(tensors: Mapping[str, Tensor], table: _NameTable, blocks: int) -> Architecture:
    pictures = [i for i in range(blocks) if table.weight("torgb", i) in tensors]
    if pictures == list(range(blocks)):
        return "skip"
    if pictures != [blocks - 1]:
        raise InputError(
            "the checkpoint has toRGB layers at some resolutions only: no StyleGAN2 that is known."
        )
    return "resnet" if table.weight("skip", 1) in tensors else "orig"


def _clamp(given: object) -> float | None:
    """The largest magnitude after each layer; None: no limit."""
    return None if given is None else positive("conv_clamp", given, 1e30)


def _first(tensor: Tensor) -> Tensor:
    """Drop a leading axis of size 1."""
    return tensor.squeeze(0)


def _map(tensor: Tensor) -> Tensor:
    """Drop the axes for batch and channel of a noise map."""
    return tensor.squeeze(0).squeeze(0)


def _plus_one(tensor: Tensor) -> Tensor:
    """Add the 1 that a layout adds to style biases when it runs."""
    return tensor + 1


# NVIDIA, PyTorch: stylegan2-ada-pytorch and the stylegan3 repository


def _nvidia_layer(kind: str, i: int) -> str:
    return f"synthesis.b{4 << i}.{kind}"


NVIDIA = _NameTable(
    layers={
        "conv": lambda k: _nvidia_layer("conv0" if k % 2 else "conv1", (k + 1) // 2),
        "torgb": partial(_nvidia_layer, "torgb"),
        "skip": partial(_nvidia_layer, "skip"),
        "dense": "mapping.fc{}".format,
    },
    tensors={},
    others={"mapping.embed.weight": "mapping.embed.weight"},
    may_lack_average=True,
    ignored=r"\.resample_filter$",
)


def _build_nvidia(network: Network) -> Built:
    tensors = dict(network.tensors)
    filters = [name for name in tensors if name.endswith("resample_filter")]
    if not filters:
        raise InputError("the checkpoint lacks its resampling filter (resample_filter).")
    tensors["resample_filter"] = tensors[filters[0]]
    if any(not torch.equal(tensors[name], tensors[filters[0]]) for name in filters):
        raise InputError("the checkpoint has several resampling filters; only one for all layers can be run.")
    settings = {
        "clamp": _clamp_of_modules(network.config.get("modules")),
        "noise": "synthesis.b4.conv1.noise_const" in tensors,
    }
    return _build(tensors, NVIDIA, settings)


def _clamp_of_modules(modules: Any) -> float | None:
    """The clamp that the attributes of all layers give; refuses activations that cannot be run."""
    known = modules if isinstance(modules, dict) else {}
    attributes = {name: given for name, given in known.items() if isinstance(given, dict)}
    for name, given in attributes.items():
        activation = given.get("activation", "lrelu")
        if re.search(r"\.(conv[01]|fc\d+)$", name) and activation != "lrelu":
            raise InputError(
                f"the checkpoint has layers with the activation {activation!r}; only lrelu can be run."
            )
    clamps = [
        given["conv_clamp"]
        for name, given in attributes.items()
        if re.search(r"\.(conv[01]|torgb)$", name) and "conv_clamp" in given
    ]
    if any(clamp != clamps[0] for clamp in clamps):
        raise InputError("layers of the checkpoint have different clamps; only one for all can be run.")
    return _clamp(clamps[0]) if clamps else None


# NVIDIA, TensorFlow: stylegan2 and stylegan2-ada


def _tensorflow_names(embed: str) -> _NameTable:
    def layer(name: str, i: int) -> str:
        return f"synthesis/{4 << i}x{4 << i}/{name}"

    return _NameTable(
        layers={
            "conv": lambda k: layer("Conv0_up" if k % 2 else "Conv1" if k else "Conv", (k + 1) // 2),
            "torgb": partial(layer, "ToRGB"),
            "skip": partial(layer, "Skip"),
            "dense": "mapping/Dense{}".format,
        },
        tensors={
            "weight": ("{layer}/weight", hwio),
            "up.weight": ("{layer}/weight", hwio_mirrored),
            "skip.weight": ("{layer}/weight", hwio_mirrored),
            "dense.weight": ("{layer}/weight", torch.t),
            "bias": "{layer}/bias",
            "affine.weight": ("{layer}/mod_weight", torch.t),
            "affine.bias": ("{layer}/mod_bias", _plus_one),
            "noise_const": ("synthesis/noise{number}", _map),
            "noise_strength": "{layer}/noise_strength",
        },
        others={
            "mapping.w_avg": "dlatent_avg",
            "mapping.embed.weight": (f"mapping/{embed}/weight", torch.t),
            "mapping.embed.bias": f"mapping/{embed}/bias",
            "synthesis.b4.const": ("synthesis/4x4/Const/const", _first),
        },
        channel_axis=3,
        dense_axis=1,
        ignored=r"(^|/)lod$",
    )


def _build_tensorflow(network: Network) -> Built:
    given = static_arguments(network.config, USUAL)
    tensors = dict(network.tensors)
    tensors["resample_filter"] = _filter(given.get("resample_kernel") or (1, 3, 3, 1))
    joint = "mapping/LabelConcat/weight" in tensors
    settings = {
        "clamp": _clamp(given.get("conv_clamp")),
        "joint_embedding": joint,
        "noise": "synthesis/noise0" in tensors,
    }
    return _build(tensors, _tensorflow_names("LabelConcat" if joint else "LabelEmbed"), settings)


def _filter(taps: Any) -> Tensor:
    known = isinstance(taps, list | tuple) and all(isinstance(tap, int | float) for tap in taps)
    if not known or not 1 < len(taps) < 64 or sum(taps) == 0:
        raise InputError(f"resample_kernel={taps!r} of the checkpoint is no list of taps.")
    return binomial(tuple(map(float, taps)))


# rosinality: stylegan2-pytorch, converted or trained

ROSINALITY = _NameTable(
    layers={
        "conv": lambda k: f"convs.{k - 1}" if k else "conv1",
        "torgb": lambda i: f"to_rgbs.{i - 1}" if i else "to_rgb1",
        "skip": "convs.{}.skip".format,  # there is none in this layout
        "dense": lambda i: f"style.{i + 1}",
    },
    tensors={
        "weight": ("{layer}.conv.weight", _first),
        "dense.weight": "{layer}.weight",
        "bias": "{layer}.activate.bias",
        "dense.bias": "{layer}.bias",
        "torgb.bias": ("{layer}.bias", reshaped(3)),
        "affine.weight": "{layer}.conv.modulation.weight",
        "affine.bias": "{layer}.conv.modulation.bias",
        "noise_const": ("noises.noise_{number}", _map),
        "noise_strength": ("{layer}.noise.weight", reshaped()),
    },
    others={
        "mapping.w_avg": "latent_avg",
        "synthesis.b4.const": ("input.input", _first),
    },
    channel_axis=1,
    kernel_axes=5,
    may_lack_average=True,
    ignored=r"\.(blur|upsample)\.kernel$",
)


def _build_rosinality(network: Network) -> Built:
    tensors = dict(network.tensors)
    tensors["resample_filter"] = binomial()
    average = network.config.get("latent_avg")
    if isinstance(average, Tensor):
        tensors["latent_avg"] = average
    rng = torch.Generator().manual_seed(0)
    for number in range(2 * _count_blocks(tensors, ROSINALITY) - 1):
        r = 4 << ((number + 1) // 2)
        # Some conversions leave the noise maps out; any will do, as long as they stay the same.
        if f"noises.noise_{number}" not in tensors:
            tensors[f"noises.noise_{number}"] = torch.randn(1, 1, r, r, generator=rng)
    return _build(tensors, ROSINALITY, {})


# genforce, which SeFa uses

GENFORCE = _NameTable(
    layers={
        "conv": "synthesis.layer{}".format,
        "torgb": "synthesis.output{}".format,
        "skip": lambda i: f"synthesis.skip_layer{i - 1}",
        "dense": "mapping.dense{}".format,
    },
    tensors={
        "up.weight": ("{layer}.weight", mirrored),
        "affine.weight": "{layer}.style.weight",
        "affine.bias": ("{layer}.style.bias", _plus_one),
        "noise_const": ("{layer}.noise", _map),
    },
    others={
        "mapping.w_avg": "truncation.w_avg",
        "synthesis.b4.const": ("synthesis.early_layer.const", _first),
    },
    ignored=r"(\.kernel|(^|\.)lod)$",
)


def _build_genforce(network: Network) -> Built:
    tensors = {**network.tensors, "resample_filter": binomial()}
    if GENFORCE.weight("skip", 1) in tensors:
        raise InputError("residual StyleGAN2 networks in genforce's layout are not known here.")
    return _build(tensors, GENFORCE, {})


def _refuse(reason: str) -> Callable[[Network], Built]:
    def refuse(_: Network) -> Built:
        raise InputError(reason)

    return refuse


def _is_alias_free(network: Network) -> bool:
    return any(name.startswith("synthesis.input.") for name in network.tensors)


def _is_progressive(network: Network) -> bool:
    names = network.tensors
    return "synthesis/4x4/Conv/mod_weight" in names and any("ToRGB_lod" in name for name in names)


LAYOUTS = (
    Layout(
        "StyleGAN3 (alias-free)",
        _is_alias_free,
        _refuse(
            "this is an alias-free StyleGAN3 network, which cannot be run here; StyleGAN2 networks of the "
            "same repository can."
        ),
    ),
    Layout(
        "StyleGAN2 config B to D (progressive)",
        _is_progressive,
        _refuse(
            "this is a progressively grown StyleGAN2 (config B, C or D), which cannot be run here; take "
            "config E or F."
        ),
    ),
    Layout("StyleGAN2 (NVIDIA, PyTorch)", has("synthesis.b4.const"), _build_nvidia),
    Layout(
        "StyleGAN2 (NVIDIA, TensorFlow)",
        has("synthesis/4x4/Const/const", "synthesis/4x4/Conv/mod_weight"),
        _build_tensorflow,
    ),
    Layout("StyleGAN2 (rosinality)", has("input.input", "conv1.conv.weight"), _build_rosinality),
    Layout("StyleGAN2 (genforce)", has("synthesis.early_layer.const"), _build_genforce),
)
"""Every known layout, in the order in which they are tried."""
