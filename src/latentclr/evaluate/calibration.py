"""Calibration: alpha = 1 is the same visible change along every direction.

The scale of a direction is then a visible change rather than a length in latent space, so that sliders,
contact sheets and metrics compare directions at edits that look equally strong.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.artefacts import Origin
from latentclr.directions import Directions
from latentclr.discover import Random
from latentclr.discover.ordering import SMALL
from latentclr.errors import InputError
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.measuring import PIXELS
from latentclr.evaluate.reading import Distance
from latentclr.evaluate.strength import LENGTH, LONGEST, SIGNS, Change, Measure, Strengths, match_strength
from latentclr.generators import Generator, Latents

SAMPLES = 16
"""Number of latents on which the change is measured."""
SEED = 20_000
"""Seed of these latents. Methods draw theirs from their own seed, which is 0 by default."""
RANDOM_DIRECTIONS = 16
"""Number of random directions whose change is the usual target."""
RMS = "rms of the picture"
"""Name of the measure where no distance is given."""


@dataclass(frozen=True)
class DistanceMeasure:
    """How much edits change pictures by a distance between them.

    Attributes:
        generator: draws the pictures, at most `PIXELS` high.
        distance: between pictures, pair by pair (LPIPS, for example).
        latents: n latents that are edited.
    """

    generator: Generator
    distance: Distance
    latents: Latents

    @cached_property
    def _pieces(self) -> list[tuple[Latents, Tensor]]:
        """Latents that are edited at the same time, and their pictures before edits."""
        pieces = self.latents.split(8 if self.generator.resolution <= 2 * SMALL else 4)
        return [(some, self.generator.preview(some, PIXELS)) for some in pieces]

    @torch.no_grad()
    def change(self, edits: Edits) -> Float[Tensor, " k"]:
        """How much each edit changes, in the mean over latents and both signs."""
        total = torch.zeros(edits.model.k)
        for some, before in self._pieces:
            for i, both in enumerate(edits.apply(some, SIGNS).unbind(1)):
                for edited in both:
                    total[i] += self.distance(before, self.generator.preview(edited, PIXELS)).sum().cpu()
        return total / (2 * len(self.latents))


def rms(one: Float[Tensor, "n c h w"], other: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """Root mean square of the difference between pictures: a distance that needs no network.

    Args:
        one: n pictures.
        other: n pictures of the same size.

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
    longest: float = LONGEST,
) -> Strengths:
    """The lengths, in latent space, at which edits along all directions change the picture equally.

    Args:
        generator: the directions' generator.
        directions: k directions; their scale has no influence.
        latents: on which the change is measured; it is averaged over them and both signs.
        target: the change; None: the median over directions at length `LENGTH`.
        distance: between pictures; None: the root mean square of small pictures (`Measure`).
        longest: the longest length that is tried.

    Raises:
        InputError: a target or longest length that is not above 0, a slot that does not exist, or no target
            where most directions change nothing.
    """
    change = _change(generator, directions, latents, distance)
    start = torch.full((directions.k,), min(LENGTH, longest))
    first = change(list(range(directions.k)), start)
    wanted = float(first.quantile(0.5)) if target is None else target
    if target is None and not wanted > 0:
        raise InputError(
            "most directions change nothing in these slots: choose other slots or give a target."
        )
    return match_strength(change, start, first, target=wanted, longest=longest)


def _change(
    generator: Generator, directions: Directions, latents: Latents, distance: Distance | None
) -> Change:
    directions.require(generator)
    edits = Edits.along(directions, generator.device)
    if distance is None:
        return Measure(generator).changes(edits, latents)
    measure = DistanceMeasure(generator, distance, latents)
    return lambda which, lengths: measure.change(edits.select(which, lengths))


def usual_target(generator: Generator, *, distance: Distance | None = None, samples: int = SAMPLES) -> float:
    """The change that edits of length `LENGTH` along random directions make, in the median.

    A property of the generator alone (at its truncation, of its class): what is measured at this strength is
    comparable between evaluations, whatever other runs take part.

    Args:
        generator: draws the pictures.
        distance: between pictures; see `strengths`.
        samples: number of latents; as many random directions, up to `RANDOM_DIRECTIONS`.
    """
    baseline = Random(k=min(RANDOM_DIRECTIONS, samples, generator.latent_dim), seed=0).fit(generator)
    latents = generator.sample(samples, rng=torch.Generator().manual_seed(SEED))
    change = _change(generator, baseline, latents, distance)
    return float(change(list(range(baseline.k)), torch.full((baseline.k,), LENGTH)).quantile(0.5))


def calibrate(
    directions: Directions,
    generator: Generator,
    *,
    target: float | None = None,
    distance: Distance | None = None,
    measure: str = RMS,
    samples: int = SAMPLES,
    longest: float = LONGEST,
) -> Directions:
    """The same directions with scales at which alpha = 1 is the same visible change for all.

    Calibrating twice is the same as calibrating once: the previous scales have no influence, and the first
    ones are kept in the record. A direction that is too weak gets the longest length that was tried.

    Args:
        directions: to calibrate.
        generator: the directions' generator, at the truncation and of the class of later edits.
        target: the change; None: see `strengths`.
        distance: between pictures; None: see `strengths`.
        measure: name of the distance, for the record.
        samples: number of latents on which the change is measured.
        longest: the longest length that is tried.

    Raises:
        InputError: see `strengths`; also a distance without a name, or fewer samples than one.
    """
    if distance is not None and measure == RMS:
        raise InputError(f"measure={measure!r} is the name of another distance: name the one that is given.")
    if samples < 1:
        raise InputError(f"samples={samples} must be at least 1.")
    latents = generator.sample(samples, rng=torch.Generator().manual_seed(SEED))
    found = strengths(generator, directions, latents, target=target, distance=distance, longest=longest)
    known = directions.origin.calibration
    before = list(known.scale_before) if known and known.scale_before else directions.scale.tolist()
    record: dict[str, Any] = {
        "measure": measure,
        "target": found.target,
        "samples": samples,
        "seed": SEED,
        "truncation": generator.truncation,
        "slots": list(directions.slots),
        "longest": found.longest,
        "too_weak": found.too_weak,
        "scale_before": before,
    }
    return replace(
        directions,
        scale=found.lengths.to(directions.scale),
        origin=Origin({**directions.origin, "calibration": record}),
    )
