"""Whole files in the published containers, written from our own generators."""

import io
import pickle  # noqa: TID251  (honest files are written by it)
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from tests.checkpoints.samples import EasyDict, Module, TensorFlowNetwork, nvidia_modules
from torch import Tensor, nn

from latentclr.checkpoints.network import Network

BUFFERS = ("resample_filter", "noise_const", "w_avg")


def nvidia_torch(network: Network, protocol: int, *, copies: int = 3) -> bytes:
    """The pickle of stylegan2-ada-pytorch: G, D and G_ema (the same network, stored anew each time)."""

    def module(path: str) -> Module:
        inside = f"{path}." if path else ""
        own: dict[str, Tensor | None] = {}
        buffers: dict[str, Any] = {}
        children: dict[str, Any] = {}
        for name, tensor in network.tensors.items():
            if not name.startswith(inside):
                continue
            first, _, rest = name.removeprefix(inside).partition(".")
            if rest:
                children.setdefault(first, None)
            elif first in BUFFERS:
                buffers[first] = nn.Parameter(tensor.clone(), requires_grad=False)
            else:
                own[first] = tensor
        attributes = dict(network.config.get("modules", {}).get(path, {}))
        made = Module(attributes.pop("class_name", "Layer"), {}, {n: module(inside + n) for n in children})
        state = made.meta["state"]
        assert isinstance(state, dict)
        state["_parameters"] = {name: nn.Parameter(value) for name, value in own.items() if value is not None}
        state["_buffers"] = {name: value.data for name, value in buffers.items()}
        state.update(attributes, bias_is_none=None)
        return made

    content: dict[str, Any] = {
        "training_set_kwargs": EasyDict(path="/x/ffhq.zip"),
        "D": None,
        "augment_pipe": None,
    }
    content |= {name: module("") for name in ("G", "D", "G_ema")[-copies:]}
    with nvidia_modules():
        return pickle.dumps(content, protocol)


def nvidia_tensorflow(network: Network, protocol: int) -> bytes:
    """The pickle of the TensorFlow repositories: a tuple (G, D, Gs)."""

    def made(prefix: str, components: Mapping[str, Any]) -> TensorFlowNetwork:
        variables = [
            (name.removeprefix(prefix), np.asarray(value) if value.ndim else np.float32(value))
            for name, value in network.tensors.items()
            if name.startswith(prefix) and (prefix or name.split("/")[0] not in ("synthesis", "mapping"))
        ]
        return TensorFlowNetwork(
            version=4,
            name="G",
            static_kwargs=EasyDict(network.config.get("static_kwargs", {})),
            components=EasyDict(components),
            build_module_src="raise SystemExit('executed')",
            build_func_name="G_main",
            variables=variables,
        )

    parts = {part: made(f"{part}/", {}) for part in ("synthesis", "mapping")}
    with nvidia_modules():
        return pickle.dumps((None, None, made("", parts)), protocol)


def torch_file(content: Any, protocol: int, *, zipped: bool) -> bytes:
    """What torch.save writes."""
    file = io.BytesIO()
    torch.save(content, file, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    return file.getvalue()
