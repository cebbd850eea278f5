"""Freezing a study: which pictures, at which strength, in a folder that is there whole or not at all."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch

from latentclr.directions import Directions
from latentclr.discover.base import no_log
from latentclr.engine.training import Log
from latentclr.errors import InputError
from latentclr.evaluate.calibration import usual_target
from latentclr.files import write_bytes
from latentclr.generators import Generator, Latents
from latentclr.runs.folders import FolderKind
from latentclr.study import lots, texts
from latentclr.study.layout import values
from latentclr.study.options import DEFAULT
from latentclr.study.options import Options as Options
from latentclr.study.pictures import Album, drawn, edited, farthest, thumb
from latentclr.study.plan import (
    CONSENT,
    INSTRUCTIONS,
    PICTURES,
    STUDY,
    Method,
    Study,
    Way,
)
from latentclr.study.questions import usual_questions
from latentclr.study.strength import Strength, given, matched

MOST_PICTURES = 10_000
STUDY_FOLDER = FolderKind("a study", STUDY)


@dataclass(frozen=True)
class Source:
    """A run that people shall see.

    Attributes:
        name: what it is called; unique in the study.
        directions: as the run has them, calibrated or not.
        sha256: of the file that they were read from.
        indices: which of them are shown; None: all that are not hidden.
        slots: that edits move; None: the directions' own.
    """

    name: str
    directions: Directions
    sha256: str
    indices: tuple[int, ...] | None = None
    slots: tuple[int, ...] | None = None

    @property
    def moving(self) -> tuple[int, ...]:
        """Slots that edits move."""
        return self.directions.slots if self.slots is None else self.slots

    @property
    def shown(self) -> tuple[int, ...]:
        """Numbers of the directions that are shown."""
        if self.indices is not None:
            return tuple(self.directions.index(i) for i in self.indices)
        return tuple(i for i in range(self.directions.k) if i not in self.directions.hidden)


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
        folder: of the study; whole or not there.
        sources: the runs.
        generator: of them all, at the truncation and of the class that is shown.
        options: what can be chosen.
        overwrite: replace a study that is there (its answers go with it).
        log: told (pictures done, {"pictures": of how many}).

    Raises:
        InputError: runs of another generator, options that do not fit, or the place cannot be written.
    """
    check(sources, generator, options)
    with STUDY_FOLDER.new(folder, overwrite=overwrite) as staging:
        study = _draw(staging, sources, generator, options, log)
        write_bytes(staging / CONSENT, texts.CONSENT.encode())
        write_bytes(staging / INSTRUCTIONS, texts.INSTRUCTIONS.encode())
        write_bytes(staging / STUDY, _json(study))
    return Study.open(folder)


def check(sources: Sequence[Source], generator: Generator, options: Options) -> None:
    """Refuse what cannot become a study, before anything is drawn.

    Raises:
        InputError: see `create`.
    """
    names = [source.name for source in sources]
    if not sources or len(set(names)) < len(names):
        raise InputError("a study needs at least one run, and every run a name of its own.")
    for source in sources:
        source.directions.require(generator)
        if not source.shown:
            raise InputError(f"{source.name} has no direction to show; choose some.")
    if not 1 <= options.pictures <= MOST_PICTURES or not 1 <= options.per_direction <= options.pictures:
        raise InputError(
            f"{options.per_direction} of {options.pictures} pictures for each direction: give 1 to "
            f"{MOST_PICTURES} pictures, and no more of them for each direction."
        )
    if options.checks.drastic and options.pictures < 3:
        raise InputError("the drastic check needs three pictures or more; add pictures or leave it out.")
    if min(vars(options.checks).values()) < 0 or options.preference < 0:
        raise InputError("numbers of checks and pairs must be 0 or more.")
    if options.preference and len(sources) < 2:
        raise InputError("the preference question compares two runs or more; give another run.")
    if options.per_participant is not None and options.per_participant < 1:
        raise InputError("a participant sees at least one direction; leave the number out for all.")
    for name, number in (("alpha", options.alpha), ("multiple", options.multiple)):
        if number is not None and not 0 < number < float("inf"):
            raise InputError(f"{name}={number:g} must be above 0 and finite.")
    if options.size is not None and not 8 <= options.size <= generator.resolution:
        raise InputError(f"size={options.size}: give 8 to {generator.resolution} pixels.")
    if not 0 <= options.seed < 2**63:
        raise InputError(f"seed={options.seed} must be 0 or more, and below 2^63.")


