"""The generator in a checkpoint file, whose kind is recognised by its content."""

from pathlib import Path

from latentclr.checkpoints.inert import MAX_FILE, Budget
from latentclr.checkpoints.network import Network
from latentclr.checkpoints.nvidia_file import (
    TensorFlowNetwork,
    TorchModule,
    from_modules,
    from_networks,
    read_pickle,
)
from latentclr.checkpoints.state_dict import from_state_dict
from latentclr.checkpoints.torch_file import is_legacy, read_legacy, read_torch_zip
from latentclr.errors import InputError

KNOWN = "known are files of torch.save and NVIDIA's pickles"

_OTHER_FILES = (
    (0, b"\x1f\x8b", "a gzip archive; unpack it first"),
    (0, b"BZh", "a bzip2 archive; unpack it first"),
    (0, b"\xfd7zXZ", "an xz archive; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it first"),
    (0, b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (0, b"Rar!", "a rar archive; unpack it first"),
    (257, b"ustar", "a tar archive: unpack it, or save it anew with the torch (before 2017) that wrote it"),
    (0, b"\x89HDF", "an HDF5 file (Keras)"),
    (0, b"\x93NUMPY", "a numpy array"),
    (0, b"version https://git-lfs", "the placeholder of a file in Git LFS; fetch the file itself"),
    (0, b"\x89PNG", "a picture"),
    (0, b"\xff\xd8\xff", "a picture"),
    (8, b"{\"", "a safetensors file"),
)  # fmt: skip
"""(position, bytes there, kind) of files that are given by mistake."""


def read_network(path: Path) -> Network:
    """The generator of a checkpoint file. Nothing that is in the file can run.

    Args:
        path: of a file of torch.save, with the generator's tensors at the top or under a usual key, or of an
            NVIDIA pickle.

    Returns:
        Its tensors, fresh and on the CPU, and the settings and notes of the file.

    Raises:
        UnsafeFileError: the file asks for something that no checkpoint needs.
        InputError: there is no such file, or it is damaged or not understood.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}.")
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise InputError(
                f"cannot be read as a checkpoint: it has {size:,} bytes; at most {MAX_FILE:,} are read."
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {(error.strerror or str(error)).lower()}.") from error
    return parse(memoryview(data))


def parse(data: memoryview) -> Network:
    """The generator of a checkpoint file in memory; see `read_network`."""
    try:
        return _parse(data)
    except InputError as error:
        raise type(error)(f"cannot be read as a checkpoint: {error}") from error


def _parse(data: memoryview) -> Network:
    budget = Budget(len(data))
    if bytes(data[:4]) in (b"PK\3\4", b"PK\5\6"):
        return from_state_dict(read_torch_zip(data, budget), "torch file (zip)", len(data))
    if is_legacy(data):
        return from_state_dict(read_legacy(data, budget), "torch file (legacy)", len(data))
    if reason := _other_kind(data):
        raise InputError(reason)
    content = read_pickle(data, budget)
    match content:
        case TorchModule():
            return from_modules({"G_ema": content}, len(data))
        case dict() if any(isinstance(value, TorchModule) for value in content.values()):
            return from_modules(content, len(data))
        case TensorFlowNetwork():
            return from_networks([content], len(data))
        case tuple() | list() if any(isinstance(value, TensorFlowNetwork) for value in content):
            return from_networks(content, len(data))
    return from_state_dict(content, "pickle", len(data))


def _other_kind(data: memoryview) -> str:
    """What a file is instead of a pickle, as a sentence; empty if it may be one."""
    if not data:
        return "it is empty."
    start = bytes(data[:512])
    for place, signature, kind in _OTHER_FILES:
        if start[place:].startswith(signature):
            return f"it is {kind}; {KNOWN}."
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<script")):
        return "it is a web page, so the download has failed; fetch the file itself."
    if start[0] == 0x80 or data[-1] == b"."[0]:
        return ""
    return f"it is no file of a kind that is known here; {KNOWN}."
