"""BigGAN-deep checkpoints in the layout of Hugging Face's conversion (pytorch-pretrained-BigGAN).

Sizes follow from the tensors. Which blocks double the resolution, and the eps, are in the `config.json`
beside the published files only. Where `network.config` lacks them, the eps is that of the published networks,
and the blocks are those of the published network with the same channels, if there is one.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latentclr.checkpoints.biggan import divided, spectral_norm
from latentclr.checkpoints.network import Layout, Network, has
from latentclr.checkpoints.renaming import (
    Change,
    Source,
    fill,
    positive,
    require_finite,
    reshaped,
    sizes,
    with_shape,
)
from latentclr.errors import InputError, UnsafeFileError
from latentclr.generators.biggan_deep import BigGANDeep

CONFIG_LIMIT = 1_000_000
"""Bytes of a config.json; real ones have a few hundred."""
EPS = 1e-4
"""Added to variances in all published networks."""

MULTIPLIERS = (
    (16, 16, 16, 16, 8, 8, 4, 4, 2, 2, 1),
    (16, 16, 16, 16, 8, 8, 8, 8, 4, 4, 2, 2, 1),
    (16, 16, 16, 16, 8, 8, 8, 8, 4, 4, 2, 2, 1, 1, 1),
)
"""Channels between the blocks of the published networks with 128, 256 and 512 pixels, as multiples of the
last number. In all of them every second block doubles the resolution, from the second on."""


recognize = has("embeddings.weight", "generator.gen_z.weight_orig")


def build(network: Network) -> tuple[BigGANDeep, list[str]]:
    """The generator that a checkpoint describes; none of its tensors is without use."""
    tensors = network.tensors
    settings = _settings(network)
    with torch.device("meta"):
        generator = BigGANDeep(**settings)
    require_finite(tensors)
    weights, names = _names(len(generator.blocks), settings["attention"])
    vectors: list[str] = []
    for ours, theirs in weights.items():
        name = f"{theirs}.weight_orig"
        names[f"{ours}.weight"] = name
        if name in tensors:
            vectors += [f"{theirs}.weight_u", f"{theirs}.weight_v"]
            norm = _spectral_norm(tensors, theirs)
            names[f"{ours}.weight"] = (name, _colours(norm) if ours == "to_image" else divided(norm))
    fill(generator, tensors, names, ignored=vectors)
    return generator.freeze(), []


def _names(blocks: int, attention: int | None) -> tuple[dict[str, str], dict[str, Source]]:
    """From our names to those of the conversion: layers whose weights are normalised, and other tensors."""
    layers = {"gen_z": "generator.gen_z"}
    weights = {"to_image": "generator.conv_to_rgb"}
    norms = {"norm": "generator.bn"}
    others: dict[str, Source] = {
        "classes.weight": "embeddings.weight",
        "norm.gain": "generator.bn.weight",
        "norm.offset": "generator.bn.bias",
        "to_image.bias": ("generator.conv_to_rgb.bias", lambda bias: bias[:3]),
    }
    for i in range(blocks):
        ours, theirs = f"blocks.{i}", f"generator.layers.{i}"
        if i == attention:
            for place, entry in (("query", "theta"), ("key", "phi"), ("value", "g"), ("out", "o_conv")):
                weights[f"{ours}.{place}"] = f"{theirs}.snconv1x1_{entry}"
            others[f"{ours}.gamma"] = (f"{theirs}.gamma", reshaped())
            continue
        for part in range(4):
            layers[f"{ours}.convs.{part}"] = f"{theirs}.conv_{part}"
            weights[f"{ours}.norms.{part}.gain"] = f"{theirs}.bn_{part}.scale"
            weights[f"{ours}.norms.{part}.offset"] = f"{theirs}.bn_{part}.offset"
            norms[f"{ours}.norms.{part}"] = f"{theirs}.bn_{part}"
    others |= {f"{ours}.bias": f"{theirs}.bias" for ours, theirs in layers.items()}
    for ours, theirs in norms.items():
        others[f"{ours}.statistics.means"] = f"{theirs}.running_means"
        others[f"{ours}.statistics.variances"] = f"{theirs}.running_vars"
    return layers | weights, others


def _colours(norm: Tensor) -> Change:
    # The conversion computes as many channels as it reads, and uses three of them.
    return lambda weight: weight[:3].float() / norm


def _settings(network: Network) -> dict[str, Any]:
    """The constructor's arguments: sizes from the tensors, the rest from the configuration."""
    tensors, config = network.tensors, network.config
    class_dim, num_classes = sizes(tensors, "embeddings.weight", 2)
    z_dim = sizes(tensors, "generator.gen_z.weight_orig", 2)[1] - class_dim
    (width,) = sizes(tensors, "generator.bn.weight", 1)
    n_stats = sizes(tensors, "generator.bn.running_means", 2)[0]
    if z_dim < 1 or width < 3 or n_stats < 2:
        raise InputError(
            f"the checkpoint is no BigGAN-deep: its sizes are {z_dim} (z), {class_dim} (class), "
            f"{num_classes} (classes), {width} (channels) and {n_stats} (statistics)."
        )
    channels, attention = _blocks(network, width)
    counts = {"z_dim": z_dim, "num_classes": num_classes, "n_stats": n_stats}
    given = {**counts, "class_embed_dim": class_dim, "channel_width": width}
    if attention is not None:  # where there is none, the configuration has a place beyond the last layer
        given["attention_layer_position"] = attention
    for key, size in given.items():
        if config.get(key, size) != size:
            raise InputError(
                f"config.json is another checkpoint's: it says {key}={config[key]!r}, the tensors {size}."
            )
    return {
        **counts,
        "class_dim": class_dim,
        "width": width,
        "blocks": _with_upsampling(config, channels),
        "attention": attention,
        "eps": positive("eps", config.get("eps", EPS), 1.0),
    }


