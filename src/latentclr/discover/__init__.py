"""Methods that find directions: one file each, all behind one contract."""

from latentclr.discover.base import Discoverer, never, no_log
from latentclr.discover.contrastive import contrastive_loss, identification_accuracy
from latentclr.discover.effects import divergences
from latentclr.discover.latentclr import PRESETS, LatentCLR
from latentclr.discover.random import Random
from latentclr.engine.training import Log, Stop

DISCOVERERS: dict[str, type[Discoverer]] = {kind.method: kind for kind in (LatentCLR, Random)}
"""Every method by its name: the command line and the common tests read this table."""

__all__ = [
    "DISCOVERERS",
    "PRESETS",
    "Discoverer",
    "LatentCLR",
    "Log",
    "Random",
    "Stop",
    "contrastive_loss",
    "divergences",
    "identification_accuracy",
    "never",
    "no_log",
]
