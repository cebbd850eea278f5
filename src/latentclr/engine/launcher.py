"""Starts the processes of a run on this machine, or joins those that torchrun has started.

torchrun's agent is not used to start them: it listens on all networks of the machine, ends a failed run with
a traceback, and gives a run that is to stop 30 seconds to save.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, MutableMapping

import torch
import torch.distributed as distributed

from latentclr.engine.watchdog import TIMEOUT, Watchdog
from latentclr.engine.world import ALONE, Ranks, World
from latentclr.errors import InputError


def launch(devices: int, nodes: int = 1, *, device: str) -> World:
    """Start the other processes, or join those that torchrun has started, and return this process's place.

    To be called once in a process, before any work: the other processes on this machine run the same
    command line (`sys.orig_argv`) from its beginning. On several machines without torchrun the command is
    started once on each, with NODE_RANK, MASTER_ADDR and MASTER_PORT in the environment. Under torchrun,
    `devices` and `nodes` are left at 1: its own options say how many.

    Processes on one machine share its cores: unless OMP_NUM_THREADS says otherwise, each computes with as
    many threads as there are cores for it. (torchrun sets OMP_NUM_THREADS to 1.) On CUDA each has a device of
    its own, which is the current one, plain "cuda", from here on.

    Args:
        devices: processes on each machine, on CUDA no more than it has devices.
        nodes: machines.
        device: "cpu" or "cuda"; anything where there is one process.

    Raises:
        InputError: values out of range or against the environment.
        RankLostError: the others did not come.
    """
    environment = os.environ
    devices, nodes = _counts(devices, nodes, environment)
    if devices * nodes == 1:
        return ALONE
    _check_device(device, devices)
    if "OMP_NUM_THREADS" not in environment:
        torch.set_num_threads(max(1, _cores() // devices))
    if nodes == 1:
        _stay_on_this_machine(environment)
    watchdog, listener = Watchdog(), None
    torchrun = _under_torchrun(environment)
    if not torchrun:
        listener = _meeting_place(nodes, environment)
        _start_others(devices, environment, watchdog)
    local_rank = int(environment.get("LOCAL_RANK", 0))
    node_rank = 0 if nodes == 1 else int(environment.get("NODE_RANK", 0))
    rank = int(environment["RANK"]) if torchrun else node_rank * devices + local_rank
    own = torch.device("cuda", local_rank) if device == "cuda" else torch.device("cpu")
    with watchdog.collective():
        store = None if torchrun or nodes > 1 else _store(listener, environment)
        _join(store, rank, devices * nodes, own)
    return Ranks(rank, devices * nodes, own, watchdog)


def _counts(devices: int, nodes: int, environment: Mapping[str, str]) -> tuple[int, int]:
    """Processes on each machine, and machines, by the arguments and the environment of this process."""
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


def _check_device(device: str, devices: int) -> None:
    if device not in ("cpu", "cuda"):
        raise InputError(f"several processes compute on cpu or cuda, not on {device!r}.")
    if device == "cuda" and devices > torch.cuda.device_count():
        raise InputError(
            f"{devices} CUDA devices were asked for, but there are {torch.cuda.device_count()} here."
        )


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


def _meeting_place(nodes: int, environment: MutableMapping[str, str]) -> socket.socket | None:
    """The socket at which the ranks of one machine meet, for the first of them; None for all others.

    Its port is put into the environment. Left to itself, torch would listen on all networks of the machine,
    on a port that was free a while ago.
    """
    if nodes > 1:
        missing = [name for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT") if name not in environment]
        if missing:
            raise InputError(
                f"with several nodes the environment must say {', '.join(missing)} (or start with torchrun)."
            )
        return None
    if "LOCAL_RANK" in environment:
        return None
    address, port = environment["MASTER_ADDR"], environment.get("MASTER_PORT", "0")
    try:
        listener = socket.create_server((address, int(port)))
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"cannot listen on MASTER_ADDR={address} MASTER_PORT={port}: {error}.") from error
    environment["MASTER_PORT"] = str(listener.getsockname()[1])
    return listener


def _start_others(devices: int, environment: Mapping[str, str], watchdog: Watchdog) -> None:
    """Start this machine's other ranks, unless this is one of them, and watch them or the one that did."""
    if "LOCAL_RANK" in environment:
        watchdog.watch((), parent=os.getppid())
        return
    command = [sys.executable, *sys.orig_argv[1:]]
    children = [
        subprocess.Popen(command, env={**environment, "LOCAL_RANK": str(rank)}) for rank in range(1, devices)
    ]
    watchdog.watch(children, parent=None)


def _cores() -> int:
    """Number of cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _store(listener: socket.socket | None, environment: Mapping[str, str]) -> distributed.Store:
    """Where the ranks of one machine exchange addresses: the first one has the socket, others connect."""
    return distributed.TCPStore(  # type: ignore[attr-defined]
        environment["MASTER_ADDR"],
        int(environment["MASTER_PORT"]),
        is_master=listener is not None,
        timeout=TIMEOUT,
        wait_for_workers=False,
        master_listen_fd=None if listener is None else listener.detach(),
    )


def _join(store: distributed.Store | None, rank: int, size: int, device: torch.device) -> None:
    """Join the process group; without a store, by MASTER_ADDR and MASTER_PORT."""
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
