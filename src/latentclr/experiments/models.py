"""Direction models (section 3 of the paper): do directions that depend on the latent do better?

LatentCLR's global, linear and nonlinear model on the same generator, with the same K, seeds and latents.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.evaluate.intervals import Interval, means
from latentclr.evaluate.leakage import assigned, largest_effects, selectivity
from latentclr.experiments.answers import Cell, Experiment, cells, grouped
from latentclr.experiments.bench import DISTINCT, Bench
from latentclr.experiments.settings import MODELS, Run, Settings, Wanted
from latentclr.experiments.statistics import over_seeds
from latentclr.generators import Generator
from latentclr.report.charts import Dots, dots


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR with every model and seed.

    Args: see `Question.load`.
    """
    label = settings.own_class(generator)
    return tuple(
        Wanted(settings.latentclr(seed, model=model), label) for model in MODELS for seed in settings.seeds
    )


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Measure the runs of every model.

    Args: see `Question.load`.
    """
    groups = grouped(runs, [one.model or one.method for one in runs])
    found = {model: _summary(bench, group) for model, group in groups.items()}
    rows: list[dict[str, Cell]] = [
        {"model": model, "runs": len(groups[model]), "measure": name, **cells("value", value)}
        for model, values in found.items()
        for name, value in values.items()
    ]
    panels = [
        Dots(name, tuple((model, values[name]) for model, values in found.items()), tuple(range(len(found))))
        for name in next(iter(found.values()))
    ]
    figure = dots(
        f"LatentCLR's direction models in {bench.where}, {len(next(iter(groups.values())))} seeds, at one "
        "visible strength. Bars: 95 % intervals over seeds and latents (distinct: over seeds).",
        panels,
    )
    return Experiment(rows, figure, _text(bench, groups, found))


def _summary(bench: Bench, runs: Sequence[Run]) -> dict[str, Interval]:
    """Selectivity, leakage and repetition of the runs of one model, by name."""
    calibrated = [bench.calibrated(one.directions) for one in runs]
    scored = [bench.scored(directions) for directions in calibrated]
    tables = [bench.effects(table) for table in scored]
    # The assignment, and which effect of a direction is its largest, are the same in all resamples.
    largest = [largest_effects(means(table)) for table in tables]
    pairs = [assigned(means(table).abs()) for table in tables]

    def of(s: int, effects: Float[Tensor, "b k v"]) -> Float[Tensor, "b m"]:
        size = effects.abs()
        rows, columns = (list(side) for side in zip(*pairs[s], strict=True))
        own = size[:, rows, columns]
        leak = (size[:, rows].sum(-1) - own) / max(size.shape[-1] - 1, 1)
        share = selectivity(size, largest[s]).nanmean(-1)
        effect, beside = own.mean(-1), leak.mean(-1)
        return torch.stack([share, effect, beside, beside / effect], dim=-1)

    bootstrap = bench.settings.bootstrap
    whole = over_seeds(tables, of, bootstrap)
    distinct = [
        [count / directions.k for count in bench.distinct(directions, table).values()]
        for directions, table in zip(calibrated, scored, strict=True)
    ]
    repeated = bootstrap.means(torch.tensor(distinct))
    names = ("selectivity", "effect", "leakage", "leakage over effect")
    return {
        **{name: whole.at(i) for i, name in enumerate(names)},
        **{name: repeated.at(i) for i, name in enumerate(DISTINCT)},
    }


def _text(
    bench: Bench, groups: Mapping[str, Sequence[Run]], found: Mapping[str, Mapping[str, Interval]]
) -> str:
    said = []
    for model, values in found.items():
        numbers = ", ".join(f"{name} {value}" for name, value in values.items())
        said.append(f"{model} ({len(groups[model])} x {groups[model][0].directions.k}): {numbers}.")
    best = max(found, key=lambda model: found[model]["selectivity"].value)
    others = [values["selectivity"] for model, values in found.items() if model != best]
    surely = others and all(found[best]["selectivity"].low > other.high for other in others)
    verdict = (
        f"The {best} model is the most selective, and the intervals do not overlap."
        if surely
        else f"The {best} model is the most selective here, but the intervals overlap: this does not "
        "decide it."
    )
    return (
        "Do directions that depend on the latent do better (direction models, section 3 of LatentCLR's "
        f"paper, which prefers the nonlinear one)? In {bench.where}, at one visible strength: "
        f"{' '.join(said)} {verdict}"
    )
