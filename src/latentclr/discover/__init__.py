"""Methods that find directions, one module each, behind one interface: `Discoverer`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from latentclr.lazy import lazy

if TYPE_CHECKING:
    from latentclr.discover.public import *  # noqa: F403
    from latentclr.discover.settings.base import MethodSettings
else:
    __getattr__, __dir__ = lazy(__name__)

METHODS = {
    "latentclr": "LatentCLR",
    "ganspace": "GANSpace",
    "sefa": "SeFa",
    "voynov": "Voynov",
    "random": "Random",
    "interfacegan": "InterFaceGAN",
    "ganalyze": "GANalyze",
    "steerability": "Steerability",
    "plumerault": "Plumerault",
}
"""The class of every method, in a module of the method's name: first the unsupervised methods, then those
that search for given attributes or edits. The command line and the common tests read this table."""


def settings_of(method: str) -> "type[MethodSettings]":
    """The class of a method's hyperparameters, without torch if `settings` has a module of that name."""
    name = METHODS[method]
    try:
        found: Any = getattr(import_module(f"{__name__}.settings.{method}"), f"{name}Settings")
    except ModuleNotFoundError:
        found = getattr(import_module(f"{__name__}.{method}"), name)
    return found
