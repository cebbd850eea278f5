"""A generator whose picture is linear in its latents: every strength and overlap is known in closed form."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr import Directions, Random
from latentclr.directions import Global
from latentclr.discover.base import Setup
from latentclr.generators import IMAGE, Generator, Latents, Layer

PIXELS = 4
VALUES = 3 * PIXELS**2


class Flat(Generator):
    """Axis i of slot 0 adds strengths[i] times pattern i; slot 1 adds patterns of its own, half as strong.

    All patterns are orthogonal, with a root mean square of 1: an edit of length a along axis i changes the
    picture by a * strengths[i]. Layer "first" holds what slot 0 does, times 10.
    """

    def __init__(self, strengths: Sequence[float]) -> None:
        super().__init__()
        dim = len(strengths)
        self.space, self.z_dim, self.latent_dim, self.num_slots = "z", dim, dim, 2
        self.layers = (Layer("first", 0, 3, PIXELS), Layer(IMAGE, 1, 3, PIXELS))
        rng = torch.Generator().manual_seed(7)
        basis = torch.linalg.qr(torch.randn(VALUES, 2 * dim, generator=rng))[0].T * VALUES**0.5
        self.patterns = torch.nn.Parameter(basis * torch.tensor([*strengths, *strengths]).unsqueeze(1))
        self.freeze()

    def settings(self) -> dict[str, Any]:
        return {}

    def map(self, z: Float[Tensor, "n z_dim"]) -> Latents:
        return z.unsqueeze(1).repeat(1, 2, 1)

    def run(self, latents: Latents) -> Iterator[tuple[str, Float[Tensor, "n c h w"]]]:
        ours, theirs = self.patterns.chunk(2)
        first = (latents[:, 0] @ ours).view(-1, 3, PIXELS, PIXELS)
        yield "first", 10 * first
        yield IMAGE, first + 0.5 * (latents[:, 1] @ theirs).view(-1, 3, PIXELS, PIXELS)

    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        return self.patterns.chunk(2)[0].T


def planted(
    generator: Generator,
    rows: Float[Tensor, "k dim"],
    *,
    slots: tuple[int, ...] = (0,),
    scale: Float[Tensor, " k"] | None = None,
) -> Directions:
    """Directions along the given vectors."""
    k, dim = rows.shape
    return Random(k=k).result(
        Setup(generator, slots, torch.Generator()),
        Global.from_state({"theta": rows.clone()}, k=k, dim=dim),
        scale=torch.ones(k) if scale is None else scale,
        scores=torch.ones(k),
        sorted_by="nothing",
    )
