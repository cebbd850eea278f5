"""Generators that compute in float64."""

import copy
from typing import TypeVar

import torch
from torch import Tensor

from latentclr import Generator

Kind = TypeVar("Kind", bound=Generator)


def in_float64(generator: Kind) -> Kind:
    """A copy of a generator that computes in float64.

    Two formulations of one network then differ by rounding of 1e-16 times some thousand operations: comparing
    them by `same` (1e-9) leaves rounding far below, and the smallest fault far above.
    """
    copied = copy.deepcopy(generator).double().freeze()
    return copied if copied.label is None else copied.view(label=copied.label.double())


def same(found: Tensor, expected: Tensor, *, what: object = "") -> None:
    """Assert that two results in float64 are equal but for rounding, to 1e-9 of the largest value."""
    assert found.dtype == expected.dtype == torch.float64, what
    assert found.shape == expected.shape, what
    apart = float((found - expected).abs().max().detach() / expected.abs().max().detach())
    assert apart < 1e-9, (what, apart)
