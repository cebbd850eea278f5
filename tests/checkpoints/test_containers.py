"""Containers: what torch and NVIDIA's tools write is read, tensor by tensor as they are."""

import argparse
import io
import pickle  # noqa: TID251  (honest files are written by it)
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.cases import FOLDER
from tests.checkpoints.samples import (
    Module,
    archive,
    legacy,
    modules,
    networks,
    pickled,
    state,
    torch_zip,
    trained,
)
from torch import nn

from latentclr.checkpoints import containers
from latentclr.checkpoints.containers import parse, read_network
from latentclr.checkpoints.network import Network
from latentclr.checkpoints.state_dict import NESTS
from latentclr.errors import InputError, UnsafeFileError

CASES = FOLDER / "nv_pkl"
TINY = FOLDER / "ada_sg2_16_tiny" / "state_dict.safetensors"
BOTH = pytest.mark.parametrize("zip_file", [True, False])
PROTOCOLS = pytest.mark.parametrize("protocol", [2, 3, 4, 5])


def saved(content: Any, zip_file: bool = True, protocol: int = 2) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zip_file, pickle_protocol=protocol)
    return file.getvalue()


def read(data: bytes) -> Network:
    return parse(memoryview(data))


def same(found: Any, expected: Any) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        assert found[name].shape == value.shape, name
        assert torch.equal(found[name], value), name
        assert found[name].is_contiguous()
        assert not found[name].requires_grad


def layers() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ConvTranspose2d(4, 2, 2))


@BOTH
@PROTOCOLS
def test_torch_s_own_files(zip_file: bool, protocol: int) -> None:
    expected = layers().state_dict()
    found = read(saved(expected, zip_file, protocol))
    same(found.tensors, expected)
    assert found.container == ("torch file (zip)" if zip_file else "torch file (legacy)")
    assert (found.config, found.notes) == ({}, {})


@BOTH
def test_every_dtype_and_every_way_to_lie_in_a_storage(zip_file: bool) -> None:
    base = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0))
    expected = {
        str(dtype): (base * 10).to(dtype)
        for dtype in (
            *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32),
            *(torch.int16, torch.int8, torch.uint8, torch.bool),
        )
    }
    expected |= {
        "transposed": base.transpose(0, 2),
        "part": base[2:4, 1::2],
        "shared": base,
        "parameter": nn.Parameter(base[0]),
        "number": torch.tensor(3.5),
        "empty": torch.empty(0, 3),
        "channels_last": torch.arange(96.0).view(2, 3, 4, 4).to(memory_format=torch.channels_last),
    }
    same(read(saved(expected, zip_file)).tensors, {k: v.detach() for k, v in expected.items()})


@BOTH
def test_files_from_a_gpu_come_to_the_cpu(zip_file: bool) -> None:
    written = torch_zip(state()) if zip_file else legacy(state())
    assert b"cuda:0" in written
    same(read(written).tensors, state())
    old = (legacy(state()) if not zip_file else torch_zip(state(), 2)).replace(
        b"ctorch\nHalfStorage", b"ctorch.cuda\nHalfStorage"
    )
    if not zip_file:  # in an archive it would need another checksum
        same(read(old).tensors, state())


@BOTH
@pytest.mark.parametrize("nest", NESTS)
def test_the_generator_is_found_in_a_training_script_s_file(nest: str, zip_file: bool) -> None:
    other = {"weight": torch.zeros(3)}
    content = {"discriminator": other, nest: state(), "epoch": 3, "stats": [1, 2.5, "x"]}
    found = read(saved(content, zip_file))
    same(found.tensors, state())
    assert found.config == {"epoch": 3, "stats": [1, 2.5, "x"]}
    assert found.notes == {"also holds": "discriminator", "epoch": "3"}
    twice = read(saved({nest: {"state_dict": state()}, "lr": 0.1}, zip_file))
    same(twice.tensors, state())


def test_averaged_generators_come_first() -> None:
    content = {
        name: {"weight": torch.tensor(float(place))} for place, name in reversed(list(enumerate(NESTS)))
    }
    assert read(saved(content)).tensors["weight"] == 0


