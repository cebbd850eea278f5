"""Side effects at a matched target effect: attribute dependency, and the change of identity.

A weak edit has weak side effects, so directions are compared at equal effect: at the multiple at which the
target attribute has changed by a given number of deviations. Curves are linear between measured multiples.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.evaluate.intervals import (
    BOOTSTRAP,
    Bootstrap,
    Interval,
    Intervals,
    Weights,
    means,
    weighted_means,
)
from latentclr.evaluate.scored import Scored

AT = 0.5
"""Change of the target at which side effects are compared, in population deviations."""
OPTIONAL = ("identity", "change")
"""Fields of `Scored` and `Dependency` that may not be measured."""


@dataclass(frozen=True)
class Dependency:
    """Side effects of one direction where its target attribute has changed by `at`.

    Attributes:
        direction: its number.
        target: name of the target attribute.
        at: mean |change| of the target, in population deviations.
        multiple: of the direction's length, where the target has changed by `at`; NaN: not reached.
        mean: mean-AD: |change| of the other attributes, in the mean over these and over pictures.
        largest: max-AD: the largest |change| of another attribute, in the mean over pictures.
        identity: distance between the identities before and after; None: not measured.
        change: distance between the pictures before and after; None: not measured.
    """

    direction: int
    target: str
    at: float
    multiple: float
    mean: Interval
    largest: Interval
    identity: Interval | None = None
    change: Interval | None = None


@dataclass(frozen=True)
class Curve:
    """Side effects as a function of the effect on the target; both signs of an edit are averaged.

    Attributes:
        multiples: (p,), absolute values, in ascending order from 0.
        target: (p,), mean |change| of the target.
        mean: (p,), mean-AD.
        largest: (p,), max-AD.
    """

    multiples: Float[Tensor, " p"]
    target: Float[Tensor, " p"]
    mean: Float[Tensor, " p"]
    largest: Float[Tensor, " p"]


def dependency_curve(scored: Scored, direction: int, target: int | str) -> Curve:
    """Attribute dependency at every multiple that was measured (Wu, Lischinski and Shechtman 2021).

    Args:
        scored: with edits of several multiples.
        direction: its number.
        target: number or name of the target attribute.

    Raises:
        InputError: unknown attribute or direction, or no other attribute that varies.
    """
    which = scored.attribute(target)
    multiples, values = _columns(scored, direction, which)
    return Curve(multiples, *means(values)[:, :3].unbind(1))


def dependency(
    scored: Scored,
    direction: int,
    target: int | str,
    *,
    at: float = AT,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Dependency:
    """Side effects of a direction where it has changed its target by `at` population deviations.

    The multiple at which that is the case is found again in every resample.

    Args:
        scored: with edits of several multiples.
        direction: its number.
        target: number or name of the target attribute.
        at: mean |change| of the target, above 0; for a category the share of pictures.
        bootstrap: of the intervals.

    Raises:
        InputError: unknown attribute or direction, no other attribute that varies, or `at` not above 0.
    """
    if not at > 0:
        raise InputError(f"at={at:g} must be above 0.")
    which = scored.attribute(target)
    multiples, values = _columns(scored, direction, which)

    def matched(weights: Weights) -> Float[Tensor, "b m"]:
        curves = weighted_means(values, weights)  # (b, p, columns)
        multiple = multiples.double().view(1, -1, 1).expand(len(curves), -1, 1)
        return where_reached(curves[..., 0], torch.cat([multiple, curves], dim=-1), at)

    found = bootstrap.of(matched, scored.n)
    dropped = values[:, 1:, 0].isnan().any(1).sum()
    found = replace(found, dropped=dropped.expand(len(found.value)))
    others = [name for name in OPTIONAL if getattr(scored, name) is not None]
    return Dependency(
        direction,
        scored.names[which],
        at,
        float(found.value[0]),
        found.at(2),
        found.at(3),
        **{name: found.at(4 + i) for i, name in enumerate(others)},
    )


def identity_kept(
    scored: Scored,
    *,
    multiple: float = 1.0,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Intervals:
    """(k,), mean distance between the identities before and after edits of both signs; 0: the same person.

    Directions are comparable at lengths of equal visible change (`latentclr.evaluate.calibration`).

    Args:
        scored: with identities and edits by -multiple and +multiple.
        multiple: of each direction's length.
        bootstrap: of the intervals.

    Raises:
        InputError: identities or these edits were not measured.
    """
    if scored.identity is None:
        raise InputError("identities were not measured: give `measure` an identity.")
    both = [scored.identity[:, scored.step(sign * multiple)] for sign in (1, -1)]
    return bootstrap.means(torch.stack(both).nanmean(0).T)


def where_reached(
    target: Float[Tensor, "b p"], values: Float[Tensor, "b p m"], at: float
) -> Float[Tensor, "b m"]:
    """Values where the target first reaches `at`, interpolated linearly; NaN where it never does.

    Args:
        target: of p points, in b resamples.
        values: m values at each of the points.
        at: between the target's values at two neighbouring points.
    """
    reached = (target[:, :-1] < at) & (target[:, 1:] >= at)
    first = reached.int().argmax(1)
    rows = torch.arange(len(target))
    low, high = target[rows, first], target[rows, first + 1]
    share = ((at - low) / (high - low)).unsqueeze(1)
    found = values[rows, first] + share * (values[rows, first + 1] - values[rows, first])
    return torch.where(reached.any(1, keepdim=True), found, torch.nan)


def _columns(
    scored: Scored, direction: int, which: int
) -> tuple[Float[Tensor, " p"], Float[Tensor, "n p m"]]:
    """Absolute multiples from 0 on; for each picture |target|, mean and largest |other|, and `OPTIONAL`."""
    if not 0 <= direction < scored.k:
        raise InputError(f"no direction {direction}; there are 0 to {scored.k - 1}.")
    usable = [i for i in range(len(scored.scales)) if scored.units[i] > 0 and i != which]
    if not usable:
        raise InputError(f"there is no attribute beside {scored.names[which]!r} that could depend on it.")
    changes = scored.changes()[direction].abs()  # (s, n, a)
    others = changes[..., usable]
    parts = [changes[..., which], others.nanmean(-1), others.nan_to_num(-1.0).amax(-1)]
    parts[2] = torch.where(parts[2] < 0, torch.nan, parts[2])  # none of them is known
    parts += [value[direction] for name in OPTIONAL if (value := getattr(scored, name)) is not None]
    signed = torch.stack(parts, dim=-1)  # (s, n, m)
    sizes = sorted({abs(multiple) for multiple in scored.multiples})
    both = [
        torch.stack([signed[i] for i, m in enumerate(scored.multiples) if abs(m) == size]).nanmean(0)
        for size in sizes
    ]
    points = torch.stack([torch.zeros_like(both[0]), *both], dim=1)  # (n, p, m)
    return torch.tensor([0.0, *sizes]), points
