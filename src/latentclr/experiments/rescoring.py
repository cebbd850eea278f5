"""Table 1 of the paper: scores before an edit, after an edit up and after an edit down.

For each attribute and method the direction is chosen on some latents and measured on as many others, at one
visible strength for all. (In the paper directions are chosen by eye, at each method's own strength.)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from latentclr.directions import Directions
from latentclr.evaluate.intervals import Interval, two_decimals
from latentclr.evaluate.rescoring import Level, Rescoring, choose, measured
from latentclr.experiments.answers import Cell, Experiment, cells, grouped, rounded
from latentclr.experiments.bench import Bench
from latentclr.experiments.settings import OURS, Run, Settings, Wanted
from latentclr.generators import Generator
from latentclr.report.charts import Dots, dots
from latentclr.report.grid import Block, Row, stack
from latentclr.report.sheet import EditSheet

CHOOSING = 3
"""Stream of the latents on which directions are chosen."""
WAYS = (-1.0, 0.0, 1.0)
"""Multiples of the matched strength in the figure."""
ATTRIBUTES = ("smile", "mouth", "yaw", "gender")
"""Attributes of faces that are measured; for other pictures these are all attributes with more and less."""
PAPER = {
    "smile": ("0.74 ± 0.43", {"ganspace": (0.99, 0.05), "sefa": (0.89, 0.50), "latentclr": (0.99, 0.11)}),
    "age": ("0.27 ± 0.10", {"ganspace": (0.32, 0.23), "sefa": (0.38, 0.23), "latentclr": (0.42, 0.23)}),
    "lipstick": ("0.43 ± 0.50", {"ganspace": (0.58, 0.35), "sefa": (0.55, 0.35), "latentclr": (0.66, 0.36)}),
}
"""Table 1: base, and for each method up and down; of StyleGAN2 on FFHQ, and other predictors than ours."""


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR and GANSpace with every seed, and SeFa.

    Args: see `Question.load`.
    """
    return settings.plan(generator, OURS, "ganspace", "sefa")


@dataclass(frozen=True)
class Found:
    """A row of the table.

    Attributes:
        run: among whose directions one was chosen.
        calibrated: these directions, with lengths of equal visible change.
        row: scores of the chosen one.
    """

    run: Run
    calibrated: Directions
    row: Rescoring


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Re-score the best direction of every attribute and run.

    Args: see `Question.load`.
    """
    found = [one for run in runs for one in _rescored(bench, run)]
    return Experiment([_row(one) for one in found], _figure(bench, found), _text(bench, found))


def _rescored(bench: Bench, run: Run) -> list[Found]:
    """For each attribute the direction that changes it most: chosen on some pictures, measured on others."""
    directions = bench.calibrated(run.directions)
    choosing = bench.scored(directions, stream=CHOOSING)
    choices = [choose(choosing, name) for name in _attributes(bench)]
    numbers = sorted({choice.direction for choice in choices})
    measuring = bench.scored(directions.select(numbers))
    return [
        Found(
            run,
            directions,
            measured(measuring, choice, numbers=numbers, bootstrap=bench.settings.bootstrap),
        )
        for choice in choices
    ]


def _figure(bench: Bench, found: Sequence[Found]) -> Image.Image:
    """Scores of all runs; below them, pictures of the edits of each method's first run."""
    groups = _methods(found)
    panels = []
    for name in dict.fromkeys(one.row.attribute for one in found):
        base = next(one.row.base.mean for one in found if one.row.attribute == name)
        lines, colours = [("base", base)], [4]
        for colour, (method, group) in enumerate(groups.items()):
            here = [one for one in group if one.row.attribute == name]
            for one in here:
                label = f"{method}, seed {one.run.seed}" if len(here) > 1 else method
                lines += [(f"{label}, up", one.row.up.mean), (f"{label}, down", one.row.down.mean)]
                colours += [colour, colour]
        panels.append(Dots(f"{name}: mean score", tuple(lines), tuple(colours), zero=False))
    scores = dots(
        f"Scores before edits, after the edit up and after the one down, in {bench.where}: each run's best "
        "direction of each attribute, at one visible strength.",
        panels,
    )
    sheet = EditSheet(bench.generator, bench.settings.pictures[:2], WAYS)
    blocks = [
        Block(method, tuple(_line(sheet, one) for one in group if one.run is group[0].run))
        for method, group in groups.items()
    ]
    return stack([scores, sheet.draw("The same edits in pictures, of each method's first run.", blocks)])


