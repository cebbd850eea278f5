"""Notices that another process of a run is gone, and ends this one with one sentence."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch.distributed as distributed

from latentclr.errors import InputError

TIMEOUT = timedelta(minutes=10)
"""How long a collective call waits for the other ranks: longer than any work that one does by itself."""
GRACE = 5.0
"""Seconds in which a process may end by itself once the run cannot go on."""
POLL = 0.5
"""Seconds between two looks at the other processes on this machine."""
LOST_EXIT = 2
"""Exit code after a lost rank where nothing can be raised; the same as a command's after InputError."""

_LOST_MARKS = ("gloo/transport", "ncclRemoteError", "communicator was aborted")
"""What torch's plain RuntimeErrors for a lost rank mention: gloo's source files, NCCL's names."""


class RankLostError(InputError):
    """Another rank has ended or does not answer, so this one cannot go on."""

    def __init__(self, message: str = "") -> None:
        """Without a message, use the general one."""
        minutes = f"{TIMEOUT.total_seconds() / 60:g} minutes"
        super().__init__(
            message
            or f"another process of this run has ended, or has not answered for {minutes} (which one is not "
            "known); what was saved last is whole: go on with --resume."
        )


class Watchdog:
    """Watches the other processes of a run on this machine, where no other program does.

    A collective call that needs a lost rank fails at once between CPUs, but between GPUs it can wait for
    minutes, and a rank that computes by itself notices nothing. So a thread looks at the processes and ends
    this one if its main thread has not noticed the loss within `GRACE` seconds.

    Attributes:
        lost: whether a collective call has found that a rank is gone.
    """

    lost: bool = False

    def __init__(self) -> None:
        self._children: Sequence[subprocess.Popen[bytes]] = ()
        self._over = threading.Event()

    def watch(self, children: Sequence["subprocess.Popen[bytes]"], parent: int | None) -> None:
        """Start to watch.

        Args:
            children: the processes that this one started.
            parent: ID of the process that started this one as a rank; None if this one started the others.
        """
        self._children = children

        def gone() -> bool:
            orphaned = parent is not None and os.getppid() != parent
            return orphaned or any(child.poll() for child in children)

        threading.Thread(target=self._watch, args=(gone,), name="latentclr-ranks", daemon=True).start()

    @contextmanager
    def collective(self) -> Iterator[None]:
        """Around a call that needs all ranks: torch's error for a lost one becomes RankLostError."""
        try:
            yield
        except RuntimeError as error:
            if not _is_loss(error):
                raise
            self.lost = True
            self._over.set()
            raise RankLostError from error

    def end(self, *, in_order: bool) -> None:
        """Stop watching, and wait for the children: if the run has failed, only for `GRACE` seconds."""
        self._over.set()
        until = time.monotonic() + (TIMEOUT.total_seconds() if in_order else GRACE)
        for child in self._children:
            try:
                child.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _watch(self, gone: Callable[[], bool]) -> None:
        while not gone():
            if self._over.wait(POLL):
                return
        if self._over.wait(GRACE):
            return
        sys.stderr.write(f"latentclr: {RankLostError()}\n")
        sys.stderr.flush()
        for child in self._children:
            child.kill()
        os._exit(LOST_EXIT)  # no exception reaches a main thread that waits inside a library


def _is_loss(error: RuntimeError) -> bool:
    """Whether torch says that a rank is gone, rather than that a call was wrong."""
    if isinstance(error, distributed.DistNetworkError | distributed.DistStoreError):
        return True
    return any(mark in str(error) for mark in _LOST_MARKS)