def _blocks(network: Network, width: int) -> tuple[list[tuple[int, int]], int | None]:
    """Input and output channels of every block as multiples of the width, and the place of the attention."""
    tensors = network.tensors
    channels: list[tuple[int, int]] = []
    attention = None
    for i in range(len(tensors)):
        place = f"generator.layers.{i}"
        if f"{place}.conv_0.weight_orig" in tensors:
            n_in = sizes(tensors, f"{place}.conv_0.weight_orig", 4)[1]
            n_out = sizes(tensors, f"{place}.conv_3.weight_orig", 4)[0]
            before = channels[-1][1] * width if channels else n_in
            if n_in < 4 or n_in % width or n_in != before or n_out not in (n_in, n_in // 2) or n_out % width:
                raise InputError(
                    f"{place} of the checkpoint goes from {n_in} to {n_out} channels: that is not possible "
                    f"after {before} and with a width of {width}."
                )
            channels.append((n_in // width, n_out // width))
        elif f"{place}.gamma" in tensors and attention is None and channels:
            attention = i
            if channels[-1][1] * width < 8:
                raise InputError(f"{place} of the checkpoint has attention over fewer than 8 channels.")
        else:
            break
    if not channels or channels[-1][1] != 1 or attention == len(channels):
        raise InputError(
            f"the checkpoint is no whole BigGAN-deep: after {len(channels)} blocks it lacks the next one."
        )
    return channels, attention


def _with_upsampling(config: Mapping[str, Any], channels: list[tuple[int, int]]) -> list[list[int]]:
    """The blocks as (doubles the resolution, channels, channels), by configuration or published networks."""
    if "layers" not in config:
        if (*(n_in for n_in, _ in channels), channels[-1][1]) not in MULTIPLIERS:
            raise InputError(
                "the channels of this BigGAN-deep are not those of a published one: which blocks double the "
                "resolution is then known from its config.json only; put that beside the checkpoint."
            )
        upsampling = [i % 2 == 1 for i in range(len(channels))]
    else:
        layers = config["layers"]
        if not isinstance(layers, list) or not all(
            isinstance(layer, list | tuple) and len(layer) == 3 and isinstance(layer[0], bool)
            for layer in layers
        ):
            raise InputError("config.json: 'layers' must be a list of [true or false, channels, channels].")
        if [tuple(layer[1:]) for layer in layers] != channels:
            raise InputError("config.json is another checkpoint's: its 'layers' have other channels.")
        upsampling = [layer[0] for layer in layers]
    resolution = 4 << sum(upsampling)
    if config.get("output_dim", resolution) != resolution:
        raise InputError(
            f"config.json says output_dim={config['output_dim']!r}; its layers make pictures of {resolution}."
        )
    return [[up, *pair] for up, pair in zip(upsampling, channels, strict=True)]


def _spectral_norm(tensors: Mapping[str, Tensor], layer: str) -> Tensor:
    def stored(matrix: Tensor) -> Tensor:
        # The vectors need not be singular: the conversion made one power step only, and in use none is made.
        u = with_shape(tensors, f"{layer}.weight_u", (matrix.shape[0],)).double()
        v = with_shape(tensors, f"{layer}.weight_v", (matrix.shape[1],)).double()
        return u @ (matrix @ v)

    return spectral_norm(f"{layer}.weight_orig", tensors[f"{layer}.weight_orig"], stored)


def with_config(network: Network, path: Path) -> Network:
    """The network with the configuration in the JSON file beside its weights, if there is one.

    Args:
        network: of any layout; others than BigGAN-deep stay as they are.
        path: of its file.

    Raises:
        InputError: the JSON file is damaged.
    """
    if not recognize(network):
        return network
    short = path.stem.removesuffix("-pytorch_model")
    for name in ("config.json", f"{path.stem}-config.json", f"{short}-config.json", f"{path.stem}.json"):
        beside = path.with_name(name)
        if beside.is_file():
            return replace(network, config={**network.config, **_read_config(beside)})
    return network


def _read_config(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > CONFIG_LIMIT:
            raise UnsafeFileError(f"{path} has over {CONFIG_LIMIT:,} bytes; no config.json needs them.")
        config = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}, beside the checkpoint, is no JSON that can be read.") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}, beside the checkpoint, holds no JSON object.")
    return config


LAYOUTS = (Layout("BigGAN-deep (Hugging Face)", recognize, build),)
