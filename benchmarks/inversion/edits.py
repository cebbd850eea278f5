"""Edits of inverted renders, beside those of generated pictures."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from benchmarks.inversion.bench import CHANGE, HELD_OUT, VARIANTS, Bench, as_json, mean, rendered_photos
from torch import Tensor

from latentclr import Directions, InterFaceGAN, LatentCLR, load_generator
from latentclr.evaluate.calibration import strengths
from latentclr.evaluate.intervals import Bootstrap, weighted_means
from latentclr.evaluate.leakage import change_matrix
from latentclr.evaluate.measuring import measure
from latentclr.evaluate.reading import Reading, reading_of
from latentclr.evaluate.scored import Scored
from latentclr.generators import Generator, Latents


def edits(bench: Bench) -> None:
    """Leakage and slopes of edits of inverted renders, and of generated pictures."""
    name = "scenes"
    generator = load_generator(name)
    reading = reading_of(generator, bench.metric)
    photos = rendered_photos(name, bench.n)
    ours = bench.directions(generator, "latentclr", lambda: LatentCLR(k=12).fit(generator))
    normals = bench.directions(
        generator,
        "interfacegan",
        lambda: InterFaceGAN(attributes=("scale", "orientation")).fit(generator),
    )
    population = generator.sample(256, rng=torch.Generator().manual_seed(HELD_OUT + 1))
    latents = population[: bench.n]
    found = strengths(generator, ours, latents[:16], target=CHANGE, distance=bench.metric)
    usual: Tensor | None = None
    for variant in ("generated", *VARIANTS):
        key = {"part": "edits", "generator": name, "variant": variant, "n": bench.n}
        if variant != "generated":
            if bench.rows.having(**key):
                continue
            latents = bench.inverted(generator, photos, variant)[0].latents
        scored = measure(
            generator,
            replace(ours, scale=found.lengths),
            reading,
            latents,
            multiples=(-1.0, 1.0),
            population=population,
        )
        if usual is None:
            usual = sizes(scored)
        if bench.rows.having(**key):
            continue
        matrix, change = change_matrix(scored), scored.change
        assert change is not None
        row = {
            "leakage": as_json(matrix.ratio),
            "selectivity": as_json(matrix.mean_selectivity),
            "visible change": mean(change.mean((0, 1))),
            "effects, of generated": as_json(Bootstrap().of(of_usual(scored, usual), scored.n).at(0)),
            "agreement with generated": as_json(
                Bootstrap(method="bca").of(agreement(scored, usual), scored.n).at(0)
            ),
            "slopes": slopes(generator, normals, replace(reading, distance=None), latents, population),
        }
        bench.add(key, row)


def sizes(scored: Scored, weights: Tensor | None = None) -> Tensor:
    """Mean absolute effect of each direction on each factor, (b, k * a)."""
    effects = scored.effects().abs().transpose(0, 1)  # (n, k, a)
    if weights is None:
        weights = torch.ones(1, scored.n, dtype=torch.float64)
    found: Tensor = weighted_means(effects, weights).flatten(1)
    return found


def of_usual(scored: Scored, usual: Tensor) -> Callable[[Tensor], Tensor]:
    """Statistic: the sum of effects as a share of that of generated pictures."""
    return lambda weights: sizes(scored, weights).sum(1, keepdim=True) / usual.sum()


def agreement(scored: Scored, usual: Tensor) -> Callable[[Tensor], Tensor]:
    """Statistic: the correlation of the table of effects with that of generated pictures."""

    def statistic(weights: Tensor) -> Tensor:
        found = sizes(scored, weights)
        a, b = (table - table.mean(1, keepdim=True) for table in (found, usual.to(found)))
        correlation: Tensor = (a * b).sum(1, keepdim=True) / (a.norm(dim=1, keepdim=True) * b.norm())
        return correlation

    return statistic


def slopes(
    generator: Generator,
    normals: Directions,
    reading: Reading,
    latents: Latents,
    population: Latents,
) -> dict[str, Any]:
    """Deviations by which a factor moves along its direction, for one unit of the latents' spread."""
    spread = float((population - population.mean(0)).square().sum(2).mean().sqrt())
    multiples = (-0.4, -0.2, 0.2, 0.4)
    scored = measure(
        generator,
        replace(normals, scale=torch.full((normals.k,), spread)),
        reading,
        latents,
        multiples=multiples,
        population=population,
    )
    steps = torch.tensor(multiples)
    changes = scored.changes()  # (k, s, n, a)
    fitted = (steps.view(1, -1, 1, 1) * changes).sum(1) / steps.square().sum()
    return {
        factor: mean(fitted[normals.index(factor), :, scored.attribute(factor)])
        for factor in ("scale", "orientation")
    }
