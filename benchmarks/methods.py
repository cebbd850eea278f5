"""All methods on one generator whose factors are known: how distinct their directions are, what each moves.

    python -m benchmarks.methods --out benchmarks/results/methods.json

For every generator, method and seed: the accuracy of a network that learns to tell the directions from
pictures before and after an edit (separability: Voynov and Babenko's RCA; chance is 1 / K), and the effects
on the factors of the scene, read by the oracle, at matched strength: each direction's edits change the
picture as much as a random one of length 3 does in the median. An effect is the mean difference between the
two signs in population standard deviations (a shape: the share of pictures in which it is another one).
"selectivity" is a direction's largest effect as a share of the sum of its effects, in the mean over
directions; "best" is the largest effect of any direction on a factor.

What is in the file already is not measured again, so a run that was stopped goes on. With --runs the
directions themselves are kept too, each in a file of its own.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from benchmarks.runner import Parser, Rows, grouped, markdown, say
from torch import Tensor

from latentclr import load_generator
from latentclr.directions import Directions
from latentclr.discover import DISCOVERERS, Discoverer, Random
from latentclr.discover.voynov import TEACHING, separability
from latentclr.engine.memory import keep_memory
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.strength import LENGTH, SIGNS, Measure, Strengths, match_strength
from latentclr.files import make_folder
from latentclr.generators import Generator
from latentclr.scenes.factors import FACTORS
from latentclr.scorers import Oracle, load_oracle

LATENTS = 64
"""On which effects are measured; no method has seen them."""
POPULATION = 512
"""Pictures whose factors' deviations are the unit of effects."""
UNIFORM = 1 / math.sqrt(12)
"""Deviation of a circular factor, in turns."""
METHODS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "latentclr": ("latentclr", {}),
    "latentclr, linear": ("latentclr", {"model": "linear", "bias": True}),
    "latentclr, nonlinear": ("latentclr", {"model": "nonlinear", "learning_rate": 1e-3}),
    "latentclr, noiseclr": ("latentclr", {"preset": "noiseclr"}),
    "latentclr, pruned": ("latentclr", {"candidates": 24}),
    "ganspace": ("ganspace", {}),
    "sefa": ("sefa", {}),
    "voynov": ("voynov", {}),
    "random": ("random", {}),
}
"""Those that look for K directions by themselves: method and settings."""
TOLD: Mapping[str, Mapping[str, Any]] = {
    "interfacegan": {"attributes": ("scale", "orientation", "brightness", "warmth")},
    "ganalyze": {"attributes": ("scale", "orientation", "brightness", "warmth")},
    "steerability": {},
    "plumerault": {},
}
"""Those that are told what to look for: fewer directions, so their separability is another number's."""


def made(name: str, k: int, seed: int) -> Discoverer:
    """The method of a row, with its settings."""
    if name in TOLD:
        return DISCOVERERS[name](seed=seed, **TOLD[name])
    method, changes = METHODS[name]
    settings = {**changes, "k": k, "seed": seed}
    preset = settings.pop("preset", None)
    kind = DISCOVERERS[method]
    return kind.preset(preset, **settings) if preset else kind(**settings)


def effects(
    generator: Generator, directions: Directions, oracle: Oracle, target: float
) -> tuple[dict[str, list[float]], Strengths]:
    """Absolute effects of all directions by factor, and the strengths of the edits."""
    rng = torch.Generator().manual_seed(12345)
    latents = generator.sample(LATENTS, rng=rng)
    population = oracle_values(generator, oracle, generator.sample(POPULATION, rng=rng))
    edits = Edits.along(directions, generator.device)
    start = torch.full((directions.k,), LENGTH)
    change = Measure(generator).changes(edits, latents[:16])
    strengths = match_strength(change, start, change(list(range(directions.k)), start), target=target)
    found: dict[str, list[float]] = {factor.name: [] for factor in FACTORS}
    for index in range(directions.k):
        edited = edits.select([index], strengths.lengths[[index]]).apply(latents, SIGNS)
        plus, minus = (oracle_values(generator, oracle, one) for one in edited[:, 0])
        for factor in FACTORS:
            difference = plus[factor.name] - minus[factor.name]
            if factor.kind == "category":
                found[factor.name].append(float((difference != 0).double().mean()))
            elif factor.kind == "circular":
                wrapped = (difference + 0.5) % 1 - 0.5
                found[factor.name].append(abs(float(wrapped.mean())) / UNIFORM)
            else:
                deviation = max(float(population[factor.name].std()), 1e-6)
                found[factor.name].append(abs(float(difference.mean())) / deviation)
    return found, strengths