@BOTH
def test_what_stands_beside_the_tensors(zip_file: bool) -> None:
    # (Without an optimiser of torch's own, whose import takes seconds: this is what its state dict holds.)
    moments = {"step": torch.tensor(1.0), "exp_avg": torch.zeros(4), "exp_avg_sq": torch.zeros(4)}
    group = {"lr": 1e-3, "betas": (0.9, 0.999), "amsgrad": False, "maximize": None, "params": [0]}
    content = trained() | {
        "g_optim": {"state": {0: moments}, "param_groups": [group]},
        "schedule": {"milestones": Counter({1: 1, 2: 1}), "gamma": 0.1, "_last_lr": [1e-3]},
        "best": np.float64(1.5),
        "history": list(np.linspace(0, 1, 5000)),
        "device": torch.device("cuda:1"),
        "dtype": torch.float16,
        "size": torch.Size([1, 2]),
        "rng": np.random.RandomState(0).get_state(),
        "torch_rng": torch.get_rng_state(),
        "seen": {1, 2},
    }
    found = read(saved(content, zip_file))
    same(found.tensors, state())
    assert found.config["args"] == {"size": 256, "batch": 16, "path": "data.lmdb"}
    assert torch.equal(found.config["latent_avg"], torch.ones(3))
    assert torch.equal(found.config["torch_rng"], torch.get_rng_state())
    assert {key: found.config[key] for key in ("iter", "best", "size")} == {
        "iter": 1000,
        "best": 1.5,
        "size": [1, 2],
    }
    assert not {"g_optim", "d", "history", "rng", "dtype"} & set(found.config)
    assert found.notes == {
        "also holds": "d, g_optim, schedule",
        "args": "size=256, batch=16, path=data.lmdb",
        "iter": "1000",
    }


def test_data_parallel_s_prefix_is_cut() -> None:
    same(read(saved({f"module.{k}": v for k, v in state().items()})).tensors, state())
    mixed = {"module.a": torch.ones(1), "b": torch.ones(1)}
    same(read(saved(mixed)).tensors, mixed)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "holds no named tensors"),
        ({}, "holds no named tensors"),
        (3, "holds no named tensors"),
        ({"x": 1}, "entries that are no tensors: x;"),
        ({"gen": {"w": torch.ones(1)}, "disc": {}}, "no tensors: gen, disc; a generator is looked for"),
        ({"w": torch.ones(1), "note": "hello"}, "entries that are no tensors: note"),
        ({"w": torch.ones(1), 3: torch.ones(1)}, "entries that are no tensors: 3"),
        ({"w\n": torch.ones(1)}, "no usable name"),
        ({"w" * 400: torch.ones(1)}, "no usable name"),
        ({"w": torch.ones(1).expand(3)}, "3 elements over 1 numbers"),
        ({"w": torch.ones(1).to_sparse()}, "torch._utils _rebuild_sparse_tensor"),
        ({"w": torch.ones(1, dtype=torch.complex64)}, "torch ComplexFloatStorage"),
        (nn.Linear(1, 1), "asks for 'torch.nn.modules.linear Linear'.*save the network's state_dict"),
    ],
)
def test_other_content_is_refused_with_its_name(content: Any, said: str) -> None:
    for zip_file in (True, False):
        with pytest.raises(InputError, match=said):
            read(saved(content, zip_file))


@pytest.mark.parametrize("name", ["torch_p3", "torch_p4"])
def test_nvidia_s_pytorch_pickle_is_its_state_dict(name: str) -> None:
    found = read_network(CASES / f"{name}.pkl")
    expected = load_file(TINY)
    same({key: found.tensors[key] for key in sorted(found.tensors)}, dict(sorted(expected.items())))
    assert found.container == "NVIDIA PyTorch pickle"
    assert found.notes["also holds"] == "G, D, augment_pipe"
    assert found.notes["training set"].startswith(
        "class_name=training.dataset.ImageFolderDataset, path=null,"
    )
    assert found.config["class_name"] == "Generator"
    assert found.config["init"]["synthesis_kwargs"] == {"channel_base": 256, "channel_max": 16}
    described = found.config["modules"]
    assert described[""]["num_ws"] == 6
    layer = described["synthesis.b8.conv0"]
    assert (layer["class_name"], layer["up"], layer["activation"], layer["conv_clamp"]) == (
        "SynthesisLayer",
        2,
        "lrelu",
        None,
    )
    assert layer["act_gain"] == 2**0.5
    assert not [
        key for entry in described.values() for key in entry if key.startswith("_") or key == "training"
    ]


