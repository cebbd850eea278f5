"""Re-scoring: what a scorer says before an edit, after one up and after one down.

Table 1 of LatentCLR (and what InterFaceGAN and SeFa report). There the direction was chosen by eye; here it
is chosen on one half of the latents and measured on the other, so that the choice cannot flatter it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.evaluate.intervals import BOOTSTRAP, Bootstrap, Interval, two_decimals, weighted_means
from latentclr.evaluate.scored import Scored


@dataclass(frozen=True)
class Level:
    """Scores of some pictures, in the scorer's own unit.

    Attributes:
        mean: with its interval.
        deviation: standard deviation over pictures.
    """

    mean: Interval
    deviation: float

    def __str__(self) -> str:
        return f"{two_decimals(self.mean.value)} ± {two_decimals(self.deviation)}"


@dataclass(frozen=True)
class Choice:
    """The direction that is to move an attribute.

    Attributes:
        attribute: its name.
        direction: number of the direction.
        label: of that direction.
        sign: of the alpha that raises the attribute, 1 or -1.
        multiple: of the direction's length, up and down.
        effect: in population deviations, on the latents on which it was chosen.
        latents: how many these are.
    """

    attribute: str
    direction: int
    label: str
    sign: int
    multiple: float
    effect: float
    latents: int


@dataclass(frozen=True)
class Rescoring:
    """One row of the table.

    Attributes:
        attribute: its name.
        direction: number of the direction that was chosen for it.
        label: of that direction.
        sign: of the alpha that raises the attribute, 1 or -1.
        multiple: of the direction's length, up and down.
        base: scores before edits.
        up: after the edit that raises it.
        down: after the other.
        chosen: effect in population deviations on the latents on which the direction was chosen.
        measured: the same on those on which it is measured; usually smaller.
        latents: how many of them, for choosing and for measuring.
    """

    attribute: str
    direction: int
    label: str
    sign: int
    multiple: float
    base: Level
    up: Level
    down: Level
    chosen: float
    measured: Interval
    latents: tuple[int, int]


def choose(
    scored: Scored, attribute: int | str, *, multiple: float = 1.0, direction: int | None = None
) -> Choice:
    """The direction that moves an attribute most, and which way.

    Args:
        scored: the latents to choose on.
        attribute: its number or name.
        multiple: of the edits.
        direction: take this one; only its sign is chosen.

    Raises:
        InputError: unknown attribute or multiple; an attribute of which there is no more and less; or no
            direction with a score.
    """
    which = scored.attribute(attribute)
    scale = scored.scales[which]
    if not scale.signed:
        raise InputError(f"{scale.name!r} is {scale.kind}: there is no more and less of it to re-score.")
    effects = _means(scored.effects(multiple)[..., which])  # (k,)
    known = effects.abs().nan_to_num(-1.0)
    chosen = int(known.argmax()) if direction is None else direction
    if not 0 <= chosen < scored.k or known[chosen] < 0:
        raise InputError(
            f"no direction to re-score {scale.name!r} by: it has no scores before or after edits."
        )
    sign = -1 if effects[chosen] < 0 else 1
    effect = sign * float(effects[chosen])
    return Choice(scale.name, chosen, scored.labels[chosen], sign, multiple, effect, scored.n)


def measured(
    scored: Scored,
    choice: Choice,
    *,
    numbers: Sequence[int] | None = None,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Rescoring:
    """What the chosen direction does to latents on which it was not chosen.

    Args:
        scored: of these latents.
        choice: made on others.
        numbers: of its directions, where it has only some of those that were chosen from; None: it has all.
        bootstrap: of the intervals.

    Raises:
        InputError: the attribute, the multiple or the direction was not measured.
    """
    which = scored.attribute(choice.attribute)
    there = list(range(scored.k) if numbers is None else numbers)
    if choice.direction not in there[: scored.k]:
        raise InputError(f"edits along direction {choice.label} were not measured.")
    at = there.index(choice.direction)
    up, down = (scored.edited[at, scored.step(s * choice.sign * choice.multiple), :, which] for s in (1, -1))
    return Rescoring(
        attribute=choice.attribute,
        direction=choice.direction,
        label=choice.label,
        sign=choice.sign,
        multiple=choice.multiple,
        base=_level(scored.base[:, which], bootstrap),
        up=_level(up, bootstrap),
        down=_level(down, bootstrap),
        chosen=choice.effect,
        measured=bootstrap.means(choice.sign * scored.effects(choice.multiple)[at, :, which]).at(),
        latents=(choice.latents, scored.n),
    )


def rescore(
    scored: Scored,
    attribute: int | str,
    *,
    multiple: float = 1.0,
    direction: int | None = None,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Rescoring:
    """Choose the direction that moves an attribute most, on every second latent; measure on the others.

    Args:
        scored: of at least four latents.
        attribute: its number or name.
        multiple: of the edits.
        direction: measure this one instead of choosing (its sign is chosen all the same).
        bootstrap: of the intervals.

    Raises:
        InputError: too few latents; or see `choose`.
    """
    if scored.n < 4:
        raise InputError(f"re-scoring chooses on half of the latents: give 4 or more, not {scored.n}.")
    choosing, measuring = scored.select(range(0, scored.n, 2)), scored.select(range(1, scored.n, 2))
    choice = choose(choosing, attribute, multiple=multiple, direction=direction)
    return measured(measuring, choice, bootstrap=bootstrap)


def rescoring_table(
    scored: Scored,
    *,
    multiple: float = 1.0,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> tuple[Rescoring, ...]:
    """A row for every attribute of which there is more and less, and which varies.

    Raises:
        InputError: see `rescore`.
    """
    rows: Sequence[int] = [i for i, scale in enumerate(scored.scales) if scale.signed and scored.units[i] > 0]
    return tuple(rescore(scored, i, multiple=multiple, bootstrap=bootstrap) for i in rows)


def _means(values: Float[Tensor, "k n"]) -> Float[Tensor, " k"]:
    return weighted_means(values.T, torch.ones(1, values.shape[1], dtype=torch.float64))[0]


def _level(values: Float[Tensor, " n"], bootstrap: Bootstrap) -> Level:
    known = values[~values.isnan()].double()
    deviation = float(known.std()) if len(known) > 1 else float("nan")
    return Level(bootstrap.means(values).at(), deviation)
