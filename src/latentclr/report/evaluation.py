"""An evaluation: everything that is measured of some runs, as JSON values for tables and pages."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from latentclr.directions import Directions
from latentclr.discover import separability
from latentclr.discover.base import no_log
from latentclr.engine.training import Log
from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.dependency import Dependency, dependency, identity_kept
from latentclr.evaluate.diversity import choice
from latentclr.evaluate.intervals import Bootstrap, Interval, Intervals
from latentclr.evaluate.leakage import ChangeMatrix, change_matrix
from latentclr.evaluate.measuring import MULTIPLES, Distance, Identity, measure
from latentclr.evaluate.naming import propose
from latentclr.evaluate.paths import Paths, follow, unevenness
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
from latentclr.report.comparison import told_settings
from latentclr.report.measures import MEASURES
from latentclr.report.sheet import WALK, EditSheet
from latentclr.scorers import Scorer

FORMAT = 1
"""Number of the layout of the record."""
STRIP = WALK
"""Multiples of the matched strength that a strip shows."""
STRIP_SEEDS = (0, 1, 2)
"""Pictures that a strip shows."""


@dataclass(frozen=True)
class Subject:
    """One run that is evaluated.

    Attributes:
        name: what it is called; unique.
        directions: calibrated: alpha = 1 is the same visible change along each.
        slots: that edits move.
        seconds: that the search took; None: not known.
    """

    name: str
    directions: Directions
    slots: tuple[int, ...]
    seconds: float | None = None

    @property
    def too_weak(self) -> frozenset[int]:
        """Directions that do not change as much within the longest edit."""
        calibration = self.directions.origin.calibration
        return frozenset(calibration.too_weak if calibration else ())


@dataclass(frozen=True)
class Reading:
    """How pictures are read.

    Attributes:
        scorer: gives the attributes.
        scales: of these.
        distance: between pictures, for paths; None: paths have no visible speed.
        identity: gives vectors of identity; None where pictures show no persons.
        identity_distance: between these.
    """

    scorer: Scorer
    scales: tuple[Scale, ...]
    distance: Distance | None = None
    identity: Identity | None = None
    identity_distance: Any = None


@dataclass(frozen=True)
class Evaluated:
    """What was measured of one run.

    Attributes:
        subject: the run.
        scored: scores of pictures before and after edits.
        latent: repetition of vectors.
        visible: repetition of looks.
        separability: see `latentclr.discover.separability`; None: not measured.
    """

    subject: Subject
    scored: Scored
    latent: Repetition
    visible: Repetition
    separability: float | None


def evaluate(
    subject: Subject,
    generator: Generator,
    reading: Reading,
    latents: Latents,
    *,
    population: Float[Tensor, "m slots dim"] | None = None,
    multiples: Sequence[float] = MULTIPLES,
    teaching: int = 150,
    log: Log = no_log,
) -> Evaluated:
    """Measure everything of one run.

    Args:
        subject: the run.
        generator: draws, at the truncation and of the class that edits are made at.
        reading: how pictures are read.
        latents: on which effects are measured.
        population: whose pictures' deviations are the unit; None: the same latents.
        multiples: of the matched strength.
        teaching: steps of the network that tells directions apart; 0: it is not taught.
        log: told how many latents are done.
    """
    directions, lengths = subject.directions, subject.directions.scale
    identities: dict[str, Any] = {"identity": reading.identity}
    if reading.identity_distance is not None:
        identities["identity_distance"] = reading.identity_distance
    scored = measure(
        generator,
        directions,
        reading.scorer,
        reading.scales,
        latents,
        lengths=lengths,
        multiples=multiples,
        slots=subject.slots,
        population=population,
        distance=reading.distance,
        log=log,
        **identities,
    )
    few = latents[:32]
    taught = directions.k > 1 and teaching > 0
    return Evaluated(
        subject,
        scored,
        latent_repetition(directions, few, slots=subject.slots),
        visible_repetition(generator, directions, few, lengths=lengths, slots=subject.slots),
        # The network is taught with up to twice the matched strength, as far as the paths go.
        separability(
            generator, directions, slots=subject.slots, steps=teaching, max_shift=2.0, min_shift=1 / 6
        )
        if taught
        else None,
    )


def run_record(
    evaluated: Evaluated,
    *,
    multiple: float = 1.0,
    bootstrap: Bootstrap = Bootstrap(),  # noqa: B008  (a frozen value)
) -> dict[str, Any]:
    """All that there is to say of one run, as JSON values."""
    subject, scored = evaluated.subject, evaluated.scored
    directions, names = subject.directions, scored.names
    matrix = change_matrix(scored, multiple=multiple, bootstrap=bootstrap)
    strongest = matrix.sizes.value.nan_to_num(-1.0).argmax(1).tolist()
    paths = follow(scored, bootstrap=bootstrap)
    speeds = unevenness(scored, bootstrap=bootstrap) if scored.steps is not None else None
    kept = (
        identity_kept(scored, multiple=multiple, bootstrap=bootstrap) if scored.identity is not None else None
    )
    curves = _curves(scored, bootstrap)
    rows = []
    for k, proposal in enumerate(propose(scored, multiple=multiple, bootstrap=bootstrap)):
        rows.append(
            {
                "index": k,
                "label": directions.label(k),
                "proposal": {
                    "name": proposal.name,
                    "text": proposal.text,
                    "confidence": round(proposal.confidence, 3),
                },
                "length": _number(scored.lengths[k]),
                "alpha": _number(scored.lengths[k] / _before(directions)[k]),
                "too_weak": k in subject.too_weak,
                "effects": {name: quantity(matrix.effects.at(k, i)) for i, name in enumerate(names)},
                "numbers": {
                    "selectivity": quantity(matrix.selectivity.at(k)),
                    "monotone": quantity(paths.monotone.at(k, strongest[k])),
                    "unevenness": quantity(speeds.at(k) if speeds else None),
                    "identity": quantity(kept.at(k) if kept else None),
                },
                "path": curves[k],
            }
        )
    return {
        "name": subject.name,
        "method": directions.origin.method or "?",
        "settings": told_settings(directions),
        "slots": as_ranges(subject.slots),
        "seconds": subject.seconds,
        "k": directions.k,
        "summary": _summary(evaluated, matrix, paths, strongest, bootstrap),
        "directions": rows,
        "repetition": {
            "latent": [list(pair) for pair in evaluated.latent.pairs],
            "visible": [list(pair) for pair in evaluated.visible.pairs],
            "effects": [list(pair) for pair in effect_repetition(scored, multiple=multiple).pairs],
            "distinct": evaluated.visible.distinct,
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
            for row in (rescoring_table(scored, multiple=multiple, bootstrap=bootstrap))
        ],
        "missing": scored.missing,
    }


def record(
    runs: Sequence[Mapping[str, Any]],
    generator: Generator,
    scales: Sequence[Scale],
    settings: Mapping[str, Any],
    *,
    tables: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The whole evaluation, as JSON values."""
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
        "settings": {**settings, "strip": list(STRIP)},
        "attributes": [{"name": s.name, "kind": s.kind, "unit": s.unit} for s in scales],
        "measures": [dict(measure) for measure in MEASURES],
        "runs": [dict(run) for run in runs],
        "tables": [dict(table) for table in tables],
        "notes": list(notes),
    }


