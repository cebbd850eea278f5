"""Small valid files of every container, the same bytes every time, and what is needed to write others.

The writers here are our own where torch's put addresses of memory into files.
"""

import io
import pickle  # noqa: TID251  (honest files are written by it)
import resource
import struct
import sys
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentclr.checkpoints.torch_file import MAGIC, PROTOCOL

SOURCE = "raise SystemExit('the source text in the file was executed')\n"
"""What the files carry as source text."""


class EasyDict(dict[str, Any]):
    """NVIDIA's dict with attributes."""


class TensorFlowNetwork:
    """NVIDIA's TensorFlow network, as far as pickle sees it."""

    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


def reconstruct(meta: Any) -> Any:
    """NVIDIA's function that would execute the source text."""
    raise SystemExit(SOURCE)


_ALIASES: dict[str, dict[str, Any]] = {
    "torch_utils": {},
    "torch_utils.persistence": {"_reconstruct_persistent_obj": reconstruct},
    "dnnlib": {},
    "dnnlib.util": {"EasyDict": EasyDict},
    "dnnlib.tflib": {},
    "dnnlib.tflib.network": {"Network": TensorFlowNetwork},
}


@contextmanager
def nvidia_modules() -> Iterator[None]:
    """While this lasts, pickle writes our classes under NVIDIA's names."""
    spelled = [
        (value, value.__module__, value.__qualname__) for part in _ALIASES.values() for value in part.values()
    ]
    for name, content in _ALIASES.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        sys.modules[name] = module
        for key, value in content.items():
            value.__module__, value.__qualname__ = name, key
    try:
        yield
    finally:
        for name in _ALIASES:
            del sys.modules[name]
        for value, module_name, qualname in spelled:
            value.__module__, value.__qualname__ = module_name, qualname


class Module:
    """A persistent module: pickled as NVIDIA's are."""

    def __init__(
        self,
        class_name: str,
        tensors: dict[str, Tensor | None] | None = None,
        modules: dict[str, Any] | None = None,
        source: str = SOURCE,
        **attributes: Any,
    ) -> None:
        values = tensors or {}
        state = {
            "training": False,
            "_parameters": {
                name: None if value is None else parameter(value) for name, value in values.items()
            },
            "_buffers": OrderedDict(),
            "_non_persistent_buffers_set": set(),
            "_forward_hooks": OrderedDict(),
            "_modules": modules or {},
            **attributes,
        }
        self.meta = {
            "type": "class",
            "version": 6,
            "module_src": source,
            "class_name": class_name,
            "state": state,
        }

    def __reduce__(self) -> Any:
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)


class Call:
    """Pickled as the call of a function."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def parameter(tensor: Tensor) -> Call:
    """A tensor, pickled as outside of torch.save but without addresses."""
    blob = Call(torch.storage._load_from_bytes, legacy(tensor._typed_storage()))
    place = tensor.storage_offset(), tuple(tensor.shape), tensor.stride()
    view = Call(torch._utils._rebuild_tensor_v2, blob, *place, False, OrderedDict())
    return Call(torch._utils._rebuild_parameter, view, False, OrderedDict())


class _Pickler(pickle.Pickler):
    """As torch.save's, with numbers for keys."""

    def __init__(self, file: Any, protocol: int, more: tuple[Any, ...]) -> None:
        super().__init__(file, protocol)
        self.more = more
        self.storages: dict[int, Any] = {}

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, torch.storage.TypedStorage):
            return None
        self.storages.setdefault(value._cdata, value)
        key = str(list(self.storages).index(value._cdata))
        kind = getattr(torch, value._pickle_storage_type())
        return ("storage", kind, key, "cuda:0", value._size(), *self.more)


def _pickled(content: Any, protocol: int, more: tuple[Any, ...]) -> tuple[bytes, list[tuple[int, bytes]]]:
    """A pickle, and for each of its storages the number of elements and the bytes."""
    file = io.BytesIO()
    pickler = _Pickler(file, protocol, more)
    pickler.dump(content)
    storages = pickler.storages.values()
    return file.getvalue(), [(value._size(), _bytes(value)) for value in storages]


def _bytes(storage: Any) -> bytes:
    numbers = torch.empty(0, dtype=torch.uint8).set_(storage._untyped_storage)
    return numbers.numpy().tobytes()


