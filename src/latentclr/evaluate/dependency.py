"""Side effects at a matched target effect: attribute dependency, and what is left of the identity.

A weak edit leaks little and does little, so directions are compared where they do as much: the multiple at
which the target attribute has changed by a given number of deviations. Between the multiples that were
measured, curves are straight lines.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.evaluate.intervals import BOOTSTRAP, Bootstrap, Interval, Intervals, Weights, weighted_means
from latentclr.evaluate.scored import Scored

AT = 0.5
"""Change of the target at which side effects are compared, in population deviations."""


@dataclass(frozen=True)
class Dependency:
    """What one direction changes beside its target, where the target has changed by `at`.

    Attributes:
        direction: its number.
        target: name of the attribute that it is meant for.
        at: mean |change| of the target, in population deviations.
        multiple: of the direction's length at which that is so; NaN: at none that was measured.
        mean: mean-AD, the mean over the other attributes of their |change|, in the mean over pictures.
        largest: max-AD, the largest of them, picture by picture.
        identity: distance between the identities before and after; None: not measured.
        change: distance between the pictures before and after; None: not measured.
    """

    direction: int
    target: str
    at: float
    multiple: float
    mean: Interval
    largest: Interval
    identity: Interval | None
    change: Interval | None


@dataclass(frozen=True)
class Curve:
    """Side effects against the effect on the target, both ways together.

    Attributes:
        multiples: (p,), without sign, 0 first.
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

    Raises:
        InputError: unknown attribute or direction, or nothing to depend on.
    """
    which = scored.attribute(target)
    multiples, values = _columns(scored, direction, which)
    once = torch.ones(1, scored.n, dtype=torch.float64)
    means = weighted_means(values, once)[0]  # (p, columns)
    return Curve(multiples, *means[:, :3].unbind(1))


def dependency(
    scored: Scored,
    direction: int,
    target: int | str,
    *,
    at: float = AT,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Dependency:
    """Side effects of a direction where it has changed its target by `at` population deviations.

    In a resample the multiple at which that is so is found anew.

    Args:
        scored: with edits of several multiples.
        direction: its number.
        target: number or name of the attribute that it is meant for.
        at: mean |change| of the target, above 0; of a category the share of pictures.
        bootstrap: of the intervals.

    Raises:
        InputError: unknown attribute or direction, nothing to depend on, or `at` not above 0.
    """
    if not at > 0:
        raise InputError(f"at={at:g} must be above 0.")
    which = scored.attribute(target)
    multiples, values = _columns(scored, direction, which)

    def matched(weights: Weights) -> Float[Tensor, "b m"]:
        means = weighted_means(values, weights)  # (b, p, columns)
        with_multiples = torch.cat([multiples.expand(len(means), -1).unsqueeze(-1).double(), means], dim=-1)
        return where_reached(means[..., 0], with_multiples, at)

    found = bootstrap.of(matched, scored.n)
    dropped = int(values[:, 1:, 0].isnan().any(1).sum())
    found = Intervals(
        found.value, found.low, found.high, found.level, torch.full_like(found.dropped, dropped)
    )
    columns = iter(range(4, len(found.value)))
    return Dependency(
        direction,
        scored.names[which],
        at,
        float(found.value[0]),
        found.at(2),
        found.at(3),
        None if scored.identity is None else found.at(next(columns)),
        None if scored.change is None else found.at(next(columns)),
    )


def identity_kept(
    scored: Scored,
    *,
    multiple: float = 1.0,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Intervals:
    """(k,), mean distance between the identities before edits and after, both signs; 0: the same person.

    Directions compare where lengths are matched by what one sees (`latentclr.evaluate.calibration`).

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
    """Values on lines between points, where the target first reaches `at`; NaN where it never does."""
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
    """Multiples without sign, 0 first; of each picture |target|, mean and largest |other|, and the rest."""
    if not 0 <= direction < scored.k:
        raise InputError(f"no direction {direction}; there are 0 to {scored.k - 1}.")
    usable = [i for i in range(len(scored.scales)) if scored.units[i] > 0 and i != which]
    if not usable:
        raise InputError(f"there is no attribute beside {scored.names[which]!r} that could depend on it.")
    changes = scored.changes()[direction].abs()  # (s, n, a)
    others = changes[..., usable]
    parts = [changes[..., which], others.nanmean(-1), others.nan_to_num(-1.0).amax(-1)]
    parts[2] = torch.where(parts[2] < 0, torch.nan, parts[2])  # none of them is known
    parts += [extra[direction] for extra in (scored.identity, scored.change) if extra is not None]
    signed = torch.stack(parts, dim=-1)  # (s, n, m)
    sizes = sorted({abs(multiple) for multiple in scored.multiples})
    both = [
        torch.stack([signed[i] for i, m in enumerate(scored.multiples) if abs(m) == size]).nanmean(0)
        for size in sizes
    ]
    points = torch.stack([torch.zeros_like(both[0]), *both], dim=1)  # (n, p, m)
    return torch.tensor([0.0, *sizes]), points
