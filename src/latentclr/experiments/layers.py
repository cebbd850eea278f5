"""Layer-wise styles (section 3 of the paper): what do the same directions do in some layers only?

A direction is applied to the first, the middle or the last third of the slots, at the length at which it is
one visible strength in all of them.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentclr.errors import InputError
from latentclr.evaluate.intervals import Interval, means
from latentclr.evaluate.leakage import largest_effects, selectivity
from latentclr.experiments.answers import Cell, Experiment, cells, listed
from latentclr.experiments.bench import Bench
from latentclr.experiments.settings import OURS, Run, Settings, Wanted
from latentclr.experiments.statistics import halves, over_seeds, strongest
from latentclr.generators import Generator
from latentclr.generators.slots import ALL, slot_groups
from latentclr.ranges import as_ranges
from latentclr.report.grid import Block, Row
from latentclr.report.sheet import EditSheet

BLOCKS = 3
"""Number of directions in the figure."""
Found = Mapping[str, Mapping[str, Interval]]
"""For each group of slots what is measured there, by name."""


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """The runs of LatentCLR with every seed.

    Args: see `Question.load`.
    """
    _needs_slots(generator)
    return settings.plan(generator, OURS)


def _needs_slots(generator: Generator) -> None:
    if generator.num_slots < 2:
        raise InputError(
            "layers needs a generator that reads its latent in several layers, and "
            f"{generator.name or 'this one'} has one slot: choose another, such as scenes or scenes-biggan."
        )


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Measure every run in every group of slots.

    Args: see `Question.load`.
    """
    _needs_slots(bench.generator)
    groups = slot_groups(bench.generator.num_slots)
    calibrated = [bench.calibrated(one.directions) for one in runs]
    tables = {
        group: [bench.effects(bench.scored(directions, slots=slots)) for directions in calibrated]
        for group, slots in groups.items()
    }
    # The same direction in all groups: the one that moves the attribute most where all slots move.
    best = [strongest(halves(table)[0]) for table in tables[ALL]]
    found = {group: _summary(bench, measured, best) for group, measured in tables.items()}
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
            note = f"slots {as_ranges(slots)}\nmost: {bench.names[top]} {float(effect[top]):.2f}"
            lines.append(Row(group, note, sheet.tiles(calibrated[0], k, slots=slots)))
        blocks.append(Block(f"direction {k}: {bench.names[i]}", tuple(lines)))
    figure = sheet.draw(
        f"The same directions of {runs[0].name}, in {bench.where}, moving all slots or a third of them, at "
        "the same length.\nBelow each: its largest effect, in standard deviations.",
        blocks,
    )
    return Experiment(rows, figure, _text(bench, runs, found))


def _summary(
    bench: Bench, tables: Sequence[Float[Tensor, "n k v"]], best: Sequence[Int[Tensor, " v"]]
) -> dict[str, Interval]:
    """The effect of each attribute's direction, the sum of effects, and selectivity, by name."""
    parts = [halves(table) for table in tables]
    largest = [largest_effects(means(choosing)) for choosing, _ in parts]

    def of(s: int, effects: Float[Tensor, "b k v"]) -> Float[Tensor, "b m"]:
        sizes = effects.abs()
        own = sizes[:, best[s], torch.arange(len(bench.names))]
        total, share = sizes.sum(-1).mean(-1), selectivity(sizes, largest[s]).nanmean(-1)
        return torch.cat([own, torch.stack([total, share], dim=-1)], dim=-1)

    found = over_seeds([measuring for _, measuring in parts], of, bench.settings.bootstrap)
    labels = [*(f"effect on {name}" for name in bench.names), "sum of effects", "selectivity"]
    return {label: found.at(i) for i, label in enumerate(labels)}


def _shown(effects: Float[Tensor, "k v"], best: Int[Tensor, " v"]) -> list[int]:
    """Attributes whose directions have the largest effects on them; different directions."""
    own = effects[best, torch.arange(len(best))].abs()
    chosen: dict[int, int] = {}
    for i in own.argsort(descending=True).tolist():
        chosen.setdefault(int(best[i]), i)
    return list(chosen.values())[:BLOCKS]


def _text(bench: Bench, runs: Sequence[Run], found: Found) -> str:
    said = [
        f"{group}: sum of effects {values['sum of effects']}, selectivity {values['selectivity']}, "
        "effects of each attribute's direction "
        f"{', '.join(f'{name} {values[_effect_on(name)].value:.2f}' for name in bench.names)}."
        for group, values in found.items()
    ]
    thirds = [group for group in found if group != ALL]
    where = {
        name: max(thirds, key=lambda group: found[group][_effect_on(name)].value) for name in bench.names
    }
    by_group = [
        f"{group} for {listed([name for name in where if where[name] == group])}"
        for group in thirds
        if group in where.values()
    ]
    better = [group for group in thirds if found[group]["selectivity"].low > found[ALL]["selectivity"].high]
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


def _effect_on(name: str) -> str:
    return f"effect on {name}"
