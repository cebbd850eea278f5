"""Small operations joined into few kernels, by torch's compiler.

Between its products, a step reads and writes features some dozen times, each time through memory. Compiled,
all that lies between two products is one pass.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

Given = ParamSpec("Given")
Made = TypeVar("Made")


def fused(function: Callable[Given, Made]) -> Callable[Given, Made]:
    """The function, compiled when it is first called, and again for each other shape of its arguments.

    That takes from seconds to a minute. Results differ by rounding. It needs a C++ compiler, on a GPU Triton
    too (torch for CUDA on Linux brings it).
    """
    return torch.compile(function, fullgraph=True, dynamic=False)


def forget_compiled() -> None:
    """Make room for other functions: torch compiles the same code for so many generators and no more."""
    torch.compiler.reset()
