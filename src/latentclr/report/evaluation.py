"""An evaluation: everything that is measured of some runs, as JSON values for tables and pages."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from latentclr.discover.base import no_log
from latentclr.discover.voynov import TEACHING, separability
from latentclr.engine.training import Log
from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.dependency import Dependency, dependency, identity_kept
from latentclr.evaluate.diversity import choice
from latentclr.evaluate.intervals import BOOTSTRAP, Bootstrap, Interval, Intervals
from latentclr.evaluate.leakage import ChangeMatrix, change_matrix
from latentclr.evaluate.measuring import measure
from latentclr.evaluate.naming import propose
from latentclr.evaluate.paths import Paths, follow, unevenness
from latentclr.evaluate.reading import Reading
from latentclr.evaluate.repetition import (
    Repetition,
    effect_repetition,
    latent_repetition,
    visible_repetition,
)
from latentclr.evaluate.rescoring import Level, rescoring_table
from latentclr.evaluate.scored import Scored
from latentclr.generators import Generator, Latents
from latentclr.images import side_by_side
from latentclr.ranges import as_ranges
from latentclr.report.measures import FORMAT, MEASURES
from latentclr.report.numbers import rounded
from latentclr.report.sheet import WALK, EditSheet
from latentclr.runs.discovery import Run, settings_text

STRIP_SEEDS = (0, 1, 2)
"""Numbers of the pictures that a strip shows, at the multiples `WALK` of the matched strength."""
FEW = 32
"""Number of latents on which repetition is measured."""

Quantity = dict[str, float | None] | None
"""A value and the ends of its interval as JSON; None: not measured."""


@dataclass(frozen=True)
class Evaluated:
    """What was measured of one run, and what follows from it.

    Attributes:
        run: with calibrated directions: alpha = 1 is the same visible change along each.
        scored: scores of pictures before and after edits.
        latent: repetition of directions as vectors.
        visible: repetition of their visible changes.
        separability: see `latentclr.discover.separability`; None: not measured.
        bootstrap: settings of the intervals.
    """

    run: Run
    scored: Scored
    latent: Repetition
    visible: Repetition
    separability: float | None
    bootstrap: Bootstrap

    def record(self) -> dict[str, Any]:
        """The part of metrics.json about this run."""
        run, directions = self.run, self.run.directions
        return {
            "name": run.name,
            "method": directions.origin.method or "?",
            "settings": settings_text(directions),
            "slots": as_ranges(run.slots),
            "seconds": run.seconds,
            "k": directions.k,
            "summary": self._summary(),
            "directions": self._directions(),
            "repetition": {
                "latent": [list(pair) for pair in self.latent.pairs],
                "visible": [list(pair) for pair in self.visible.pairs],
                "effects": [list(pair) for pair in self._effects.pairs],
                "distinct": self.visible.distinct,
            },
            "rescoring": [
                {
                    "attribute": row.attribute,
                    "direction": row.direction,
                    "sign": row.sign,
                    "n": row.measured_on,
                    "base": _level(row.base),
                    "up": _level(row.up),
                    "down": _level(row.down),
                }
                for row in rescoring_table(self.scored, bootstrap=self.bootstrap)
            ],
            "missing": self.scored.missing,
        }

    @cached_property
    def _matrix(self) -> ChangeMatrix:
        return change_matrix(self.scored, bootstrap=self.bootstrap)

    @cached_property
    def _strongest(self) -> list[int]:
        """The attribute that each direction changes most."""
        found: list[int] = self._matrix.sizes.value.nan_to_num(-1.0).argmax(1).tolist()
        return found

    @cached_property
    def _paths(self) -> Paths:
        return follow(self.scored, bootstrap=self.bootstrap)

    @cached_property
    def _effects(self) -> Repetition:
        return effect_repetition(self.scored)

    @cached_property
    def _unevenness(self) -> Intervals | None:
        return None if self.scored.steps is None else unevenness(self.scored, bootstrap=self.bootstrap)

    @cached_property
    def _identity(self) -> Intervals | None:
        return None if self.scored.identity is None else identity_kept(self.scored, bootstrap=self.bootstrap)

    def _summary(self) -> dict[str, Quantity]:
        """The measures of the run, in the order of `MEASURES`."""
        matrix, k = self._matrix, self.scored.k
        varied = sum(bool(unit > 0) for unit in self.scored.units)
        dependencies = self._dependencies() if varied > 1 else []
        reached = [one for one in dependencies if not math.isnan(one.multiple)]
        diversity = choice(self.scored, bootstrap=self.bootstrap).diversity if varied > 1 else None
        monotone = [self._paths.monotone.at(i, a).value for i, a in enumerate(self._strongest)]
        return {
            "diagonal": _quantity(matrix.diagonal),
            "leakage": _quantity(matrix.leakage),
            "leakage ratio": _quantity(matrix.ratio),
            "selectivity": _quantity(matrix.mean_selectivity),
            "mean-AD": _mean([one.mean.value for one in reached]),
            "max-AD": _mean([one.largest.value for one in reached]),
            "reached": _without_interval(len(reached) / max(min(len(dependencies), varied), 1)),
            "separability": _without_interval(self.separability),
            "distinct vectors": _without_interval(self.latent.distinct / k),
            "distinct looks": _without_interval(self.visible.distinct / k),
            "distinct effects": _without_interval(self._effects.distinct / k),
            "diversity": _quantity(diversity),
            "identity": _mean(self._identity.value.tolist() if self._identity else []),
            "monotone": _mean(monotone),
            "unevenness": _mean(self._unevenness.value.tolist() if self._unevenness else []),
        }

    def _directions(self) -> list[dict[str, Any]]:
        """What was found of each direction."""
        scored, directions = self.scored, self.run.directions
        calibration = directions.origin.calibration
        scales_before = calibration and calibration.scale_before
        return [
            {
                "index": k,
                "label": directions.label(k),
                "proposal": {
                    "name": proposal.name,
                    "text": proposal.text,
                    "confidence": round(proposal.confidence, 3),
                },
                "length": rounded(float(scored.lengths[k])),
                "alpha": rounded(float(scored.lengths[k]) / (scales_before[k] if scales_before else 1.0)),
                "too_weak": calibration is not None and k in calibration.too_weak,
                "effects": {
                    name: _quantity(self._matrix.effects.at(k, i)) for i, name in enumerate(scored.names)
                },
                "numbers": {
                    "selectivity": _quantity(self._matrix.selectivity.at(k)),
                    "monotone": _quantity(self._paths.monotone.at(k, self._strongest[k])),
                    "unevenness": _quantity(self._unevenness.at(k) if self._unevenness else None),
                    "identity": _quantity(self._identity.at(k) if self._identity else None),
                },
                "path": path,
            }
            for k, (proposal, path) in enumerate(
                zip(propose(scored, bootstrap=self.bootstrap), self._path_curves(), strict=True)
            )
        ]

    def _dependencies(self) -> list[Dependency]:
        # Only means of their values are reported: no interval, so two resamples will do.
        cheap = Bootstrap(2, self.bootstrap.level, self.bootstrap.seed)
        units, scales = self.scored.units, self.scored.scales
        return [
            dependency(self.scored, k, i, bootstrap=cheap)
            for k, i in self._matrix.pairs
            if units[i] > 0 and scales[i].kind == "interval"
        ]

    def _path_curves(self) -> list[dict[str, Any]]:
        """For each direction the change of every attribute from the unedited picture, along the path."""
        changes = self.scored.changes()  # (k, s, n, a)
        means = self.bootstrap.means(changes.permute(2, 0, 1, 3))
        zero = sum(multiple < 0 for multiple in self.scored.multiples)

        def with_zero(values: Sequence[float | None]) -> list[float | None]:
            return [*values[:zero], 0.0, *values[zero:]]

        return [
            {
                "multiples": with_zero(self.scored.multiples),
                **{
                    name: {
                        end: with_zero(rounded(getattr(means, part)[k, :, i].tolist()))
                        for end, part in (("mean", "value"), ("low", "low"), ("high", "high"))
                    }
                    for i, name in enumerate(self.scored.names)
                },
            }
            for k in range(self.scored.k)
        ]


@dataclass(frozen=True)
class Evaluator:
    """Measures runs of one generator, all on the same pictures.

    Attributes:
        generator: draws, at the truncation and in the class that edits are compared in.
        reading: what is read off the pictures.
        latents: pictures on which effects are measured.
        population: pictures whose standard deviations are the unit of effects; None: those of `latents`.
        teaching_steps: of the network that learns to tell directions apart; 0: separability is not measured.
        bootstrap: settings of the intervals.
    """

    generator: Generator
    reading: Reading
    latents: Latents
    population: Float[Tensor, "m slots dim"] | None = None
    teaching_steps: int = 150
    bootstrap: Bootstrap = BOOTSTRAP

    def evaluate(self, run: Run, *, log: Log = no_log) -> Evaluated:
        """Measure everything of one run.

        Args:
            run: with calibrated directions.
            log: receives the number of latents that are done.
        """
        directions, latents = replace(run.directions, slots=run.slots), self.latents
        scored = measure(
            self.generator, directions, self.reading, latents, population=self.population, log=log
        )
        few = latents[:FEW]
        visible = visible_repetition(self.generator, directions, few)
        separable = None
        if directions.k > 1 and self.teaching_steps > 0:
            # The network is taught with up to twice the matched strength, as far as the paths go.
            teaching = replace(
                TEACHING, slots=run.slots, steps=self.teaching_steps, max_shift=2.0, min_shift=1 / 6
            )
            separable = separability(self.generator, directions, teaching)
        latent = latent_repetition(directions, few)
        return Evaluated(run, scored, latent, visible, separable, self.bootstrap)


def record(
    runs: Sequence[Mapping[str, Any]],
    generator: Generator,
    scales: Sequence[Scale],
    settings: Mapping[str, Any],
    *,
    tables: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The whole of metrics.json (docs/evaluation.md).

    Args:
        runs: records of the runs, see `Evaluated.record`.
        generator: that drew the pictures.
        scales: of the attributes.
        settings: JSON values that describe what was asked for.
        tables: more tables for the page, such as figures of other papers.
    """
    return {
        "format": FORMAT,
        "kind": "evaluation",
        "title": " beside ".join(run["name"] for run in runs[:3]) + (" and others" if len(runs) > 3 else ""),
        "generator": {
            "name": generator.name,
            "sha256": generator.fingerprint(),
            "truncation": generator.truncation,
            "class": None if generator.label is None else generator.label_number,
            "resolution": generator.resolution,
        },
        "settings": {**settings, "strip": list(WALK)},
        "attributes": [{"name": s.name, "kind": s.kind, "unit": s.unit} for s in scales],
        "measures": [dict(measure) for measure in MEASURES],
        "runs": [dict(run) for run in runs],
        "tables": [dict(table) for table in tables],
        "notes": _notes(runs),
    }


