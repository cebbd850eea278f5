"""A generator whose interpretable directions are known: what methods are tested on."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, softplus

from latentclr.errors import InputError
from latentclr.generators import IMAGE, Generator, Latents, Layer


class Toy(Generator):
    """Each of six planted axes, a basis of the latent space, drives channels of its own, through a bend.

    Moving along planted axis k changes the channels of k and no others, for every latent in the same way up
    to a factor. A direction between two axes changes both, in a ratio that depends on the latent (because of
    the bend). So the planted axes are the consistent and distinct directions that a method should find.

    Slot 0 drives layer "early", slot 1 adds to layer "late". Axis 0 has the strongest effect, axis 5 the
    weakest; the picture gets brighter along every axis.
    """

    PLANTED = 6

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(1000 + seed)  # no method starts from these numbers
        self.space = "w"
        self.z_dim, self.latent_dim, self.num_slots = 7, self.PLANTED, 2
        self.layers = (
            Layer("early", 0, 2 * self.PLANTED, 4, aliases=("conv1",)),
            Layer("late", 1, 2 * self.PLANTED, 8),
            Layer(IMAGE, 1, 3, 8),
        )
        basis = torch.linalg.qr(torch.randn(self.latent_dim, self.latent_dim, generator=rng))[0]
        self.axes = torch.nn.Parameter(basis)  # (planted, dim), orthonormal
        mapping = torch.randn(self.latent_dim, self.z_dim, generator=rng)
        self.mapping = torch.nn.Parameter(mapping / self.z_dim**0.5)
        self.strengths = torch.nn.Parameter(1.5 ** torch.arange(self.PLANTED - 1.0, -1.0, -1.0))
        pattern = torch.rand(self.PLANTED, 2, 4, 4, generator=rng) + 0.5
        self.pattern = torch.nn.Parameter(pattern)
        self.freeze()

    def settings(self) -> dict[str, Any]:
        return {}

    def map(self, z: Float[Tensor, "n z_dim"]) -> Latents:
        w = z @ self.mapping.T * self.truncation
        return w.unsqueeze(1).repeat(1, self.num_slots, 1)

    def run(self, latents: Latents) -> Iterator[tuple[str, Float[Tensor, "n c h w"]]]:
        drive = self.strengths * softplus(latents @ self.axes.T)  # (n, slots, planted)
        early = (drive[:, 0, :, None, None, None] * self.pattern).flatten(1, 2)
        yield "early", early
        extra = drive[:, 1].repeat_interleave(2, dim=1)[:, :, None, None]
        late = interpolate(early, scale_factor=2.0) + 0.1 * extra
        yield "late", late
        colours = late.unflatten(1, (3, -1)).sum(2)
        brightness = colours + late.sum(1, keepdim=True)
        yield IMAGE, 2 * torch.sigmoid(0.01 * brightness - 1) - 1

    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        if self.layer(layer).name == IMAGE:
            raise InputError("the picture reads no latent.")
        return self.strengths.unsqueeze(1) * self.axes
