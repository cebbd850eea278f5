"""The exponential moving average (EMA) of a generator's weights: the generator that is exported.

Yazıcı and others: The Unusual Effectiveness of Averaging in GAN Training (ICLR 2019).
"""

from collections.abc import Sequence

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


def ema_decay(batch: int, pictures: int, *, half_life: float, ramp: float) -> float:
    """Decay of the average for one step: 1/2 ^ (batch / half life).

    In the beginning the half life is shorter, a share of what was seen so far, so that the average forgets
    the random weights of the start (Karras and others, StyleGAN2-ADA, NeurIPS 2020).

    >>> ema_decay(16, 1_000_000, half_life=16.0, ramp=0.05)
    0.5
    >>> ema_decay(16, 320, half_life=10_000.0, ramp=0.05)
    0.5

    Args:
        batch: pictures of a step.
        pictures: pictures seen so far.
        half_life: pictures after which half of the average is forgotten.
        ramp: the half life is at most this times the pictures seen so far.
    """
    return float(0.5 ** (batch / max(min(half_life, pictures * ramp), 1e-8)))


def update_average(averages: Sequence[Tensor], values: Sequence[Tensor], decay: float) -> None:
    """Set each average a to decay a + (1 - decay) v, in place.

    Args:
        averages: tensors of one device and dtype.
        values: the current v of each average.
        decay: weight of the old average, 0 to 1.
    """
    get_ema_multi_avg_fn(decay)(list(averages), list(values), None)
