"""Scorers: from pictures to numbers that mean something."""

from latentclr.scorers.base import Scorer
from latentclr.scorers.oracle import Oracle, load_oracle

__all__ = ["Oracle", "Scorer", "load_oracle"]
