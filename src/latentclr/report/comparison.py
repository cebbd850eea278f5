"""A comparison of runs: how much of what one method finds does another find too?

Two directions are compared as vectors (|cos| in latent space) and by what one sees (|cos| between the changes
of the picture, at matched strength), in the mean over latents. The second is what counts: equal vectors look
equal, but in most latent spaces many different vectors look equal too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.discover.ordering import REPEATED
from latentclr.errors import InputError
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.strength import LENGTH, LONGEST, Measure, Strengths, match_strength
from latentclr.generators import Generator, Latents
from latentclr.linalg import best_pairs, mean_absolute_cosine, pairs_above, unit
from latentclr.ranges import as_ranges
from latentclr.report.numbers import rounded
from latentclr.runs.discovery import Run, settings_text
from latentclr.tables import csv_text

ALONE = 0.5
"""A direction is found alone if no other run has one whose visible overlap with it is at least this."""
NOISE = 1e-5
"""A change below this share of what is changed is rounding."""
FORMAT = 1
"""Version of the layout of `record`."""

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Overlap:
    """How much the directions of two runs have in common.

    Attributes:
        latent: (k, l), mean |cos| between the directions as vectors.
        visible: (k, l), mean |cos| between the changes of the picture at matched strength.
        signed: (k, l), the same without the absolute value: negative where positive alpha of one direction
            looks like negative alpha of the other.
        pairs: the one-to-one matching with the largest sum of visible overlaps, as (row, column).
    """

    latent: Float[Tensor, "k l"]
    visible: Float[Tensor, "k l"]
    signed: Float[Tensor, "k l"]
    pairs: Pairs

    @property
    def transposed(self) -> "Overlap":
        """The same overlap with the runs exchanged."""
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
    """What was found about runs; the first one is the reference that the others are matched to.

    Attributes:
        runs: that were compared.
        strengths: for each run, the lengths at which its directions change pictures as much as all others.
        overlaps: of every two runs, by their indices (a < b).
        latent_repeats: for each run, pairs of directions (i, j, |cos|) that are nearly the same vector.
        visible_repeats: for each run, pairs of directions that look nearly the same.
    """

    runs: tuple[Run, ...]
    strengths: tuple[Strengths, ...]
    overlaps: Mapping[tuple[int, int], Overlap]
    latent_repeats: tuple[list[tuple[int, int, float]], ...]
    visible_repeats: tuple[list[tuple[int, int, float]], ...]

    def overlap(self, a: int, b: int) -> Overlap:
        """The overlap of two runs.

        Args:
            a: index of the run of the rows.
            b: index of the run of the columns.
        """
        return self.overlaps[a, b] if a < b else self.overlaps[b, a].transposed

    def found_alone(self, a: int) -> list[int]:
        """Directions of run a that no other run has: the best visible overlap is below `ALONE`."""
        others = [self.overlap(a, b).visible for b in range(len(self.runs)) if b != a]
        best = torch.cat(others, dim=1).max(dim=1).values
        return [int(i) for i in (best < ALONE).nonzero()]

    def alphas(self, a: int) -> Float[Tensor, " k"]:
        """The matched strengths of run a, as alphas: lengths in units of each direction's scale."""
        return self.strengths[a].lengths / self.runs[a].directions.scale


def mean_cosines(
    ours: Float[Tensor, "k n d"], theirs: Float[Tensor, "l n d"]
) -> tuple[Float[Tensor, "k l"], Float[Tensor, "k l"]]:
    """Means over n of |cos| and of cos between k and l vectors; a vector of zeros has cosine 0 with all.

    Args:
        ours: vectors of the rows.
        theirs: vectors of the columns.
    """
    cosines = torch.einsum("knd,lnd->nkl", unit(ours), unit(theirs)).cpu()
    return cosines.abs().mean(0), cosines.mean(0)


