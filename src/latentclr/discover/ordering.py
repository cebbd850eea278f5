"""The order and the signs of directions, by their visible effect, so that one seed gives one numbering.

The contrastive loss is blind to the order of its directions, and (with the absolute similarity) to their
signs. So: the strongest visible effect first, and positive alpha is the brighter side.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import DirectionModel
from latentclr.directions.edits import moved, read
from latentclr.generators import Generator, Latents
from latentclr.linalg import mean_absolute_cosine, pairs_above

SMALL = 64
"""Pictures of generators up to twice this resolution are cheap: many are drawn, scaled to this size."""
PICTURES = {True: 1024, False: 256}
"""How many edited pictures to draw at most, where they are cheap and where they are not."""
REPEATED = 0.9
"""Two directions are called repetitions when the mean |cos| between them is above this."""


@torch.no_grad()
def visible_first(
    generator: Generator,
    model: DirectionModel,
    latents: Latents,
    *,
    shift: float,
    slots: Sequence[int],
) -> tuple[DirectionModel, Float[Tensor, " k"], dict[str, Any]]:
    """Sort directions by their visible effect, fix their signs, and find those that repeat each other.

    Args:
        generator: draws the pictures.
        model: the directions.
        latents: on which effects are measured.
        shift: length of the edits, both ways.
        slots: moved by the edits.

    Returns:
        The model, sorted by effect (largest first) with positive alpha the brighter side; the effects (rms
        change of the picture, averaged over latents and both signs); and what to keep in the record:
        "sorted_by" (what the effects are), "duplicates" (pairs of directions, in the new order, with mean
        |cos| above 0.9, as [i, j, cos]) and "look_alikes" (pairs whose changes of the picture have it).
    """
    directions, plus, minus = changed_pictures(generator, model, latents, shift=shift, slots=slots)
    effects = torch.stack([plus, minus]).square().mean(-1).sqrt().mean((0, 2))
    order = effects.argsort(descending=True, stable=True)
    brighter = (plus - minus).mean((1, 2))
    signs = torch.where(brighter[order] < 0, -1.0, 1.0)
    repeated = {
        "duplicates": mean_absolute_cosine(directions[order]),
        "look_alikes": mean_absolute_cosine((plus - minus)[order]),
    }
    return (
        model.select(order.tolist()).flipped(signs),
        effects[order].cpu(),
        {
            "sorted_by": f"visible effect: rms change of the picture at alpha = +-{shift:g}",
            **{name: [list(p) for p in pairs_above(m, REPEATED)] for name, m in repeated.items()},
        },
    )


def changed_pictures(
    generator: Generator, model: DirectionModel, latents: Latents, *, shift: float, slots: Sequence[int]
) -> tuple[Float[Tensor, "k m dim"], Float[Tensor, "k m p"], Float[Tensor, "k m p"]]:
    """The directions at some latents, and how edits along them change small pictures, each a row of numbers.

    Args:
        generator: draws the pictures.
        model: k directions.
        latents: that are edited: of many, the first ones.
        shift: length of the edits: first along the directions, then against them.
        slots: moved by the edits.
    """
    latents = latents[: max(2, PICTURES[generator.resolution <= 2 * SMALL] // (2 * model.k))]
    directions, before = model(read(latents, slots)), _small_pictures(generator, latents)
    plus, minus = (
        _small_pictures(generator, moved(latents, length * directions, slots).flatten(0, 1)).unflatten(
            0, directions.shape[:2]
        )
        - before
        for length in (shift, -shift)
    )
    return directions, plus, minus


def _small_pictures(generator: Generator, latents: Latents) -> Float[Tensor, "n p"]:
    """Small pictures of latents, each a row of numbers; drawn few at a time, so that memory stays small."""
    cheap = generator.resolution <= 2 * SMALL
    pixels, batch = (SMALL, 32) if cheap else (SMALL // 2, 8)
    return torch.cat([generator.preview(some, pixels).flatten(1) for some in latents.split(batch)])
