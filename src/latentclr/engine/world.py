"""One process or several that do one job together.

Every process has a number, its rank, and asks its `World` which part of the work is its own and what the
others found. With one process the same calls do nothing, so that no caller needs a second path.

Each rank must make the same calls in the same order: a call waits until all ranks have made it.
"""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as distributed
from jaxtyping import Shaped
from torch import Tensor
from torch.autograd.function import once_differentiable

from latentclr.errors import InputError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

TIMEOUT = timedelta(minutes=10)
"""How long a call waits for the other ranks: longer than anything that one of them does by itself."""
GRACE = 5.0
"""Seconds in which a process may end in its own way once the run cannot go on."""
POLL = 0.5
"""Seconds between two looks at the other processes on this machine."""
LOST_EXIT = 2
"""Exit code after a lost rank where nothing can be raised; the same as a command's after InputError."""

_LOST_MARKS = ("gloo/transport", "ncclRemoteError", "communicator was aborted")
"""What torch's plain RuntimeErrors for a lost rank mention: gloo's source files, NCCL's names."""

SomeWorld = TypeVar("SomeWorld", bound="World")


class RankLostError(InputError):
    """Another rank has ended or does not answer, so this one cannot go on."""

    def __init__(self, message: str = "") -> None:
        """Say so in the usual sentence, unless there is a better one."""
        minutes = f"{TIMEOUT.total_seconds() / 60:g} minutes"
        super().__init__(
            message
            or f"another process of this run has ended, or has not answered for {minutes} (which one is not "
            "known); what was saved last is whole: go on with --resume."
        )


class World:
    """One process alone; the base of several.

    A context manager: leaving it closes it.
    """

    rank: int = 0
    """This process's number, from 0."""
    size: int = 1
    """Number of processes."""

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes files, draws progress and talks."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """This rank's part of n items.

        The parts are contiguous and in order of rank, cover all, and differ in length by at most one, the
        longer ones first. Where there are more ranks than items, some parts are empty.
        """
        whole, rest = divmod(n, self.size)
        start = self.rank * whole + min(self.rank, rest)
        return slice(start, start + whole + (self.rank < rest))

    def even_share(self, n: int, name: str = "") -> slice:
        """This rank's part of n items, of the same length on all ranks.

        Args:
            n: all items.
            name: what the user calls their number, for the error.

        Raises:
            InputError: n is no multiple of the number of ranks.
        """
        if n % self.size:
            raise InputError(
                f"{name and name + '='}{n} cannot be divided evenly over {self.size} processes; a multiple "
                f"of {self.size} can."
            )
        return self.share(n)

    def gather(self, x: Shaped[Tensor, " n *rest"]) -> Shaped[Tensor, " all *rest"]:
        """The parts of all ranks in order of rank.

        Differentiable once: a part's gradient is the sum of what all ranks' losses ask of it. So every rank
        must go backward through it, or none.

        Args:
            x: this rank's part, as long as every other rank's.

        Raises:
            RankLostError: a rank is gone; also from the backward pass.
        """
        return x

    def gather_uneven(self, x: Shaped[Tensor, " n *rest"]) -> Shaped[Tensor, " all *rest"]:
        """The parts of all ranks in order of rank, without gradients.

        Args:
            x: this rank's part; parts may differ in length along the first axis, as `share` makes them, and
                may be empty.

        Raises:
            RankLostError: a rank is gone.
        """
        return x.detach()

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor the sum over all ranks, in place, with one message for each dtype among them.

        Args:
            tensors: of the same shapes and dtypes on all ranks.

        Raises:
            RankLostError: a rank is gone.
        """

    def from_first(self, x: Shaped[Tensor, " *shape"]) -> Shaped[Tensor, " *shape"]:
        """The first rank's value, on every rank, without gradients.

        Args:
            x: of the same shape and dtype on all ranks.

        Raises:
            RankLostError: a rank is gone.
        """
        return x.detach()

    def any(self, flag: bool) -> bool:
        """Whether the flag is True on at least one rank; every rank gets the same answer.

        Raises:
            RankLostError: a rank is gone.
        """
        return flag

    def barrier(self) -> None:
        """Wait for all ranks.

        Raises:
            RankLostError: a rank is gone.
        """

    def close(self) -> None:
        """Leave the others quietly, once all have done their work; what follows, each rank does alone."""

    def __enter__(self: SomeWorld) -> SomeWorld:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