def strip(generator: Generator, subject: Subject, index: int) -> Image.Image:
    """Pictures of one direction, a row each, from -2 to 2 times the matched strength.

    Args:
        generator: at the truncation and of the class that is shown.
        subject: the run.
        index: number of the direction.
    """
    sheet = EditSheet(generator, STRIP_SEEDS, STRIP)
    return side_by_side(sheet.tiles(subject.directions, index, slots=subject.slots), columns=len(STRIP))


def strip_name(run: int, direction: int) -> str:
    """Where a strip is in the folder of an evaluation."""
    return str(Path("strips") / f"{run}-{direction:03}.png")


def quantity(interval: Interval | None) -> dict[str, float | None] | None:
    """A value with its interval as JSON values; None: not measured.

    >>> quantity(Interval(0.5, 0.25, 0.75))
    {'value': 0.5, 'low': 0.25, 'high': 0.75}
    """
    if interval is None or math.isnan(interval.value):
        return None
    return {name: _number(getattr(interval, name)) for name in ("value", "low", "high")}


def _summary(
    evaluated: Evaluated, matrix: ChangeMatrix, paths: Paths, strongest: Sequence[int], bootstrap: Bootstrap
) -> dict[str, Any]:
    scored, k = evaluated.scored, evaluated.scored.k
    dependencies = _dependencies(scored, matrix, bootstrap)
    reached = [one for one in dependencies if not math.isnan(one.multiple)]
    speeds = unevenness(scored, bootstrap=bootstrap) if scored.steps is not None else None
    kept = identity_kept(scored, bootstrap=bootstrap) if scored.identity is not None else None
    varied = sum(bool(unit > 0) for unit in scored.units)
    return {
        "diagonal": quantity(matrix.diagonal),
        "leakage": quantity(matrix.leakage),
        "leakage ratio": quantity(matrix.ratio),
        "selectivity": quantity(matrix.mean_selectivity),
        "mean-AD": _mean([one.mean.value for one in reached]),
        "max-AD": _mean([one.largest.value for one in reached]),
        "reached": _plain(len(reached) / max(min(len(dependencies), varied), 1)),
        "separability": _plain(evaluated.separability),
        "distinct vectors": _plain(evaluated.latent.distinct / k),
        "distinct looks": _plain(evaluated.visible.distinct / k),
        "distinct effects": _plain(effect_repetition(scored).distinct / k),
        "diversity": quantity(choice(scored, bootstrap=bootstrap).diversity) if varied > 1 else None,
        "identity": _over_directions(kept),
        "monotone": _mean([float(paths.monotone.value[i, a]) for i, a in enumerate(strongest)]),
        "unevenness": _over_directions(speeds),
    }


