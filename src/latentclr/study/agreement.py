"""Agreement between participants: Krippendorff's alpha, for any number of them and with answers missing.

1 is perfect agreement, 0 is what chance gives, below 0 is worse than chance (Krippendorff 2011, "Computing
Krippendorff's Alpha-Reliability"). Its interval comes from resampling the units that were judged (Zapf et al.
2016).
"""

from collections.abc import Callable
from math import nan
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.evaluate.intervals import Bootstrap, Interval
from latentclr.study.plan import Place
from latentclr.study.responses import GRADED, Responses

Level = Literal["nominal", "ordinal"]


def alpha(
    counts: Float[np.ndarray, "units values"],
    level: Level = "nominal",
    *,
    bootstrap: Bootstrap | None = None,
) -> Interval:
    """Krippendorff's alpha.

    NaN where it is not defined: fewer than two answers to every unit, or one value everywhere. Resamples in
    which that is so are left out of the interval and counted.

    Args:
        counts: how often each unit was given each value, values in ascending order.
        level: level of measurement, which defines the distance of two values.
        bootstrap: resamples units; None: no interval.
    """
    units = torch.from_numpy(counts[counts.sum(1) > 1].astype(float))
    if not len(units):
        return Interval(nan, nan, nan)
    n = units.sum(1)
    # o[u] is the unit's part of the coincidence matrix: ordered pairs of answers, each answer with weight 1.
    pairs = units[:, :, None] * units[:, None, :] - torch.diag_embed(units)
    coincidences = pairs / (n - 1)[:, None, None]

    def statistic(weights: Tensor) -> Tensor:
        o = (weights @ coincidences.flatten(1)).unflatten(1, coincidences.shape[1:])
        totals = o.sum(2)
        all_pairs = totals.sum(1)
        distance = _DISTANCES[level](totals)
        observed = (o * distance).sum((1, 2))
        expected = (totals[:, :, None] * totals[:, None, :] * distance).sum((1, 2))
        found = 1 - (all_pairs - 1) * observed / expected
        return torch.where(expected > 0, found, torch.nan)

    value = float(statistic(torch.ones(1, len(units), dtype=torch.float64))[0])
    if bootstrap is None or len(units) < 2:
        return Interval(value, nan, nan)
    drawn = statistic(bootstrap.weights(len(units)))
    known = drawn[~drawn.isnan()]
    ends = [(1 - bootstrap.level) / 2, (1 + bootstrap.level) / 2]
    low, high = (float(known.quantile(end)) if len(known) else nan for end in ends)
    return Interval(value, low, high, bootstrap.level, dropped=len(drawn) - len(known))


def ratings(responses: Responses, question: str) -> Float[np.ndarray, "units 3"]:
    """How often each direction (or each of its pictures, where these are items) was answered No, Maybe, Yes.

    Args:
        responses: of some participants.
        question: id of a graded question.
    """
    found: dict[tuple[Place | None, tuple[int, ...]], np.ndarray] = {}
    for row in responses.rows:
        if row.question == question and row.step.kind == "direction" and row.value is not None:
            panel = row.step.panels[0]
            shown = panel.pictures if responses.study.unit == "picture" else ()
            unit = found.setdefault((panel.place, shown), np.zeros(len(GRADED)))
            unit[len(GRADED) - 1 - GRADED.index(row.value)] += 1
    return np.stack(list(found.values())) if found else np.zeros((0, len(GRADED)))


def _nominal(totals: Tensor) -> Tensor:
    return 1 - torch.eye(totals.shape[1], dtype=totals.dtype).expand(len(totals), -1, -1)


def _ordinal(totals: Tensor) -> Tensor:
    """The squared number of answers between two values; those at the two values count half."""
    up_to = totals.cumsum(1) - totals / 2
    return (up_to[:, :, None] - up_to[:, None, :]).square()


_DISTANCES: dict[Level, Callable[[Tensor], Tensor]] = {"nominal": _nominal, "ordinal": _ordinal}
