"""Methods that find directions: one file each, all behind one contract."""

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
"""The class of every method, in a module of the method's name: first those that look by themselves, then
those that are told what to look for. The command line and the common tests read this table."""


def settings_of(method: str) -> "type[MethodSettings]":
    """What can be chosen of a method: where `settings` has a module of its name, this imports no torch."""
    name = METHODS[method]
    try:
        found: Any = getattr(import_module(f"{__name__}.settings.{method}"), f"{name}Settings")
    except ModuleNotFoundError:
        found = getattr(import_module(f"{__name__}.{method}"), name)
    return found  # type: ignore[no-any-return]
