"""Memory: amounts in words, what is in use, the peak of a computation, and how to keep what is freed."""

import ctypes
import re
import sys
import weakref
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from latentclr.errors import InputError

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
M_MMAP_MAX, M_TRIM_THRESHOLD = -4, -1
"""Names of settings in the header of glibc's malloc."""


def parse_bytes(text: str) -> int:
    """A number of bytes from "2GB", "512 MiB" or a plain number.

    >>> parse_bytes("1.5GB"), parse_bytes("1 KiB")
    (1500000000, 1024)

    Raises:
        InputError: the text is no amount.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if found is None or found[2].upper() not in UNITS or float(found[1]) == 0:
        raise InputError(f'memory={text!r}: give an amount such as "2GB" or "512MiB".')
    return int(float(found[1]) * UNITS[found[2].upper()])


def show_bytes(count: float) -> str:
    """The amount as text, rounded up, so that an amount that is said to be needed is enough.

    >>> show_bytes(1.234e9), show_bytes(2e9)
    ('1.24 GB', '2.00 GB')
    """
    return f"{ceil(count / 1e7) / 100:.2f} GB" if count >= 1e8 else f"{ceil(count / 1e5) / 10:.1f} MB"


def in_use(device: torch.device) -> int:
    """Bytes that this process takes now, or on a GPU its tensors."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    resident: int = psutil.Process().memory_info().rss
    return resident


def peak_bytes(call: Callable[[], object], device: torch.device | None = None) -> int:
    """The most bytes of tensors that were alive at once among those made in a call.

    Args:
        call: the computation. For a GPU it is called twice.
        device: a GPU: its own statistics are used (and reset), which include the workspaces of libraries.
            Otherwise tensors on any device are counted one by one, without workspaces.
    """
    if device is not None and device.type == "cuda":
        call()  # what libraries take once and keep
        before = in_use(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        return int(torch.cuda.max_memory_allocated(device)) - before
    with _Meter() as meter:
        call()
    peak: int = meter.peak
    return peak


class _Meter(TorchDispatchMode):
    """Counts the storages that operations make, until each is freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._seen: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = _storages((args, kwargs))
        result = func(*args, **(kwargs or {}))
        for storage in _storages(result) - given:
            if storage not in self._seen:
                self._add(storage)
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        self._seen.add(storage)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._remove, size)

    def _remove(self, size: int) -> None:
        self.now -= size


def _storages(values: object) -> set[torch.UntypedStorage]:
    return {leaf.untyped_storage() for leaf in tree_leaves(values) if isinstance(leaf, Tensor)}


def keep_memory() -> None:
    """Let this process keep what it frees, for its next allocations (Linux with glibc; elsewhere nothing).

    Otherwise every tensor above 32 MB comes from the system anew, page by page: a quarter of the time of a
    step that makes the same tensors as the one before. For programs; a library leaves its process alone.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    except (OSError, AttributeError):  # another C library
        return
