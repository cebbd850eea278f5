"""latentclr: find, measure and use interpretable directions in the latent space of a pretrained GAN.

>>> import latentclr
>>> generator = latentclr.generators.DCGAN(channels=(16, 8, 4), z_dim=8)  # or load_generator("faces")
>>> directions = latentclr.LatentCLR(layer="b8", k=4, steps=5).fit(generator)
>>> latents = generator.from_seeds([0, 1])
>>> generator(directions.edit(latents, index=0, alpha=3.0)).shape
torch.Size([2, 3, 32, 32])
"""

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
