"""The choice of K (section 3 of the paper): do too many directions repeat each other?

Distinct directions, as vectors, by what one sees and by what they do to attributes, against K.
"""

from collections.abc import Sequence

import torch

from latentclr.evaluate.intervals import Interval
from latentclr.evaluate.naming import propose
from latentclr.evaluate.repetition import effect_repetition, latent_repetition, visible_repetition
from latentclr.experiments.base import Cell, Experiment, Run, Settings, Wanted, cells, grouped
from latentclr.experiments.bench import Bench, own_class
from latentclr.generators import Generator
from latentclr.report.charts import Series, lines

SEEN = 16
"""Latents on which directions are compared."""
COUNTS = ("distinct vectors", "distinct looks", "distinct effects", "names")
"""What is counted: directions that do not repeat each other, and different proposed names."""


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR with every K and seed."""
    label = own_class(settings, generator)
    return tuple(Wanted(settings.latentclr(seed, k=k), label) for k in settings.ks for seed in settings.seeds)


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Count what is distinct."""
    ordered = sorted(runs, key=lambda one: one.directions.k)
    counted = {one.name: counts(bench, one) for one in ordered}
    groups = grouped(ordered, [str(one.directions.k) for one in ordered])
    bootstrap = bench.settings.bootstrap
    found: dict[str, dict[str, Interval]] = {}
    rows: list[dict[str, Cell]] = []
    for k, group in groups.items():
        values = torch.tensor([[float(counted[one.name][name]) for name in COUNTS] for one in group])
        intervals = bootstrap.means(values)
        found[k] = {name: intervals.at(i) for i, name in enumerate(COUNTS)}
        row: dict[str, Cell] = {"k": int(k), "runs": len(group)}
        for name in COUNTS:
            row |= cells(name, found[k][name])
        rows.append(row)
    ks = list(groups)
    number = [Series(name, tuple(found[k][name] for k in ks)) for name in COUNTS]
    share = [Series(name, tuple(_share(found[k][name], int(k)) for k in ks)) for name in COUNTS[:3]]
    figure = lines(
        f"LatentCLR in {bench.where}: directions that do not repeat each other (|cos| up to .9), against "
        "K.\nBars: 95 % intervals over seeds. Names: different proposals of what directions do.",
        [("how many", number), ("share of K", share)],
        ks,
    )
    return Experiment(rows, figure, _text(bench, found))


def counts(bench: Bench, one: Run) -> dict[str, int]:
    """Of one run."""
    directions = bench.calibrated(one.directions)
    latents = bench.latents(min(SEEN, bench.settings.latents), 3)
    scored = bench.scored(directions)
    looks = visible_repetition(bench.generator, directions, latents, lengths=directions.scale)
    named = {p.name for p in propose(scored, bootstrap=bench.settings.bootstrap) if p.attributes}
    values = (
        latent_repetition(directions, latents).distinct,
        looks.distinct,
        effect_repetition(scored).distinct,
        len(named),
    )
    return dict(zip(COUNTS, values, strict=True))


def _share(value: Interval, k: int) -> Interval:
    return Interval(value.value / k, value.low / k, value.high / k, value.level)


def _text(bench: Bench, found: dict[str, dict[str, Interval]]) -> str:
    said = [
        f"K {k}: " + ", ".join(f"{name} {value}" for name, value in values.items())
        for k, values in found.items()
    ]
    least, *_, most = found if len(found) > 1 else [*found, *found]
    looks = "distinct looks"
    first, last = _share(found[least][looks], int(least)), _share(found[most][looks], int(most))
    verdict = (
        f"From K {least} to K {most} the share that looks like nothing else in the run falls from {first} to "
        f"{last}"
        if last.value < first.value
        else f"From K {least} to K {most} the share that looks like nothing else in the run does not fall "
        f"({first} to {last})"
    )
    return (
        "Do too many directions repeat each other (choice of K, section 3 of LatentCLR's paper)? In "
        f"{bench.where}: {'; '.join(said)}. {verdict}."
    )
