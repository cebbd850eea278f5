"""Question 1 of the paper (Figure 2a): are there directions for general edits?

LatentCLR's directions in one class, named by their scores; beside them as many random directions, which show
what the latent space gives by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from latentclr.directions import Directions
from latentclr.evaluate.intervals import Interval, means
from latentclr.evaluate.leakage import change_matrix, largest_effects, selectivity
from latentclr.evaluate.naming import FLOOR, Proposal, propose
from latentclr.evaluate.scored import Scored
from latentclr.experiments.answers import Cell, Experiment, cells, grouped, listed, plural
from latentclr.experiments.bench import Bench
from latentclr.experiments.settings import CHANCE, OURS, Run, Settings, Wanted
from latentclr.experiments.statistics import halves, over_seeds, strongest
from latentclr.generators import Generator
from latentclr.report.grid import Block, Row
from latentclr.report.sheet import EditSheet


@dataclass(frozen=True)
class Named:
    """A run whose directions are named.

    Attributes:
        run: the run.
        directions: with lengths of equal visible change.
        scored: scores of their edits.
        effects: on the varying attributes.
        proposals: one for each direction.
    """

    run: Run
    directions: Directions
    scored: Scored
    effects: Float[Tensor, "n k v"]
    proposals: tuple[Proposal, ...]


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR and random directions, with every seed.

    Args: see `Question.load`.
    """
    return settings.plan(generator, OURS, CHANCE)


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Name every direction, and show the best one of each attribute of the first run.

    Args: see `Question.load`.
    """
    found = [_named(bench, one) for one in runs]
    rows = [row for one in found for row in _rows(bench, one)]
    return Experiment(rows, _figure(bench, found[0]), _text(bench, found))


def _named(bench: Bench, one: Run) -> Named:
    directions = bench.calibrated(one.directions)
    scored = bench.scored(directions)
    proposals = propose(scored, bootstrap=bench.settings.bootstrap)
    return Named(one, directions, scored, bench.effects(scored), proposals)


def _rows(bench: Bench, one: Named) -> list[dict[str, Cell]]:
    matrix = change_matrix(one.scored, bootstrap=bench.settings.bootstrap)
    sizes = matrix.sizes.value.nan_to_num(0.0)
    rows = []
    for k, proposal in enumerate(one.proposals):
        top = int(sizes[k].argmax())
        leaks = [float(sizes[k, i]) for i in bench.varying if i != top]
        rows.append(
            {
                "run": one.run.name,
                "method": one.run.method,
                "seed": one.run.seed,
                "direction": k,
                "proposal": proposal.name,
                "attribute": one.scored.names[top],
                **cells("effect", matrix.sizes.at(k, top)),
                **cells("selectivity", matrix.selectivity.at(k)),
                "leakage": round(sum(leaks) / max(len(leaks), 1), 5),
                "about": proposal.text,
            }
        )
    return rows


def _figure(bench: Bench, one: Named) -> Image.Image:
    sizes, (best,) = _best(bench, [one])
    sheet = EditSheet(bench.generator, bench.settings.pictures)
    rows = []
    for i, (name, effect) in enumerate(zip(bench.names, sizes, strict=True)):
        k = int(best[i])
        note = f"direction {k}\neffect {effect}" + ("" if effect.value >= FLOOR else "\n(too small to name)")
        sign = -1.0 if float(means(one.effects)[k, i]) < 0 else 1.0
        rows.append(Row(name, note, sheet.tiles(one.directions, k, scale=sign)))
    return sheet.draw(
        f"The direction of {one.run.name} that moves each attribute most, in {bench.where}.\nColumns: "
        "multiples of one visible strength. Effects: standard deviations of the attribute from -1 to +1, "
        "on other pictures than those that chose the direction.",
        [Block(f"{one.run.method}, {bench.where}", tuple(rows))],
    )


def _best(bench: Bench, runs: Sequence[Named]) -> tuple[list[Interval], list[Tensor]]:
    """For each attribute the size of the best directions' effects, and for each run these directions.

    Directions are chosen on one half of the latents and measured on the other.
    """
    parts = [halves(one.effects) for one in runs]
    best = [strongest(choosing) for choosing, _ in parts]

    def of(s: int, effects: Float[Tensor, "b k v"]) -> Float[Tensor, "b v"]:
        return effects.abs()[:, best[s], torch.arange(len(best[s]))]

    found = over_seeds([measuring for _, measuring in parts], of, bench.settings.bootstrap)
    return [found.at(i) for i in range(len(bench.varying))], best


def _mean_selectivity(bench: Bench, runs: Sequence[Named]) -> Interval:
    tables = [one.effects for one in runs]
    largest = [largest_effects(means(table)) for table in tables]  # the same in all resamples

    def of(s: int, effects: Float[Tensor, "b k v"]) -> Float[Tensor, "b one"]:
        return selectivity(effects.abs(), largest[s]).nanmean(-1, keepdim=True)

    return over_seeds(tables, of, bench.settings.bootstrap).at(0)


def _text(bench: Bench, found: Sequence[Named]) -> str:
    groups = grouped(found, [one.run.method for one in found])
    best = {
        method: dict(zip(bench.names, _best(bench, group)[0], strict=True))
        for method, group in groups.items()
    }
    selective = {method: _mean_selectivity(bench, group) for method, group in groups.items()}
    said = []
    for method, group in groups.items():
        named = sum(bool(proposal.attributes) for one in group for proposal in one.proposals)
        enough = [name for name, size in best[method].items() if size.low >= FLOOR]
        said.append(
            f"Of {sum(one.directions.k for one in group)} directions of {method} "
            f"({plural(len(group), 'run')}), {named} do something that "
            f"can be named; selectivity, the largest effect as a share of all, is {selective[method]} in the "
            "mean. The best direction of each attribute moves it by "
            f"({', '.join(f'{name} {size}' for name, size in best[method].items())}) standard deviations, of "
            f"which {listed(enough)} surely by {FLOOR:g} or more."
        )
    return (
        "Are there directions for general edits (question 1 of LatentCLR's paper, Figure 2a)? In "
        f"{bench.where}, with all edits at one visible strength: {' '.join(said)}{_verdict(selective, best)}"
    )


def _verdict(selective: Mapping[str, Interval], best: Mapping[str, Mapping[str, Interval]]) -> str:
    """LatentCLR's directions beside random ones; empty where one of them is missing."""
    if not {OURS, CHANCE} <= best.keys():
        return ""
    more = selective[OURS].low > selective[CHANCE].high
    pairs = [(name, best[OURS][name], best[CHANCE][name]) for name in best[OURS]]
    further = [name for name, one, other in pairs if one.low > other.high]
    less = [name for name, one, other in pairs if one.high < other.low]
    return (
        f" LatentCLR's directions are {'surely' if more else 'not surely'} more selective than random ones; "
        f"the best of them surely move further than the best random ones: {listed(further)}; surely less "
        f"far: {listed(less)}. What random directions do as well, the latent space gives by itself."
    )