def mean_of_pairs(overlap: Float[Tensor, "k l"], pairs: Pairs) -> float:
    """Mean of some elements of a matrix.

    Args:
        overlap: the matrix.
        pairs: (row, column) of each element.
    """
    rows, columns = zip(*pairs, strict=True)
    return float(overlap[list(rows), list(columns)].mean())


def compare(
    runs: Sequence[Run],
    generator: Generator,
    latents: Latents,
    *,
    layer: str | None = None,
    strength: float | None = None,
    longest: float = LONGEST,
) -> Comparison:
    """Match the strengths of all directions of some runs, and find what the runs have in common.

    Args:
        runs: at least two, of this generator.
        generator: draws, at the truncation and in the class that edits are compared in.
        latents: the pictures that are edited.
        layer: whose features measure the strength; None: the picture does. (Overlaps are always of pictures.)
        strength: change that all directions are brought to, as `Measure` gives it; None: the median over all
            directions of all runs of the change at length `LENGTH`.
        longest: length of the longest edit that is tried.

    Raises:
        InputError: fewer than two runs, a strength or a longest length that is not above 0, an unknown layer,
            or one that sees no edit.
    """
    if len(runs) < 2:
        raise InputError(f"a comparison needs at least two runs, not {len(runs)}.")
    if layer is not None:
        layer = generator.layer(layer).name
        _check_seen(layer, runs, generator)
    measure = Measure(generator, layer)
    starts = [torch.full((run.directions.k,), min(LENGTH, longest)) for run in runs]
    edits = [
        Edits.along(replace(run.directions, scale=start, slots=run.slots), generator.device)
        for run, start in zip(runs, starts, strict=True)
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
    changes = [
        Measure(generator).differences(replace(one, lengths=found.lengths), latents)
        for one, found in zip(edits, strengths, strict=True)
    ]
    overlaps = {}
    for a, b in combinations(range(len(runs)), 2):
        latent, _ = mean_cosines(vectors[a], vectors[b])
        visible, signed = mean_cosines(changes[a], changes[b])
        overlaps[a, b] = Overlap(latent, visible, signed, best_pairs(visible))
    return Comparison(
        tuple(runs),
        strengths,
        overlaps,
        latent_repeats=tuple(pairs_above(mean_absolute_cosine(v), REPEATED) for v in vectors),
        visible_repeats=tuple(pairs_above(mean_absolute_cosine(c).cpu(), REPEATED) for c in changes),
    )


def _check_seen(layer: str, runs: Sequence[Run], generator: Generator) -> None:
    read_until = generator.layer(layer).slot
    for run in runs:
        if min(run.slots) > read_until:
            raise InputError(
                f"layer {layer!r} does not see the edits of {run.name}, which move slots "
                f"{as_ranges(run.slots)}: choose a later layer or slots up to {read_until}."
            )


def table(comparison: Comparison) -> dict[str, dict[str, str]]:
    """Facts about each run as text, by the run's name; the facts are the same for all runs."""
    facts = {}
    for a, run in enumerate(comparison.runs):
        strengths, alphas = comparison.strengths[a], comparison.alphas(a)[comparison.strengths[a].reached]
        facts[run.name] = {
            "method": run.directions.origin.method or "?",
            "settings": settings_text(run.directions),
            "directions": str(run.directions.k),
            "slots": as_ranges(run.slots),
            "seconds": "?" if run.seconds is None else f"{run.seconds:.0f}",
            "alpha, mean": f"{float(alphas.mean()):.2f}" if len(alphas) else "-",
            "alpha, median": f"{float(alphas.quantile(0.5)):.2f}" if len(alphas) else "-",
            "too weak": str(len(strengths.too_weak)),
            "same vector twice": str(len(comparison.latent_repeats[a])),
            "same look twice": str(len(comparison.visible_repeats[a])),
        }
        for b, other in enumerate(comparison.runs):
            shared = None if a == b else comparison.overlap(a, b)
            facts[run.name] |= {
                f"seen in {other.name}": f"{shared.mean_visible:.2f}" if shared else "",
                f"seen in {other.name}, any pair": f"{float(shared.visible.mean()):.2f}" if shared else "",
                f"vectors in {other.name}": f"{shared.mean_latent:.2f}" if shared else "",
            }
        facts[run.name]["found alone"] = str(len(comparison.found_alone(a)))
    return facts


def as_csv(facts: Mapping[str, Mapping[str, str]]) -> str:
    """The facts of `table` as CSV: a line for each run."""
    head = ["run", *next(iter(facts.values()))]
    return csv_text([head, *([name, *about.values()] for name, about in facts.items())])


def as_markdown(facts: Mapping[str, Mapping[str, str]]) -> str:
    """The facts of `table` as a Markdown table: a column for each run."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

    names = next(iter(facts.values()))
    head = line(["", *facts]) + "|---|" + "---:|" * len(facts) + "\n"
    return head + "".join(line([name, *(about[name] for about in facts.values())]) for name in names)


def notes(comparison: Comparison) -> list[str]:
    """Differences between the runs that readers of the numbers should know."""
    runs, notes = comparison.runs, []
    if len({run.slots for run in runs}) > 1:
        moved = "; ".join(f"{run.name}: {as_ranges(run.slots)}" for run in runs)
        notes.append(
            f"the runs move different slots ({moved}): overlaps of vectors compare the directions whatever "
            "slots they move; what one sees takes the slots into account."
        )
    labels = [run.directions.origin.generator.label for run in runs]
    if any(label != labels[0] for label in labels):
        notes.append("the runs are of different classes of one generator; all are drawn in the same class.")
    truncations = {run.name: run.directions.origin.truncation for run in runs}
    if len(set(truncations.values())) > 1:
        found = ", ".join(f"{name}: {truncation:g}" for name, truncation in truncations.items())
        notes.append(f"the runs were found at different truncations ({found}); all are drawn at the same.")
    for run, strengths in zip(runs, comparison.strengths, strict=True):
        if strengths.too_weak:
            notes.append(
                f"{run.name}: too weak to reach the strength within length {strengths.longest:g}, and "
                f"shown at that length: {', '.join(map(run.directions.label, strengths.too_weak))}."
            )
    return notes


def record(comparison: Comparison, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The whole comparison as JSON values.

    Args:
        comparison: to record.
        settings: JSON values that describe what was asked for; kept as they are.
    """
    runs = comparison.runs
    return {
        "format": FORMAT,
        "generator": dict(runs[0].directions.origin.get("generator", {})),
        "settings": {**settings, "target": comparison.strengths[0].target},
        "notes": notes(comparison),
        "runs": [_run_record(comparison, a) for a in range(len(runs))],
        "overlaps": [
            {"runs": [runs[a].name, runs[b].name], **_overlap_record(overlap)}
            for (a, b), overlap in comparison.overlaps.items()
        ],
    }


def _run_record(comparison: Comparison, a: int) -> dict[str, Any]:
    run, strengths = comparison.runs[a], comparison.strengths[a]
    return {
        "name": run.name,
        "method": run.directions.origin.get("method"),
        "hyperparameters": dict(run.directions.origin.hyperparameters),
        "k": run.directions.k,
        "labels": [run.directions.label(i) for i in range(run.directions.k)],
        "slots": list(run.slots),
        "seconds": run.seconds,
        "lengths": rounded(strengths.lengths.tolist()),
        "alphas": rounded(comparison.alphas(a).tolist()),
        "changes": rounded(strengths.changes.tolist()),
        "too_weak": strengths.too_weak,
        "latent_repeats": [list(pair) for pair in comparison.latent_repeats[a]],
        "visible_repeats": [list(pair) for pair in comparison.visible_repeats[a]],
        "alone": comparison.found_alone(a),
    }


def _overlap_record(overlap: Overlap) -> dict[str, Any]:
    return {
        "visible": rounded(overlap.visible.tolist()),
        "latent": rounded(overlap.latent.tolist()),
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
