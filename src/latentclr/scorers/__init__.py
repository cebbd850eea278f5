"""Scorers: from pictures to numbers that mean something."""

from collections.abc import Callable, Mapping

from jaxtyping import Float
from torch import Tensor

from latentclr.scorers.oracle import Oracle, load_oracle

Scorer = Callable[[Float[Tensor, "n 3 h w"]], Mapping[str, Float[Tensor, " n"]]]
"""Numbers by name for each of n pictures in [-1, 1]."""

__all__ = ["Oracle", "Scorer", "load_oracle"]
