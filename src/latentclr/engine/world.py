"""One process or several that do one job together.

Every process has a number, its rank, and asks its `World` which part of the work is its own and what the
others found. With one process the same calls do nothing, so that no caller needs a second path.

Each rank must make the same calls in the same order: a call waits until all ranks have made it. Where a rank
is gone, every call that waits for it raises RankLostError.
"""

from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

import torch
import torch.distributed as distributed
from jaxtyping import Shaped
from torch import Tensor
from torch.autograd.function import once_differentiable

from latentclr.engine.watchdog import RankLostError, Watchdog
from latentclr.errors import InputError


class World:
    """One process alone; the base of several.

    A context manager: leaving it closes it.

    Attributes:
        rank: this process's number, from 0.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes files, shows progress and prints."""
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
            n: number of all items.
            name: what the user calls this number, for the error.

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

        Differentiable once: a part's gradient is the sum of its gradients from the losses of all ranks. So
        every rank must go backward through it, or none.

        Args:
            x: this rank's part, as long as every other rank's.
        """
        return x

    def gather_uneven(self, x: Shaped[Tensor, " n *rest"]) -> Shaped[Tensor, " all *rest"]:
        """The parts of all ranks in order of rank, without gradients.

        Args:
            x: this rank's part; parts may differ in length along the first axis, as `share` makes them, and
                may be empty.
        """
        return x.detach()

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor the sum over all ranks, in place, with one message for each dtype among them.

        Args:
            tensors: of the same shapes and dtypes on all ranks.
        """

    def from_first(self, x: Shaped[Tensor, " *shape"]) -> Shaped[Tensor, " *shape"]:
        """The first rank's value, on every rank, without gradients.

        Args:
            x: a tensor of the same shape and dtype on all ranks.
        """
        return x.detach()

    def any(self, flag: bool) -> bool:
        """Whether the flag is True on at least one rank; every rank gets the same answer."""
        return flag

    def barrier(self) -> None:
        """Wait until all ranks are here."""
        self.any(False)

    def close(self) -> None:
        """Leave the others quietly, once all have done their work; each rank works alone afterwards."""
        self._leave(in_order=True)

    def _leave(self, *, in_order: bool) -> None:
        pass

    def __enter__(self) -> "World":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(in_order=kind is None)


ALONE = World()
"""The world of a process that works by itself."""


class Ranks(World):
    """Several processes, of which this is one.

    torch.distributed's default process group must exist. Tensors may be on any device; they are sent from
    this rank's own. (gloo, which carries them between CPUs, has no 16-bit integers.)

    Args:
        rank: this process's number.
        size: number of processes.
        device: the CPU, or the GPU of this rank.
        watchdog: of the processes on this machine.
    """

    def __init__(self, rank: int, size: int, device: torch.device, watchdog: Watchdog) -> None:
        self.rank, self.size = rank, size
        self._device, self._watchdog = device, watchdog
        self._closed = False

    def gather(self, x: Shaped[Tensor, " n *rest"]) -> Shaped[Tensor, " all *rest"]:
        """See `World.gather`; its backward pass reduces each part's gradient to the part's rank."""
        gathered: Tensor = _Gather.apply(x.to(self._device), self)  # type: ignore[no-untyped-call]
        return gathered.to(x.device)

    def gather_uneven(self, x: Shaped[Tensor, " n *rest"]) -> Shaped[Tensor, " all *rest"]:
        """See `World.gather_uneven`; parts are sent with padding to the length of the longest."""
        lengths = self.stack(torch.tensor(len(x))).tolist()
        padded = x.new_zeros((max(lengths), *x.shape[1:]))
        padded[: len(x)] = x.detach()
        parts = self.stack(padded)
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """See `World.sum`; tensors of one dtype are sent as one."""
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            same = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.detach().reshape(-1).to(self._device) for tensor in same])
            with self._watchdog.collective():
                distributed.all_reduce(flat)
            sums = flat.split([tensor.numel() for tensor in same])
            for tensor, summed in zip(same, sums, strict=True):
                tensor.detach().copy_(summed.view(tensor.shape))

    def from_first(self, x: Shaped[Tensor, " *shape"]) -> Shaped[Tensor, " *shape"]:
        """See `World.from_first`; a broadcast."""
        value = x.detach().to(self._device).clone(memory_format=torch.contiguous_format)
        with self._watchdog.collective():
            distributed.broadcast(value, src=0)
        return value.to(x.device)

    def any(self, flag: bool) -> bool:
        """See `World.any`; the maximum over all ranks."""
        raised = torch.tensor(int(flag), device=self._device)
        with self._watchdog.collective():
            distributed.all_reduce(raised, op=distributed.ReduceOp.MAX)
            return bool(raised.item())

    def stack(self, x: Shaped[Tensor, " *shape"]) -> Shaped[Tensor, " ranks *shape"]:
        """The tensors of all ranks, of equal shapes, stacked along a new first axis, without gradients."""
        sent = x.detach().to(self._device).contiguous()
        received = sent.new_empty((self.size, *sent.shape))
        with self._watchdog.collective():
            distributed.all_gather(list(received.unbind()), sent)
        return received.to(x.device)

    def sum_for_each(self, x: Shaped[Tensor, " all *rest"]) -> Shaped[Tensor, " n *rest"]:
        """This rank's part of the sum over all ranks.

        Each part is reduced to its own rank only: half the traffic of a sum on every rank, and no second
        buffer of its size.
        """
        own = x
        for rank, part in enumerate(x.detach().chunk(self.size)):
            summed = part.clone(memory_format=torch.contiguous_format)
            with self._watchdog.collective():
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
        in_order = in_order and not self._watchdog.lost
        # NCCL may wait for ranks that are gone before it lets go; gloo does not.
        if in_order or self._device.type == "cpu":
            distributed.destroy_process_group()
        self._watchdog.end(in_order=in_order)


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