@torch.no_grad()
def oracle_values(generator: Generator, oracle: Oracle, latents: Tensor) -> dict[str, Tensor]:
    """Factors of the pictures of latents."""
    parts = [oracle(generator(some)) for some in latents.split(64)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def varying(generator: Generator, oracle: Oracle) -> list[str]:
    """Factors that vary in the pictures of a generator."""
    values = oracle_values(generator, oracle, generator.sample(256, rng=torch.Generator().manual_seed(1)))
    ranges = {factor.name: factor.high - factor.low for factor in FACTORS}
    return [name for name, value in values.items() if float(value.std()) > 0.05 * ranges[name]]


def measure(
    generator: Generator, oracle: Oracle, name: str, k: int, seed: int, runs: Path | None = None
) -> dict[str, Any]:
    started = time.perf_counter()
    directions = made(name, k, seed).fit(generator)
    seconds = time.perf_counter() - started
    if runs is not None:
        place = make_folder(runs) / f"{generator.name}-{name.replace(', ', '-')}-{seed}.safetensors"
        directions.save(place)
    baseline = Random(k=k, seed=0).fit(generator)
    latents = generator.sample(16, rng=torch.Generator().manual_seed(7))
    lengths = torch.full((k,), LENGTH)
    usual = Measure(generator).change(Edits(baseline.model, lengths, baseline.slots), latents)
    by_factor, strengths = effects(generator, directions, oracle, float(usual.median()))
    # Strengths are those of the target for alpha = 3, and the network is taught with up to 6 either way.
    matched = replace(directions, scale=strengths.lengths / LENGTH)
    kept = {factor: by_factor[factor] for factor in varying(generator, oracle)}
    matrix = torch.tensor(list(kept.values())).T  # (k, factors)
    return {
        "generator": generator.name,
        "method": name,
        "seed": seed,
        "k": directions.k,
        "seconds": seconds,
        "separability": separability(generator, matched, replace(TEACHING, steps=150)),
        "selectivity": float((matrix.amax(1) / matrix.sum(1).clamp(min=1e-6)).mean()),
        "best": {factor: max(values) for factor, values in kept.items()},
        "effects": kept,
        "too_weak": strengths.too_weak,
    }


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Means and deviations over seeds, as Markdown."""
    for generator, here in grouped(rows, "generator").items():
        factors = list(here[0]["best"])
        cells = []
        for method, same in grouped(here, "method").items():
            row = [method, same[0]["k"]]
            row += [spread([one[key] for one in same]) for key in ("separability", "selectivity")]
            row += [f"{fmean(one['best'][factor] for one in same):.2f}" for factor in factors]
            seconds = min(one["seconds"] for one in same)  # the seed that other work disturbed least
            cells.append([*row, f"{seconds:.0f}"])
        yield f"\n`{generator}`\n"
        yield from markdown(["method", "K", "separability", "selectivity", *factors, "seconds"], cells)


def spread(values: Sequence[float]) -> str:
    """Mean and deviation.

    >>> spread([0.5, 0.7])
    '.60 ± .14'
    """
    mean = f"{fmean(values):.2f}".removeprefix("0")
    return mean if len(values) < 2 else f"{mean} ± {f'{stdev(values):.2f}'.removeprefix('0')}"


def main() -> None:
    parser = Parser(__doc__, threads=0, device=True)
    parser.add_argument("--generators", nargs="+", default=["scenes", "scenes-biggan"])
    parser.add_argument("--methods", nargs="+", default=[*METHODS, *TOLD], choices=[*METHODS, *TOLD])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--k", type=int, default=12)
    parser.add_argument("--runs", type=Path, help="folder for the directions themselves")
    options = parser.options()
    keep_memory()  # as the command does
    kept = Rows(options.out, threads=options.threads, device=options.device)
    oracle = load_oracle().to(options.device)
    for seed in options.seeds:  # all methods once, then once more
        for name in options.generators:
            generator = load_generator(name).to(torch.device(options.device))
            done = {row["method"] for row in kept.having(generator=name, seed=seed)}
            for method in (method for method in options.methods if method not in done):
                row = measure(generator, oracle, method, options.k, seed, options.runs)
                kept.add(row)
                say(
                    f"{name}, {method}, seed {seed}: separability {row['separability']:.2f}, selectivity "
                    f"{row['selectivity']:.2f}, {row['seconds']:.0f} s"
                )
    order = [*METHODS, *TOLD]
    print("\n".join(table(sorted(kept.rows, key=lambda row: order.index(row["method"])))))


if __name__ == "__main__":
    main()
