"""How work is spread over processes, the same way for training, evaluation and sampling."""

from latentclr.engine.world import ALONE, RankLostError, Ranks, World, launch

__all__ = ["ALONE", "RankLostError", "Ranks", "World", "launch"]