ALONE = World()
"""The world of a process that works by itself."""


class Ranks(World):
    """Several processes, of which this is one.

    Tensors may be on any device; they travel by way of this rank's own one. (gloo, which carries them between
    CPUs, has no 16-bit integers.)
    """

    def __init__(self, fabric: "Fabric", companions: "Companions") -> None:
        """Take part in what a Fabric has launched; `companions` are the processes that it started here."""
        self.rank = fabric.global_rank
        self.size = fabric.world_size
        self._device = fabric.device
        self._companions = companions
        self._closed = False

    def gather(self, x: Shaped[Tensor, " n *rest"]) -> Shaped[Tensor, " all *rest"]:
        """See `World`."""
        gathered: Tensor = _Gather.apply(x.to(self._device), self)  # type: ignore[no-untyped-call]
        return gathered.to(x.device)

    def gather_uneven(self, x: Shaped[Tensor, " n *rest"]) -> Shaped[Tensor, " all *rest"]:
        """See `World`."""
        lengths = self.stack(torch.tensor(len(x))).tolist()
        padded = x.new_zeros((max(lengths), *x.shape[1:]))
        padded[: len(x)] = x.detach()
        parts = self.stack(padded)
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """See `World`."""
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            same = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.detach().reshape(-1).to(self._device) for tensor in same])
            with self._companions.needed():
                distributed.all_reduce(flat)
            sums = flat.split([tensor.numel() for tensor in same])
            for tensor, summed in zip(same, sums, strict=True):
                tensor.detach().copy_(summed.view(tensor.shape))

    def from_first(self, x: Shaped[Tensor, " *shape"]) -> Shaped[Tensor, " *shape"]:
        """See `World`."""
        value = x.detach().to(self._device).clone(memory_format=torch.contiguous_format)
        with self._companions.needed():
            distributed.broadcast(value, src=0)
        return value.to(x.device)

    def any(self, flag: bool) -> bool:
        """See `World`."""
        raised = torch.tensor(int(flag), device=self._device)
        with self._companions.needed():
            distributed.all_reduce(raised, op=distributed.ReduceOp.MAX)
            return bool(raised.item())

    def barrier(self) -> None:
        """See `World`."""
        self.any(False)

    def close(self) -> None:
        """See `World`."""
        self._leave(in_order=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(in_order=kind is None)

    def stack(self, x: Shaped[Tensor, " *shape"]) -> Shaped[Tensor, " ranks *shape"]:
        """The tensors of all ranks, of equal shapes, without gradients, one behind the other.

        Raises:
            RankLostError: a rank is gone.
        """
        sent = x.detach().to(self._device).contiguous()
        received = sent.new_empty((self.size, *sent.shape))
        with self._companions.needed():
            distributed.all_gather(list(received.unbind()), sent)
        return received.to(x.device)

    def sum_for_each(self, x: Shaped[Tensor, " all *rest"]) -> Shaped[Tensor, " n *rest"]:
        """This rank's part of the sum over all ranks.

        One part after the other, each summed where it belongs: half of what it takes to tell every rank the
        whole sum, and no second buffer of its size.

        Raises:
            RankLostError: a rank is gone.
        """
        own = x
        for rank, part in enumerate(x.detach().chunk(self.size)):
            summed = part.clone(memory_format=torch.contiguous_format)
            with self._companions.needed():
                distributed.reduce(summed, dst=rank)
            if rank == self.rank:
                own = summed
        return own

    def _leave(self, *, in_order: bool) -> None:
        if self._closed:
            return
        self._closed = True
        if in_order:
            with suppress(RankLostError):  # all that was to be done is done
                self.barrier()
        in_order = in_order and not self._companions.failed
        # NCCL may wait for ranks that are gone before it lets go; gloo does not.
        if in_order or self._device.type == "cpu":
            distributed.destroy_process_group()
        self._companions.end(in_order=in_order)


class _Gather(torch.autograd.Function):
    """Concatenates the ranks' parts; backward each rank keeps its own part of the summed gradients."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.stack(part).flatten(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.sum_for_each(gradient), None


class Companions:
    """The other processes of a run on this machine, where no other program watches over them.

    A call that needs a rank which is gone fails at once between CPUs, but between GPUs it can wait for
    minutes, and a rank that computes by itself notices nothing. So a thread looks at the processes and ends
    this one, in one sentence, if its main thread has not noticed within `GRACE` seconds.

    Attributes:
        failed: whether a call has found that a rank is gone.
    """

    failed: bool = False

    def __init__(self) -> None:
        """Know of no process as yet."""
        self._children: Sequence[subprocess.Popen[bytes]] = ()
        self._over = threading.Event()

    def watch(self, children: Sequence["subprocess.Popen[bytes]"], parent: int | None) -> None:
        """Look after the processes that this one started, and the one that started it as a rank (or None)."""
        self._children = children

        def gone() -> bool:
            orphaned = parent is not None and os.getppid() != parent
            return orphaned or any(child.poll() for child in children)

        threading.Thread(target=self._watch, args=(gone,), name="latentclr-ranks", daemon=True).start()

    @contextmanager
    def needed(self) -> Iterator[None]:
        """Around a call that needs all ranks: what torch raises when one is gone becomes RankLostError."""
        try:
            yield
        except RuntimeError as error:
            if not _is_loss(error):
                raise
            self.failed = True
            self._over.set()
            raise RankLostError from error

    def end(self, *, in_order: bool) -> None:
        """Wait for the processes that this one started: not for long if the run has failed."""
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


def launch(devices: int, nodes: int = 1, *, device: str) -> World:
    """Start the other processes, or join those that torchrun has started, and return this process's place.

    To be called once in a process, before any work: the other processes on this machine run the same
    command line (`sys.argv`) from its beginning. On several machines without torchrun the command is started
    once on each, with NODE_RANK, MASTER_ADDR and MASTER_PORT in the environment. Under torchrun, `devices`
    and `nodes` are left at 1: its own options say how many.

    Processes on one machine share its cores: unless OMP_NUM_THREADS says otherwise, each computes with as
    many threads as there are cores for it. (torchrun sets OMP_NUM_THREADS to 1.) On CUDA each has a device of
    its own, which is the current one, plain "cuda", from here on.

    Args:
        devices: processes on each machine, on CUDA no more than it has devices.
        nodes: machines.
        device: "cpu" or "cuda"; anything where there is one process.

    Raises:
        InputError: values out of range or against the environment, or Fabric is not installed.
        RankLostError: the others did not come.
    """
    devices, nodes = _counts(devices, nodes, os.environ)
    if devices * nodes == 1:
        return ALONE
    if device not in ("cpu", "cuda"):
        raise InputError(f"several processes compute on cpu or cuda, not on {device!r}.")
    if device == "cuda" and devices > torch.cuda.device_count():
        raise InputError(
            f"{devices} CUDA devices were asked for, but there are {torch.cuda.device_count()} here."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Fabric's hints on things that are not used here
        fabric, companions = _fabric(devices, nodes, device)
        fabric.launch()
    return Ranks(fabric, companions)


def _counts(devices: int, nodes: int, environment: Mapping[str, str]) -> tuple[int, int]:
    """Processes on each machine, and machines, once what has started this process has had its say."""
    if devices < 1 or nodes < 1:
        raise InputError(f"there must be at least one device on at least one node, not {devices} on {nodes}.")
    size = int(environment.get("WORLD_SIZE", devices * nodes))
    if _under_torchrun(environment) and devices * nodes in (1, size):
        local = int(environment.get("LOCAL_WORLD_SIZE", size))
        return local, size // local
    if size not in (1, devices * nodes) or (_under_torchrun(environment) and size == 1):
        raise InputError(
            f"the environment says WORLD_SIZE={size}, but {devices} devices on {nodes} nodes are "
            f"{devices * nodes} processes: leave both at 1 under torchrun, and unset WORLD_SIZE otherwise."
        )
    return devices, nodes


def _under_torchrun(environment: Mapping[str, str]) -> bool:
    return "TORCHELASTIC_RUN_ID" in environment


def _fabric(devices: int, nodes: int, device: str) -> tuple["Fabric", Companions]:
    """A Fabric that is ready to launch, and what will look after the processes that it starts."""
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.plugins.environments.lightning import LightningEnvironment
        from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
        from lightning_fabric.strategies.ddp import DDPStrategy
    except ModuleNotFoundError as error:
        raise InputError(
            "several devices need Lightning Fabric, which is not installed: "
            "run pip install 'latentclr[distributed]'."
        ) from error
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)

    torchrun = _under_torchrun(os.environ)
    started = torchrun or "LOCAL_RANK" in os.environ
    listener: socket.socket | None = None
    if nodes == 1:
        _stay_on_this_machine(os.environ)
        if not started:
            listener = _listen(os.environ)
    elif not torchrun:
        _check_meeting_place(os.environ)
    companions = Companions()

    class Strategy(DDPStrategy):
        """DDP whose processes meet on this machine alone and end in a sentence."""

        def setup_environment(self) -> None:
            # Fabric kills this process without a word once one of those it started has ended in an error. It
            # looks at this very list, so with the list empty it leaves that to `companions`.
            processes = getattr(self.launcher, "procs", [])
            children = tuple(processes)
            processes.clear()
            parent = os.getppid() if started and not torchrun else None
            if children or parent is not None:
                companions.watch(children, parent)
            with companions.needed():
                if nodes == 1 and not torchrun:
                    _meet(listener, self.local_rank, devices, self.root_device)
                super().setup_environment()

    # Named rather than guessed from the environment: inside a cluster's job Fabric would wait for the
    # scheduler to start the others.
    environment = TorchElasticEnvironment() if torchrun else LightningEnvironment()
    strategy = Strategy(cluster_environment=environment, timeout=TIMEOUT)
    return Fabric(accelerator=device, strategy=strategy, devices=devices, num_nodes=nodes), companions


def _stay_on_this_machine(environment: MutableMapping[str, str]) -> None:
    """Let the ranks of one machine talk through its loopback interface, unless the user chose another.

    They trust whoever connects, so their ports must not be open to a network. It also spares the search for
    the machine's own name, which fails where the name has no address.
    """
    loopback = next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)
    environment.setdefault("MASTER_ADDR", "127.0.0.1")
    if loopback is not None:
        environment.setdefault("GLOO_SOCKET_IFNAME", loopback)
        environment.setdefault("NCCL_SOCKET_IFNAME", loopback)


def _listen(environment: MutableMapping[str, str]) -> socket.socket:
    """The socket at which the ranks of one machine meet; its port is put into their environment.

    Left to itself, torch would listen on all networks of the machine, on a port that was free a while ago.
    """
    address, port = environment["MASTER_ADDR"], environment.get("MASTER_PORT", "0")
    try:
        listener = socket.create_server((address, int(port)))
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"cannot listen on MASTER_ADDR={address} MASTER_PORT={port}: {error}.") from error
    environment["MASTER_PORT"] = str(listener.getsockname()[1])
    return listener


def _check_meeting_place(environment: Mapping[str, str]) -> None:
    missing = [name for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT") if name not in environment]
    if missing:
        raise InputError(
            f"with several nodes the environment must say {', '.join(missing)} (or start with torchrun)."
        )


def _meet(listener: socket.socket | None, rank: int, size: int, device: torch.device) -> None:
    """Join the process group of one machine: the first rank has the socket, the others connect to it."""
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=listener is not None,
        timeout=TIMEOUT,
        wait_for_workers=False,
        master_listen_fd=None if listener is None else listener.detach(),
    )
    on_cuda = device.type == "cuda"
    if on_cuda:
        torch.cuda.set_device(device)
    distributed.init_process_group(
        "nccl" if on_cuda else "gloo",
        store=store,
        rank=rank,
        world_size=size,
        timeout=TIMEOUT,
        device_id=device if on_cuda else None,
    )


def _is_loss(error: RuntimeError) -> bool:
    """Whether torch says that a rank is gone, rather than that a call was wrong."""
    if isinstance(error, distributed.DistNetworkError | distributed.DistStoreError):
        return True
    return any(mark in str(error) for mark in _LOST_MARKS)
