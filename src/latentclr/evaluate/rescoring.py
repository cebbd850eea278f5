"""Re-scoring: scores before an edit, after an edit up and after an edit down.

Table 1 of LatentCLR (InterFaceGAN and SeFa report the same). There the direction was chosen by eye; here it
is chosen on one half of the latents and measured on the other, so that the result has no selection bias.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.evaluate.intervals import BOOTSTRAP, Bootstrap, Interval, means, two_decimals
from latentclr.evaluate.scored import Scored


@dataclass(frozen=True)
class Level:
    """Scores of some pictures, in the scorer's own unit.

    Attributes:
        mean: of the pictures.
        deviation: standard deviation over pictures.
    """

    mean: Interval
    deviation: float

    def __str__(self) -> str:
        return f"{two_decimals(self.mean.value)} ± {two_decimals(self.deviation)}"


@dataclass(frozen=True)
class Choice:
    """The direction that is chosen to change an attribute.

    Attributes:
        attribute: its name.
        direction: number of the direction.
        label: of that direction.
        sign: of the alpha that raises the attribute, 1 or -1.
        multiple: of the direction's length, up and down.
        chosen: effect in population deviations, on the latents on which the direction was chosen.
        chosen_on: number of these latents.
    """

    attribute: str
    direction: int
    label: str
    sign: int
    multiple: float
    chosen: float
    chosen_on: int


@dataclass(frozen=True)
class Rescoring(Choice):
    """One row of the table: what a chosen direction does to other latents.

    Attributes:
        base: scores before edits.
        up: scores after the edit that raises the attribute.
        down: scores after the opposite edit.
        measured: effect in population deviations, on the latents on which it is measured; usually smaller
            than `chosen`.
        measured_on: number of these latents.
    """

    base: Level
    up: Level
    down: Level
    measured: Interval
    measured_on: int


def choose(
    scored: Scored, attribute: int | str, *, multiple: float = 1.0, direction: int | None = None
) -> Choice:
    """The direction that changes an attribute most, and the sign that raises it.

    Args:
        scored: scores of the latents to choose on.
        attribute: its number or name.
        multiple: of each direction's length.
        direction: number of a given direction, of which only the sign is chosen; None: the best one.

    Raises:
        InputError: unknown attribute or multiple; an attribute without more and less (see `Scale.signed`);
            or no direction with a score.
    """
    which = scored.attribute(attribute)
    scale = scored.scales[which]
    if not scale.signed:
        raise InputError(f"{scale.name!r} is {scale.kind}: there is no more and less of it to re-score.")
    effects = means(scored.effects(multiple)[..., which].T)  # (k,)
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
    """Measure the chosen direction on latents on which it was not chosen.

    Args:
        scored: scores of these latents.
        choice: made on other latents.
        numbers: numbers of the directions in `scored`, as `choice` counts them; None: all, in order.
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
        **vars(choice),
        base=_level(scored.base[:, which], bootstrap),
        up=_level(up, bootstrap),
        down=_level(down, bootstrap),
        measured=bootstrap.means(choice.sign * scored.effects(choice.multiple)[at, :, which]).at(),
        measured_on=scored.n,
    )


def rescore(
    scored: Scored,
    attribute: int | str,
    *,
    multiple: float = 1.0,
    direction: int | None = None,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Rescoring:
    """Choose the direction that changes an attribute most on every second latent; measure on the others.

    Args:
        scored: of at least four latents.
        attribute: its number or name.
        multiple: of each direction's length.
        direction: see `choose`.
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
    """A row for every attribute that varies and has more and less.

    Args:
        scored: of at least four latents.
        multiple: of each direction's length.
        bootstrap: of the intervals.

    Raises:
        InputError: see `rescore`.
    """
    names = [
        scale.name
        for scale, unit in zip(scored.scales, scored.units, strict=True)
        if scale.signed and unit > 0
    ]
    return tuple(rescore(scored, name, multiple=multiple, bootstrap=bootstrap) for name in names)


def _level(values: Float[Tensor, " n"], bootstrap: Bootstrap) -> Level:
    known = values[~values.isnan()].double()
    deviation = float(known.std()) if len(known) > 1 else float("nan")
    return Level(bootstrap.means(values).at(), deviation)
