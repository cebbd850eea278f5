"""Runs beside each other: how much of what one method finds does another find too?

Two directions are compared as vectors (|cos| in latent space) and by what one sees (|cos| between the changes
of the picture, at matched strength), in the mean over latents. The second is what counts: equal vectors look
equal, but in most latent spaces many different vectors look equal too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import Directions
from latentclr.discover import DISCOVERERS
from latentclr.discover.ordering import REPEATED
from latentclr.errors import InputError
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.strength import LENGTH, LONGEST, Measure, Strengths, match_strength
from latentclr.generators import Generator, Latents
from latentclr.linalg import mean_absolute_cosine, pairs_above, unit
from latentclr.ranges import as_ranges
from latentclr.tables import csv_text

ALONE = 0.5
"""A direction has no match where no other run has one whose visible overlap with it is at least this."""
NOISE = 1e-5
"""A change below this share of what is changed is rounding."""
FORMAT = 1
"""Number of the layout of `record`."""


@dataclass(frozen=True)
class Entry:
    """One run that is compared.

    Attributes:
        name: what it is called in tables and pictures; unique among the runs.
        directions: that it found.
        slots: that edits move here.
        seconds: that the search took; None: not known.
    """

    name: str
    directions: Directions
    slots: tuple[int, ...]
    seconds: float | None = None


@dataclass(frozen=True)
class Overlap:
    """How much the directions of two runs have in common.

    Attributes:
        latent: (k, l), mean |cos| between the directions as vectors.
        visible: (k, l), mean |cos| between the changes of the picture at matched strength.
        signed: (k, l), the same without the absolute value: below 0 where positive alpha of the one is
            negative alpha of the other.
        pairs: the one-to-one matching with the largest sum of visible overlaps, as (ours, theirs).
    """

    latent: Float[Tensor, "k l"]
    visible: Float[Tensor, "k l"]
    signed: Float[Tensor, "k l"]
    pairs: tuple[tuple[int, int], ...]

    @property
    def turned(self) -> "Overlap":
        """The same, from the other run's side."""
        pairs = tuple(sorted((j, i) for i, j in self.pairs))
        return Overlap(self.latent.T, self.visible.T, self.signed.T, pairs)

    @property
    def mean_visible(self) -> float:
        """Mean visible overlap of the matched pairs."""
        return mean_of_pairs(self.visible, self.pairs)

    @property
    def mean_latent(self) -> float:
        """Mean latent overlap of the pairs that match best as vectors, which may be other pairs."""
        return mean_of_pairs(self.latent, best_pairs(self.latent))


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other; the first is the reference that the others are shown by.

    Attributes:
        entries: the runs.
        strengths: of each run, the lengths at which its directions change as much as all others.
        overlaps: of each two runs, by their numbers (a < b).
        latent_repeats: of each run, pairs of directions (i, j, |cos|) that are nearly the same vector.
        visible_repeats: of each run, pairs that one sees as nearly the same.
    """

    entries: tuple[Entry, ...]
    strengths: tuple[Strengths, ...]
    overlaps: Mapping[tuple[int, int], Overlap]
    latent_repeats: tuple[list[tuple[int, int, float]], ...]
    visible_repeats: tuple[list[tuple[int, int, float]], ...]

    def overlap(self, a: int, b: int) -> Overlap:
        """What run a (the rows) has in common with run b (the columns)."""
        return self.overlaps[a, b] if a < b else self.overlaps[b, a].turned

    def alone(self, a: int) -> list[int]:
        """Directions of run a that no other run has: the best visible overlap is below `ALONE`."""
        others = [self.overlap(a, b).visible for b in range(len(self.entries)) if b != a]
        best = torch.cat(others, dim=1).max(dim=1).values
        return [int(i) for i in (best < ALONE).nonzero()]

    def alphas(self, a: int) -> Float[Tensor, " k"]:
        """The matched strengths of run a, as alphas: lengths in units of each direction's scale."""
        return self.strengths[a].lengths / self.entries[a].directions.scale


def mean_cosines(
    ours: Float[Tensor, "k n d"], theirs: Float[Tensor, "l n d"]
) -> tuple[Float[Tensor, "k l"], Float[Tensor, "k l"]]:
    """Mean over n of |cos| and of cos between every one of k and every one of l vectors.

    A vector of zeros has cosine 0 with everything.
    """
    cosines = torch.einsum("knd,lnd->nkl", unit(ours), unit(theirs)).cpu()
    return cosines.abs().mean(0), cosines.mean(0)


def best_pairs(overlap: Float[Tensor, "k l"]) -> tuple[tuple[int, int], ...]:
    """The one-to-one matching of rows and columns with the largest sum, as (row, column), by row.

    The Hungarian method; of a matrix that is not square, the longer side keeps some without a match.

    >>> best_pairs(torch.tensor([[0.9, 0.8], [0.8, 0.1]]))
    ((0, 1), (1, 0))
    """
    from scipy.optimize import linear_sum_assignment  # half a second and 30 MB that others need not have

    rows, columns = linear_sum_assignment(overlap.double().numpy(), maximize=True)
    return tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True))


