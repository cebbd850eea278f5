"""The face networks with their published weights: from the names and layouts of the files to ours."""

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from latentclr.scorers.face_detector import Detector
from latentclr.scorers.face_networks import Dense, Gender, Recognition

Kind = TypeVar("Kind", bound=nn.Module)


def dense(tensors: Mapping[str, Tensor]) -> Dense:
    """The network of expressions or of landmarks, from the tensors of its file."""
    return _filled(Dense(len(tensors["fc/bias"])), {_name(n): _turned(n, t) for n, t in tensors.items()})


def detector(tensors: Mapping[str, Tensor]) -> Detector:
    """The network that finds faces, from the tensors of its file."""
    return _filled(Detector(), {_name(n): _turned(n, t) for n, t in tensors.items()})


def recognition(tensors: Mapping[str, Tensor]) -> Recognition:
    """The network of identities, from the tensors of its file; affine layers are folded into the filters."""
    found = {"fc": tensors["fc"].T}
    for name in (name.removesuffix("/conv/filters") for name in tensors if name.endswith("/conv/filters")):
        scale, offset = tensors[f"{name}/scale/weights"], tensors[f"{name}/scale/biases"]
        # Filters have their output channels last.
        found[_name(f"{name}/filters")] = _turned(name, tensors[f"{name}/conv/filters"] * scale)
        found[_name(f"{name}/bias")] = tensors[f"{name}/conv/bias"] * scale + offset
    return _filled(Recognition(), found)


def gender(tensors: Mapping[str, Tensor]) -> Gender:
    """The network of gender, from the initialisers of its file; affine layers are folded into the filters.

    Layers are numbered from the output, as dlib counts; numbers 5 and 2 scale what they are given.
    """
    network, found = Gender(), {}
    places = [
        f"layers.{i}" for i, layer in enumerate(network.layers) if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    for place, layer in zip(places[:4], (19, 16, 12, 9), strict=True):
        scale, offset = tensors[f"layer_{layer - 1}_scale"], tensors[f"layer_{layer - 1}_offset"]
        found[f"{place}.weight"] = tensors[f"layer_{layer}_weights"] * scale.view(-1, 1, 1, 1)
        found[f"{place}.bias"] = tensors[f"layer_{layer}_bias"] * scale.flatten() + offset.flatten()
    for place, layer in zip(places[4:], (4, 1), strict=True):
        found[f"{place}.weight"] = (
            tensors[f"layer_{layer}_weights"] * tensors[f"layer_{layer + 1}_scalar"]
        ).T
        found[f"{place}.bias"] = tensors[f"layer_{layer}_bias"]
    return _filled(network, found)


def _name(name: str) -> str:
    """The parameter's name here."""
    return name.replace("/", ".").replace("fc.weights", "fc.weight")


def _turned(name: str, tensor: Tensor) -> Tensor:
    """A tensor with its axes in torch's order, from TensorFlow's: height, width, input, output."""
    if tensor.ndim == 4:
        return tensor.permute(2, 3, 0, 1) if name.endswith("depthwise_filter") else tensor.permute(3, 2, 0, 1)
    return tensor.T if tensor.ndim == 2 else tensor


def _filled(network: Kind, tensors: Mapping[str, Tensor]) -> Kind:
    """The network with these weights (all of them, and no other), frozen."""
    network.load_state_dict(tensors)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.eval().requires_grad_(False)
    return network