def _notes(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What readers of the numbers should know."""
    notes = []
    for run in runs:
        weak = [one["label"] for one in run["directions"] if one["too_weak"]]
        if weak:
            notes.append(
                f"{run['name']}: too weak to change the picture as much as the others within the longest "
                f"edit, and measured there: {', '.join(weak)}."
            )
        if run["missing"]:
            lost = ", ".join(f"{name} of {count} edited pictures" for name, count in run["missing"].items())
            notes.append(f"{run['name']}: the scorer could not measure {lost}; these are left out.")
    if len({run["slots"] for run in runs}) > 1:
        moved = "; ".join(f"{run['name']}: {run['slots']}" for run in runs)
        notes.append(f"the runs move different slots ({moved}).")
    return notes


def strip(generator: Generator, run: Run, index: int) -> Image.Image:
    """Pictures of one direction, a row each, from -2 to 2 times the matched strength.

    Args:
        generator: at the truncation and in the class that is shown.
        run: with calibrated directions.
        index: number of the direction.
    """
    tiles = EditSheet(generator, STRIP_SEEDS).tiles(run.directions, index, slots=run.slots)
    return side_by_side(tiles, columns=len(WALK))


def _quantity(interval: Interval | None) -> Quantity:
    """A value with its interval as JSON values.

    >>> _quantity(Interval(0.5, 0.25, 0.75))
    {'value': 0.5, 'low': 0.25, 'high': 0.75}
    """
    if interval is None or math.isnan(interval.value):
        return None
    return {name: rounded(getattr(interval, name)) for name in ("value", "low", "high")}


def _level(level: Level) -> dict[str, float | None]:
    return {"mean": rounded(level.mean.value), "sd": rounded(level.deviation)}


def _mean(values: Sequence[float]) -> Quantity:
    """The mean of the values that are known."""
    known = [value for value in values if not math.isnan(value)]
    return _without_interval(sum(known) / len(known)) if known else None


def _without_interval(value: float | None) -> Quantity:
    return None if value is None else {"value": rounded(value), "low": None, "high": None}
