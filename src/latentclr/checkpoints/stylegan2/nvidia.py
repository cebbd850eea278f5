"""StyleGAN2 of stylegan2-ada-pytorch and of the stylegan3 repository: the names are ours."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from latentclr.checkpoints.network import Network
from latentclr.checkpoints.stylegan2.build import Layout, build_with_average
from latentclr.errors import InputError
from latentclr.generators import StyleGAN2


def build(network: Network) -> tuple[StyleGAN2, list[str]]:
    """The generator, and the tensors that it has no use for."""
    tensors = dict(network.tensors)
    filters = [name for name in tensors if name.endswith("resample_filter")]
    if not filters:
        raise InputError("the checkpoint lacks its resampling filter (resample_filter).")
    tensors["resample_filter"] = tensors[filters[0]]
    if any(not torch.equal(tensors[name], tensors[filters[0]]) for name in filters):
        raise InputError("the checkpoint has several resampling filters; only one for all layers can be run.")
    tensors.setdefault("mapping.w_avg", torch.zeros(0))
    layout = Layout(
        conv=lambda i: f"synthesis.b{4 << i}.conv1.weight",
        torgb=lambda i: f"synthesis.b{4 << i}.torgb.weight",
        skip=lambda i: f"synthesis.b{4 << i}.skip.weight",
        mapping=lambda i: f"mapping.fc{i}.weight",
        embed="mapping.embed.weight",
        names=lambda ours: ours,
        ignored=r"\.resample_filter$",
    )
    settings = _module_settings(network.config.get("modules", {}))
    settings["noise"] = "synthesis.b4.conv1.noise_const" in tensors
    return build_with_average(tensors, "mapping.w_avg", layout, settings)


def _module_settings(modules: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    layers = {name: values for name, values in modules.items() if "conv_clamp" in values}
    clamps = {values["conv_clamp"] for name, values in layers.items() if not name.endswith(".skip")}
    activations = {v["activation"] for name, v in modules.items() if re.search(r"(conv[01]|fc\d+)$", name)
                   and "activation" in v}  # fmt: skip
    if len(clamps) > 1:
        raise InputError(f"layers of the checkpoint have different clamps ({sorted(map(str, clamps))}).")
    if activations - {"lrelu"}:
        raise InputError(f"the checkpoint has activations {sorted(activations)}; only lrelu can be run.")
    clamp = clamps.pop() if clamps else None
    return {"clamp": None if clamp is None else float(clamp)}
