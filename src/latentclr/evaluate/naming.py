"""Names: what a direction does, in words, where its scores show it.

A name is proposed only where the evidence is sufficient: the largest effect must be large enough to see, and
its interval must not hold 0, at a level that is corrected for the number of attributes (Bonferroni).
Otherwise the direction is "unknown". A direction with similar effects on several attributes is named after
all of them. Thresholds are in population deviations of an attribute (for a category in shares of pictures),
from the edit by -1 to the edit by +1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.intervals import (
    BOOTSTRAP,
    Bootstrap,
    Interval,
    Intervals,
    two_decimals,
    weighted_means,
)
from latentclr.evaluate.leakage import change_matrix, unsigned_where_unordered
from latentclr.evaluate.scored import Scored

UNKNOWN = "unknown"
FLOOR = 0.2
"""Smallest effect that is named: by convention (Cohen 1988) a small difference."""
SHARED = 0.7
"""Share of the largest effect from which on another attribute is part of the name."""
LEAK = 0.25
"""Share of the largest effect from which on a leak is reported; or `FLOOR`, if that is smaller."""
MOST = 3
"""Attributes in one name; a direction that changes more of them about equally is unknown."""


@dataclass(frozen=True)
class Proposal:
    """A proposed name of a direction, with the effects that it is based on.

    Attributes:
        direction: its number.
        name: "smile", "smile + yaw" or "unknown".
        attributes: attributes in the name, largest effect first; empty: unknown.
        positive: for each of these, what positive alpha does: "more", "less", or "changes" where there is no
            more and less (a hue, a category).
        effects: on each of these, without sign, in population deviations.
        confidence: share of resamples in which the largest effect is on one of these attributes; 0: unknown.
        selectivity: the effects on these attributes as a share of the sum of all effects.
        leaks: considerable effects on other attributes, largest first.
        text: a summary in one line.
    """

    direction: int
    name: str
    attributes: tuple[str, ...]
    positive: tuple[str, ...]
    effects: tuple[Interval, ...]
    confidence: float
    selectivity: float
    leaks: tuple[tuple[str, Interval], ...]
    text: str

    @property
    def sign(self) -> int:
        """The sign of the alpha that raises the first attribute; 0 where there is no more and less."""
        return {"more": 1, "less": -1}.get(self.positive[0], 0) if self.positive else 0


def propose(
    scored: Scored,
    *,
    multiple: float = 1.0,
    floor: float = FLOOR,
    shared: float = SHARED,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[Proposal, ...]:
    """Propose a name for every direction.

    Args:
        scored: with edits by -multiple and +multiple.
        multiple: of each direction's length.
        floor: smallest effect that is named, in population deviations.
        shared: share of the largest effect from which on another attribute is part of the name.
        bootstrap: of the intervals and of the confidence.

    Raises:
        InputError: these edits were not measured.
    """
    matrix = change_matrix(scored, multiple=multiple, bootstrap=bootstrap)
    sizes, signed = matrix.sizes, matrix.effects.value
    changes = scored.effects(multiple).transpose(0, 1)
    magnitudes = unsigned_where_unordered(changes, scored.scales)
    level = 1 - (1 - bootstrap.level) / len(scored.scales)
    strict = replace(bootstrap, level=level).means(magnitudes).absolute()
    drawn = weighted_means(magnitudes, bootstrap.weights(scored.n)).abs()
    largest = drawn.nan_to_num(-1.0).argmax(-1)  # (resamples, k)
    found = []
    for k in range(scored.k):
        value = sizes.value[k].nan_to_num(0.0)
        order = value.argsort(descending=True, stable=True).tolist()
        top = float(value[order[0]])
        alike = [i for i in order if value[i] >= shared * top and strict.low[k, i] > 0]
        sure = top >= floor and order[0] in alike and len(alike) <= MOST
        named = alike if sure else []
        others = [i for i in order if i not in named and value[i] >= min(floor, LEAK * top) > 0]
        names = tuple(scored.names[i] for i in named)
        positive = tuple(_way(scored.scales[i], float(signed[k, i])) for i in named)
        effects = tuple(sizes.at(k, i) for i in named)
        leaks = tuple((scored.names[i], sizes.at(k, i)) for i in others if sizes.low[k, i] > 0)
        chosen = torch.tensor(named, dtype=largest.dtype)
        found.append(
            Proposal(
                k,
                " + ".join(names) or UNKNOWN,
                names,
                positive,
                effects,
                float(torch.isin(largest[:, k], chosen).double().mean()) if named else 0.0,
                _share(value, named or order[:1]),
                leaks,
                _sure_text(positive, names, effects, leaks)
                if named
                else _unsure_text(scored, sizes, k, alike),
            )
        )
    return tuple(found)


def unique_names(proposals: Sequence[Proposal], given: Sequence[str] = ()) -> Mapping[int, str]:
    """Unique names for all directions with a proposed one, as `Directions.rename` takes them.

    Of several directions named "smile", the one with the largest effect is "smile", the next "smile 2".

    Args:
        proposals: of all directions.
        given: names that directions already have ("" for none): these stay, and none is repeated.

    Returns:
        Names by number of the direction.
    """
    found: dict[int, str] = {}
    taken = set(given)
    known = [p for p in proposals if p.attributes and not (given and given[p.direction])]
    for proposal in sorted(known, key=lambda proposal: -proposal.effects[0].value):
        name, number = proposal.name, 1
        while name in taken:
            number += 1
            name = f"{proposal.name} {number}"
        taken.add(name)
        found[proposal.direction] = name
    return dict(sorted(found.items()))


def _way(scale: Scale, effect: float) -> str:
    if not scale.signed:
        return "changes"
    return "more" if effect > 0 else "less"


def _share(sizes: Float[Tensor, " a"], which: Sequence[int]) -> float:
    total = float(sizes.sum())
    return float(sizes[list(which)].sum()) / total if total > 0 else float("nan")


def _sure_text(
    positive: Sequence[str],
    names: Sequence[str],
    effects: Sequence[Interval],
    leaks: Sequence[tuple[str, Interval]],
) -> str:
    parts = zip(positive, names, effects, strict=True)
    text = " and ".join(f"{way} {name} {size}" for way, name, size in parts)
    if leaks:
        text += ", leaks into " + ", ".join(f"{name} {two_decimals(size.value)}" for name, size in leaks)
    return text


def _unsure_text(scored: Scored, sizes: Intervals, k: int, alike: Sequence[int]) -> str:
    if len(alike) > MOST:
        several = ", ".join(f"{scored.names[i]} {sizes.at(k, i)}" for i in alike)
        return f"{UNKNOWN}: moves {len(alike)} attributes about equally, {several}"
    top = int(sizes.value[k].nan_to_num(0.0).argmax())
    return f"{UNKNOWN}: the largest effect is {scored.names[top]} {sizes.at(k, top)}"
