"""What a scorer is."""

from collections.abc import Callable, Mapping

from jaxtyping import Float
from torch import Tensor

Scorer = Callable[[Float[Tensor, "n 3 h w"]], Mapping[str, Float[Tensor, " n"]]]
"""Numbers by name for each of n pictures in [-1, 1]."""
