"""Methods that find directions: one file each, all behind one contract."""

from latentclr.discover.base import Discoverer, never, no_log
from latentclr.discover.contrastive import contrastive_loss, identification_accuracy
from latentclr.discover.effects import divergences
from latentclr.discover.ganalyze import GANalyze
from latentclr.discover.ganspace import GANSpace
from latentclr.discover.interfacegan import InterFaceGAN
from latentclr.discover.latentclr import PRESETS, LatentCLR
from latentclr.discover.plumerault import Plumerault
from latentclr.discover.random import Random
from latentclr.discover.sefa import SeFa
from latentclr.discover.steerability import Steerability
from latentclr.discover.voynov import Voynov, separability
from latentclr.engine.training import Log, Stop

METHODS: tuple[type[Discoverer], ...] = (
    *(LatentCLR, GANSpace, SeFa, Voynov, Random),
    *(InterFaceGAN, GANalyze, Steerability, Plumerault),
)
"""First those that look by themselves, then those that are told what to look for."""

DISCOVERERS: dict[str, type[Discoverer]] = {kind.method: kind for kind in METHODS}
"""Every method by its name: the command line and the common tests read this table."""

__all__ = [
    "DISCOVERERS",
    "PRESETS",
    "Discoverer",
    "GANSpace",
    "GANalyze",
    "InterFaceGAN",
    "LatentCLR",
    "Log",
    "Plumerault",
    "Random",
    "SeFa",
    "Steerability",
    "Stop",
    "Voynov",
    "contrastive_loss",
    "divergences",
    "identification_accuracy",
    "never",
    "no_log",
    "separability",
]
