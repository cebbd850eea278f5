"""How exactly a GPU multiplies."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from latentclr.engine.settings import Precision as Precision


@contextmanager
def products(precision: Precision) -> Iterator[None]:
    """Multiply float32 matrices with all 24 bits ("float32"), or on a GPU with 11 bits and sums of 24.

    Torch's own default is neither: convolutions with 11 bits, other products with 24. Restored afterwards.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    try:
        matmul.allow_tf32 = cudnn.allow_tf32 = precision != "float32"
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before
