"""Where experiments are made: a generator, who reads its pictures, and one strength for all edits."""

from collections.abc import Sequence
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
from latentclr.evaluate.measuring import PIXELS, measure
from latentclr.evaluate.scored import Scored
from latentclr.experiments.base import Settings
from latentclr.generators import Generator, Latents
from latentclr.scorers import Scorer

LATENT_SEED = 2021
"""Of the latents that effects are measured on; no method draws these."""


@dataclass(frozen=True)
class Bench:
    """All that experiments measure with.

    Attributes:
        generator: at the truncation; of the class in which directions are looked for, if it has classes.
        scorer: reads its pictures.
        scales: of what the scorer says.
        settings: how large the experiment is.
        log: told how many pictures are done, from 0 again for every set of edits.
    """

    generator: Generator
    scorer: Scorer
    scales: tuple[Scale, ...]
    settings: Settings
    log: Log = no_log

    @cached_property
    def target(self) -> float:
        """What edits of length 3 along random directions change of the picture, in the median."""
        return usual_target(self.generator, samples=min(SAMPLES, 2 * self.settings.matching))

    @cached_property
    def _population(self) -> Float[Tensor, "n a"]:
        """Scores of unedited pictures, of the class of `generator`."""
        latents = self.latents(self.settings.population, 1)
        with torch.no_grad():
            parts = [self.scorer(self.generator.preview(some, PIXELS)) for some in latents.split(32)]
        columns = [torch.cat([part[scale.name] for part in parts]) for scale in self.scales]
        return torch.stack(columns, dim=1).float().cpu()

    @cached_property
    def units(self) -> Float[Tensor, " a"]:
        """Deviations of the attributes over unedited pictures, of the class of `generator`."""
        columns = zip(self.scales, self._population.unbind(1), strict=True)
        return torch.tensor([scale.deviation(values) for scale, values in columns])

    @property
    def varying(self) -> tuple[int, ...]:
        """Numbers of the attributes that differ from picture to picture; what the class fixes does not."""
        columns = zip(self.units.tolist(), self._population.unbind(1), strict=True)
        return tuple(
            i
            for i, (unit, values) in enumerate(columns)
            if unit > 0 and len(values[~values.isnan()].unique()) > 1
        )

    @property
    def where(self) -> str:
        """The generator, and its class, in words."""
        return f"{self.generator.name}{self.class_words(self.generator.label_number)}"

    def class_words(self, label: int | None) -> str:
        """', class 3 (capsule)'; nothing where there is no class."""
        return "" if label is None else f", class {self.class_name(label)}"

    def class_name(self, label: int) -> str:
        """Number and name of a class."""
        names = self.generator.class_names
        return f"{label} ({names[label].split(',')[0]})" if names else str(label)

    def latents(self, n: int, stream: int = 0) -> Latents:
        """Latents of n pictures that no method has seen; another stream has others."""
        return self.generator.sample(n, rng=torch.Generator().manual_seed(LATENT_SEED + stream))

    def calibrated(self, directions: Directions, generator: Generator | None = None) -> Directions:
        """The directions with lengths at which all change as much of what one sees.

        Args:
            directions: of this generator.
            generator: at the class in which; None: the bench's own.
        """
        return calibrate(
            directions, generator or self.generator, target=self.target, samples=self.settings.matching
        )

    def scored(
        self,
        calibrated: Directions,
        *,
        generator: Generator | None = None,
        slots: Sequence[int] | None = None,
        stream: int = 0,
    ) -> Scored:
        """What the scorer says before and after edits of one length, both ways; in the bench's units.

        Args:
            calibrated: directions whose scales are the lengths.
            generator: at the class that is drawn; None: the bench's own.
            slots: that edits move; None: the directions' own.
            stream: of latents.
        """
        found = measure(
            generator or self.generator,
            calibrated,
            self.scorer,
            self.scales,
            self.latents(self.settings.latents, stream),
            lengths=calibrated.scale,
            multiples=(-1.0, 1.0),
            slots=slots,
            log=self.log,
        )
        return replace(found, units=self.units)

    def magnitudes(self, scored: Scored) -> Float[Tensor, "n k v"]:
        """Effects on the varying attributes, latent by latent: their means without sign are sizes.

        From the edit by -1 to the one by +1, in deviations; without sign where there is no more and less.
        """
        effects = scored.effects().transpose(0, 1)
        signed = torch.tensor([scale.signed for scale in self.scales])
        return torch.where(signed, effects, effects.abs())[..., list(self.varying)].double()

    def names(self) -> tuple[str, ...]:
        """Of the varying attributes."""
        return tuple(self.scales[i].name for i in self.varying)


def needs_classes(generator: Generator, what: str) -> None:
    """Refuse a generator without classes.

    Raises:
        InputError: it has fewer than two.
    """
    if generator.num_classes < 2:
        raise InputError(
            f"{what} compares classes, and {generator.name or 'this generator'} has none: choose a generator "
            "with classes, such as scenes-biggan."
        )


def own_class(settings: Settings, generator: Generator) -> int | None:
    """The class in which directions are looked for: the one asked for, the generator's, or the first."""
    if not generator.num_classes:
        return None
    chosen = generator.label_number if settings.label is None else settings.label
    return chosen or 0
