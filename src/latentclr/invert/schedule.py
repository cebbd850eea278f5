"""How a search goes: how many steps of which kind, and how large."""

import math
from dataclasses import dataclass

from latentclr.errors import InputError

FEW = 256
"""Numbers of a latent up to which Levenberg and Marquardt's steps are worth their price."""
WARM_UP = 0.05
"""Share of the steps in which the rate rises."""


@dataclass(frozen=True)
class Schedule:
    """How the search goes.

    Attributes:
        steps: in all.
        explore: the first so many go from every start; then the best start of each photo goes on alone.
        rate: of Adam at its largest, in units of the latents' scale; a rise, then half a cosine down to 0.
        batch: pictures drawn at a time. Changes memory, not the result.
        look_every: steps from one look (values for the log, `show`) to the next.
        finish: the last so many steps are those of Levenberg and Marquardt (`newton`). They are for one
            latent for all slots, of `FEW` numbers at most; elsewhere they are steps of Adam.
    """

    steps: int = 400
    explore: int = 40
    rate: float = 0.05
    batch: int = 32
    look_every: int = 25
    finish: int = 0

    def check(self) -> None:
        """Make sure that it can be followed.

        Raises:
            InputError: a number out of range.
        """
        for name, least in (("steps", 1), ("explore", 0), ("batch", 1), ("look_every", 1), ("finish", 0)):
            if not getattr(self, name) >= least:
                raise InputError(f"{name}={getattr(self, name)} must be at least {least}.")
        if not 0 < self.rate < float("inf"):
            raise InputError(f"rate={self.rate} must be above 0 and finite.")

    def rate_at(self, step: int) -> float:
        """The rate of a step, 0 the first."""
        steps = max(1, self.steps - self.finish)
        rise = min(1.0, (step + 1) / max(1.0, WARM_UP * steps))
        return self.rate * rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
