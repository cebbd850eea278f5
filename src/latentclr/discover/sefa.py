"""SeFa: the latent directions to which the weights that read the latent respond most.

Shen, Zhou: Closed-Form Factorization of Latent Semantics in GANs (CVPR 2021). A layer reads its latent by
y = A z + b, so a step n changes y by A n whatever z is. The unit vectors n with the largest |A n| are the
eigenvectors of A^T A: no samples, no training.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float64
from torch import Tensor

from latentclr.directions import Directions, Global
from latentclr.discover.base import Discoverer, Setup
from latentclr.discover.moments import principal
from latentclr.discover.settings.sefa import SeFaSettings
from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.linalg import unit

UNREAD = 1e-10
"""An eigenvalue that is this share of the largest one, or less, is zero but for rounding."""
TO_RGB = ".torgb"
"""How names of a StyleGAN2's layers to colours end."""


@dataclass(frozen=True)
class SeFa(SeFaSettings, Discoverer):
    """Eigenvectors of the weights by which layers read their latent: exact and at once, without samples."""

    def find(self, setup: Setup) -> Directions:
        """Factorise; sorted by eigenvalue, signs by `moments.signed`. Nothing is drawn: seed has no effect.

        Of a StyleGAN or StyleGAN2, the affine maps from w to the styles are factorised (in space z, the first
        matrix of the mapping network instead: one matrix, whatever the layers); of a ProGAN or DCGAN, the
        projection of z. For the BigGANs, which the authors leave out, this does what the method's derivation
        asks for: the first linear layer and, of every block, the maps from z to the gains and offsets of its
        normalisations, without the columns that read the class (so one result serves all classes). In the
        original BigGAN each of these reads its own piece of z, so each direction lies in one piece.

        Raises:
            InputError: k below 1 or above the number of dimensions that these layers read, an unknown layer
                or slot, or a layer that reads no latent.
        """
        generator = setup.generator
        layers = _read_layers(generator, self.layers)
        read = {generator.layer(name).slot for name in layers}
        if self.slots is None:
            setup = replace(setup, slots=generator.check_slots(sorted(read)))
        gram = _gram([generator.style_weight(name) for name in layers], normalize=self.normalize)
        values, rows = principal(gram, len(gram))
        rank = int((values > UNREAD * values[0]).sum())
        if not 1 <= self.k <= rank:
            raise InputError(
                f"k={self.k} must be in 1 .. {rank}: so many dimensions of the latent (of "
                f"{generator.latent_dim}) do {', '.join(layers)} read."
            )
        model = Global.from_state({"theta": rows[: self.k]}, k=self.k, dim=generator.latent_dim)
        return self.result(
            setup,
            model,
            scale=torch.ones(self.k),
            scores=(values / values.sum())[: self.k].float(),
            sorted_by="eigenvalue, as a share of the sum of all",
            layers=layers,
        )


def _gram(weights: Sequence[Tensor], *, normalize: bool) -> Float64[Tensor, "dim dim"]:
    """A^T A of all weights below each other."""
    stacked = torch.cat([weight.double() for weight in weights])
    rows = unit(stacked) if normalize else stacked
    return rows.T @ rows


def _read_layers(generator: Generator, wanted: Sequence[str] | None) -> list[str]:
    if wanted is not None:
        if not wanted:
            raise InputError("layers is empty: name at least one, or leave the option out for all.")
        names = [generator.layer(name).name for name in wanted]
        for name in names:
            generator.style_weight(name)  # raises for one that reads no latent
        return list(dict.fromkeys(names))
    names = [layer.name for layer in generator.layers if _reads(generator, layer.name)]
    colours = [name for name in names if name.endswith(TO_RGB)]
    return [name for name in names if name not in colours[:-1]]


def _reads(generator: Generator, layer: str) -> bool:
    try:
        generator.style_weight(layer)
    except InputError:
        return False
    return True
