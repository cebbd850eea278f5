"""Shelves of toys for the tests of the explorer."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tests.toy import Toy

from latentclr import Directions
from latentclr.artefacts import Origin
from latentclr.directions import DirectionModel, Global, Linear
from latentclr.explorer.recipe import Edit, Recipe
from latentclr.explorer.shelf import Shelf
from latentclr.generators import Generator
from latentclr.invert.artefact import Inversion, Photo


def toy_named(name: str) -> Generator:
    """A toy for every name; "other" has other weights."""
    toy = Toy(seed=int(name == "other"))
    toy.name = name
    return toy


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def directions_in(name: str, model: DirectionModel, **origin: object) -> Directions:
    """Directions that say that they were found in the toy of that name."""
    toy = toy_named(name)
    return Directions(
        model=model,
        space="w",
        num_slots=2,
        slots=(0, 1),
        scale=torch.linspace(1.0, 2.0, model.k),
        scores=torch.zeros(model.k),
        names=("",) * model.k,
        origin=Origin({"generator": {"name": name, "sha256": toy.fingerprint()}, **origin}),
    )


def plain(seed: int = 0, name: str = "toy", **origin: object) -> Directions:
    """Four directions that are the same everywhere."""
    return directions_in(name, Global(4, Toy.PLANTED, rng=rng(seed)), **origin)


def bent(seed: int = 1, name: str = "toy", **origin: object) -> Directions:
    """Three conditional directions."""
    return directions_in(name, Linear(3, Toy.PLANTED, rng=rng(seed)), **origin)


def saved(folder: Path, directions: Directions) -> Path:
    """A run folder with nothing but its directions."""
    folder.mkdir(parents=True)
    directions.save(folder / "directions.safetensors")
    return folder


def toys(*found: Directions, generators: Sequence[str] = ("toy",)) -> Shelf:
    """A shelf of toys with directions in memory, called "run 0", "run 1" and so on."""
    shelf = Shelf(generators, load=toy_named)
    for number, directions in enumerate(found):
        shelf.add(directions, f"run {number}")
    return shelf


def recipe_of(shelf: Shelf, *edits: tuple[int, int, float], seeds: tuple[int, ...] = (0,)) -> Recipe:
    """A recipe with edits (number of the run, direction, alpha)."""
    entries = shelf.entries()
    start = shelf.start()
    return Recipe(
        start.generator,
        start.sha256,
        seeds=seeds,
        edits=tuple(Edit(entries[run].id, direction, alpha) for run, direction, alpha in edits),
    )


def an_inversion(seed: int = 3, name: str = "a.png", generator: str = "toy") -> Inversion:
    """A photo that is what a toy draws of a seed."""
    toy = toy_named(generator)
    return Inversion(
        latents=toy.from_seeds([seed]),
        space="w",
        labels=(None,),
        psnr=torch.tensor([30.0]),
        lpips=torch.tensor([float("nan")]),
        photos=(Photo(name, "0" * 64, (float(seed), 0.0, 8.0, 8.0)),),
        origin=Origin({"generator": {"name": generator, "sha256": toy.fingerprint()}}),
    )
