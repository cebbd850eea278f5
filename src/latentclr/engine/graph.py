"""A training step on a GPU as a single launch.

A step of small products is limited by the time it takes to launch some hundred kernels, one after the other.
A CUDA graph records them once and launches all together.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WARM_UP = 3
"""Steps before the recording, in which libraries choose their kernels and make their workspaces."""


class Graphed:
    """A function of tensors that runs as one CUDA graph, for tensors of the shapes that it was made with.

    The function must not wait for the GPU, and must do the same for all inputs. It is run a few times before
    it is recorded.

    Args:
        function: returns nothing; its results are in tensors that it changes in place.
        inputs: tensors on the CPU, of the shapes of all later inputs.
        device: a GPU.
        restore: called after the warm-up and the recording, to undo what these have changed.
    """

    def __init__(
        self,
        function: Callable[..., None],
        inputs: Sequence[Tensor],
        device: torch.device,
        restore: Callable[[], None],
    ) -> None:
        self._inputs = [value.to(device) for value in inputs]
        self._staged = [torch.empty_like(value).pin_memory() for value in inputs]
        self._copied = torch.cuda.Event()
        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                function(*self._inputs)
        torch.cuda.current_stream(device).wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            function(*self._inputs)
        restore()

    def __call__(self, *inputs: Tensor) -> None:
        """Run it; returns before the GPU is done."""
        self._copied.synchronize()  # the last copies have left the staging memory: long ago, as a rule
        for staged, value, target in zip(self._staged, inputs, self._inputs, strict=True):
            staged.copy_(value)
            target.copy_(staged, non_blocking=True)
        self._copied.record()
        self._graph.replay()
