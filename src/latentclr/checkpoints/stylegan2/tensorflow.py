"""StyleGAN2 of the TensorFlow repositories (stylegan2, stylegan2-ada)."""

from typing import Any

import torch
from torch import Tensor

from latentclr.checkpoints.network import Network
from latentclr.checkpoints.renaming import Source, hwio, hwio_mirrored
from latentclr.checkpoints.stylegan2.build import (
    Layout,
    build_generator,
    first,
    layer_number,
    only_map,
    plus_one,
    usable_clamp,
)
from latentclr.errors import InputError
from latentclr.generators import StyleGAN2
from latentclr.generators.resample import binomial


def build(network: Network) -> tuple[StyleGAN2, list[str]]:
    """The generator, and the tensors that it has no use for."""
    found = network.config.get("static_kwargs")
    given = found if isinstance(found, dict) else {}
    for name, known in (
        ("mapping_lrmul", 0.01),
        ("nonlinearity", "lrelu"),
        ("mapping_nonlinearity", "lrelu"),
    ):
        if given.get(name, known) != known:
            raise InputError(f"the checkpoint has {name}={given[name]!r}; only {known!r} can be run.")
    tensors = dict(network.tensors)
    tensors["resample_filter"] = _filter(given.get("resample_kernel") or (1, 3, 3, 1))
    joint = "mapping/LabelConcat/weight" in tensors
    embed = "LabelConcat" if joint else "LabelEmbed"
    layout = Layout(
        conv=lambda i: f"synthesis/{_square(i)}/Conv{'1' if i else ''}/weight",
        torgb=lambda i: f"synthesis/{_square(i)}/ToRGB/weight",
        skip=lambda i: f"synthesis/{_square(i)}/Skip/weight",
        mapping=lambda i: f"mapping/Dense{i}/weight",
        embed=f"mapping/{embed}/weight",
        names=lambda ours: _name(ours, embed),
        channels=3,
        width=1,
        ignored=r"(^|/)lod$",
    )
    settings = {
        "clamp": usable_clamp(given.get("conv_clamp")),
        "joint_embedding": joint,
        "noise": "synthesis/noise0" in tensors,
    }
    return build_generator(tensors, layout, settings)


def _filter(taps: Any) -> Tensor:
    known = isinstance(taps, list | tuple) and all(isinstance(tap, int | float) for tap in taps)
    if not known or not 1 < len(taps) < 64 or sum(taps) == 0:
        raise InputError(f"resample_kernel={taps!r} of the checkpoint is no list of taps.")
    return binomial(tuple(map(float, taps)))


def _square(i: int) -> str:
    return f"{4 << i}x{4 << i}"


def _name(ours: str, embed: str) -> Source:
    if ours == "resample_filter":
        return ours
    if ours == "mapping.w_avg":
        return "dlatent_avg"
    part, _, entry = ours.rpartition(".")
    if part.startswith("mapping."):
        theirs = f"mapping/{part.removeprefix('mapping.').replace('fc', 'Dense').replace('embed', embed)}"
        return (f"{theirs}/weight", torch.t) if entry == "weight" else f"{theirs}/bias"
    if entry == "const":
        return f"synthesis/{_place(part)}/Const/const", first
    place = f"synthesis/{_place(part.removesuffix('.affine'))}"
    if part.endswith(".affine"):
        return (f"{place}/mod_weight", torch.t) if entry == "weight" else (f"{place}/mod_bias", plus_one)
    if entry == "noise_const":
        number = layer_number(part)
        return f"synthesis/noise{number}", only_map
    if entry == "weight":
        up = place.endswith(("Conv0_up", "Skip"))
        return f"{place}/weight", (hwio_mirrored if up else hwio)
    return f"{place}/{entry}"


def _place(part: str) -> str:
    # "synthesis.b8.conv0" -> "8x8/Conv0_up"
    _, block, *layer = part.split(".")
    size = block.removeprefix("b")
    spelled = {"conv0": "/Conv0_up", "conv1": "/Conv" if size == "4" else "/Conv1", "torgb": "/ToRGB"}
    return f"{size}x{size}" + ("" if not layer else spelled.get(layer[0], "/Skip"))