def _dependencies(scored: Scored, matrix: ChangeMatrix, bootstrap: Bootstrap) -> list[Dependency]:
    # Only their values are told, as means; two draws make no interval, and cost next to nothing.
    cheap = Bootstrap(2, bootstrap.level, bootstrap.seed)
    usable = [(k, i) for k, i in matrix.pairs if scored.units[i] > 0 and scored.scales[i].kind == "interval"]
    if sum(bool(unit > 0) for unit in scored.units) < 2:
        return []
    return [dependency(scored, k, i, bootstrap=cheap) for k, i in usable]


def _curves(scored: Scored, bootstrap: Bootstrap) -> list[dict[str, Any]]:
    """For each direction the change of every attribute from the unedited picture, along the path."""
    changes = scored.changes()  # (k, s, n, a)
    means = bootstrap.means(changes.permute(2, 0, 1, 3))
    zero = sum(multiple < 0 for multiple in scored.multiples)
    multiples = [*scored.multiples[:zero], 0.0, *scored.multiples[zero:]]

    def line(values: Tensor) -> list[float | None]:
        numbers = [_number(value) for value in values]
        return [*numbers[:zero], 0.0, *numbers[zero:]]

    return [
        {
            "multiples": multiples,
            **{
                name: {
                    "mean": line(means.value[k, :, i]),
                    "low": line(means.low[k, :, i]),
                    "high": line(means.high[k, :, i]),
                }
                for i, name in enumerate(scored.names)
            },
        }
        for k in range(scored.k)
    ]


def _before(directions: Directions) -> Tensor:
    """Scales before the calibration."""
    calibration = directions.origin.calibration
    known = calibration and calibration.scale_before
    return torch.tensor(known) if known else torch.ones(directions.k)


def _level(level: Level) -> dict[str, float | None]:
    return {"mean": _number(level.mean.value), "sd": _number(level.deviation)}


def _over_directions(found: Intervals | None) -> dict[str, float | None] | None:
    return None if found is None else _mean(found.value.tolist())


def _mean(values: Sequence[float]) -> dict[str, float | None] | None:
    known = [value for value in values if not math.isnan(value)]
    return _plain(sum(known) / len(known)) if known else None


def _plain(value: float | None) -> dict[str, float | None] | None:
    return None if value is None else {"value": _number(value), "low": None, "high": None}


def _number(value: float | Tensor) -> float | None:
    """Five digits are more than any of this is exact to."""
    number = float(value)
    return float(f"{number:.5g}") if math.isfinite(number) else None
