"""Calibration: alpha = 1 is the same visible change along every direction.

A direction's scale is then what one sees rather than a length of the latent, so that sliders, sheets and
metrics compare directions at edits that look equally strong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.artefacts import Origin
from latentclr.directions import DirectionModel, Directions
from latentclr.directions.edits import moved, read
from latentclr.discover import Random
from latentclr.discover.ordering import SMALL
from latentclr.errors import InputError
from latentclr.evaluate.measuring import PIXELS, Distance
from latentclr.evaluate.strength import LENGTH, LONGEST, Change, Measure, Strengths, match_strength
from latentclr.generators import Generator, Latents

SAMPLES = 16
"""Latents on which the change is measured."""
SEED = 20_000
"""Of these latents. Methods draw theirs from their own seed, which is 0 unless one gives another."""
ONES = 16
"""Random directions whose change is the usual target."""
RMS = "rms of the picture"
"""Name of the measure where no distance is given."""


@dataclass(frozen=True)
class Seen:
    """How much edits change by a distance between pictures, in the mean over latents and both signs.

    Attributes:
        generator: draws the pictures, `PIXELS` high at most.
        distance: between pictures, pair by pair (LPIPS, for one).
        latents: that are edited.
        slots: that edits move.
    """

    generator: Generator
    distance: Distance
    latents: Latents
    slots: Sequence[int]
    _before: list[Tensor] = field(default_factory=list, repr=False)

    @torch.no_grad()
    def change(self, model: DirectionModel, lengths: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        """Of edits of these lengths along the model's k directions."""
        cheap = self.generator.resolution <= 2 * SMALL
        pieces = self.latents.split(8 if cheap else 4)
        if not self._before:
            self._before.extend(self.generator.preview(some, PIXELS) for some in pieces)
        total = torch.zeros(model.k)
        for some, before in zip(pieces, self._before, strict=True):
            ways = lengths.to(some.device).view(-1, 1, 1) * model(read(some, self.slots))
            for i, way in enumerate(ways):
                for sign in (1, -1):
                    after = self.generator.preview(moved(some, sign * way, self.slots), PIXELS)
                    total[i] += self.distance(before, after).sum().cpu()
        return total / (2 * len(self.latents))


def rms(one: Float[Tensor, "n c h w"], other: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """Root mean square of the difference between pictures: the distance that needs no network.

    >>> rms(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5))
    tensor([0.5000])
    """
    found: Tensor = (one - other).flatten(1).square().mean(1).sqrt()
    return found


def strengths(
    generator: Generator,
    directions: Directions,
    latents: Latents,
    *,
    target: float | None = None,
    distance: Distance | None = None,
    slots: Sequence[int] | None = None,
    longest: float = LONGEST,
) -> Strengths:
    """The lengths, in latent space, at which the directions change as much of what one sees.

    Args:
        generator: of the directions.
        directions: k of them; their scale has no influence.
        latents: on which the change is measured, in their mean and that of both signs.
        target: change that all are brought to; None: the median over directions at length `LENGTH`.
        distance: between pictures; None: the root mean square, of small pictures (`Measure`).
        slots: that edits move; None: the directions' own.
        longest: length of the longest edit that is tried.

    Raises:
        InputError: a target or longest length that is not above 0, a slot that does not exist, or no target
            where most directions change nothing.
    """
    change = _change(generator, directions, latents, distance=distance, slots=slots)
    start = torch.full((directions.k,), min(LENGTH, longest))
    first = change(list(range(directions.k)), start)
    wanted = float(first.quantile(0.5)) if target is None else target
    if target is None and not wanted > 0:
        raise InputError(
            "most directions change nothing in these slots: choose other slots or give a target."
        )
    return match_strength(change, start, first, target=wanted, longest=longest)


def _change(
    generator: Generator,
    directions: Directions,
    latents: Latents,
    *,
    distance: Distance | None,
    slots: Sequence[int] | None = None,
) -> Change:
    """What some of the directions change at some lengths; arguments are those of `strengths`."""
    directions.require(generator)
    moving = directions.slots if slots is None else generator.check_slots(slots)
    model = directions.model.select(list(range(directions.k))).to(generator.device)
    seen, measure = (Seen(generator, distance, latents, moving) if distance else None), Measure(generator)

    def change(which: list[int], lengths: Float[Tensor, " m"]) -> Float[Tensor, " m"]:
        some = model.select(which)
        return seen.change(some, lengths) if seen else measure.change(some, latents, lengths, slots=moving)

    return change


def usual_target(generator: Generator, *, distance: Distance | None = None, samples: int = SAMPLES) -> float:
    """What edits of length `LENGTH` along random directions change, in the median.

    A property of the generator alone (at its truncation, of its class), so that what is measured at this
    strength today compares with what is measured tomorrow, whatever runs stand beside it.

    Args:
        generator: that draws.
        distance: see `strengths`.
        samples: latents; as many random directions, up to `ONES`.
    """
    baseline = Random(k=min(ONES, samples, generator.latent_dim), seed=0).fit(generator)
    latents = generator.sample(samples, rng=torch.Generator().manual_seed(SEED))
    change = _change(generator, baseline, latents, distance=distance)
    return float(change(list(range(baseline.k)), torch.full((baseline.k,), LENGTH)).quantile(0.5))


def calibrate(
    directions: Directions,
    generator: Generator,
    *,
    target: float | None = None,
    distance: Distance | None = None,
    measure: str = RMS,
    samples: int = SAMPLES,
    seed: int = SEED,
    slots: Sequence[int] | None = None,
    longest: float = LONGEST,
) -> Directions:
    """The same directions with scales at which an edit with alpha = 1 is the same visible change for all.

    Done twice, it is as if done once: scales before it have no influence, and the first ones are kept in the
    record. A direction that is too weak gets the longest length that was tried.

    Args:
        directions: to calibrate.
        generator: of them, at the truncation and of the class that edits are made at.
        target: see `strengths`.
        distance: see `strengths`.
        measure: name of the distance, for the record.
        samples: latents that the change is measured on.
        seed: of these latents.
        slots: that edits move; None: the directions' own.
        longest: length of the longest edit that is tried.

    Raises:
        InputError: see `strengths`; or a distance without a name, or fewer samples than one.
    """
    if distance is not None and measure == RMS:
        raise InputError(f"measure={measure!r} is the name of another distance: name the one that is given.")
    if samples < 1:
        raise InputError(f"samples={samples} must be at least 1.")
    latents = generator.sample(samples, rng=torch.Generator().manual_seed(seed))
    found = strengths(
        generator, directions, latents, target=target, distance=distance, slots=slots, longest=longest
    )
    moving = directions.slots if slots is None else generator.check_slots(slots)
    known = directions.origin.calibration
    before = list(known.scale_before) if known and known.scale_before else directions.scale.tolist()
    record: dict[str, Any] = {
        "measure": measure,
        "target": found.target,
        "samples": samples,
        "seed": seed,
        "truncation": generator.truncation,
        "slots": list(moving),
        "longest": found.longest,
        "too_weak": found.too_weak,
        "scale_before": before,
    }
    return replace(
        directions,
        scale=found.lengths.to(directions.scale),
        origin=Origin({**directions.origin, "calibration": record}),
    )
