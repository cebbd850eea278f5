"""How experiments measure: a generator, a scorer of its pictures, and one strength of all edits."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import Directions
from latentclr.discover.base import no_log
from latentclr.engine.training import Log
from latentclr.errors import InputError
from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.calibration import SAMPLES, calibrate, usual_target
from latentclr.evaluate.leakage import unsigned_where_unordered
from latentclr.evaluate.measuring import PIXELS, measure
from latentclr.evaluate.reading import Reading
from latentclr.evaluate.repetition import effect_repetition, latent_repetition, visible_repetition
from latentclr.evaluate.scored import Scored
from latentclr.experiments.settings import Settings
from latentclr.generators import Generator, Latents

LATENT_SEED = 2021
"""Seed of the latents on which effects are measured; no method draws these."""
COMPARED = 16
"""Number of latents on which directions are compared with each other."""
DISTINCT = ("distinct vectors", "distinct looks", "distinct effects")
"""Names of the counts of directions that do not repeat each other."""


@dataclass(frozen=True)
class Bench:
    """Measures the directions of all runs in the same way.

    Attributes:
        generator: at the truncation; of the class in which directions are looked for, if it has classes.
        reading: scorer of its pictures, and the scales of the scores.
        settings: size of the experiment.
        log: receives how many pictures are done, from 0 again for every set of edits.
    """

    generator: Generator
    reading: Reading
    settings: Settings
    log: Log = no_log

    @cached_property
    def target(self) -> float:
        """The change that edits of length 3 along random directions make in the picture, in the median."""
        return usual_target(self.generator, samples=min(SAMPLES, 2 * self.settings.matching))

    @cached_property
    def _population(self) -> Float[Tensor, "n a"]:
        """Scores of unedited pictures, of the class of `generator`."""
        latents = self.latents(self.settings.population, 1)
        with torch.no_grad():
            pieces = (self.generator.preview(some, PIXELS) for some in latents.split(32))
            return torch.cat([self.reading.scores(pictures) for pictures in pieces])

    @property
    def scales(self) -> tuple[Scale, ...]:
        """The scales of the attributes."""
        return self.reading.scales

    @cached_property
    def units(self) -> Float[Tensor, " a"]:
        """Standard deviations of the attributes over unedited pictures, of the class of `generator`."""
        columns = zip(self.scales, self._population.unbind(1), strict=True)
        return torch.tensor([scale.deviation(values) for scale, values in columns])

    @cached_property
    def varying(self) -> tuple[int, ...]:
        """Numbers of the attributes that differ between pictures; those that the class determines do not."""
        columns = zip(self.units.tolist(), self._population.unbind(1), strict=True)
        return tuple(
            i
            for i, (unit, values) in enumerate(columns)
            if unit > 0 and len(values[~values.isnan()].unique()) > 1
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the varying attributes."""
        return tuple(self.scales[i].name for i in self.varying)

    @property
    def where(self) -> str:
        """The generator, and its class, in words."""
        label = self.generator.label_number
        return self.generator.name + ("" if label is None else f", class {self.class_name(label)}")

    def class_name(self, label: int) -> str:
        """Number and name of a class."""
        names = self.generator.class_names
        return f"{label} ({names[label].split(',')[0]})" if names else str(label)

    def latents(self, n: int, stream: int = 0) -> Latents:
        """Latents that no method has seen.

        Args:
            n: how many.
            stream: other streams have other latents.
        """
        return self.generator.sample(n, rng=torch.Generator().manual_seed(LATENT_SEED + stream))

    @property
    def few(self) -> Latents:
        """Latents on which directions are compared with each other."""
        return self.latents(min(COMPARED, self.settings.latents), 3)

    def calibrated(self, directions: Directions, generator: Generator | None = None) -> Directions:
        """The directions with lengths of equal visible change.

        Args:
            directions: of this generator.
            generator: view of another class; None: the bench's own.
        """
        return calibrate(
            directions, generator or self.generator, target=self.target, samples=self.settings.matching
        )

    def scored(
        self,
        calibrated: Directions,
        *,
        generator: Generator | None = None,
        slots: tuple[int, ...] | None = None,
        stream: int = 0,
    ) -> Scored:
        """Scores before and after edits of both signs, in the bench's units.

        Args:
            calibrated: directions whose scales are the lengths.
            generator: view of another class; None: the bench's own.
            slots: slots that edits move; None: the directions' own.
            stream: of latents.
        """
        found = measure(
            generator or self.generator,
            calibrated if slots is None else replace(calibrated, slots=slots),
            self.reading,
            self.latents(self.settings.latents, stream),
            multiples=(-1.0, 1.0),
            log=self.log,
        )
        return replace(found, units=self.units)

    def effects(self, scored: Scored) -> Float[Tensor, "n k v"]:
        """Effects on the varying attributes for each latent; without sign if there is no more and less."""
        effects = unsigned_where_unordered(scored.effects().transpose(0, 1), self.scales)
        return effects[..., list(self.varying)].double()

    def distinct(self, calibrated: Directions, scored: Scored) -> dict[str, int]:
        """Numbers of directions that do not repeat each other: as vectors, by looks and by effects.

        Args:
            calibrated: directions whose scales are the lengths.
            scored: scores of their edits.
        """
        found = (
            latent_repetition(calibrated, self.few),
            visible_repetition(self.generator, calibrated, self.few),
            effect_repetition(scored),
        )
        return {name: one.distinct for name, one in zip(DISTINCT, found, strict=True)}


def needs_classes(generator: Generator, what: str) -> None:
    """Refuse a generator without classes.

    Args:
        generator: to check.
        what: name of the experiment, for the message.

    Raises:
        InputError: it has fewer than two.
    """
    if generator.num_classes < 2:
        raise InputError(
            f"{what} compares classes, and {generator.name or 'this generator'} has none: choose a generator "
            "with classes, such as scenes-biggan."
        )