def count(sources: Sequence[Source], options: Options) -> int:
    """How many pictures are drawn."""
    return options.pictures * (1 + 2 * sum(len(source.shown) for source in sources))


def _draw(
    staging: Path, sources: Sequence[Source], generator: Generator, options: Options, log: Log
) -> Study:
    rng = Random(options.seed)
    seeds = lots.seeds(rng, options.pictures)
    latents = generator.from_seeds(seeds)
    size = options.size or generator.resolution
    album, total = Album(staging / PICTURES), float(count(sources, options))
    originals, small = [], []
    for picture in drawn(generator, latents, size):
        originals.append(album.add(picture))
        small.append(thumb(picture))
    done = len(originals)
    log(done, {"pictures": total})
    methods = []
    for source, strength in zip(sources, _strengths(sources, generator, options), strict=True):
        ways = []
        for index in source.shown:
            way = _way(source, index, strength, generator, latents, size, album)
            ways.append(way)
            done += 2 * options.pictures
            log(done, {"pictures": total})
        found_by = str(source.directions.origin.get("method", "?"))
        methods.append(
            Method(source.name, found_by, source.sha256, strength.told, tuple(source.moving), tuple(ways))
        )
    album.flush()
    return Study(
        folder=staging,
        digest="",
        title=options.title,
        seed=options.seed,
        unit=options.unit,
        shown=options.per_direction,
        per_participant=options.per_participant,
        sides=options.sides,
        checks=options.checks,
        generator=_facts(generator),
        size=size,
        total_bytes=sum(album.sizes.values()),
        seeds=seeds,
        originals=tuple(originals),
        far=tuple(farthest(torch.stack(small))),
        questions=usual_questions(name=options.names, preference=options.preference > 0),
        methods=tuple(methods),
        pairs=lots.pairs(rng, [len(source.shown) for source in sources], options.preference),
    )


def _strengths(sources: Sequence[Source], generator: Generator, options: Options) -> list[Strength]:
    """Of each run. What is shown beside each other is measured together, however it was calibrated."""
    if options.alpha is not None:
        return [given(source.directions, options.alpha) for source in sources]
    calibrated = len(sources) == 1 and "calibration" in sources[0].directions.origin
    target = None if calibrated else usual_target(generator)
    return [
        matched(source.directions, generator, options.multiple, target=target, slots=source.moving)
        for source in sources
    ]


def _way(
    source: Source,
    index: int,
    strength: Strength,
    generator: Generator,
    latents: Latents,
    size: int,
    album: Album,
) -> Way:
    """One direction, its pictures drawn and kept."""
    alpha = strength.alphas[index]
    minus, plus = (
        tuple(
            album.add(picture)
            for picture in edited(
                generator,
                source.directions,
                latents,
                index,
                sign * alpha,
                slots=source.moving,
                size=size,
            )
        )
        for sign in (-1, 1)
    )
    label, weak = source.directions.label(index), index in strength.too_weak
    return Way(index, label, alpha, strength.lengths[index], weak, minus, plus)


def _facts(generator: Generator) -> dict[str, object]:
    return {
        "name": generator.name,
        "sha256": generator.fingerprint(),
        "class": None if generator.label is None else generator.label_number,
        "truncation": generator.truncation,
        "resolution": generator.resolution,
    }


def _json(study: Study) -> bytes:
    return (json.dumps(values(study), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sha256_of(path: Path) -> str:
    """Checksum of a directions file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
