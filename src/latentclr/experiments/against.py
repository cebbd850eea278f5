"""Question 4 of the paper (Figures 3b and 4a): how do the directions compare with other methods'?

All methods on the same generator and the same pictures, at one visible strength. For each attribute each
method's best direction is chosen on one half of the latents; its effect and its side effects are measured on
the other. (The paper compares by eye, each method at the strength of its authors.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentclr.directions import Directions
from latentclr.evaluate.intervals import Interval, means, two_decimals
from latentclr.evaluate.naming import FLOOR
from latentclr.experiments.answers import Cell, Experiment, cells, grouped, plural
from latentclr.experiments.bench import Bench
from latentclr.experiments.settings import CHANCE, OURS, Run, Settings, Wanted
from latentclr.experiments.statistics import halves, others, over_seeds, strongest
from latentclr.generators import Generator
from latentclr.report.grid import Block, Row
from latentclr.report.sheet import EditSheet

ENDS = (-2.0, 0.0, 2.0)
"""Multiples of the matched strength in the figure."""
NUMBERS = ("effect", "leak", "leak over effect")
"""What is measured of each attribute's best direction."""
Summary = Mapping[str, Mapping[str, Interval]]
"""`NUMBERS`, by name, for each attribute and in the mean, also by name."""


@dataclass(frozen=True)
class Best:
    """The best directions of a run.

    Attributes:
        directions: of the run, with lengths of equal visible change.
        best: for each attribute the direction that was chosen.
        signs: for each attribute the sign of the alpha that raises it.
        effects: (n, v, v), of each attribute's direction on all attributes, on other latents than those on
            which it was chosen.
    """

    directions: Directions
    best: Int[Tensor, " v"]
    signs: Int[Tensor, " v"]
    effects: Float[Tensor, "n v v"]


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR, GANSpace and random directions with every seed, and SeFa.

    Args: see `Question.load`.
    """
    return settings.plan(generator, OURS, "ganspace", "sefa", CHANCE)


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Measure every method, and by how much LatentCLR leaks more.

    Args: see `Question.load`.
    """
    groups = grouped([_best(bench, one) for one in runs], [one.method for one in runs])
    summaries = {method: _summary(bench, group) for method, group in groups.items()}
    rows: list[dict[str, Cell]] = []
    for method, group in groups.items():
        for i, (name, found) in enumerate(summaries[method].items()):
            chosen = [str(int(one.best[i])) for one in group] if i < len(bench.names) else []
            row: dict[str, Cell] = {
                "method": method,
                "runs": len(group),
                "attribute": name,
                "directions": ", ".join(chosen),
            }
            for number, value in found.items():
                row |= cells(number, value)
            rows.append(row)
    sheet = EditSheet(bench.generator, bench.settings.pictures[:2], ENDS)
    shown = {method: group[0] for method, group in groups.items() if method != CHANCE}
    first = shown or {method: group[0] for method, group in groups.items()}
    figure = sheet.draw(
        f"Each method's best direction for each attribute, in {bench.where}, on the same pictures at one "
        "visible strength.\nEffect on the attribute and mean effect on the others (leak), in standard "
        "deviations, on other pictures than those that chose the direction.",
        [Block(method, _figure_rows(bench, sheet, one)) for method, one in first.items()],
    )
    return Experiment(rows, figure, _text(bench, groups, summaries))


def _best(bench: Bench, one: Run) -> Best:
    directions = bench.calibrated(one.directions)
    choosing, measuring = halves(bench.effects(bench.scored(directions)))
    best = strongest(choosing)
    signs = means(choosing)[best, torch.arange(len(best))].sign().long()
    return Best(directions, best, signs, measuring[:, best])


def _effect_and_leak(effects: Float[Tensor, "b v v"]) -> Float[Tensor, "b m"]:
    """`NUMBERS` after each other, each for all attributes and in the mean."""
    sizes = effects.abs()
    own, leak = (
        torch.cat([each, each.nanmean(-1, keepdim=True)], dim=-1)
        for each in (sizes.diagonal(dim1=-2, dim2=-1), others(sizes))
    )
    return torch.cat([own, leak, leak / own], dim=-1)


def _summary(bench: Bench, group: Sequence[Best]) -> Summary:
    found = over_seeds(
        [one.effects for one in group], lambda _, effects: _effect_and_leak(effects), bench.settings.bootstrap
    )
    names = (*bench.names, "mean")
    return {
        name: {number: found.at(i + j * len(names)) for j, number in enumerate(NUMBERS)}
        for i, name in enumerate(names)
    }


def _difference(bench: Bench, ours: Sequence[Best], theirs: Sequence[Best]) -> Interval:
    """By how much the ratio of leak to effect is larger in ours than in theirs, on the same latents.

    Seeds are paired in their order; those of the method with fewer seeds are repeated.
    """
    pairs = [
        torch.stack([group[s % len(group)].effects for group in (ours, theirs)], dim=1)
        for s in range(max(len(ours), len(theirs)))
    ]

    def of(_: int, effects: Float[Tensor, "b two v v"]) -> Float[Tensor, "b one"]:
        ratios = [_effect_and_leak(effects[:, i])[:, -1:] for i in (0, 1)]
        return ratios[0] - ratios[1]

    return over_seeds(pairs, of, bench.settings.bootstrap).at(0)


def _figure_rows(bench: Bench, sheet: EditSheet, one: Best) -> tuple[Row, ...]:
    summary, rows = _summary(bench, [one]), []
    for i, name in enumerate(bench.names):
        effect, leak = (summary[name][number].value for number in NUMBERS[:2])
        k = int(one.best[i])
        weak = "" if effect >= FLOOR else " (weak)"
        note = f"direction {k}\neffect {two_decimals(effect)}{weak}\nleak {two_decimals(leak)}"
        sign = -1.0 if int(one.signs[i]) < 0 else 1.0
        rows.append(Row(name, note, sheet.tiles(one.directions, k, scale=sign)))
    return tuple(rows)


def _text(bench: Bench, groups: Mapping[str, Sequence[Best]], summaries: Mapping[str, Summary]) -> str:
    said, verdict = [], []
    for method, group in groups.items():
        numbers = ", ".join(f"{number} {value}" for number, value in summaries[method]["mean"].items())
        said.append(f"{method} ({plural(len(group), 'run')}): {numbers}.")
        if OURS in groups and method != OURS:
            gap = _difference(bench, groups[OURS], group)
            word = "no clear difference" if gap.holds_zero else "less" if gap.value < 0 else "more"
            verdict.append(f"{method} {two_decimals(gap.value, sign=True)} {gap.ends}, {word}")
    against = (
        f" By how much LatentCLR leaks more for its effect than: {'; '.join(verdict)}." if verdict else ""
    )
    return (
        "How do the directions compare with other methods' (question 4 of LatentCLR's paper, Figures 3b and "
        f"4a)? In {bench.where}, at one visible strength, the best direction of each attribute, chosen on "
        f"other pictures than it is measured on, in the mean over attributes: {' '.join(said)}{against}"
    )
