"""The figures of the docs, measured again: fails where one is outside its stated interval.

    make reproduce            # all of them
    python -m benchmarks.reproduce --quick

`documented.json` lists them: what is measured, which of its values, between what it must lie, and where it is
written, with the very words, so that a figure cannot change in the docs alone. Intervals allow for other
processors and versions (and for other seeds where the docs give a spread), not for another method.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from benchmarks.inversion.bench import BATCH, VARIANTS, generated_photos, rendered_photos
from benchmarks.runner import Parser, say
from benchmarks.step.jobs import Job
from benchmarks.step.measuring import done

from benchmarks import disentanglement, faces, methods, search
from latentclr import Directions, LatentCLR, load_generator
from latentclr.engine.memory import keep_memory
from latentclr.evaluate.calibration import calibrate
from latentclr.evaluate.measuring import measure
from latentclr.evaluate.reading import reading_of
from latentclr.evaluate.representation import Renders, renders
from latentclr.evaluate.rescoring import rescore
from latentclr.invert.invert import Settings, invert
from latentclr.scorers import load_oracle
from latentclr.scorers.faces import load_faces

ROOT = Path(__file__).parent.parent
FIGURES = Path(__file__).parent / "documented.json"


@dataclass(frozen=True)
class Figure:
    """One documented number.

    Attributes:
        what: the measurement, of `MEASUREMENTS`, and its arguments.
        value: name of the value in what it returns.
        low: least that it may be.
        high: most that it may be.
        doc: file, from the root.
        words: that stand there.
        quick: part of the short form.
    """

    what: tuple[Any, ...]
    value: str
    low: float
    high: float
    doc: str
    words: str
    quick: bool = False


def figures(path: Path = FIGURES) -> list[Figure]:
    return [Figure(**{**row, "what": tuple(row["what"])}) for row in json.loads(path.read_text())]


def effects_of(generator: str, method: str, k: int, seed: int) -> Mapping[str, float]:
    """Separability, selectivity and largest effects (docs/methods.md)."""
    row = methods.measure(load_generator(generator), load_oracle(), method, k, seed)
    return {**{key: float(row[key]) for key in ("separability", "selectivity")}, **row["best"]}


def disentangled(generator: str, method: str, k: int, seed: int) -> Mapping[str, float]:
    """MIG, DCI, FactorVAE score and leakage (docs/evaluation.md)."""
    drawn = load_generator(generator)
    directions = methods.made(method, k, seed).fit(drawn)
    found = disentanglement.scores(drawn, directions, shown=_renders(generator), steps=800, seed=seed)
    found |= disentanglement.leaks(drawn, directions)
    return {key: found[key] for key in disentanglement.SCORES}


def searched(generator: str, setting: str, seed: int) -> Mapping[str, float]:
    """MIG, DCI and FactorVAE score of a setting of the search (docs/evaluation.md)."""
    directions = search.settings(search.CHECKED[setting], seed).fit(load_generator(generator))
    shown = _renders(generator)
    found = disentanglement.scores(load_generator(generator), directions, shown=shown, steps=800, seed=seed)
    return {key: found[key] for key in search.SCORES}


def rescored(generator: str, method: str, seed: int) -> Mapping[str, float]:
    """Effects, on half of the latents, of directions chosen on the other half (docs/experiments.md)."""
    drawn = load_generator(generator)
    reading = reading_of(drawn)
    directions = calibrate(methods.made(method, 12, seed).fit(drawn), drawn)
    rng = torch.Generator().manual_seed(0)
    latents, population = drawn.sample(100, rng=rng), drawn.sample(256, rng=rng)
    scored = measure(drawn, directions, reading, latents, multiples=(-1.0, 1.0), population=population)
    return {name: rescore(scored, name).measured.value for name in scored.names}


def mirrored(generator: str) -> Mapping[str, float]:
    """Correlations of face scores with those of mirrored pictures (docs/scorers.md)."""
    drawn, scorer = load_generator(generator), load_faces(generator)
    latents = drawn.from_seeds(list(faces.SEEDS))
    with torch.no_grad():
        pictures = torch.cat([drawn(some) for some in latents.split(64)])
        return faces.agreement(scorer(pictures), scorer(pictures.flip(3)))


def stepped(preset: str, threads: int) -> Mapping[str, float]:
    """How many times as fast as the reference a step is, both measured now (docs/performance.md)."""
    ours = Job("ours", preset, threads=threads, steps=8)
    reference = done(replace(ours, kind="reference", keep=False, steps=1))
    return {"ratio": reference["seconds"] / done(ours)["seconds"]}


def inverted(generator: str, kind: str, variant: str) -> Mapping[str, float]:
    """Median distance of eight inverted pictures (docs/inversion.md)."""
    drawn = load_generator(generator)
    photos = generated_photos(drawn, BATCH) if kind == "samples" else rendered_photos(generator, BATCH)
    found = invert(drawn, photos.pictures, Settings(**VARIANTS[variant]))
    return {"psnr": float(found.psnr.median()), "lpips": float(found.lpips.median())}


def identified(generator: str, seed: int) -> Mapping[str, float]:
    """Identification accuracy of LatentCLR's defaults, and how many directions repeat (docs/latentclr.md)."""
    found: Directions = LatentCLR(seed=seed).fit(load_generator(generator))
    return {
        "accuracy": found.origin["accuracy"],
        "duplicates": len(found.origin["duplicates"]),
        "look_alikes": len(found.origin["look_alikes"]),
    }


MEASUREMENTS: Mapping[str, Callable[..., Mapping[str, float]]] = {
    "effects": effects_of,
    "disentangled": disentangled,
    "identified": identified,
    "inverted": inverted,
    "mirrored": mirrored,
    "rescored": rescored,
    "searched": searched,
    "stepped": stepped,
}
"""By the names that `documented.json` uses."""


@cache
def _renders(generator: str) -> Renders:
    return renders(generator)


def check(figure: Figure, values: Mapping[str, float]) -> str | None:
    """The reason why a figure is wrong, or None."""
    value = values[figure.value]
    if not figure.low <= value <= figure.high:
        return f"{figure.value} = {value:.3f} is outside [{figure.low:g}, {figure.high:g}]"
    if figure.words not in (ROOT / figure.doc).read_text():
        return f"{figure.doc} does not say {figure.words!r}"
    return None


def main() -> None:
    parser = Parser(__doc__, threads=0, out=False)
    parser.add_argument("--quick", action="store_true", help="the short form")
    options = parser.options()
    keep_memory()
    wanted = [figure for figure in figures() if figure.quick or not options.quick]
    wrong, started = 0, time.perf_counter()
    for what in dict.fromkeys(figure.what for figure in wanted):
        name, *arguments = what
        values = MEASUREMENTS[name](*arguments)
        for figure in (figure for figure in wanted if figure.what == what):
            fault = check(figure, values)
            wrong += fault is not None
            about = f"{name}({', '.join(map(str, arguments))}) {figure.value}"
            say(f"{'WRONG' if fault else 'ok':<6}{about}: {fault or f'{values[figure.value]:.3f}'}")
    print(f"{len(wanted)} figures, {wrong} wrong, {time.perf_counter() - started:.0f} s")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
