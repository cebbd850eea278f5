"""What the processes of `test_world.py` do: `python -m tests.engine.workers NAME OUT`.

NAME is a function of this module; OUT a folder into which each rank writes what it has found.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from torch import Tensor

from latentclr.engine import World, launch, watchdog
from latentclr.errors import InputError

DEVICES = 2
ROWS = 6


def rows() -> Tensor:
    """What the ranks share, the same on every one."""
    return torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def shared_weight() -> Tensor:
    return torch.linspace(0.5, 1.5, 9, dtype=torch.float64).reshape(3, 3).requires_grad_()


def loss_of(features: Tensor, own: slice) -> Tensor:
    """Not linear in any row, and different for each part of the rows."""
    logits = (features @ features.T).tanh()
    return torch.logsumexp(logits[own], dim=1).square().sum()


def features_of(weight: Tensor, inputs: Tensor) -> Tensor:
    return (inputs @ weight).sin()


def everything(here: World) -> dict[str, object]:
    """One call of each kind, and what came of it."""
    found: dict[str, object] = {"rank": here.rank, "size": here.size, "first": here.first}

    own = here.even_share(ROWS)
    weight = shared_weight()
    part = features_of(weight, rows()[own])
    part.retain_grad()
    gathered = here.gather(part)
    loss = loss_of(gathered, own)
    loss.backward()
    assert weight.grad is not None
    assert part.grad is not None
    own_gradient = weight.grad.clone()
    here.sum([weight.grad])
    found["gathered"] = gathered.tolist()
    found["own_gradient"] = own_gradient.tolist()
    found["gradient"] = weight.grad.tolist()
    found["part_gradient"] = part.grad.tolist()

    integers, doubles = torch.arange(3) + here.rank, torch.ones(2, 2).double() * (here.rank + 1)
    across = torch.arange(6.0).reshape(2, 3).T + here.rank
    leaf = torch.ones(2, requires_grad=True)
    here.sum([doubles, integers, across, leaf])
    here.sum([])
    found["sums"] = [value.tolist() for value in (doubles, integers, across, leaf)]
    found["kept"] = [str(doubles.dtype), str(integers.dtype), across.stride(), leaf.requires_grad]

    found["from_first"] = here.from_first(torch.tensor([1.5, 2.5]) * (here.rank + 1)).tolist()
    found["state"] = here.from_first(torch.Generator().manual_seed(here.rank).get_state()).sum().item()
    found["any"] = [here.any(flag) for flag in (False, True, here.rank == 1, here.rank == 0)]
    for n in (5, 1, 0):
        found[f"uneven {n}"] = here.gather_uneven(torch.arange(2 * n).reshape(n, 2)[here.share(n)]).tolist()
    found["uneven flags"] = here.gather_uneven(torch.tensor([True, False, True])[here.share(3)]).tolist()
    here.barrier()

    process = psutil.Process()
    connections = [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    found["listens"] = [one.laddr.ip for one in connections]
    found["threads"] = torch.get_num_threads()
    return found


def together(out: Path) -> None:
    with launch(DEVICES, device="cpu") as here:
        found = everything(here)
        here.close()  # a second time is nothing
        (out / f"{here.rank}.json").write_text(json.dumps(found))


def under_torchrun(out: Path) -> None:
    """As many processes as torchrun has started."""
    with launch(1, device="cpu") as here:
        (out / f"{here.rank}.json").write_text(json.dumps(everything(here)))


def other_dies(out: Path) -> None:
    """The second rank is killed while the first needs it in a backward pass."""
    with launch(DEVICES, device="cpu") as here:
        gathered = here.gather(torch.ones(2, requires_grad=True))
        if here.rank == 1:
            die()
        gathered.sum().backward()


def first_dies(out: Path) -> None:
    """The first rank is killed while the second is busy by itself."""
    watchdog.GRACE = 0.5
    with launch(DEVICES, device="cpu") as here:
        here.barrier()
        if here.rank == 0:
            die()
        time.sleep(100)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


WORKERS: dict[str, Callable[[Path], None]] = {
    worker.__name__: worker for worker in (together, under_torchrun, other_dies, first_dies)
}


def main(name: str, out: str) -> None:
    """As the commands do it: one sentence and 2 for what is not a defect."""
    try:
        WORKERS[name](Path(out))
    except InputError as error:
        sys.stderr.write(f"latentclr: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main(*sys.argv[1:])
