"""Several edits of one picture, along directions that may come from several runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from latentclr.directions.artefact import Directions
from latentclr.generators import Latents


@dataclass(frozen=True)
class Move:
    """One edit.

    Attributes:
        directions: where the direction is from.
        index: its number.
        alpha: how far, either way, in units of its scale.
        slots: to move; None: the directions' own.
    """

    directions: Directions
    index: int
    alpha: float
    slots: tuple[int, ...] | None = None


def edit_all(
    latents: Latents, moves: Sequence[Move], *, share: float | Float[Tensor, " n"] = 1.0, steps: int = 1
) -> Latents:
    """Latents after all edits, one after the other; a conditional direction is read where the last one led.

    Args:
        latents: (n, slots, dim); they stay as they are.
        moves: in their order.
        share: of each alpha; one number, or one for each picture.
        steps: see `Directions.edit`.

    Raises:
        InputError: see `Directions.edit`.
    """
    for move in moves:
        latents = move.directions.edit(latents, move.index, share * move.alpha, move.slots, steps=steps)
    return latents
