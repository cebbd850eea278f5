"""latentclr: find, measure and use interpretable directions in the latent space of a pretrained GAN.

>>> import latentclr
>>> generator = latentclr.generators.DCGAN(channels=(16, 8, 4), z_dim=8)  # or load_generator("faces")
>>> directions = latentclr.LatentCLR(layer="b8", k=4, steps=5).fit(generator)
>>> latents = generator.from_seeds([0, 1])
>>> generator(directions.edit(latents, index=0, alpha=3.0)).shape
torch.Size([2, 3, 32, 32])
"""

from typing import TYPE_CHECKING

from latentclr.lazy import lazy

__version__ = "0.1.0"

if TYPE_CHECKING:
    from latentclr.public import *  # noqa: F403
else:
    __getattr__, __dir__ = lazy(__name__)
