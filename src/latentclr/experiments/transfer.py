"""Question 2 of the paper (Figure 2b): do directions of one class work in others?

Directions are found in a source class; their effects on all attributes are measured there, and on other
latents in every class, at the same lengths in latent space. Two numbers compare an effect with that in the
source: the cosine between the vectors of effects (is it the same effect?) and the ratio of their lengths (is
it as large?). A direction can be "told" by its effects if those in the other class are most similar to its
own in the source, rather than to those of another direction of the run. The source class itself, on other
latents, shows how far noise keeps cosines below 1; random directions show what holds for any direction.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import Directions
from latentclr.evaluate.intervals import Interval, Intervals, means, two_decimals
from latentclr.experiments.answers import Cell, Experiment, cells, grouped, rounded
from latentclr.experiments.bench import Bench, needs_classes
from latentclr.experiments.settings import CHANCE, OURS, Run, Settings, Wanted
from latentclr.experiments.statistics import cosine, over_seeds
from latentclr.generators import Generator
from latentclr.linalg import unit
from latentclr.report.grid import Block, Row
from latentclr.report.sheet import EditSheet

BLOCKS = 3
"""Directions in the figure: the one that transfers best, the middle one and the worst."""


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR with every seed, and random directions once.

    Args: see `Question.load`.
    """
    needs_classes(generator, "transfer")
    return (*settings.plan(generator, OURS), *settings.plan(generator, CHANCE)[:1])


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Measure every run in every class.

    Args: see `Question.load`.
    """
    needs_classes(bench.generator, "transfer")
    source = bench.generator.label_number or 0
    labels = target_classes(source, bench.generator.num_classes, bench.settings.classes)
    calibrated = {one.name: bench.calibrated(one.directions) for one in runs}
    effects = {one.name: _effects(bench, calibrated[one.name], labels) for one in runs}
    rows = [row for one in runs for row in _rows(bench, one, effects[one.name], labels)]
    first = runs[0]
    scores = transfer_scores(means(effects[first.name]))
    order = scores.argsort(descending=True, stable=True).tolist()
    shown = list(dict.fromkeys([order[0], order[len(order) // 2], order[-1]]))[:BLOCKS]
    sheet = EditSheet(bench.generator, bench.settings.pictures[:2])
    blocks = []
    for rank, k in zip(("best", "in the middle", "worst"), shown, strict=False):
        lines = tuple(
            Row(
                bench.class_name(label),
                "source" if label == source else "",
                sheet.tiles(calibrated[first.name], k, generator=bench.generator.for_class(label).settled()),
            )
            for label in labels
        )
        blocks.append(Block(f"{rank}: direction {k} ({two_decimals(float(scores[k]))})", lines))
    figure = sheet.draw(
        f"Directions of {first.name}, found in {bench.where}, in other classes at the same length in latent "
        "space.\nIn brackets: mean cosine between effects in the source and in the other classes.",
        blocks,
    )
    return Experiment(rows, figure, _text(bench, runs, effects, labels))


def target_classes(source: int, count: int, most: int) -> list[int]:
    """Numbers of the source class and of others, equally far apart.

    Args:
        source: number of the source class.
        count: number of classes.
        most: largest number of classes that are given.

    >>> target_classes(2, 8, 4)
    [2, 4, 6, 0]
    """
    chosen = min(most, count)
    return [(source + i * count // chosen) % count for i in range(chosen)]


def transfer_scores(vectors: Float[Tensor, "*b c k v"]) -> Float[Tensor, "*b k"]:
    """For each direction the mean cosine between its effects in other classes and those in the source.

    Args:
        vectors: effects in the source on the first latents, in the source on the others, and in each other
            class.
    """
    return cosine(vectors[..., :1, :, :], vectors[..., 2:, :, :]).mean(-2)


def _effects(bench: Bench, calibrated: Directions, labels: Sequence[int]) -> Float[Tensor, "n c k v"]:
    """For each latent: in the source, and on other latents in the source and in the other classes."""
    tables = [bench.effects(bench.scored(calibrated))]
    for label in labels:
        view = bench.generator.for_class(label).settled()
        tables.append(bench.effects(bench.scored(calibrated, generator=view, stream=2)))
    return torch.stack(tables, dim=1)


def summary(vectors: Float[Tensor, "b c k v"]) -> Float[Tensor, "b m"]:
    """For the source and each class: cosine, |cosine| with other directions, ratio, share that can be told.

    Args:
        vectors: effects, as in `transfer_scores`.
    """
    here, there = vectors[:, :1], vectors[:, 1:]
    all_pairs = torch.einsum("bckv,bclv->bckl", unit(here).expand_as(there), unit(there))
    own = all_pairs.diagonal(dim1=-2, dim2=-1)
    k = own.shape[-1]
    # An effect the other way round is another edit's match too: signs of other directions mean nothing.
    off = (all_pairs.abs().sum((-2, -1)) - own.abs().sum(-1)) / max(k * (k - 1), 1)
    best = all_pairs.argmax(-2) == torch.arange(k)
    ratio = there.norm(dim=-1).mean(-1) / here.norm(dim=-1).mean(-1)
    return torch.stack([own.mean(-1), off, ratio, best.double().mean(-1)], dim=-1).flatten(1)


def _rows(
    bench: Bench, one: Run, effects: Float[Tensor, "n c k v"], labels: Sequence[int]
) -> list[dict[str, Cell]]:
    def of(_: int, vectors: Float[Tensor, "b c k v"]) -> Float[Tensor, "b m"]:
        here, there = vectors[:, :1], vectors[:, 1:]
        ratio = there.norm(dim=-1) / here.norm(dim=-1)
        return torch.stack([cosine(here, there), ratio], dim=-1).flatten(1)

    k = effects.shape[2]
    found = over_seeds([effects], of, bench.settings.bootstrap)
    sizes = means(effects)
    rows = []
    for c, label in enumerate(labels):
        for i in range(k):
            at = 2 * (c * k + i)
            rows.append(
                {
                    "run": one.name,
                    "method": one.method,
                    "seed": one.seed,
                    "class": label,
                    "source": c == 0,
                    "direction": i,
                    **cells("cosine", found.at(at)),
                    **cells("ratio", found.at(at + 1)),
                    **{
                        f"effect on {name}": rounded(float(sizes[c + 1, i, v]))
                        for v, name in enumerate(bench.names)
                    },
                }
            )
    return rows


def _text(
    bench: Bench,
    runs: Sequence[Run],
    effects: dict[str, Float[Tensor, "n c k v"]],
    labels: Sequence[int],
) -> str:
    said: list[str] = []
    cosines: dict[str, Interval] = {}
    for method, group in grouped(runs, [one.method for one in runs]).items():
        found = averaged([effects[one.name] for one in group], bench)
        cosines[method] = found.at(4)
        said.append(
            f"{method} ({len(group)} x {group[0].directions.k} directions): the cosine between effects in "
            f"the source and in the other classes is {found.at(4)} (in the source itself, on other pictures, "
            f"{found.at(0)}; between different directions {found.at(5)}), effects are {found.at(6)} times as "
            f"large, and {found.at(7)} of the directions can be told by their effects (in the source "
            f"{found.at(3)}; guessing gives {two_decimals(1 / group[0].directions.k)})."
        )
    classes = ", ".join(bench.class_name(label) for label in labels[1:])
    return (
        "Do directions of one class work in others (question 2 of LatentCLR's paper, Figure 2b)? Found in "
        f"{bench.where}, applied at the same lengths to classes {classes}. "
        f"{' '.join(said)}{_verdict(cosines)}"
    )


def _verdict(cosines: Mapping[str, Interval]) -> str:
    """LatentCLR's directions beside random ones; empty where one of them is missing."""
    if not {OURS, CHANCE} <= cosines.keys():
        return ""
    ours, chance = cosines[OURS], cosines[CHANCE]
    if ours.low > chance.high:
        return " LatentCLR's directions transfer surely better than random ones."
    if ours.high < chance.low:
        return " LatentCLR's directions transfer surely less well than random ones."
    return (
        " LatentCLR's directions do not surely transfer better than random ones: that directions transfer "
        "is a property of the generator, whose classes share one latent space."
    )


def averaged(effects: Sequence[Float[Tensor, "n c k v"]], bench: Bench) -> Intervals:
    """Four numbers for the source (see `summary`), then the same four in the mean over the other classes.

    Args:
        effects: of runs, as in `transfer_scores`, for each latent.
        bench: whose bootstrap gives the intervals.
    """

    def of(_: int, vectors: Float[Tensor, "b c k v"]) -> Float[Tensor, "b m"]:
        by_class = summary(vectors).unflatten(1, (-1, 4))
        return torch.cat([by_class[:, 0], by_class[:, 1:].mean(1)], dim=1)

    return over_seeds(list(effects), of, bench.settings.bootstrap)
