"""Files that are whole or not there, and tensors in files that run no code when read.

Every file of the project is written here: to a temporary name in the same folder, flushed to the disk,
then renamed, so that a crash, a full disk or a Ctrl-C never leaves half a file under the final name.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from latentclr.errors import InputError

HEADER = "latentclr"
"""The one metadata key of our safetensors files. (With several, their order in the file is not fixed.)"""
CHECKSUM = "sha256"
"""Key in our JSON headers: SHA-256 of the rest of the header and of every tensor."""


@contextmanager
def atomic(path: Path, *, before: Path | None = None) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success flush it to the disk and rename it to `path`.

    Args:
        path: where the file goes.
        before: new name, in the same folder, of the file that was at `path`; None: that file is replaced.

    Raises:
        InputError: the folder cannot be written or the disk is full, with the system's reason.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        if before is not None and path.exists():
            path.replace(before)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"cannot write {path}: {_reason(error)}.") from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # usually: it has been renamed
                temporary.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all.

    Args:
        path: of the file.
        data: its contents.

    Raises:
        InputError: the place cannot be written.
    """
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: object) -> None:
    """Write indented JSON, whole or not at all.

    Args:
        path: of the file.
        value: what `json.dumps` accepts.

    Raises:
        InputError: the place cannot be written.
    """
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def make_folder(path: Path) -> Path:
    """Create a folder and those above it.

    Raises:
        InputError: it cannot be created or is a file.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot create the folder {path}: {_reason(error)}.") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise InputError(f"cannot write into the folder {path}: permission denied.")
    return path


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any], *, before: Path | None = None
) -> None:
    """Write tensors and a JSON header as safetensors, with a checksum; equal contents give equal bytes.

    Args:
        path: of the file.
        tensors: by name, on any device.
        header: JSON values.
        before: see `atomic`.

    Raises:
        InputError: the place cannot be written.
    """
    on_cpu, metadata = _packed(tensors, header)
    with atomic(path, before=before) as temporary:
        try:
            save_file(on_cpu, temporary, metadata)
        except SafetensorError as error:  # as it reports a full disk
            raise InputError(f"cannot write {path}: {_one_line(error)}.") from error


def tensors_bytes(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    """The bytes of the file that `write_tensors` writes.

    Args:
        tensors: by name, on any device.
        header: JSON values.
    """
    return save(*_packed(tensors, header))


def _packed(
    tensors: Mapping[str, Tensor], header: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    rest = {name: value for name, value in header.items() if name != CHECKSUM}  # of other contents
    text = json.dumps({**rest, CHECKSUM: _checksum(on_cpu, rest)}, sort_keys=True, allow_nan=False)
    return on_cpu, {HEADER: text}


def _checksum(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> str:
    return tensors_sha256(tensors, start=json.dumps(header, sort_keys=True, allow_nan=False))


def tensors_sha256(tensors: Mapping[str, Tensor], *, start: str = "", dtypes: bool = True) -> str:
    """SHA-256 over a text, then name, type, shape and values of tensors, in the order of their names.

    Args:
        tensors: by name, on any device.
        start: the text.
        dtypes: whether the types count; in the fingerprints of encoders they do not.
    """
    digest = hashlib.sha256(start.encode())
    for name, tensor in sorted(tensors.items()):
        dtype = f"{tensor.dtype}|" if dtypes else ""
        digest.update(f"|{name}|{dtype}{tuple(tensor.shape)}|".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def tensors_header(path: Path) -> str | None:
    """The JSON header that `write_tensors` gave to a safetensors file; None: another program's file.

    Raises:
        InputError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get(HEADER)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a whole safetensors file ({_one_line(error)}).") from error


def read_tensors(
    path: Path,
    *,
    kind: str,
    mark: Mapping[str, Any] | None = None,
    foreign: bool = False,
    checked: bool = False,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote. No code in the file can run.

    Args:
        path: of the file.
        kind: what the caller expects, for error messages ("a directions file").
        mark: entries that the header must have, such as the number of the format.
        foreign: accept files of other programs too; their header is empty.
        checked: refuse a file without a checksum. (If there is one, it is always compared.)

    Returns:
        The tensors by name, and the header.

    Raises:
        InputError: the file does not exist, is damaged, of another program or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}; expected {kind}.")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(HEADER)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is not a whole safetensors file ({_one_line(error)}); expected {kind}."
        ) from error
    if text is None and foreign:
        return tensors, {}
    if text is None:
        raise InputError(f"{path} is a safetensors file of another program; expected {kind}.")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} has a damaged header; expected {kind}.") from error
    if not isinstance(header, dict):
        raise InputError(f"{path} has a header that is no JSON object; expected {kind}.")
    claimed = header.pop(CHECKSUM, None)
    if (checked or claimed is not None) and not _has_checksum(claimed, tensors, header):
        raise InputError(f"{path} is damaged: its contents do not have its checksum; expected {kind}.")
    for name, value in (mark or {}).items():
        if header.get(name) != value:
            found = header.get(name)
            raise InputError(f"{path} has {name} {found!r}; this version reads {name} {value!r} of {kind}.")
    return tensors, header


def _has_checksum(claimed: object, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bool:
    try:
        return claimed == _checksum(tensors, header)
    except ValueError:  # a number that has become infinite: it cannot have been written
        return False


def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that hold NaN or infinity."""
    return [
        name
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())
    ]


def sync_folder(folder: Path) -> None:
    """Let the new names in a folder reach the disk too. Some file systems cannot, which is no error."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