def test_nvidia_s_tensorflow_pickle_has_its_variables() -> None:
    found = read_network(CASES / "tf_p3.pkl")
    expected = load_file(TINY)
    assert found.container == "NVIDIA TensorFlow pickle"
    assert torch.equal(found.tensors["dlatent_avg"], expected["mapping.w_avg"])
    assert torch.equal(found.tensors["synthesis/4x4/Const/const"][0], expected["synthesis.b4.const"])
    assert torch.equal(found.tensors["synthesis/noise0"][0, 0], expected["synthesis.b4.conv1.noise_const"])
    weight = found.tensors["synthesis/4x4/Conv/weight"].permute(3, 2, 0, 1)
    assert torch.equal(weight, expected["synthesis.b4.conv1.weight"])
    assert torch.equal(found.tensors["mapping/Dense0/weight"].T, expected["mapping.fc0.weight"])
    assert found.tensors["synthesis/4x4/Conv/noise_strength"].shape == ()
    assert found.tensors["lod"].dtype == torch.float32
    assert found.config["version"] == 4
    assert found.config["static_kwargs"]["resolution"] == 16
    assert found.config["build_func_name"] == {
        "": "G_main",
        "synthesis": "G_synthesis_stylegan2",
        "mapping": "G_mapping",
    }


@PROTOCOLS
def test_nvidia_s_pickles_in_every_protocol(protocol: int) -> None:
    found = read(pickled(modules(), protocol))
    same(
        found.tensors,
        {"scale": torch.tensor(2.0), "layer.weight": torch.eye(2), "layer.bias": torch.tensor([0.5, 1.5])},
    )
    assert found.config == {
        "class_name": "Generator",
        "init": {"z_dim": 2, "path": "y"},
        "modules": {
            "": {"class_name": "Generator", "z_dim": 2},
            "layer": {"class_name": "SynthesisLayer", "conv_clamp": 256, "gain": 1.5},
        },
    }
    assert found.notes == {"also holds": "G, D", "training set": "path=ffhq.zip, resolution=4"}
    weight = torch.arange(6.0).reshape(2, 3)
    expected = {
        "lod": torch.tensor(0.0),
        "dlatent_avg": weight,
        "mapping/Dense0/weight": weight,
        "mapping/Dense0/bias": torch.tensor(0.5),
    }
    for content in (networks(), networks()[2]):
        found = read(pickled(content, protocol))
        same(found.tensors, expected)
        assert found.config["build_func_name"] == {"": "G_main", "mapping": "G_mapping"}
        assert found.notes == ({"also holds": "G, D"} if isinstance(content, tuple) else {})


def test_nvidia_s_pickles_with_parts_missing() -> None:
    found = read(pickled(modules(G_ema=None, G=modules()["G_ema"]), 4))
    assert set(found.tensors) == {"scale", "layer.weight", "layer.bias"}
    assert "no average" in found.notes["weights"]
    alone = read(pickled(modules()["G_ema"], 4))
    assert set(alone.tensors) == set(found.tensors)
    for content, said in (
        (modules(G=None, G_ema=None), r"no generator \(G_ema or G\); it has D"),
        (networks()[:2], "2 networks; expected one, or"),
        (modules(G_ema=Module("G", modules={"a": 3})), "a module that is none, at a"),
    ):
        with pytest.raises(InputError, match=said):
            read(pickled(content, 4))
    old = pickled(networks()[2], 3).replace(b"cdnnlib.tflib.network\nNetwork", b"cnetwork\nNetwork")
    with pytest.raises(InputError, match="Theano"):
        read(old)
    progan = pickled(networks(), 3).replace(b"cdnnlib.tflib.network\nNetwork", b"ctfutil\nNetwork")
    assert "dlatent_avg" in read(progan).tensors