def mean_of_pairs(overlap: Float[Tensor, "k l"], pairs: Sequence[tuple[int, int]]) -> float:
    """Mean of the entries at (row, column)."""
    return float(overlap[[i for i, _ in pairs], [j for _, j in pairs]].mean())


def compare(
    entries: Sequence[Entry],
    generator: Generator,
    latents: Latents,
    *,
    layer: str | None = None,
    strength: float | None = None,
    longest: float = LONGEST,
) -> Comparison:
    """Match the strengths of all directions of some runs, and find what the runs have in common.

    Args:
        entries: at least two runs of this generator.
        generator: that draws, at the truncation and of the class that edits are compared at.
        latents: the pictures that are edited.
        layer: whose features measure the strength; None: the picture does. (Overlaps are always of pictures.)
        strength: change that all directions are brought to, as `Measure` gives it; None: the median over all
            directions of all runs of the change at length `LENGTH`.
        longest: length of the longest edit that is tried.

    Raises:
        InputError: fewer than two runs, a strength or a longest length that is not above 0, an unknown layer,
            or one that sees no edit.
    """
    if len(entries) < 2:
        raise InputError(f"a comparison needs at least two runs, not {len(entries)}.")
    if layer is not None:
        layer = generator.layer(layer).name
        _check_seen(layer, entries, generator)
    measure = Measure(generator, layer)
    starts = [torch.full((entry.directions.k,), min(LENGTH, longest)) for entry in entries]
    edits = [
        Edits.along(entry.directions, start, slots=entry.slots, device=generator.device)
        for entry, start in zip(entries, starts, strict=True)
    ]
    first = [measure.change(one, latents) for one in edits]
    target = float(torch.cat(first).quantile(0.5)) if strength is None else strength
    if strength is None and not target > NOISE * float(measure.before(latents).square().mean().sqrt()):
        raise InputError(
            f"most edits do not change {'the picture' if layer is None else f'layer {layer!r}'} at all, so "
            "that there is no strength to match: choose other slots or, by hand, a strength."
        )
    strengths = tuple(
        match_strength(measure.changes(one, latents), *start, target=target, longest=longest)
        for one, *start in zip(edits, starts, first, strict=True)
    )
    vectors = [one.vectors(latents).cpu() for one in edits]
    seen = [
        Measure(generator).differences(replace(one, lengths=found.lengths), latents)
        for one, found in zip(edits, strengths, strict=True)
    ]
    overlaps = {
        (a, b): _overlap((vectors[a], seen[a]), (vectors[b], seen[b]))
        for a, b in combinations(range(len(entries)), 2)
    }
    return Comparison(
        tuple(entries),
        strengths,
        overlaps,
        latent_repeats=tuple(pairs_above(mean_absolute_cosine(v), REPEATED) for v in vectors),
        visible_repeats=tuple(pairs_above(mean_absolute_cosine(s).cpu(), REPEATED) for s in seen),
    )


def _check_seen(layer: str, entries: Sequence[Entry], generator: Generator) -> None:
    read_until = generator.layer(layer).slot
    for entry in entries:
        if min(entry.slots) > read_until:
            raise InputError(
                f"layer {layer!r} does not see the edits of {entry.name}, which move slots "
                f"{as_ranges(entry.slots)}: choose a later layer or slots up to {read_until}."
            )


