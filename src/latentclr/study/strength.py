"""How long the edits of a study are: one alpha for all, or the same visible change along every direction."""

from collections.abc import Sequence
from dataclasses import dataclass

from latentclr.directions import Directions
from latentclr.evaluate.calibration import calibrate
from latentclr.generators import Generator


@dataclass(frozen=True)
class Strength:
    """Of a run's directions, whether they are shown or not.

    Attributes:
        told: in words.
        alphas: of the edits, in the run's own units.
        lengths: of the edits, in latent space.
        too_weak: numbers of the directions that do not change as much at any length that was tried.
    """

    told: str
    alphas: tuple[float, ...]
    lengths: tuple[float, ...]
    too_weak: frozenset[int]


def given(directions: Directions, alpha: float) -> Strength:
    """One alpha in the run's own units."""
    lengths = tuple(alpha * float(scale) for scale in directions.scale)
    told = f"alpha {alpha:g} in the run's own units"
    return Strength(told, (alpha,) * directions.k, lengths, frozenset())


def matched(
    directions: Directions,
    generator: Generator,
    multiple: float,
    *,
    target: float | None,
    slots: Sequence[int],
) -> Strength:
    """A multiple of the lengths that change as much of what one sees.

    Args:
        directions: of the run.
        generator: of the directions.
        multiple: of these lengths.
        target: the change; None: the directions are calibrated, and as they are.
        slots: that edits move.
    """
    found = directions if target is None else calibrate(directions, generator, target=target, slots=slots)
    record = found.origin["calibration"]
    lengths = [multiple * float(length) for length in found.scale]
    scales = [float(scale) for scale in directions.scale]
    return Strength(
        told=f"{multiple:g} times the length that changes {record['target']:.3g} ({record['measure']})",
        alphas=tuple(length / one if one else 0.0 for length, one in zip(lengths, scales, strict=True)),
        lengths=tuple(lengths),
        too_weak=frozenset(record["too_weak"]),
    )