def test_a_plain_pickle_of_tensors_or_arrays() -> None:
    tensors = {"a": torch.ones(2), "b": torch.arange(3)}
    same(read(pickle.dumps(tensors, 4)).tensors, tensors)
    arrays = {name: value.numpy() for name, value in tensors.items()}
    found = read(pickle.dumps({"state_dict": arrays}, 4))
    same(found.tensors, tensors)
    assert found.container == "pickle"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html>Sign in</html>", "a web page, so the download has failed"),
        (b"\n  <html lang='en'>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "placeholder of a file in Git LFS"),
        (b"\x1f\x8b\x08\x00", "a gzip archive; unpack it first"),
        (b"BZh91AY", "a bzip2 archive"),
        (b"\xfd7zXZ\x00", "an xz archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07", "a rar archive"),
        (b"a/\x00".ljust(257, b"\x00") + b"ustar\x0000", "a tar archive"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x93NUMPY\x01\x00", "a numpy array"),
        (b"\x89PNG\r\n", "a picture"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":1}", "a safetensors file"),
        (b"hello, world", "no file of a kind that is known here; known are"),
        (archive({"a/readme.txt": b"a"}), "a zip archive, but none of torch.save: it holds a/readme.txt"),
        (archive({"a/data.pkl": b"N.", "a/constants.pkl": b"N."}), "a TorchScript archive"),
        (archive({"a/data.pkl": b"N.", "a/byteorder": b"big"}), "big-endian"),
        (legacy(state()).replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89"), "big-endian"),
        (pickle.dumps({"a": 1}) + b"more", "goes on after the end"),
    ],
)  # fmt: skip
def test_files_given_by_mistake_are_told_what_they_are(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=f"cannot be read as a checkpoint: .*{said}") as caught:
        read(data)
    assert type(caught.value) is InputError


@pytest.mark.parametrize(
    "data", [torch_zip(state()), legacy(state()), pickled(modules(), 4), pickled(networks(), 3)]
)
def test_no_part_of_a_file_is_enough(data: bytes) -> None:
    for size in (*range(0, len(data) - 20, 37), *range(len(data) - 20, len(data))):
        with pytest.raises(InputError, match="cannot be read as a checkpoint") as caught:
            read(data[:size])
        assert not isinstance(caught.value, UnsafeFileError)


def test_damaged_numbers_in_an_archive_are_noticed() -> None:
    data = bytearray(saved({"w": torch.full((64,), 1.5)}))
    place = data.find(torch.full((64,), 1.5).numpy().tobytes())
    data[place + 5] ^= 1
    with pytest.raises(InputError, match="checksum"):
        read(bytes(data))
    old = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)  # such files have no checksums to compare
    try:
        same(read(saved(state())).tensors, state())
    finally:
        torch.serialization.set_crc32_options(old)


def test_a_file_is_read_from_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.pt"
    path.write_bytes(saved(state()))
    same(read_network(path).tensors, state())
    for missing in (tmp_path / "missing", tmp_path):
        with pytest.raises(InputError, match="there is no file"):
            read_network(missing)
    monkeypatch.setattr(containers, "MAX_FILE", 100)
    with pytest.raises(InputError, match="at most 100 are read"):
        read_network(path)


def test_unreadable_files_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "file.pt"
    path.write_bytes(b"x")
    monkeypatch.setattr(Path, "read_bytes", fails)
    with pytest.raises(InputError, match="permission denied"):
        read_network(path)


def test_optional_state_of_old_torch() -> None:
    old: Any = OrderedDict(state())
    data = legacy({"state_dict": old, "opt": argparse.Namespace(lr=0.1)})
    assert read(data).notes == {"opt": "lr=0.1"}
