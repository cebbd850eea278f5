"""The names of the package, which `latentclr.engine` imports when one of them is first asked for."""

from latentclr.engine.world import ALONE, RankLostError, Ranks, World, launch

__all__ = ["ALONE", "RankLostError", "Ranks", "World", "launch"]
