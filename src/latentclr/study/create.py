"""Freezing a study: which pictures, at which strength, in a folder that is there whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, count
from pathlib import Path
from random import Random

import torch

from latentclr.directions import Directions
from latentclr.discover.base import no_log
from latentclr.engine.training import Log
from latentclr.errors import InputError
from latentclr.evaluate.calibration import calibrate, usual_target
from latentclr.files import write_bytes
from latentclr.generators import Generator
from latentclr.limits import POSITIVE, Limit, at_least, check_limits
from latentclr.runs.folders import FolderKind
from latentclr.study.options import DEFAULT, Options
from latentclr.study.pictures import PictureFolder, draw, farthest, thumbnail
from latentclr.study.plan import (
    CONSENT,
    INSTRUCTIONS,
    PICTURES,
    STUDY,
    Pair,
    Pictures,
    Place,
    Run,
    ShownDirection,
    Study,
)
from latentclr.study.questions import CONSENT_TEXT, INSTRUCTIONS_TEXT, usual_questions

LIMITS = {
    "pictures": Limit(least=1, most=10_000),
    "per_direction": at_least(1),
    "per_participant": at_least(1),
    "alpha": POSITIVE,
    "multiple": POSITIVE,
    "preference": at_least(0),
    "seed": Limit(least=0, below=2**63),
}
SEEDS = 1_000_000
"""Seeds of pictures are below, so that people can type them."""
STUDY_FOLDER = FolderKind("a study", STUDY)


@dataclass(frozen=True)
class Source:
    """A run whose directions are shown.

    Attributes:
        name: what it is called; unique in the study.
        directions: as the run has them, calibrated or not.
        sha256: checksum of the file that they were read from.
        indices: numbers of the directions that are shown; None: all that are not hidden.
        slots: that edits move; None: the directions' own.
    """

    name: str
    directions: Directions
    sha256: str
    indices: tuple[int, ...] | None = None
    slots: tuple[int, ...] | None = None

    @property
    def moved_slots(self) -> tuple[int, ...]:
        """The slots that edits move."""
        return self.directions.slots if self.slots is None else self.slots

    @property
    def shown(self) -> tuple[int, ...]:
        """Numbers of the directions that are shown."""
        if self.indices is not None:
            return tuple(self.directions.index(i) for i in self.indices)
        return tuple(i for i in range(self.directions.k) if i not in self.directions.hidden)


@dataclass(frozen=True)
class _Alphas:
    """How far the edits of a run's directions go, shown or not.

    Attributes:
        description: in words.
        values: alpha of each direction, in the run's own units.
        lengths: of the edits, in latent space.
        too_weak: numbers of the directions that do not change as much at any length that was tried.
    """

    description: str
    values: tuple[float, ...]
    lengths: tuple[float, ...]
    too_weak: frozenset[int]


def create(
    folder: Path,
    sources: Sequence[Source],
    generator: Generator,
    options: Options = DEFAULT,
    *,
    overwrite: bool = False,
    log: Log = no_log,
) -> Study:
    """Freeze a study.

    Pictures are drawn once: the originals, and for each direction and picture the edits by -alpha and +alpha.
    Alpha is such that the edits of all directions of all runs change as much of what one sees, times
    `options.multiple`; a single run that is calibrated keeps its calibration.

    Args:
        folder: of the study; written whole or not at all.
        sources: the runs.
        generator: of all runs, at the truncation and of the class that is shown.
        options: what can be chosen.
        overwrite: replace a study that is there (its answers go with it).
        log: called with (pictures done, {"pictures": how many there are}).

    Raises:
        InputError: runs of another generator, options that do not fit, or the place cannot be written.
    """
    check(sources, generator, options)
    with STUDY_FOLDER.new(folder, overwrite=overwrite) as staging:
        study = _draw(staging, sources, generator, options, log)
        write_bytes(staging / CONSENT, CONSENT_TEXT.encode())
        write_bytes(staging / INSTRUCTIONS, INSTRUCTIONS_TEXT.encode())
        write_bytes(staging / STUDY, study.to_json())
    return Study.open(folder)


def check(sources: Sequence[Source], generator: Generator, options: Options) -> None:
    """Refuse what cannot become a study, before anything is drawn.

    Args:
        sources: the runs.
        generator: of all runs.
        options: what was chosen.

    Raises:
        InputError: see `create`.
    """
    if not sources or len({source.name for source in sources}) < len(sources):
        raise InputError("a study needs at least one run, and every run a name of its own.")
    for source in sources:
        source.directions.require(generator)
        if not source.shown:
            raise InputError(f"{source.name} has no direction to show; choose some.")
    check_limits(vars(options), {**LIMITS, "size": Limit(least=8, most=generator.resolution)})
    check_limits(vars(options.checks), dict.fromkeys(vars(options.checks), at_least(0)))
    if options.per_direction > options.pictures:
        raise InputError(
            f"{options.per_direction} of {options.pictures} pictures for each direction: give more pictures, "
            "or fewer for each direction."
        )
    if options.checks.drastic and options.pictures < 3:
        raise InputError("the drastic check needs three pictures or more; add pictures or leave it out.")
    if options.preference and len(sources) < 2:
        raise InputError("the preference question compares two runs or more; give another run.")


def picture_count(sources: Sequence[Source], options: Options) -> int:
    """How many pictures are drawn.

    Args:
        sources: the runs.
        options: what was chosen.
    """
    return options.pictures * (1 + 2 * sum(len(source.shown) for source in sources))


# Of random numbers only `Random.random` is used, whose values Python promises to keep.


def _random_pairs(rng: Random, sizes: Sequence[int], per_two: int) -> tuple[Pair, ...]:
    """Directions of every two runs to compare, each about equally often."""
    found = []
    for a, b in combinations(range(len(sizes)), 2):
        first, second = (_balanced(rng, sizes[run], per_two) for run in (a, b))
        found += [Pair(Place(a, i), Place(b, j)) for i, j in zip(first, second, strict=True)]
    return tuple(found)


def _random_seeds(rng: Random, wanted: int) -> tuple[int, ...]:
    found: dict[int, None] = {}
    while len(found) < wanted:
        found[int(rng.random() * SEEDS)] = None
    return tuple(found)


def _balanced(rng: Random, size: int, wanted: int) -> list[int]:
    """Numbers below `size`: all of them in random order, then all in another random order, and so on."""
    found: list[int] = []
    while len(found) < wanted:
        found += sorted(range(size), key=lambda _: rng.random())
    return found[:wanted]


def _draw(
    staging: Path, sources: Sequence[Source], generator: Generator, options: Options, log: Log
) -> Study:
    rng = Random(options.seed)
    seeds = _random_seeds(rng, options.pictures)
    latents = generator.from_seeds(seeds)
    size = options.size or generator.resolution
    files, total = PictureFolder(staging / PICTURES), float(picture_count(sources, options))
    originals, thumbnails = [], []
    for picture in draw(generator, latents, size):
        originals.append(files.add(picture))
        thumbnails.append(thumbnail(picture))
    progress = count(options.pictures, 2 * options.pictures)
    log(next(progress), {"pictures": total})

    def shown(source: Source, alphas: _Alphas, index: int) -> ShownDirection:
        """A direction whose pictures have been drawn and written."""
        ends = []
        for alpha in (-alphas.values[index], alphas.values[index]):
            edited = source.directions.edit(latents, index, alpha, source.moved_slots)
            ends.append(tuple(files.add(picture) for picture in draw(generator, edited, size)))
        log(next(progress), {"pictures": total})
        return ShownDirection(
            index=index,
            label=source.directions.label(index),
            alpha=alphas.values[index],
            length=alphas.lengths[index],
            too_weak=index in alphas.too_weak,
            minus=ends[0],
            plus=ends[1],
        )

    runs = tuple(
        Run(
            name=source.name,
            method=source.directions.origin.method or "?",
            sha256=source.sha256,
            strength=alphas.description,
            slots=tuple(source.moved_slots),
            directions=tuple(shown(source, alphas, index) for index in source.shown),
        )
        for source, alphas in zip(sources, _alphas(sources, generator, options), strict=True)
    )
    files.flush()
    return Study(
        title=options.title,
        seed=options.seed,
        unit=options.unit,
        shown=options.per_direction,
        per_participant=options.per_participant,
        sides=options.sides,
        checks=options.checks,
        generator={
            "name": generator.name,
            "sha256": generator.fingerprint(),
            "class": None if generator.label is None else generator.label_number,
            "truncation": generator.truncation,
            "resolution": generator.resolution,
        },
        questions=usual_questions(name=options.names, preference=options.preference > 0),
        runs=runs,
        pairs=_random_pairs(rng, [len(source.shown) for source in sources], options.preference),
        pictures=Pictures(
            size=size,
            total_bytes=sum(files.sizes.values()),
            seeds=seeds,
            originals=tuple(originals),
            far=tuple(farthest(torch.stack(thumbnails))),
        ),
    )


def _alphas(sources: Sequence[Source], generator: Generator, options: Options) -> list[_Alphas]:
    """One alpha for everything, or the same visible change along every direction.

    Several runs are calibrated together, even if they were calibrated before.
    """
    if options.alpha is not None:
        return [_constant(source.directions, options.alpha) for source in sources]
    calibrated = len(sources) == 1 and sources[0].directions.origin.calibration is not None
    target = None if calibrated else usual_target(generator)
    return [_matched(source, generator, options.multiple, target) for source in sources]


def _constant(directions: Directions, alpha: float) -> _Alphas:
    lengths = tuple(alpha * float(scale) for scale in directions.scale)
    description = f"alpha {alpha:g} in the run's own units"
    return _Alphas(description, (alpha,) * directions.k, lengths, frozenset())


def _matched(source: Source, generator: Generator, multiple: float, target: float | None) -> _Alphas:
    """A multiple of the lengths that change as much as `target`; None: of the run's own calibration."""
    found = own = source.directions
    if target is not None:
        found = calibrate(replace(own, slots=source.moved_slots), generator, target=target)
    calibration = found.origin.calibration
    assert calibration is not None
    lengths = [multiple * float(length) for length in found.scale]
    scales = [float(scale) for scale in own.scale]
    return _Alphas(
        f"{multiple:g} times the length that changes {calibration.target:.3g} ({calibration.measure})",
        tuple(length / scale if scale else 0.0 for length, scale in zip(lengths, scales, strict=True)),
        tuple(lengths),
        frozenset(calibration.too_weak),
    )
