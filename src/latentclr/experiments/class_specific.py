"""Question 3 of the paper (Figure 3a): are there directions that only one class has?

Directions are found in two classes. A direction of one class has a match among those of the other if, in
pictures of its own class, one of these changes the picture similarly (|cos| of the changes) or has similar
effects on attributes (|cos| of the effects). A direction without a match may be specific to its class, or one
that another seed would not have found either: so runs of one class with different seeds are compared in the
same way, and only the difference is attributed to the class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from latentclr.directions import Directions
from latentclr.errors import InputError
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.intervals import Interval, Intervals, Weights, weighted_means
from latentclr.evaluate.strength import Measure
from latentclr.experiments.answers import Cell, Experiment, cells, grouped
from latentclr.experiments.bench import Bench, needs_classes
from latentclr.experiments.settings import Run, Settings, Wanted
from latentclr.generators import Generator
from latentclr.linalg import unit
from latentclr.report.comparison import ALONE
from latentclr.report.grid import Block, Row
from latentclr.report.sheet import EditSheet

ROWS = 4
"""Number of directions of each class in the figure: those with the weakest matches."""


@dataclass(frozen=True)
class InClass:
    """A run, measured in pictures of one class.

    Attributes:
        directions: with lengths of equal visible change in this class.
        looks: changes of the picture, as unit vectors.
        effects: on the varying attributes.
    """

    directions: Directions
    looks: Float[Tensor, "n k f"]
    effects: Float[Tensor, "m k v"]


@dataclass(frozen=True)
class Matched:
    """How well each direction of a run is matched by another run's directions.

    Attributes:
        run: whose directions are matched.
        other: in which matches are looked for.
        across: whether the other run is of another class (rather than of another seed).
        looks: (k,), |cos| of changes of the picture, with the best match by looks.
        effects: (k,), |cos| of effects, with the best match by effects.
        partners: (k,), numbers of the best matches by looks.
    """

    run: Run
    other: Run
    across: bool
    looks: Intervals
    effects: Intervals
    partners: tuple[int, ...]

    @property
    def alone(self) -> Float[Tensor, " k"]:
        """1 for directions without a match by looks or by effects, else 0."""
        return ((self.looks.value < ALONE) & (self.effects.value < ALONE)).double()


def plan(settings: Settings, generator: Generator) -> tuple[Wanted, ...]:
    """LatentCLR in both classes, with every seed.

    Args: see `Question.load`.
    """
    needs_classes(generator, "class-specific")
    one = settings.own_class(generator) or 0
    half_way = (one + generator.num_classes // 2) % generator.num_classes
    labels = (one, half_way if settings.other is None else settings.other)
    if labels[0] == labels[1]:
        raise InputError(f"class {one} cannot be compared with itself: choose two classes that differ.")
    return tuple(Wanted(settings.latentclr(seed), label) for label, seed in product(labels, settings.seeds))


def run(bench: Bench, runs: Sequence[Run]) -> Experiment:
    """Match every run with a run of the other class, and with one of its own class.

    Args: see `Question.load`.
    """
    labels = _two_classes(runs)
    views = {label: bench.generator.for_class(label).settled() for label in labels}
    drawn: dict[tuple[str, int | None], InClass] = {
        (one.name, label): _in_class(bench, one, views[label]) for one in runs for label in labels
    }
    matched = [_match(bench, one, other, across, drawn) for one, other, across in _pairs(runs)]
    rows = [row for match in matched for row in _rows(match)]
    figure = _figure(bench, matched, views, drawn)
    return Experiment(rows, figure, _text(bench, matched, labels))


def _two_classes(runs: Sequence[Run]) -> tuple[int, int]:
    labels = list(dict.fromkeys(one.label for one in runs if one.label is not None))
    if len(labels) != 2:
        raise InputError(
            f"class-specific compares runs of two classes, not of {len(labels)}: give runs of two classes."
        )
    return labels[0], labels[1]


def _pairs(runs: Sequence[Run]) -> list[tuple[Run, Run, bool]]:
    """Each run with its counterpart of the other class, and with the next run of its own class."""
    ours, theirs = grouped(runs, [str(one.label) for one in runs]).values()
    pairs = []
    for mine, others in ((ours, theirs), (theirs, ours)):
        for i, one in enumerate(mine):
            pairs.append((one, others[i % len(others)], True))
            if len(mine) > 1:
                pairs.append((one, mine[(i + 1) % len(mine)], False))
    return pairs


def _in_class(bench: Bench, one: Run, view: Generator) -> InClass:
    directions = bench.calibrated(one.directions, view)
    edits = Edits.along(directions, view.device)
    changes = Measure(view).differences(edits, bench.few)
    effects = bench.effects(bench.scored(directions, generator=view))
    return InClass(directions, unit(changes.transpose(0, 1)).cpu(), effects)


def _match(
    bench: Bench, one: Run, other: Run, across: bool, drawn: Mapping[tuple[str, int | None], InClass]
) -> Matched:
    """Match directions of two runs, both measured in the class of the first."""
    mine, theirs = drawn[one.name, one.label], drawn[other.name, one.label]
    looks = torch.einsum("nkf,nlf->nkl", mine.looks, theirs.looks).abs().double()
    best = looks.mean(0).argmax(-1)
    k = torch.arange(len(best))
    bootstrap = bench.settings.bootstrap
    seen = bootstrap.of(lambda weights: weighted_means(looks, weights)[:, k, best], len(looks))
    alike = _effect_cosines(mine.effects, theirs.effects, torch.ones(1, len(mine.effects)).double())[0]
    nearest = alike.argmax(-1)

    def of(weights: Weights) -> Float[Tensor, "b k"]:
        return _effect_cosines(mine.effects, theirs.effects, weights)[:, k, nearest]

    return Matched(
        one,
        other,
        across,
        seen,
        bootstrap.of(of, len(mine.effects)),
        tuple(int(j) for j in best),
    )


def _effect_cosines(
    ours: Float[Tensor, "n k v"], theirs: Float[Tensor, "n l v"], weights: Weights
) -> Float[Tensor, "b k l"]:
    """|cos| between vectors of mean effects on all attributes."""
    one, other = (unit(weighted_means(values, weights)) for values in (ours, theirs))
    return torch.einsum("bkv,blv->bkl", one, other).abs()


def _rows(match: Matched) -> list[dict[str, Cell]]:
    return [
        {
            "run": match.run.name,
            "class": match.run.label,
            "seed": match.run.seed,
            "beside": match.other.name,
            "another class": match.across,
            "direction": i,
            "match": match.partners[i],
            **cells("looks", match.looks.at(i)),
            **cells("effects", match.effects.at(i)),
            "alone": bool(match.alone[i]),
        }
        for i in range(match.run.directions.k)
    ]


def _figure(
    bench: Bench,
    matched: Sequence[Matched],
    views: Mapping[int, Generator],
    drawn: Mapping[tuple[str, int | None], InClass],
) -> Image.Image:
    sheet = EditSheet(bench.generator, bench.settings.pictures[:2])
    blocks = []
    for label, view in views.items():
        match = next(one for one in matched if one.across and one.run.label == label)
        order = match.looks.value.argsort().tolist()[:ROWS]
        mine, theirs = drawn[match.run.name, label], drawn[match.other.name, label]
        rows: list[Row] = []
        for i in order:
            note = f"looks {match.looks.at(i)}\nbest effects {match.effects.at(i)}"
            j = match.partners[i]
            sign = -1.0 if float((mine.looks[:, i] * theirs.looks[:, j]).sum()) < 0 else 1.0
            said = "no match" if match.alone[i] else ""
            own = sheet.tiles(mine.directions, i, generator=view)
            nearest = sheet.tiles(theirs.directions, j, scale=sign, generator=view)
            rows += [Row(f"direction {i}", said, own), Row(f"nearest: {j}", note, nearest)]
        title = f"found in class {bench.class_name(label)}"
        blocks.append(Block(title, tuple(rows)))
    return sheet.draw(
        "The directions of one class that are least matched by those of the other, and below each its "
        f"nearest match, all drawn in the first class.\nIn {bench.generator.name}, at one visible strength; "
        f"|cos| between changes of the picture (looks) and on attributes (effects); below {ALONE:g} in both "
        "is no match.",
        blocks,
    )


def _text(bench: Bench, matched: Sequence[Matched], labels: tuple[int, int]) -> str:
    names = " and ".join(bench.class_name(label) for label in labels)
    across, within = (_shares(bench, matched, across=kind) for kind in (True, False))
    others = [match for match in matched if match.across]
    least = min(others, key=lambda match: float(match.looks.value.min()))
    i = int(least.looks.value.argmin())
    return (
        "Are there directions that only one class has (question 3 of LatentCLR's paper, Figure 3a)? "
        f"Directions found in classes {names} of {bench.generator.name}, in the other class: {across}. "
        + (f"Among runs of their own class with other seeds: {within}. " if within else "")
        + f"{_verdict(bench, matched)} The least matched is direction {i} of {least.run.name}: it looks like "
        f"its nearest match by {least.looks.at(i)}, in its effects it is like one by {least.effects.at(i)}."
    )


def _shares(bench: Bench, matched: Sequence[Matched], *, across: bool) -> str:
    """How well directions are matched, in words; empty without such runs."""
    kind = [match for match in matched if match.across == across]
    if not kind:
        return ""
    looks = mean_over(bench, [match.looks.value for match in kind])
    unlike = mean_over(bench, [(match.looks.value < ALONE).double() for match in kind])
    alone = mean_over(bench, [match.alone for match in kind])
    return (
        f"the nearest match looks alike by {looks}, a share of {unlike} has none that looks alike by "
        f"{ALONE:g}, and {alone} none that does alike either"
    )


def _verdict(bench: Bench, matched: Sequence[Matched]) -> str:
    gap = class_gap(bench, matched)
    if gap is None:
        return "With a single seed there is no telling whether that is the class or chance."
    if gap.low > 0:
        word = "so part of what is found belongs to the class"
    elif gap.high < 0:
        word = "so directions of the other class match even better than those of another seed"
    else:
        word = "so nothing here shows that directions belong to a class rather than to a seed"
    return f"A change of class costs {gap} of likeness more than a change of seed, {word}."


def class_gap(bench: Bench, matched: Sequence[Matched]) -> Interval | None:
    """By how much the same directions are better matched within their class than across; None with one seed.

    Args:
        bench: whose bootstrap gives the interval.
        matched: runs of both kinds.
    """
    within = {match.run.name: match.looks.value for match in matched if not match.across}
    gaps = [
        within[match.run.name] - match.looks.value
        for match in matched
        if match.across and match.run.name in within
    ]
    return mean_over(bench, gaps) if gaps else None


def mean_over(bench: Bench, values: Sequence[Float[Tensor, " k"]]) -> Interval:
    """Mean over runs and their directions; resamples for the interval draw both.

    Args:
        bench: whose bootstrap gives the interval.
        values: of the directions of each run.
    """
    k = min(len(one) for one in values)
    return bench.settings.bootstrap.seeds(torch.stack([one[:k] for one in values]), shared=False).at()
