"""The choice of K (section 3 of the paper): do too many directions repeat each other?

Counts of distinct directions (as vectors, by looks and by effects on attributes) against K.
"""

from collections.abc import Mapping, Sequence

import torch

from latentclr.evaluate.intervals import Interval
from latentclr.evaluate.naming import propose
from latentclr.experiments.answers import Cell, Experiment, cells, grouped
from latentclr.experiments.bench import DISTINCT, Bench
from latentclr.experiments.settings import Run, Settings, Wanted
from latentclr.generators import Generator
from latentclr.report.charts import Series, lines

LOOKS = DISTINCT[1]
COUNTS = (*DISTINCT, "names")
"""What is counted: directions that do not repeat each other, and different proposed names."""


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR with every K and seed.

    Args: see `Question.load`.
    """
    label = settings.own_class(generator)
    return tuple(Wanted(settings.latentclr(seed, k=k), label) for k in settings.ks for seed in settings.seeds)


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Count the distinct directions of every run.

    Args: see `Question.load`.
    """
    ordered = sorted(runs, key=lambda one: one.directions.k)
    groups = grouped([_counts(bench, one) for one in ordered], [str(one.directions.k) for one in ordered])
    found: dict[str, dict[str, Interval]] = {}
    rows: list[dict[str, Cell]] = []
    for k, group in groups.items():
        intervals = bench.settings.bootstrap.means(torch.tensor(group, dtype=torch.float32))
        found[k] = {name: intervals.at(i) for i, name in enumerate(COUNTS)}
        row: dict[str, Cell] = {"k": int(k), "runs": len(group)}
        for name in COUNTS:
            row |= cells(name, found[k][name])
        rows.append(row)
    number = [Series(name, tuple(found[k][name] for k in found)) for name in COUNTS]
    share = [Series(name, tuple(_share(found, k, name) for k in found)) for name in DISTINCT]
    figure = lines(
        f"LatentCLR in {bench.where}: directions that do not repeat each other (|cos| up to .9), against "
        "K.\nBars: 95 % intervals over seeds. Names: different proposals of what directions do.",
        [("how many", number), ("share of K", share)],
        list(found),
    )
    return Experiment(rows, figure, _text(bench, found))


def _counts(bench: Bench, one: Run) -> list[int]:
    """The numbers of `COUNTS` for one run."""
    directions = bench.calibrated(one.directions)
    scored = bench.scored(directions)
    named = {p.name for p in propose(scored, bootstrap=bench.settings.bootstrap) if p.attributes}
    return [*bench.distinct(directions, scored).values(), len(named)]


def _share(found: Mapping[str, Mapping[str, Interval]], k: str, name: str) -> Interval:
    value, whole = found[k][name], int(k)
    return Interval(value.value / whole, value.low / whole, value.high / whole, value.level)


def _text(bench: Bench, found: Mapping[str, Mapping[str, Interval]]) -> str:
    said = [
        f"K {k}: " + ", ".join(f"{name} {value}" for name, value in values.items())
        for k, values in found.items()
    ]
    least, *_, most = found if len(found) > 1 else [*found, *found]
    first, last = _share(found, least, LOOKS), _share(found, most, LOOKS)
    change = (
        f"falls from {first} to {last}" if last.value < first.value else f"does not fall ({first} to {last})"
    )
    return (
        "Do too many directions repeat each other (choice of K, section 3 of LatentCLR's paper)? In "
        f"{bench.where}: {'; '.join(said)}. From K {least} to K {most} the share that looks like nothing "
        f"else in the run {change}."
    )
