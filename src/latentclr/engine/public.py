"""The names of the package, which `latentclr.engine` imports when one of them is first asked for."""

from latentclr.engine.launcher import launch
from latentclr.engine.watchdog import RankLostError
from latentclr.engine.world import ALONE, Ranks, World

__all__ = ["ALONE", "RankLostError", "Ranks", "World", "launch"]