def legacy(content: Any, protocol: int = 2) -> bytes:
    """As torch.save with _use_new_zipfile_serialization=False."""
    system = {
        "protocol_version": PROTOCOL,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    body, storages = _pickled(content, protocol, (None,))
    parts = [pickle.dumps(value, protocol) for value in (MAGIC, PROTOCOL, system)]
    parts += [body, pickle.dumps([str(key) for key in range(len(storages))], protocol)]
    return b"".join(parts + [struct.pack("<q", size) + data for size, data in storages])


def torch_zip(content: Any, protocol: int = 2) -> bytes:
    """As torch.save."""
    body, storages = _pickled(content, protocol, ())
    entries = {"archive/data.pkl": body, "archive/byteorder": b"little"}
    entries |= {f"archive/data/{key}": data for key, (_, data) in enumerate(storages)}
    return archive(entries | {"archive/version": b"3\n"})


def archive(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as writer:
        for name, data in entries.items():
            writer.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def state() -> dict[str, Any]:
    """A state dict of tensors of several kinds, one of them transposed."""
    numbers = torch.arange(24, dtype=torch.float32)
    content = OrderedDict(
        [
            ("layer.weight", numbers.reshape(4, 6).t()),
            ("layer.bias", numbers[:4].half()),
            ("steps", torch.tensor(3)),
        ]
    )
    vars(content)["_metadata"] = OrderedDict([("", {"version": 1})])
    return content


def trained() -> dict[str, Any]:
    """A training script's checkpoint."""
    return {
        "g_ema": state(),
        "d": OrderedDict(weight=torch.zeros(2)),
        "g_optim": {
            "state": {0: {"step": 3}},
            "param_groups": [{"lr": 0.002, "betas": (0.0, 0.99), "params": [0]}],
        },
        "args": Namespace(size=256, batch=16, path="/home/somebody/data.lmdb"),
        "latent_avg": torch.ones(3),
        "iter": 1000,
    }


def modules(**changes: Any) -> dict[str, Any]:
    """NVIDIA's dict of PyTorch modules, with a generator of two layers."""
    bias = {"bias": torch.tensor([0.5, 1.5]), "none": None}
    layer = Module("SynthesisLayer", {"weight": torch.eye(2), **bias}, conv_clamp=256, gain=np.float64(1.5))
    generator = Module(
        "Generator",
        {"scale": torch.tensor(2.0)},
        {"layer": layer},
        z_dim=2,
        _init_kwargs=EasyDict(z_dim=2, path="/x/y"),
    )
    content = {
        "training_set_kwargs": EasyDict(path="/home/somebody/ffhq.zip", resolution=4),
        "G": Module("Generator"),
        "D": Module("Discriminator"),
        "G_ema": generator,
        "augment_pipe": None,
    }
    return content | changes


def networks() -> tuple[Any, ...]:
    """NVIDIA's tuple of TensorFlow networks."""

    def made(name: str, function: str, variables: Any, components: Any, **kwargs: int) -> TensorFlowNetwork:
        return TensorFlowNetwork(
            version=4,
            name=name,
            static_kwargs=EasyDict(kwargs),
            components=EasyDict(components),
            build_module_src=SOURCE,
            build_func_name=function,
            variables=variables,
        )

    def network(name: str) -> TensorFlowNetwork:
        weight = np.arange(6, dtype=np.float32).reshape(2, 3)
        dense = [("Dense0/weight", weight), ("Dense0/bias", np.float32(0.5))]
        own = [("lod", np.array(0.0, np.float32)), ("dlatent_avg", np.asfortranarray(weight))]
        part = made("G_mapping", "G_mapping", dense, {}, fmaps=3)
        return made(name, "G_main", own, {"mapping": part}, resolution=4)

    return network("G"), network("D"), network("Gs")


def pickled(content: Any, protocol: int) -> bytes:
    """A pickle of NVIDIA's kind."""
    with nvidia_modules():
        return pickle.dumps(content, protocol)


def samples() -> dict[str, bytes]:
    """One small valid file for each container and protocol."""
    found = {}
    for protocol in (2, 3, 4, 5):
        found[f"torch zip {protocol}"] = torch_zip(trained(), protocol)
        found[f"torch legacy {protocol}"] = legacy(trained(), protocol)
        found[f"NVIDIA PyTorch {protocol}"] = pickled(modules(), protocol)
        found[f"NVIDIA TensorFlow {protocol}"] = pickled(networks(), protocol)
        found[f"arrays {protocol}"] = pickle.dumps({"w": np.ones((2, 3)), "b": np.arange(3)}, protocol)
    return found


def peak() -> int:
    """Bytes of memory that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
