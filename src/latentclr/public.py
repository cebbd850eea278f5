"""The names of the package, which `latentclr` imports when one of them is first asked for."""

from latentclr import generators
from latentclr.checkpoints import ZOO, load_generator
from latentclr.directions import Directions
from latentclr.discover import (
    DISCOVERERS,
    GANalyze,
    GANSpace,
    InterFaceGAN,
    LatentCLR,
    Plumerault,
    Random,
    SeFa,
    Steerability,
    Voynov,
)
from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.report import contact_sheet

__all__ = [
    "DISCOVERERS",
    "ZOO",
    "Directions",
    "GANSpace",
    "GANalyze",
    "Generator",
    "InputError",
    "InterFaceGAN",
    "LatentCLR",
    "Plumerault",
    "Random",
    "SeFa",
    "Steerability",
    "Voynov",
    "contact_sheet",
    "generators",
    "load_generator",
]
