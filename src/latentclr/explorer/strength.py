"""How far sliders go, and at which alphas directions of several runs look equally strong."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.artefacts import Calibration
from latentclr.directions import DirectionModel, Directions, Global
from latentclr.discover import DISCOVERERS, Discoverer
from latentclr.evaluate.calibration import RMS, SEED, strengths, usual_target
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.strength import LENGTH, LONGEST, Measure
from latentclr.explorer.canvas import LARGE
from latentclr.explorer.recipe import LARGEST_ALPHA
from latentclr.explorer.shelf import Entry, Shelf
from latentclr.generators import Generator

CALIBRATED = 3.0
"""Sliders go to three times the matched strength, either way."""
STEPS = 60
"""Steps of a slider from its middle to its end, at least."""
SAMPLES = 4
"""Latents by which a direction that is not calibrated is matched: few, since somebody waits."""
SAME = 1e-3
"""Two targets that differ by this share are the same."""
RANDOM = 8
"""Random directions whose change the end of a slider is about three times of, where nothing else is known."""
LARGEST_IN_TRAINING = ("alpha", "max_shift")
"""Hyperparameters that are the largest edit of a training, by what methods call it."""
UNITS = {
    "ganspace": "standard deviations of the latents",
    "ganalyze": "standard deviations of the attribute",
    "steerability": "shares of the largest edit in training",
    "plumerault": "shares of the largest edit in training",
}
"""What alpha = 1 is, by method; of all others, a length in latent space."""


@dataclass(frozen=True)
class Range:
    """How far a slider goes.

    Attributes:
        limit: largest alpha; the smallest is -limit.
        step: of the slider; `limit` is a whole number of steps.
        unit: what alpha counts, for people.
    """

    limit: float
    step: float
    unit: str


@dataclass(frozen=True)
class Matched:
    """At which alpha a direction changes as much of what one sees as others do.

    Attributes:
        alpha: above 0.
        reached: False: the direction is too weak; the alpha is of the longest edit that was tried.
    """

    alpha: float
    reached: bool


def slider_range(shelf: Shelf, generator: str, run: str, direction: int) -> Range:
    """How far the slider of a direction goes.

    Of a calibrated run, to three times the matched strength. Else to what its method calls a strong edit,
    stretched as the run's own alpha in training is to the method's default. Of a method that says neither
    (SeFa, those of other programs), a few pictures of all its directions are drawn once, and the slider goes
    to about three times the strength at which they change as much as random directions do.

    Args:
        shelf: where the run is.
        generator: name of the generator.
        run: id of the run.
        direction: its number.

    Raises:
        InputError: no such generator, run or direction, or a run of another generator.
    """
    entry = shelf.entry(run)
    directions = entry.directions
    index = directions.index(direction)
    if directions.origin.calibration:
        return _rounded(CALIBRATED, "times the matched strength")
    unit = UNITS.get(entry.method, f"length in {directions.space.upper()}")
    strong = _strong(directions)
    if strong is not None:
        return _rounded(strong, unit)
    shelf.fitting(generator, run)
    about = shelf.remembered.get(("about", generator, run), lambda: _about(shelf, generator, entry))
    return _rounded(CALIBRATED * about[index], unit)


def matched_alphas(
    shelf: Shelf,
    generator: str,
    chosen: Sequence[tuple[str, int]],
    *,
    label: int | None = None,
    truncation: float = 1.0,
) -> list[Matched]:
    """Alphas at which directions, of any runs of a generator, change as much of what one sees.

    Where all are calibrated in the same way, that is alpha = 1. Else all are brought to the change that the
    first calibrated one has, or to the usual one of the generator; what is found is remembered.

    Args:
        shelf: where the runs are.
        generator: its name.
        chosen: id of a run and number of a direction, for each.
        label: class that the pictures are of.
        truncation: of their latents.

    Raises:
        InputError: no such generator, run or direction, or a run of another generator.
    """
    entries = [shelf.fitting(generator, run) for run, _ in chosen]
    indices = [
        entry.directions.index(direction) for entry, (_, direction) in zip(entries, chosen, strict=True)
    ]
    records = [entry.directions.origin.calibration for entry in entries]
    if all(_alike(record, records[0]) for record in records):
        return [_by_record(record, index) for record, index in zip(records, indices, strict=True)]
    where = (generator, label, truncation)
    common = next((record for record in records if record and record.measure == RMS), None)
    if common is None:
        target = shelf.remembered.get(("target", *where), lambda: _usual(shelf, *where))
    else:
        target = common.target
    found = []
    for (run, _), index, entry, record in zip(chosen, indices, entries, records, strict=True):
        if common is not None and _alike(record, common):
            found.append(_by_record(record, index))
            continue
        key = ("matched", *where, run, index, target)
        directions = entry.directions

        def match(directions: Directions = directions, index: int = index) -> Matched:
            return _match(shelf, where, directions, index, target)

        found.append(shelf.remembered.get(key, match))
    return found


def _usual(shelf: Shelf, name: str, label: int | None, truncation: float) -> float:
    return usual_target(drawn(shelf, name, label, truncation, None), samples=SAMPLES)


def _match(
    shelf: Shelf, where: tuple[str, int | None, float], directions: Directions, index: int, target: float
) -> Matched:
    one = directions.select([index])
    generator = drawn(shelf, *where, directions.space)
    latents = generator.sample(SAMPLES, rng=torch.Generator().manual_seed(SEED))
    found = strengths(generator, one, latents, target=target)
    alpha = float(found.lengths[0]) / max(float(one.scale[0].abs()), 1e-12)
    return Matched(min(alpha, LARGEST_ALPHA), bool(found.reached[0]))


def _about(shelf: Shelf, name: str, entry: Entry) -> list[float]:
    """Alphas, about, at which the directions of a run change as much as random ones of length `LENGTH`.

    One look at edits of that length, and a straight line through it: for the end of a slider that will do.
    """
    directions = entry.directions
    generator = drawn(shelf, name, entry.label, entry.truncation, directions.space)
    rng = torch.Generator().manual_seed(SEED)
    large = generator.resolution >= LARGE
    latents = generator.sample(1 if large else SAMPLES, rng=rng)
    ways = Global(min(RANDOM // 2 if large else RANDOM, directions.dim), directions.dim, rng=rng)

    def change(model: DirectionModel) -> Float[Tensor, " k"]:
        there = model.select(list(range(model.k))).to(generator.device)
        edits = Edits(there, torch.full((model.k,), LENGTH), directions.slots)
        return Measure(generator).change(edits, latents)

    target, changes = float(change(ways).median()), change(directions.model)
    lengths = (LENGTH * target / changes).nan_to_num(LENGTH, posinf=LONGEST).clamp(0.1 * LENGTH, LONGEST)
    return (lengths / directions.scale.abs()).nan_to_num(LENGTH, posinf=LONGEST).tolist()


def drawn(shelf: Shelf, name: str, label: int | None, truncation: float, space: str | None) -> Generator:
    """A generator as directions are measured in it; of a mixture of classes, any one will do.

    Args:
        shelf: where it is.
        name: of the generator.
        label: number of the class; None: none, or a mixture.
        truncation: of its latents.
        space: of its latents; None: its own.
    """
    base = shelf.base(name)
    if label is None and base.num_classes and base.label is None:
        label = 0
    return shelf.generator(name, label, truncation, space=space)


def _strong(directions: Directions) -> float | None:
    """An alpha that is a strong edit by the method's own account; None: it gives none."""
    method = DISCOVERERS.get(directions.origin.method)
    if method is None:
        return None
    defaults = {field.name: field.default for field in fields(method)}
    for name in LARGEST_IN_TRAINING:
        default, alpha = defaults.get(name), directions.origin.hyperparameters.get(name)
        if _above_zero(alpha) and _above_zero(default):
            return method.strong * float(alpha) / float(default)  # type: ignore[arg-type]
    return None if method.strong == Discoverer.strong else method.strong


def _alike(one: Calibration | None, other: Calibration | None) -> bool:
    """Whether two runs were calibrated to the same change."""
    if one is None or other is None or one.measure != other.measure:
        return False
    return math.isclose(one.target, other.target, rel_tol=SAME)


def _by_record(record: Calibration | None, index: int) -> Matched:
    return Matched(1.0, record is None or index not in record.too_weak)


def _above_zero(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _rounded(limit: float, unit: str) -> Range:
    """A range with two digits, in steps of 1, 2 or 5."""
    limit = min(float(f"{limit:.1e}"), LARGEST_ALPHA)
    finest = limit / STEPS
    power = 10.0 ** math.floor(math.log10(finest))
    step = max(digit * power for digit in (1, 2, 5) if digit * power <= finest * (1 + 1e-9))
    return Range(limit, float(f"{step:.1g}"), unit)
