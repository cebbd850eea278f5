"""The names of the package, which `latentclr.discover` imports when one of them is first asked for."""

from importlib import import_module

from latentclr.discover import METHODS
from latentclr.discover.base import Discoverer, never, no_log
from latentclr.discover.contrastive import contrastive_loss, identification_accuracy
from latentclr.discover.effects import Effects
from latentclr.discover.ganalyze import GANalyze
from latentclr.discover.ganspace import GANSpace
from latentclr.discover.interfacegan import InterFaceGAN
from latentclr.discover.latentclr import LatentCLR
from latentclr.discover.plumerault import Plumerault
from latentclr.discover.random import Random
from latentclr.discover.sefa import SeFa
from latentclr.discover.settings.latentclr import PRESETS
from latentclr.discover.steerability import Steerability
from latentclr.discover.voynov import Voynov, separability
from latentclr.engine.training import Log, Stop

DISCOVERERS: dict[str, type[Discoverer]] = {
    method: getattr(import_module(f"latentclr.discover.{method}"), name) for method, name in METHODS.items()
}
"""Every method by its name."""

__all__ = [
    "DISCOVERERS",
    "PRESETS",
    "Discoverer",
    "Effects",
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
    "identification_accuracy",
    "never",
    "no_log",
    "separability",
]
