"""Training within a memory budget: the chunks in which edits and their similarities are computed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import DirectionModel
from latentclr.discover.effects import Effects
from latentclr.discover.tiled import TILE_BUFFERS, tile_rows
from latentclr.engine.memory import in_use, peak_bytes, show_bytes
from latentclr.errors import InputError

MARGIN = 0.85
"""Share of the free memory that is planned with; the rest is for workspaces of libraries."""
SQUARES = 6
"""Matrices of the size of the similarities that the plain loss holds at its peak."""
FOR_TILES = 0.25
"""Share, at most, of what is left for the pieces that the tiles of the loss get."""
TRIALS = (1, 3)
"""Numbers of edits that are run to measure what one edit takes."""


@dataclass(frozen=True)
class LatentCounts:
    """How many latents are edited at once.

    Attributes:
        batch: of this process in one step.
        held_out: of this process in a validation.
        ranks: processes that do the same.
    """

    batch: int
    held_out: int
    ranks: int = 1


def planned(
    effects: Effects,
    model: DirectionModel,
    latent: Float[Tensor, "1 slots dim"],
    counts: LatentCounts,
    budget: int | None,
) -> tuple[Effects, int | None]:
    """The effects in chunks that keep within a budget, and the tile of the loss; the plain ways if they fit.

    What a chunk takes is measured: edits are run through the generator and back while tensors are counted.

    Args:
        effects: of the edits; without chunks.
        model: already where it will be; its gradient and Adam's two moments are still to come.
        latent: any one.
        counts: of the latents that are edited.
        budget: bytes for the process (on a GPU: for its tensors); None: no limit.

    Raises:
        InputError: it is too small.
    """
    if budget is None:
        return effects, None
    one, more = (_taken(effects, latent, edits) for edits in TRIALS)
    features = 4 * effects.features_length(latent)  # bytes of the features of one edit
    each = max(features, (more - one) / (TRIALS[1] - TRIALS[0]))
    batch, ranks = counts.batch, counts.ranks
    edits, checked = model.k * batch, model.k * counts.held_out
    fixed = max(0.0, one - TRIALS[0] * each)
    parameters = 4 * sum(value.numel() for value in model.parameters())
    # To come: gradient, two moments and the best model; in steps, the features of the latents themselves.
    used = in_use(latent.device) + 4 * parameters + max(batch, counts.held_out) * features
    free = MARGIN * budget - used
    everything = fixed + each * edits + SQUARES * 4 * edits**2 * ranks**2
    validated = fixed + each * checked
    if ranks == 1 and max(everything, validated) <= free:
        return effects, None
    # All changes and their gradient stay, of all ranks where there are several; the rest is for the pieces.
    held = max(2 * edits * ranks, checked * (1 + ranks * (ranks > 1))) * features
    left = free - held
    if (1 - FOR_TILES) * left < fixed + 2 * each:
        needs = (used + held + (fixed + 2 * each) / (1 - FOR_TILES)) / MARGIN
        raise InputError(
            f"memory={show_bytes(float(budget))} is not enough for the features of {edits} edits at layer "
            f"{effects.layer!r} (and of {checked} in a validation): give at least {show_bytes(needs)}, or "
            "choose fewer directions, a smaller batch, fewer held-out latents or an earlier layer."
        )
    # The loss is computed while the last chunk's graph is held.
    tile = tile_rows(edits * ranks, int(FOR_TILES * left))
    free = left - fixed - 4 * TILE_BUFFERS * tile * edits * ranks
    chunk = min(max(edits, checked), max(1, int(free / each)))
    if latent.is_cuda:  # the libraries' workspaces do not grow with a chunk as its tensors do
        chunk = _fitting(chunk, free + fixed, partial(_taken, effects, latent))
    if chunk > batch:  # whole rounds of the latents: what they were before is then subtracted without a copy
        chunk -= chunk % batch
    return replace(effects, chunk=chunk), tile


def _taken(effects: Effects, latent: Float[Tensor, "1 slots dim"], edits: int) -> int:
    """Peak memory of a number of edits, in bytes."""
    return peak_bytes(partial(_trial, effects, latent, edits), latent.device)


def _fitting(chunk: int, allowed: float, taken: Callable[[int], float]) -> int:
    """A chunk, no larger than the given one, that does not take more than is allowed (if any does)."""
    while chunk > 1 and (needed := taken(chunk)) > allowed:
        chunk = max(1, min(chunk - 1, int(chunk * allowed / needed)))
    return chunk


def _trial(effects: Effects, latent: Float[Tensor, "1 slots dim"], edits: int) -> None:
    """Run some edits forward and back, as one chunk is."""
    leaf = latent.repeat(edits, 1, 1).requires_grad_()
    with torch.no_grad():
        before = effects.features(leaf[:1])
    changes = effects.features(leaf) - before
    changes.backward(torch.ones_like(changes))
