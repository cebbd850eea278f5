"""StyleGAN2 in the layout of rosinality's stylegan2-pytorch, converted or trained."""

import torch
from torch import Tensor

from latentclr.checkpoints.network import Network
from latentclr.checkpoints.renaming import Source, reshaped
from latentclr.checkpoints.stylegan2.build import (
    Layout,
    build_with_average,
    count_blocks,
    doublings,
    first,
    layer_number,
    only_map,
)
from latentclr.generators import StyleGAN2
from latentclr.generators.resample import binomial


def build(network: Network) -> tuple[StyleGAN2, list[str]]:
    """The generator, and the tensors that it has no use for."""
    tensors = dict(network.tensors)
    tensors["resample_filter"] = binomial()
    average = network.config.get("latent_avg")
    tensors["latent_avg"] = average if isinstance(average, Tensor) else torch.zeros(0)
    rng = torch.Generator().manual_seed(0)
    layers = 2 * count_blocks(tensors, _conv) - 1
    for number in range(layers):
        r = 4 << ((number + 1) // 2)
        # Some conversions leave the noise maps out; any will do, as long as they stay the same.
        if f"noises.noise_{number}" not in tensors:
            tensors[f"noises.noise_{number}"] = torch.randn(1, 1, r, r, generator=rng)
    layout = Layout(
        conv=_conv,
        torgb=lambda i: f"to_rgbs.{i - 1}.conv.weight" if i else "to_rgb1.conv.weight",
        skip="convs.{}.skip.weight".format,  # there is none in this layout
        mapping=lambda i: f"style.{i + 1}.weight",
        embed=None,
        names=_name,
        channels=1,
        dimensions=5,
        ignored=r"\.(blur|upsample)\.kernel$",
    )
    return build_with_average(tensors, "latent_avg", layout, {})


def _conv(i: int) -> str:
    return f"convs.{2 * i - 1}.conv.weight" if i else "conv1.conv.weight"


def _name(ours: str) -> Source:
    if ours == "resample_filter":
        return ours
    if ours == "mapping.w_avg":
        return "latent_avg"
    part, _, entry = ours.rpartition(".")
    if part.startswith("mapping."):
        return f"style.{int(part.removeprefix('mapping.fc')) + 1}.{entry}"
    if entry == "const":
        return "input.input", first
    layer = part.removesuffix(".affine")
    if layer.endswith("torgb"):
        theirs = f"to_rgbs.{doublings(layer) - 1}" if doublings(layer) else "to_rgb1"
    else:
        number = layer_number(layer)
        theirs = f"convs.{number - 1}" if number else "conv1"
        if entry == "noise_const":
            return f"noises.noise_{number}", only_map
    if part.endswith(".affine"):
        return f"{theirs}.conv.modulation.{entry}"
    if entry == "weight":
        return f"{theirs}.conv.weight", first
    if entry == "noise_strength":
        return f"{theirs}.noise.weight", reshaped()
    return (f"{theirs}.bias", reshaped(3)) if layer.endswith("torgb") else f"{theirs}.activate.bias"
