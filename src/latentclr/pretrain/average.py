"""The exponential moving average of a generator's weights: the generator that is kept.

Yazıcı and others: The Unusual Effectiveness of Averaging in GAN Training (ICLR 2019).
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def decay(batch: int, pictures: int, *, half_life: float, ramp: float) -> float:
    """What is kept of the average at a step: 1/2 ^ (batch / half life).

    In the beginning the half life is shorter, a share of what was seen so far, so that the average forgets
    the random weights of the start (Karras and others, StyleGAN2-ADA, NeurIPS 2020).

    >>> decay(16, 1_000_000, half_life=16.0, ramp=0.05), decay(16, 320, half_life=10_000.0, ramp=0.05)
    (0.5, 0.5)

    Args:
        batch: pictures of a step.
        pictures: seen so far.
        half_life: pictures after which half of the average is forgotten.
        ramp: the half life is at most this times the pictures seen so far.
    """
    return float(0.5 ** (batch / max(min(half_life, pictures * ramp), 1e-8)))


@torch.no_grad()
def update_average(averages: Sequence[Tensor], values: Sequence[Tensor], kept: float) -> None:
    """Each average a becomes kept a + (1 - kept) v, in place."""
    torch._foreach_lerp_(list(averages), list(values), 1 - kept)
