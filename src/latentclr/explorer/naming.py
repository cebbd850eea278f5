"""Names of directions that nobody has named: what they do, as far as it can be measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from latentclr.errors import InputError
from latentclr.evaluate.calibration import SEED, calibrate
from latentclr.evaluate.measuring import measure
from latentclr.evaluate.naming import UNKNOWN, propose, unique_names
from latentclr.evaluate.reading import reading_of
from latentclr.explorer.shelf import Entry, Shelf
from latentclr.explorer.strength import drawn

SAMPLES = 24
"""Latents that a proposal is made from: fewer than an evaluation's, so that more directions stay unknown."""
POPULATION = 128
"""Pictures whose deviations are the unit."""


@dataclass(frozen=True)
class Names:
    """What is proposed for a run.

    Attributes:
        names: by number, of the directions that have no name yet and could be named; each once.
        texts: by number, what each direction does, in a line.
        reason: why nothing is proposed; empty: something is.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)
    reason: str = ""


def proposed(shelf: Shelf, generator: str, run: str) -> Names:
    """Names for the directions of a run. Takes seconds the first time, so keep it off a page's first picture.

    Args:
        shelf: where the run is.
        generator: name of the generator.
        run: id of the run.

    Raises:
        InputError: no such generator or run, or a run of another generator.
    """
    entry = shelf.fitting(generator, run)
    key = ("names", generator, run)
    found: Names = shelf.remembered.get(key, lambda: _proposed(shelf, generator, entry))
    return found


def proposed_yet(shelf: Shelf, generator: str, run: str) -> Names | None:
    """What `proposed` found, if it was asked already."""
    return shelf.remembered.peek(("names", generator, run))


def label(entry: Entry, index: int, names: Names | None = None) -> str:
    """What a direction is called on the page: its name, else the proposed one with a question mark.

    Its number stands before that, or alone.
    """
    if entry.directions.names[index] or names is None or index not in names.names:
        return entry.directions.label(index)
    return f"{index} {names.names[index]}?"


def _proposed(shelf: Shelf, name: str, entry: Entry) -> Names:
    generator = drawn(shelf, name, entry.label, entry.truncation, entry.directions.space)
    try:
        reading = reading_of(generator)
    except InputError as error:
        return Names(reason=f"{UNKNOWN}: {error}")
    rng = torch.Generator().manual_seed(SEED)
    latents, population = generator.sample(SAMPLES, rng=rng), generator.sample(POPULATION, rng=rng)
    directions = entry.directions
    if directions.origin.calibration is None:
        directions = calibrate(directions, generator, samples=4)
    scored = measure(generator, directions, reading, latents, multiples=(-1.0, 1.0), population=population)
    found = propose(scored)
    texts = {proposal.direction: proposal.text for proposal in found}
    return Names(dict(unique_names(found, entry.directions.names)), texts)