def _overlap(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> Overlap:
    latent, _ = mean_cosines(ours[0], theirs[0])
    visible, signed = mean_cosines(ours[1], theirs[1])
    return Overlap(latent, visible, signed, best_pairs(visible))


def told_settings(directions: Directions) -> str:
    """The hyperparameters that differ from the method's defaults, and the seed, in one line."""
    kind = DISCOVERERS.get(directions.origin.method)
    usual = {field.name: field.default for field in fields(kind)} if kind else {}
    told = {
        name: value
        for name, value in directions.origin.hyperparameters.items()
        if name not in ("k", "slots")
        and (name == "seed" or (tuple(value) if isinstance(value, list) else value) != usual.get(name))
    }
    return ", ".join(f"{name} {_plain(value)}" for name, value in told.items())


def table(comparison: Comparison) -> dict[str, dict[str, str]]:
    """What there is to say of each run, by its name: facts as text, the same ones for every run."""
    facts = {}
    for a, entry in enumerate(comparison.entries):
        strengths, alphas = comparison.strengths[a], comparison.alphas(a)[comparison.strengths[a].reached]
        facts[entry.name] = {
            "method": entry.directions.origin.method or "?",
            "settings": told_settings(entry.directions),
            "directions": str(entry.directions.k),
            "slots": as_ranges(entry.slots),
            "seconds": "?" if entry.seconds is None else f"{entry.seconds:.0f}",
            "alpha, mean": f"{float(alphas.mean()):.2f}" if len(alphas) else "-",
            "alpha, median": f"{float(alphas.quantile(0.5)):.2f}" if len(alphas) else "-",
            "too weak": str(len(strengths.too_weak)),
            "same vector twice": str(len(comparison.latent_repeats[a])),
            "same look twice": str(len(comparison.visible_repeats[a])),
        }
        for b, other in enumerate(comparison.entries):
            shared = None if a == b else comparison.overlap(a, b)
            facts[entry.name] |= {
                f"seen in {other.name}": f"{shared.mean_visible:.2f}" if shared else "",
                f"seen in {other.name}, any pair": f"{float(shared.visible.mean()):.2f}" if shared else "",
                f"vectors in {other.name}": f"{shared.mean_latent:.2f}" if shared else "",
            }
        facts[entry.name]["found alone"] = str(len(comparison.alone(a)))
    return facts


def as_csv(facts: Mapping[str, Mapping[str, str]]) -> str:
    """A table as CSV: a line for each run."""
    head = ["run", *next(iter(facts.values()))]
    return csv_text([head, *([name, *about.values()] for name, about in facts.items())])


def as_markdown(facts: Mapping[str, Mapping[str, str]]) -> str:
    """A table as Markdown: a column for each run."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

    wanted = list(next(iter(facts.values())))
    head = line(["", *facts]) + "|---|" + "---:|" * len(facts) + "\n"
    return head + "".join(line([fact, *(about[fact] for about in facts.values())]) for fact in wanted)


def notes(comparison: Comparison) -> list[str]:
    """What a reader of the numbers should know of these runs."""
    entries, said = comparison.entries, []
    if len({entry.slots for entry in entries}) > 1:
        moved = "; ".join(f"{entry.name}: {as_ranges(entry.slots)}" for entry in entries)
        said.append(
            f"the runs move different slots ({moved}): overlaps of vectors compare the directions whatever "
            "slots they move; what one sees takes the slots into account."
        )
    classes = [entry.directions.origin.generator.label for entry in entries]
    if any(one != classes[0] for one in classes):
        said.append("the runs are of different classes of one generator; all are drawn in the same class.")
    cuts = [entry.directions.origin.truncation for entry in entries]
    if len(set(cuts)) > 1:
        found = ", ".join(f"{entry.name}: {cut:g}" for entry, cut in zip(entries, cuts, strict=True))
        said.append(f"the runs were found at different truncations ({found}); all are drawn at the same.")
    for entry, strengths in zip(entries, comparison.strengths, strict=True):
        if strengths.too_weak:
            said.append(
                f"{entry.name}: too weak to reach the strength within length {strengths.longest:g}, and "
                f"shown at that length: {', '.join(map(entry.directions.label, strengths.too_weak))}."
            )
    return said


def record(comparison: Comparison, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was found, as JSON values.

    Args:
        comparison: to write down.
        settings: JSON values of what was asked for; kept as they are.
    """
    return {
        "format": FORMAT,
        "generator": dict(comparison.entries[0].directions.origin.get("generator", {})),
        "settings": {**settings, "target": comparison.strengths[0].target},
        "notes": notes(comparison),
        "runs": [_run(comparison, a) for a in range(len(comparison.entries))],
        "overlaps": [
            {
                "runs": [comparison.entries[a].name, comparison.entries[b].name],
                "visible": _rounded(overlap.visible),
                "latent": _rounded(overlap.latent),
                "matches": [
                    {
                        "directions": [i, j],
                        "visible": round(float(overlap.visible[i, j]), 4),
                        "latent": round(float(overlap.latent[i, j]), 4),
                        "sign": -1 if overlap.signed[i, j] < 0 else 1,
                    }
                    for i, j in overlap.pairs
                ],
                "mean_visible": round(overlap.mean_visible, 4),
                "mean_visible_of_any_pair": round(float(overlap.visible.mean()), 4),
                "mean_latent": round(overlap.mean_latent, 4),
            }
            for (a, b), overlap in comparison.overlaps.items()
        ],
    }


def _run(comparison: Comparison, a: int) -> dict[str, Any]:
    entry, strengths = comparison.entries[a], comparison.strengths[a]
    return {
        "name": entry.name,
        "method": entry.directions.origin.get("method"),
        "hyperparameters": dict(entry.directions.origin.hyperparameters),
        "k": entry.directions.k,
        "labels": [entry.directions.label(i) for i in range(entry.directions.k)],
        "slots": list(entry.slots),
        "seconds": entry.seconds,
        "lengths": _rounded(strengths.lengths),
        "alphas": _rounded(comparison.alphas(a)),
        "changes": _rounded(strengths.changes),
        "too_weak": strengths.too_weak,
        "latent_repeats": [list(pair) for pair in comparison.latent_repeats[a]],
        "visible_repeats": [list(pair) for pair in comparison.visible_repeats[a]],
        "alone": comparison.alone(a),
    }


def _rounded(values: Tensor) -> Any:
    return [
        _rounded(value) if value.ndim else float(f"{float(value):.5g}")  # five digits, of small ones too
        for value in values
    ]


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "+".join(map(_plain, value)) or "none"
    return str(value)
