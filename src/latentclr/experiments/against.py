"""Question 4 of the paper (Figures 3b and 4a): how do the directions compare with other methods'?

All methods on the same generator and the same pictures, at one visible strength. For each attribute each
method's best direction is chosen on one half of the latents; its effect and what it does beside it are
measured on the other. (The paper compares by eye, each method at the strength of its authors.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentclr.directions import Directions
from latentclr.evaluate.intervals import Interval, Intervals, means, two_decimals
from latentclr.evaluate.naming import FLOOR
from latentclr.experiments.base import Cell, Experiment, Run, Settings, Wanted, cells, grouped, plural
from latentclr.experiments.bench import Bench, own_class
from latentclr.experiments.statistics import halves, others, over_seeds, strongest
from latentclr.generators import Generator
from latentclr.report.grid import Block, Row
from latentclr.report.sheet import EditSheet

OURS = "latentclr"
ENDS = (-2.0, 0.0, 2.0)
"""Multiples of the matched strength where several methods stand side by side."""


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR, GANSpace and random directions with every seed, SeFa once (it draws nothing)."""
    label = own_class(settings, generator)
    methods = (
        *(settings.latentclr(seed) for seed in settings.seeds),
        *(settings.ganspace(seed) for seed in settings.seeds),
        settings.sefa(),
        *(settings.random(seed) for seed in settings.seeds),
    )
    return tuple(Wanted(method, label) for method in methods)


@dataclass(frozen=True)
class Measured:
    """The best directions of a method's runs.

    Attributes:
        runs: one for each seed.
        calibrated: their directions, at one visible strength.
        best: for each run and attribute the direction that was chosen.
        signs: for each run and attribute, of the alpha with more of it.
        effects: for each run (n, v, v): effects of attribute's direction on attributes, on other latents
            than those that chose.
    """

    runs: tuple[Run, ...]
    calibrated: tuple[Directions, ...]
    best: tuple[Int[Tensor, " v"], ...]
    signs: tuple[Int[Tensor, " v"], ...]
    effects: tuple[Float[Tensor, "n v v"], ...]


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Measure every method, and by how much it leaks more than LatentCLR."""
    groups = grouped(runs, [one.method for one in runs])
    measured = {method: measure_method(bench, group) for method, group in groups.items()}
    rows = [row for method, found in measured.items() for row in _rows(bench, method, found)]
    sheet = EditSheet(bench.generator, bench.settings.pictures[:2], ENDS)
    shown = {method: found for method, found in measured.items() if method != "random"} or measured
    blocks = [Block(method, tuple(_lines(bench, sheet, found))) for method, found in shown.items()]
    figure = sheet.draw(
        f"Each method's best direction for each attribute, in {bench.where}, on the same pictures at one "
        "visible strength.\nEffect on the attribute and mean effect on the others (leak), in standard "
        "deviations, on other pictures than those that chose the direction.",
        blocks,
    )
    return Experiment(rows, figure, _text(bench, measured))


def measure_method(bench: Bench, runs: Sequence[Run]) -> Measured:
    """Choose on the even latents, measure on the odd ones."""
    calibrated = tuple(bench.calibrated(one.directions) for one in runs)
    best, signs, effects = [], [], []
    for directions in calibrated:
        choosing, measuring = halves(bench.magnitudes(bench.scored(directions)))
        chosen = strongest(choosing)
        best.append(chosen)
        signs.append(means(choosing)[chosen, torch.arange(len(chosen))].sign().long())
        effects.append(measuring[:, chosen])
    return Measured(tuple(runs), calibrated, tuple(best), tuple(signs), tuple(effects))


def effect_and_leak(means: Float[Tensor, "b v v"]) -> Float[Tensor, "b w"]:
    """For each attribute the effect on it, the mean effect on others, and this over that; then their means.

    The last three numbers are the mean effect, the mean leak, and the ratio of these.
    """
    sizes = means.abs()
    own, leak = sizes.diagonal(dim1=-2, dim2=-1), others(sizes)
    both = torch.stack([own.nanmean(-1), leak.nanmean(-1)], dim=-1)
    whole = torch.cat([both, both[:, 1:] / both[:, :1]], dim=-1)
    return torch.cat([own, leak, leak / own, whole], dim=-1)


def summarised(bench: Bench, found: Measured) -> Intervals:
    """`effect_and_leak`, in the mean over seeds."""
    return over_seeds(found.effects, lambda _, means: effect_and_leak(means), bench.settings.bootstrap)


def difference(bench: Bench, one: Measured, other: Measured) -> Interval:
    """By how much the ratio of leak to effect of the one is above the other's, on the same latents.

    Seeds are paired in their order, those of the method with fewer taken in turns.
    """
    count = max(len(one.runs), len(other.runs))
    pairs = [
        torch.stack([found.effects[s % len(found.effects)] for found in (one, other)], dim=1)
        for s in range(count)
    ]

    def of(_: int, means: Float[Tensor, "b two v v"]) -> Float[Tensor, "b one"]:
        ratios = [effect_and_leak(means[:, i])[:, -1:] for i in (0, 1)]
        return ratios[0] - ratios[1]

    return over_seeds(pairs, of, bench.settings.bootstrap).at(0)


def _rows(bench: Bench, method: str, found: Measured) -> list[dict[str, Cell]]:
    intervals, names = summarised(bench, found), (*bench.names(), "mean")
    v = len(names) - 1
    rows: list[dict[str, Cell]] = []
    for i, name in enumerate(names):
        places = (i, v + i, 2 * v + i) if i < v else (3 * v, 3 * v + 1, 3 * v + 2)
        chosen = ", ".join(str(int(best[i])) for best in found.best) if i < v else ""
        rows.append(
            {
                "method": method,
                "runs": len(found.runs),
                "attribute": name,
                "directions": chosen,
                **cells("effect", intervals.at(places[0])),
                **cells("leak", intervals.at(places[1])),
                **cells("leak over effect", intervals.at(places[2])),
            }
        )
    return rows


def _lines(bench: Bench, sheet: EditSheet, found: Measured) -> list[Row]:
    """Rows of the first run."""
    intervals = over_seeds(
        found.effects[:1], lambda _, means: effect_and_leak(means), bench.settings.bootstrap
    )
    v, lines = len(bench.names()), []
    for i, name in enumerate(bench.names()):
        effect, leak = intervals.at(i), intervals.at(v + i)
        k = int(found.best[0][i])
        weak = "" if effect.value >= FLOOR else " (weak)"
        note = f"direction {k}\neffect {two_decimals(effect.value)}{weak}\nleak {two_decimals(leak.value)}"
        sign = -1.0 if int(found.signs[0][i]) < 0 else 1.0
        lines.append(Row(name, note, sheet.tiles(found.calibrated[0], k, scale=sign)))
    return lines


def _text(bench: Bench, measured: Mapping[str, Measured]) -> str:
    said, whole = [], {method: summarised(bench, found) for method, found in measured.items()}
    for method, found in measured.items():
        last = len(whole[method].value) - 1
        effect, leak, ratio = (whole[method].at(last - i) for i in (2, 1, 0))
        said.append(
            f"{method} ({plural(len(found.runs), 'run')}): effect {effect}, leak {leak}, leak over effect "
            f"{ratio}."
        )
    verdict = []
    for method, found in measured.items():
        if OURS in measured and method != OURS:
            gap = difference(bench, measured[OURS], found)
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
