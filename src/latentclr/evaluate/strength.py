"""Matched strength: lengths at which edits along different directions change the picture equally.

Alpha has another meaning in every method (a length of the latent, a standard deviation, a step of a path),
and the same length is a large change along one direction and none along another. So directions are compared
at lengths for which a measure of change, averaged over latents and both signs, is the same for all.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentclr.discover.ordering import SMALL
from latentclr.errors import InputError
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.settings import LENGTH as LENGTH
from latentclr.evaluate.settings import LONGEST as LONGEST
from latentclr.evaluate.settings import MeasureName as MeasureName
from latentclr.generators import Generator, Latents

TOLERANCE = 1e-3
"""Relative error of the change at which a length counts as found."""

SIGNS = (1.0, -1.0)
"""Multiples of the edits that a measurement is averaged over."""

Change = Callable[[list[int], Float[Tensor, " m"]], Float[Tensor, " m"]]
"""From the numbers of m directions and the lengths of their edits to how much these change the picture."""


@dataclass(frozen=True)
class Measure:
    """How much edits change: the root mean square over a picture or over the features of a layer.

    (This is the Euclidean distance divided by the root of the number of values.)

    Attributes:
        generator: draws the pictures.
        layer: name of the layer whose features are compared; None: small pictures are compared.
    """

    generator: Generator
    layer: str | None = None

    def rows(self, latents: Latents) -> Float[Tensor, "n f"]:
        """The values that are compared: a row for each latent."""
        if self.layer is not None:
            return self.generator.features(latents, self.layer).float().flatten(1)
        return self.generator.preview(latents, SMALL if self._cheap else SMALL // 2).flatten(1)

    @torch.no_grad()
    def before(self, latents: Latents) -> Float[Tensor, "n f"]:
        """`rows` of many latents, a few at a time."""
        return torch.cat([self.rows(some) for some in latents.split(self._batch)])

    @torch.no_grad()
    def change(self, edits: Edits, latents: Latents) -> Float[Tensor, " k"]:
        """How much each edit changes, in the mean over latents and both signs.

        Args:
            edits: k edits.
            latents: n latents.
        """
        before, n = self.before(latents), len(latents)
        found = []
        for edited in edits.apply(latents, SIGNS).flatten(1, 2):  # (k n, slots, dim)
            unedited = torch.arange(len(edited)).remainder(n).split(self._batch)
            pieces = zip(edited.split(self._batch), unedited, strict=True)
            rms = [(self.rows(some) - before[which]).square().mean(1).sqrt() for some, which in pieces]
            found.append(torch.cat(rms).view(-1, n).mean(1))
        mean: Tensor = torch.stack(found).mean(0)
        return mean.cpu()

    def changes(self, edits: Edits, latents: Latents) -> Change:
        """`change` as `match_strength` asks for it.

        Args:
            edits: along the directions; their lengths are not used.
            latents: n latents.
        """
        return lambda which, lengths: self.change(edits.select(which, lengths), latents)

    @torch.no_grad()
    def differences(self, edits: Edits, latents: Latents) -> Float[Tensor, "k n f"]:
        """Differences between the edits of both signs: what is seen along each direction.

        Args:
            edits: k edits.
            latents: n latents; all k n differences are held in memory.
        """
        plus, minus = (self.before(edited) for edited in edits.apply(latents, SIGNS).flatten(1, 2))
        differences: Tensor = (plus - minus).unflatten(0, (-1, len(latents)))
        return differences

    @property
    def _cheap(self) -> bool:
        return self.generator.resolution <= 2 * SMALL

    @property
    def _batch(self) -> int:
        return 32 if self._cheap else 8


@dataclass(frozen=True)
class Strengths:
    """Lengths at which directions change as much as was asked for.

    Attributes:
        target: the change that was asked for.
        longest: the longest length that was tried.
        lengths: (k,), of the edits; `longest` where a direction is too weak.
        changes: (k,), what edits of these lengths change.
        reached: (k,), whether that is the target (up to `TOLERANCE`, or as near as possible where the change
            jumps over it); False: the direction is too weak.
    """

    target: float
    longest: float
    lengths: Float[Tensor, " k"]
    changes: Float[Tensor, " k"]
    reached: Bool[Tensor, " k"]

    @property
    def too_weak(self) -> list[int]:
        """Numbers of the directions that do not reach the target within the longest length."""
        return _numbers(~self.reached)


def match_strength(
    change: Change,
    lengths: Float[Tensor, " k"],
    changes: Float[Tensor, " k"],
    *,
    target: float,
    longest: float = LONGEST,
) -> Strengths:
    """Find for each direction the length at which it changes as much as the target.

    Lengths are doubled until the target lies between two; then this bracket is divided, alternately where a
    straight line through its ends meets the target and in its middle. Each round measures all directions that
    are not found yet. A change need not grow with the length everywhere: where it crosses the target more
    than once, one of the crossings is found.

    Args:
        change: measures some directions; called once in each round.
        lengths: (k,), to start from, above 0.
        changes: (k,), what edits of these lengths change.
        target: wanted change, above 0.
        longest: the longest length that is tried.

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
    while short := _numbers(~(at_high >= target) & (high < longest)):
        low[short], at_low[short] = high[short], at_high[short]
        high[short] = (2 * high[short]).clamp(max=longest)
        at_high[short] = change(short, high[short].float()).double()
    reached = at_high >= target

    found, at_found, turn = high.clone(), at_high.clone(), 0
    # A bracket that cannot be divided any more holds a jump: nothing nearer can be found.
    while still_open := _numbers(
        reached & ((at_found / target - 1).abs() > TOLERANCE) & (high - low > 1e-6 * high)
    ):
        rise = at_high[still_open] - at_low[still_open]
        share = (target - at_low[still_open]) / rise if turn % 2 == 0 else torch.full_like(rise, 0.5)
        middle = low[still_open] + share.clamp(0.02, 0.98) * (high[still_open] - low[still_open])
        value = change(still_open, middle.float()).double()
        found[still_open], at_found[still_open] = middle, value
        enough = value >= target
        for side, at_side, part in ((high, at_high, enough), (low, at_low, ~enough)):
            which = torch.tensor(still_open)[part]
            side[which], at_side[which] = middle[part], value[part]
        turn += 1
    return Strengths(target, longest, found.float(), at_found.float(), reached)


def _numbers(which: Bool[Tensor, " k"]) -> list[int]:
    return [int(i) for i in which.nonzero()]
