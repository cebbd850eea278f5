"""StyleGAN2 of stylegan2-ada-pytorch and of the stylegan3 repository: the names are ours."""

import re
from typing import Any

import torch

from latentclr.checkpoints.network import Network
from latentclr.checkpoints.stylegan2.build import Layout, build_with_average, usable_clamp
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
    settings: dict[str, Any] = {
        "clamp": _clamp(network.config.get("modules")),
        "noise": "synthesis.b4.conv1.noise_const" in tensors,
    }
    return build_with_average(tensors, "mapping.w_avg", layout, settings)


def _clamp(modules: Any) -> float | None:
    """The largest magnitude that layers let pass, from the attributes of the modules; None: no limit."""
    known = modules if isinstance(modules, dict) else {}
    attributes = {name: given for name, given in known.items() if isinstance(given, dict)}
    layers = {name: given for name, given in attributes.items() if re.search(r"\.(conv[01]|torgb)$", name)}
    activations = [
        given.get("activation", "lrelu")
        for name, given in attributes.items()
        if re.search(r"\.(conv[01]|fc\d+)$", name)
    ]
    if other := [name for name in activations if name != "lrelu"]:
        raise InputError(
            f"the checkpoint has layers with the activation {other[0]!r}; only lrelu can be run."
        )
    clamps = [given["conv_clamp"] for given in layers.values() if "conv_clamp" in given]
    if any(clamp != clamps[0] for clamp in clamps):
        raise InputError("layers of the checkpoint have different clamps; only one for all can be run.")
    return usable_clamp(clamps[0]) if clamps else None
