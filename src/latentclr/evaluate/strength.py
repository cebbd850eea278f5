"""Matched strength: edits of different methods can be compared where they change as much of what one sees.

Alpha means another thing to every method (a length of the latent, a standard deviation, a step of a path),
and one length is a large change along one direction and none along another. So the alpha of each direction
is found at which a measure of change, in the mean over latents and both signs, is the same for all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentclr.directions import DirectionModel
from latentclr.directions.edits import moved, read
from latentclr.discover.ordering import SMALL
from latentclr.errors import InputError
from latentclr.evaluate.settings import LENGTH as LENGTH
from latentclr.evaluate.settings import LONGEST as LONGEST
from latentclr.evaluate.settings import MeasureName as MeasureName
from latentclr.generators import Generator, Latents

TOLERANCE = 1e-3
"""A strength is found when the change is the target up to this share of it."""

Change = Callable[[list[int], Float[Tensor, " m"]], Float[Tensor, " m"]]
"""From the numbers of some directions and the lengths of their edits to how much these change."""


@dataclass(frozen=True)
class Measure:
    """How much edits change: the root mean square over a picture or over the features of a layer.

    (Which is the Euclidean distance divided by the root of the number of values.)

    Attributes:
        generator: draws the pictures.
        layer: whose features are compared; None: the picture's, which is drawn small, as one sees it at a
            glance.
    """

    generator: Generator
    layer: str | None = None

    @property
    def pixels(self) -> int:
        """Size of the picture that is compared."""
        return SMALL if self._cheap else SMALL // 2

    def rows(self, latents: Latents) -> Float[Tensor, "n f"]:
        """What is compared, of each latent."""
        if self.layer is not None:
            return self.generator.features(latents, self.layer).float().flatten(1)
        return self.generator.preview(latents, self.pixels).flatten(1)

    @torch.no_grad()
    def before(self, latents: Latents) -> Float[Tensor, "n f"]:
        """What is compared, before any edit: of many latents, few at a time."""
        return torch.cat([self.rows(some) for some in latents.split(self._batch)])

    @torch.no_grad()
    def change(
        self,
        model: DirectionModel,
        latents: Latents,
        lengths: Float[Tensor, " k"],
        *,
        slots: Sequence[int],
    ) -> Float[Tensor, " k"]:
        """How much edits of these lengths change, in the mean over latents and both signs.

        Args:
            model: the k directions.
            latents: the n latents.
            lengths: of the edits, one for each direction.
            slots: that edits move.
        """
        before, n = self.before(latents), len(latents)
        shift = lengths.to(latents.device).view(-1, 1, 1) * model(read(latents, slots))
        found = []
        for edited in (moved(latents, sign * shift, slots).flatten(0, 1) for sign in (1, -1)):
            rms = [
                (self.rows(some) - before[_cycle(start, len(some), n)]).square().mean(1).sqrt()
                for start, some in _pieces(edited, self._batch)
            ]
            found.append(torch.cat(rms).view(-1, n).mean(1))
        mean: Tensor = torch.stack(found).mean(0)
        return mean.cpu()

    @torch.no_grad()
    def differences(
        self,
        model: DirectionModel,
        latents: Latents,
        lengths: Float[Tensor, " k"],
        *,
        slots: Sequence[int],
    ) -> Float[Tensor, "k n f"]:
        """What lies between the edits of both signs: what one sees along a direction."""
        shift = lengths.to(latents.device).view(-1, 1, 1) * model(read(latents, slots))
        plus, minus = (self.before(moved(latents, s * shift, slots).flatten(0, 1)) for s in (1, -1))
        return (plus - minus).view(*shift.shape[:2], -1)

    @property
    def _cheap(self) -> bool:
        return self.generator.resolution <= 2 * SMALL

    @property
    def _batch(self) -> int:
        return 32 if self._cheap else 8


@dataclass(frozen=True)
class Strengths:
    """At which lengths directions change as much as was asked for.

    Attributes:
        target: the change that was asked for.
        longest: length up to which it was looked for.
        lengths: of the edits; of a direction that is too weak: `longest`.
        changes: what edits of these lengths change.
        reached: whether that is the target (up to `TOLERANCE`, or where the change jumps over it, as near as
            one gets); False: the direction is too weak.
    """

    target: float
    longest: float
    lengths: Float[Tensor, " k"]
    changes: Float[Tensor, " k"]
    reached: Bool[Tensor, " k"]

    @property
    def too_weak(self) -> list[int]:
        """The directions that do not change as much within the longest length."""
        return [i for i, reached in enumerate(self.reached.tolist()) if not reached]


def match_strength(
    change: Change,
    lengths: Float[Tensor, " k"],
    changes: Float[Tensor, " k"],
    *,
    target: float,
    longest: float = LONGEST,
    tolerance: float = TOLERANCE,
) -> Strengths:
    """Find for each direction the length at which it changes as much as the target.

    Lengths are doubled until the target lies between two; then the bracket is divided, in turns where a
    straight line through its ends meets the target and in its middle. All directions are asked about at once,
    in each round those that are still open. A change need not grow with the length everywhere: where
    it crosses the target more than once, one of the crossings is found.

    Args:
        change: asked about some directions, in rounds.
        lengths: where to start, above 0.
        changes: what edits of these lengths change.
        target: how much they shall change, above 0.
        longest: length at which to give up.
        tolerance: the change may differ from the target by this share of it.

    Raises:
        InputError: a target or a longest length that is not above 0 and finite.
    """
    for name, given in (("strength", target), ("longest", longest)):
        if not 0 < given < float("inf"):
            raise InputError(f"{name}={given:g} must be above 0 and finite.")
    if bool((lengths > longest).any()):
        lengths = lengths.clamp(max=longest)
        changes = change(list(range(len(lengths))), lengths)
    target, longest = float(target), float(longest)
    high, at_high = lengths.double(), changes.double()
    low, at_low = torch.zeros_like(high), torch.zeros_like(high)
    while (short := _numbers(~(at_high >= target) & (high < longest))) != []:
        low[short], at_low[short] = high[short], at_high[short]
        high[short] = (2 * high[short]).clamp(max=longest)
        at_high[short] = change(short, high[short].float()).double()
    reached = at_high >= target

    found, at_found, turn = high.clone(), at_high.clone(), 0
    while True:
        off = (at_found / target - 1).abs() > tolerance
        # A bracket that cannot be divided any more holds a jump: it is as near as one gets.
        still_open = _numbers(reached & off & (high - low > 1e-6 * high))
        if not still_open:
            break
        rise = at_high[still_open] - at_low[still_open]
        share = (target - at_low[still_open]) / rise if turn % 2 == 0 else torch.full_like(rise, 0.5)
        middle = low[still_open] + share.clamp(0.02, 0.98) * (high[still_open] - low[still_open])
        value = change(still_open, middle.float()).double()
        found[still_open], at_found[still_open] = middle, value
        enough = value >= target
        for side, at_side, part in ((high, at_high, enough), (low, at_low, ~enough)):
            which = [i for i, is_in in zip(still_open, part.tolist(), strict=True) if is_in]
            side[which], at_side[which] = middle[part], value[part]
        turn += 1
    return Strengths(target, longest, found.float(), at_found.float(), reached)


def _numbers(which: Bool[Tensor, " k"]) -> list[int]:
    return [int(i) for i in which.nonzero()]


def _pieces(latents: Tensor, size: int) -> list[tuple[int, Tensor]]:
    return [(start, latents[start : start + size]) for start in range(0, len(latents), size)]


def _cycle(start: int, count: int, n: int) -> Tensor:
    """Numbers of the latents of the edits from `start` on: edit i is of latent i % n."""
    return torch.arange(start, start + count) % n
