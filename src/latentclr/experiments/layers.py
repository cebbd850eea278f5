"""Layer-wise styles (section 3 of the paper): what do the same directions do in some layers only?

A direction is applied to the first, the middle or the last third of the slots, at the length at which it is
one visible strength in all of them.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentclr.errors import InputError
from latentclr.evaluate.intervals import Interval, means
from latentclr.evaluate.leakage import selectivity
from latentclr.experiments.base import Cell, Experiment, Run, Settings, Wanted, cells, listed
from latentclr.experiments.bench import Bench, own_class
from latentclr.experiments.statistics import halves, over_seeds, strongest
from latentclr.generators import Generator
from latentclr.ranges import as_ranges
from latentclr.report.grid import Block, Row
from latentclr.report.sheet import EditSheet

GROUPS = ("coarse", "middle", "fine")
ALL = "all"
BLOCKS = 3
"""Directions in the figure."""


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR with every seed."""
    slot_groups(generator.num_slots, generator.name)
    label = own_class(settings, generator)
    return tuple(Wanted(settings.latentclr(seed), label) for seed in settings.seeds)


def slot_groups(count: int, name: str = "") -> dict[str, tuple[int, ...]]:
    """All slots, and the thirds of them by name; of two slots there is no middle.

    >>> slot_groups(9)["middle"], slot_groups(2)
    ((3, 4, 5), {'all': (0, 1), 'coarse': (0,), 'fine': (1,)})

    Raises:
        InputError: there is one slot only.
    """
    if count < 2:
        raise InputError(
            f"layers needs a generator that reads its latent in several layers, and {name or 'this one'} has "
            "one slot: choose another, such as scenes or scenes-biggan."
        )
    edges = [round(count * i / len(GROUPS)) for i in range(len(GROUPS) + 1)]
    if count == 2:
        return {ALL: (0, 1), GROUPS[0]: (0,), GROUPS[2]: (1,)}
    thirds = {name: tuple(range(edges[i], edges[i + 1])) for i, name in enumerate(GROUPS)}
    return {ALL: tuple(range(count)), **thirds}


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Measure every run in every group of slots."""
    groups = slot_groups(bench.generator.num_slots, bench.generator.name)
    calibrated = [bench.calibrated(one.directions) for one in runs]
    tables = {
        group: [bench.magnitudes(bench.scored(directions, slots=slots)) for directions in calibrated]
        for group, slots in groups.items()
    }
    # The same direction in all groups: the one that moves the attribute most where all slots move.
    best = [strongest(halves(table)[0]) for table in tables[ALL]]
    found = {group: summarised(bench, measured, best) for group, measured in tables.items()}
    rows: list[dict[str, Cell]] = [
        {"group": group, "slots": as_ranges(groups[group]), "measure": name, **cells("value", value)}
        for group, values in found.items()
        for name, value in values.items()
    ]
    sheet = EditSheet(bench.generator, bench.settings.pictures[:2])
    blocks = []
    for i in _shown(means(halves(tables[ALL][0])[1]), best[0]):
        k = int(best[0][i])
        lines = []
        for group, slots in groups.items():
            effect = means(tables[group][0])[k].abs()
            top = int(effect.argmax())
            note = f"slots {as_ranges(slots)}\nmost: {bench.names()[top]} {float(effect[top]):.2f}"
            lines.append(Row(group, note, sheet.tiles(calibrated[0], k, slots=slots)))
        blocks.append(Block(f"direction {k}: {bench.names()[i]}", tuple(lines)))
    figure = sheet.draw(
        f"The same directions of {runs[0].name}, in {bench.where}, moving all slots or a third of them, at "
        "the same length.\nBelow each: its largest effect, in standard deviations.",
        blocks,
    )
    return Experiment(rows, figure, _text(bench, runs, found))


def summarised(
    bench: Bench, tables: Sequence[Float[Tensor, "n k v"]], best: Sequence[Int[Tensor, " v"]]
) -> dict[str, Interval]:
    """Effects of each attribute's direction by name, the sum of effects, and selectivity."""
    names = bench.names()
    # Which effect of a direction is its largest here, the other half of the latents says.
    largest = [means(halves(table)[0]).abs().nan_to_num(0.0).argmax(1) for table in tables]

    def of(s: int, effects: Float[Tensor, "b k v"]) -> Float[Tensor, "b m"]:
        sizes = effects.abs()
        own = sizes[:, best[s], torch.arange(len(names))]
        total, share = sizes.sum(-1).mean(-1), selectivity(sizes, largest[s]).nanmean(-1)
        return torch.cat([own, torch.stack([total, share], dim=-1)], dim=-1)

    found = over_seeds([halves(table)[1] for table in tables], of, bench.settings.bootstrap)
    labels = [*(f"effect on {name}" for name in names), "sum of effects", "selectivity"]
    return {label: found.at(i) for i, label in enumerate(labels)}


def _shown(effects: Float[Tensor, "k v"], best: Int[Tensor, " v"]) -> list[int]:
    """Attributes whose directions do most of what they are chosen for, different directions."""
    own = effects[best, torch.arange(len(best))].abs()
    chosen: dict[int, int] = {}
    for i in own.argsort(descending=True).tolist():
        chosen.setdefault(int(best[i]), i)
    return list(chosen.values())[:BLOCKS]


def _text(bench: Bench, runs: Sequence[Run], found: Mapping[str, Mapping[str, Interval]]) -> str:
    said = []
    for group, values in found.items():
        sizes = {name: values[f"effect on {name}"] for name in bench.names()}
        said.append(
            f"{group}: sum of effects {values['sum of effects']}, selectivity {values['selectivity']}, "
            "effects of each attribute's direction "
            f"{', '.join(f'{name} {size.value:.2f}' for name, size in sizes.items())}."
        )
    part = partial(_strongest_group, found)
    where = {name: part(name) for name in bench.names()}
    by_group = [
        f"{group} for {listed([name for name in where if where[name] == group])}"
        for group in found
        if group in where.values()
    ]
    better = [
        group
        for group, values in found.items()
        if group != ALL and values["selectivity"].low > found[ALL]["selectivity"].high
    ]
    verdict = (
        f"Restricting a direction to {listed(better)} makes it surely more selective."
        if better
        else "No third makes directions surely more selective than all slots together."
    )
    return (
        "Do layers control different things (layer-wise styles, section 3 of LatentCLR's paper)? "
        f"{len(runs)} x {runs[0].directions.k} directions in {bench.where}, at the same length in all slots "
        f"and in thirds of them. {' '.join(said)} The third that moves an attribute most: "
        f"{'; '.join(by_group)}. {verdict}"
    )


def _strongest_group(found: Mapping[str, Mapping[str, Interval]], name: str) -> str:
    thirds = [group for group in found if group != ALL]
    return max(thirds, key=lambda group: found[group][f"effect on {name}"].value)
