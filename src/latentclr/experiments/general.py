"""Question 1 of the paper (Figure 2a): are there directions for general edits?

LatentCLR's directions in one class, named by what a scorer says; beside them as many random directions, which
say what the latent space gives by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.evaluate.intervals import Interval, means
from latentclr.evaluate.leakage import change_matrix, selectivity
from latentclr.evaluate.naming import FLOOR, Proposal, propose
from latentclr.evaluate.scored import Scored
from latentclr.experiments.base import Cell, Experiment, Run, Settings, Wanted, cells, grouped, listed, plural
from latentclr.experiments.bench import Bench, own_class
from latentclr.experiments.statistics import halves, over_seeds, strongest
from latentclr.generators import Generator
from latentclr.report.grid import Block, Row
from latentclr.report.sheet import EditSheet

OURS, CHANCE = "latentclr", "random"


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR and random directions, every seed of each."""
    label = own_class(settings, generator)
    methods = (
        *(settings.latentclr(seed) for seed in settings.seeds),
        *(settings.random(seed) for seed in settings.seeds),
    )
    return tuple(Wanted(method, label) for method in methods)


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Name every direction, show the best one of each attribute of the first run."""
    rows: list[dict[str, Cell]] = []
    calibrated = {one.name: bench.calibrated(one.directions) for one in runs}
    scored = {name: bench.scored(directions) for name, directions in calibrated.items()}
    proposals = {name: propose(table, bootstrap=bench.settings.bootstrap) for name, table in scored.items()}
    for one in runs:
        rows += _rows(bench, one, scored[one.name], proposals[one.name])
    first = runs[0]
    found, best = _best(bench, scored[first.name])
    sheet = EditSheet(bench.generator, bench.settings.pictures)
    lines = []
    for i, name in enumerate(bench.names()):
        k, effect = int(best[i]), found[i]
        note = f"direction {k}\neffect {effect}" + ("" if effect.value >= FLOOR else "\n(too small to name)")
        sign = -1.0 if float(means(bench.magnitudes(scored[first.name]))[k, i]) < 0 else 1.0
        lines.append(Row(name, note, sheet.tiles(calibrated[first.name], k, scale=sign)))
    figure = sheet.draw(
        f"The direction of {first.name} that moves each attribute most, in {bench.where}.\nColumns: "
        "multiples of one visible strength. Effects: standard deviations of the attribute from -1 to +1, "
        "on other pictures than those that chose the direction.",
        [Block(f"{first.method}, {bench.where}", tuple(lines))],
    )
    return Experiment(rows, figure, _text(bench, runs, scored, proposals))


def _rows(bench: Bench, one: Run, scored: Scored, proposals: Sequence[Proposal]) -> list[dict[str, Cell]]:
    matrix = change_matrix(scored, bootstrap=bench.settings.bootstrap)
    sizes = matrix.sizes.value.nan_to_num(0.0)
    rows = []
    for proposal in proposals:
        k = proposal.direction
        top = int(sizes[k].argmax())
        leaks = [float(sizes[k, i]) for i in bench.varying if i != top]
        rows.append(
            {
                "run": one.name,
                "method": one.method,
                "seed": one.seed,
                "direction": k,
                "proposal": proposal.name,
                "attribute": scored.names[top],
                **cells("effect", matrix.sizes.at(k, top)),
                **cells("selectivity", matrix.selectivity.at(k)),
                "leakage": round(sum(leaks) / max(len(leaks), 1), 5),
                "about": proposal.text,
            }
        )
    return rows


def _best(bench: Bench, scored: Scored) -> tuple[list[Interval], Tensor]:
    """For each attribute the direction that the one half chooses, and its effect on the other."""
    choosing, measuring = halves(bench.magnitudes(scored))
    best = strongest(choosing)
    return _sizes(bench, [measuring], [best]), best


def _sizes(bench: Bench, measuring: Sequence[Tensor], best: Sequence[Tensor]) -> list[Interval]:
    """For each attribute the size of the chosen directions' effects, in the mean over runs."""

    def of(s: int, effects: Float[Tensor, "b k v"]) -> Float[Tensor, "b v"]:
        return effects.abs()[:, best[s], torch.arange(len(best[s]))]

    found = over_seeds(measuring, of, bench.settings.bootstrap)
    return [found.at(i) for i in range(len(bench.varying))]


@dataclass(frozen=True)
class _Found:
    """What there is to say of the runs of one method.

    Attributes:
        runs: how many.
        k: directions of all of them.
        named: of these, how many have a proposed name.
        selectivity: largest effect of a direction as a share of all, in the mean.
        best: effect of each attribute's best direction.
    """

    runs: int
    k: int
    named: int
    selectivity: Interval
    best: list[Interval]


def _text(
    bench: Bench, runs: Sequence[Run], scored: dict[str, Scored], proposals: dict[str, tuple[Proposal, ...]]
) -> str:
    found: dict[str, _Found] = {}
    for method, group in grouped(runs, [one.method for one in runs]).items():
        tables = [bench.magnitudes(scored[one.name]) for one in group]
        parts = [halves(table) for table in tables]
        best = _sizes(bench, [measuring for _, measuring in parts], [strongest(one) for one, _ in parts])
        named = sum(bool(p.attributes) for one in group for p in proposals[one.name])
        k = sum(one.directions.k for one in group)
        found[method] = _Found(len(group), k, named, _mean_selectivity(bench, tables), best)
    said = []
    for method, one in found.items():
        sizes = zip(bench.names(), one.best, strict=True)
        enough = [name for name, size in zip(bench.names(), one.best, strict=True) if size.low >= FLOOR]
        said.append(
            f"Of {one.k} directions of {method} ({plural(one.runs, 'run')}), {one.named} do something that "
            f"can be named; selectivity, the largest effect as a share of all, is {one.selectivity} in the "
            "mean. The best direction of each attribute moves it by "
            f"({', '.join(f'{name} {size}' for name, size in sizes)}) standard deviations, of which "
            f"{listed(enough)} surely by {FLOOR:g} or more."
        )
    return (
        "Are there directions for general edits (question 1 of LatentCLR's paper, Figure 2a)? In "
        f"{bench.where}, with all edits at one visible strength: {' '.join(said)}{_verdict(bench, found)}"
    )


def _mean_selectivity(bench: Bench, tables: Sequence[Float[Tensor, "n k v"]]) -> Interval:
    """Which effect of a direction is its largest is held in resamples."""
    largest = [means(table).abs().nan_to_num(0.0).argmax(1) for table in tables]

    def of(s: int, effects: Float[Tensor, "b k v"]) -> Float[Tensor, "b one"]:
        return selectivity(effects.abs(), largest[s]).nanmean(-1, keepdim=True)

    return over_seeds(tables, of, bench.settings.bootstrap).at(0)


def _verdict(bench: Bench, found: dict[str, _Found]) -> str:
    """LatentCLR's directions beside random ones; empty where there is only one of them."""
    if not {OURS, CHANCE} <= found.keys():
        return ""
    ours, chance = found[OURS], found[CHANCE]
    more = ours.selectivity.low > chance.selectivity.high
    pairs = list(zip(bench.names(), ours.best, chance.best, strict=True))
    further = [name for name, one, other in pairs if one.low > other.high]
    less = [name for name, one, other in pairs if one.high < other.low]
    return (
        f" LatentCLR's directions are {'surely' if more else 'not surely'} more selective than random ones; "
        f"the best of them surely move further than the best random ones: {listed(further)}; surely less "
        f"far: {listed(less)}. What random directions do as well, the latent space gives by itself."
    )