def _methods(found: Sequence[Found]) -> dict[str, list[Found]]:
    return grouped(found, [one.run.method for one in found])


def _line(sheet: EditSheet, one: Found) -> Row:
    row = one.row
    down, up = (two_decimals(level.mean.value) for level in (row.down, row.up))
    note = f"direction {row.direction}\nfrom {down} to {up}"
    return Row(row.attribute, note, sheet.tiles(one.calibrated, row.direction, scale=float(row.sign)))


def _attributes(bench: Bench) -> tuple[str, ...]:
    usable = [bench.scales[i].name for i in bench.varying if bench.scales[i].signed]
    faces = tuple(name for name in ATTRIBUTES if name in usable)
    return faces or tuple(usable)


def _row(one: Found) -> dict[str, Cell]:
    row = one.row
    cell: dict[str, Cell] = {
        "attribute": row.attribute,
        "method": one.run.method,
        "seed": one.run.seed,
        "direction": row.direction,
        "sign": row.sign,
        "n": row.measured_on,
    }
    for name, level in (("base", row.base), ("up", row.up), ("down", row.down)):
        cell |= {**cells(name, level.mean), f"{name}_sd": rounded(level.deviation)}
    return {**cell, "chosen effect": rounded(row.chosen), **cells("effect", row.measured)}


def _text(bench: Bench, found: Sequence[Found]) -> str:
    said = []
    for name in dict.fromkeys(one.row.attribute for one in found):
        parts: list[str] = []
        ranges: dict[str, tuple[float, float]] = {}
        base = next(one.row.base for one in found if one.row.attribute == name)
        for method, group in _methods(found).items():
            rows = [one.row for one in group if one.row.attribute == name]
            up, down = (_mean([getattr(row, way) for row in rows]) for way in ("up", "down"))
            effect = sum(row.measured.value for row in rows) / len(rows)
            ranges[method] = min(row.measured.low for row in rows), max(row.measured.high for row in rows)
            parts.append(f"{method} {up} up, {down} down (effect {two_decimals(effect)})")
        said.append(f"{name} (base {base}): {'; '.join(parts)}{_most(ranges)}.")
    paper = "; ".join(
        f"{name} (base {base}) "
        + ", ".join(f"{method} {up:.2f} up and {down:.2f} down" for method, (up, down) in methods.items())
        for name, (base, methods) in PAPER.items()
    )
    n = found[0].row.measured_on
    return (
        f"What does a scorer say after edits (Table 1 of LatentCLR's paper)? In {bench.where}, mean ± "
        f"standard deviation over {n} pictures (several seeds: mean over them), at one visible strength, "
        f"each direction chosen on other pictures: {' '.join(said)} Beside it the paper's own table, which "
        "is of another generator (StyleGAN2 on FFHQ), other predictors, and strengths that are not matched: "
        f"{paper}."
    )


def _most(ranges: Mapping[str, tuple[float, float]]) -> str:
    """Which method moves most, if every run of it surely moves more than every run of the others.

    >>> _most({"one": (2.0, 2.4), "other": (1.0, 1.9)}), _most({"one": (1.0, 2.0), "other": (1.5, 1.6)})
    (', most by one', ', none of them clearly most')
    >>> _most({"alone": (1.0, 2.0)})
    ''
    """
    if len(ranges) < 2:
        return ""
    best = max(ranges, key=lambda method: ranges[method][0])
    clear = all(ranges[best][0] > high for method, (_, high) in ranges.items() if method != best)
    return f", most by {best}" if clear else ", none of them clearly most"


def _mean(levels: Sequence[Level]) -> Level:
    """Mean over seeds; the deviation is the pooled one."""
    count = len(levels)
    value = sum(level.mean.value for level in levels) / count
    spread = math.sqrt(sum(level.deviation**2 for level in levels) / count)
    return Level(Interval(value, math.nan, math.nan), spread)
