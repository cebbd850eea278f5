"""What can be chosen of an inversion, of tuning, and of the training of an encoder."""

from dataclasses import dataclass
from typing import Literal

from latentclr.errors import InputError
from latentclr.invert.schedule import Schedule

Method = Literal["encoder", "optimise", "in-domain"]
METHODS: tuple[Method, ...] = ("encoder", "optimise", "in-domain")
"""By the encoder alone; by optimisation; by optimisation that stays where the encoder agrees."""
Space = Literal["shared", "slots"]
"""What is free: one latent for all slots, or one for each."""


@dataclass(frozen=True)
class Weights:
    """Of the terms of the objective; each term is a mean, so that the weights fit every size.

    Attributes:
        pixel: of the mean squared difference of pixels in [-1, 1].
        lpips: of the perceptual distance.
        prior: of how unusual the latents are (`Prior.unusual`).
        spread: of how far the slots' latents are from each other (`Prior.spread`).
        domain: of the mean squared distance between the latents and what the encoder makes of their picture
            (in-domain inversion).
    """

    pixel: float = 1.0
    lpips: float = 1.0
    prior: float = 0.0
    spread: float = 0.0
    domain: float = 0.0


@dataclass(frozen=True)
class Settings:
    """How photos are inverted. The docstring of each field is the help of its option."""

    method: Method = "optimise"
    """The encoder alone, optimisation, or in-domain: optimisation that stays where the encoder agrees."""
    space: Space = "shared"
    """What is free: one latent for all slots of the generator, or one for each."""
    steps: int = 200
    """Of the optimisation."""
    finish: int = 10
    """The last so many are steps of Levenberg and Marquardt: one costs as much as thirty of Adam, but ends
    where those only tend to. There are none where each slot is free, and in generators of large pictures."""
    starts: int = 3
    """Places from which it begins; after a tenth of the steps the best goes on alone."""
    from_encoder: bool = True
    """The first of them is where the encoder points, if there is one; otherwise all are samples."""
    rate: float = 0.05
    """Of Adam at its largest, in units of the latents' standard deviation."""
    pixel_weight: float = 1.0
    """Of the mean squared difference of pixels in [-1, 1]."""
    lpips_weight: float = 1.0
    """Of the perceptual distance; 0: it is not computed (and its weights are not fetched)."""
    prior_weight: float = 0.001
    """Of a term that keeps latents as usual as sampled ones."""
    spread_weight: float = 0.001
    """Of a term that keeps the slots' latents near to each other."""
    domain_weight: float = 0.2
    """Of the distance between the latents and what the encoder sees in their picture (in-domain only; the
    paper has 2, with latents and features of other sizes)."""
    batch: int = 32
    """Pictures drawn at a time: memory and speed, not the result."""
    seed: int = 0
    """Of the starts that are samples."""

    def check(self) -> None:
        """Make sure that these can be followed.

        Raises:
            InputError: a value out of range.
        """
        if self.method not in METHODS:
            raise InputError(f"method={self.method!r} must be one of {', '.join(METHODS)}.")
        if self.space not in ("shared", "slots"):
            raise InputError(f"space={self.space!r} must be shared or slots.")
        if self.starts < 1:
            raise InputError(f"starts={self.starts} must be at least 1.")
        names = ("pixel_weight", "lpips_weight", "prior_weight", "spread_weight", "domain_weight")
        for name in names:
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name}={getattr(self, name)} must be at least 0 and finite.")
        if not self.pixel_weight + self.lpips_weight > 0:
            raise InputError("pixel_weight and lpips_weight are both 0: nothing would be compared.")
        self.schedule().check()

    def schedule(self, *, small: bool = True) -> Schedule:
        """How the search goes, in a generator of small pictures or of large ones."""
        return Schedule(
            steps=self.steps,
            explore=self.steps // 10,
            rate=self.rate,
            batch=self.batch,
            finish=min(self.finish, self.steps // 4) if small else 0,
        )

    def weights(self) -> Weights:
        """Of the objective."""
        domain = self.domain_weight if self.method == "in-domain" else 0.0
        return Weights(self.pixel_weight, self.lpips_weight, self.prior_weight, self.spread_weight, domain)


@dataclass(frozen=True)
class Tuning:
    """How a generator is tuned. The docstring of each field is the help of its option."""

    steps: int = 150
    """Of Adam."""
    rank: int = 8
    """Of the change of each matrix of weights: file size against exactness."""
    rate: float = 0.003
    """Of Adam at first; it falls to a tenth."""
    pixel_weight: float = 1.0
    """Of the mean squared difference of pixels in [-1, 1]. (The paper.)"""
    lpips_weight: float = 1.0
    """Of the perceptual distance. (The paper.)"""
    locality_weight: float = 1.0
    """Of how much the pictures of other latents change."""
    locality: int = 4
    """Other latents a step: between each of some pivots and a random latent."""
    batch: int = 16
    """Pictures drawn at a time."""
    seed: int = 0
    """Of the other latents."""

    def check(self) -> None:
        """Make sure that these can be followed.

        Raises:
            InputError: a value out of range.
        """
        for name, least in (("steps", 1), ("rank", 1), ("locality", 0), ("batch", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name}={getattr(self, name)} must be at least {least}.")
        for name in ("rate", "pixel_weight", "lpips_weight", "locality_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name}={getattr(self, name)} must be at least 0 and finite.")


@dataclass(frozen=True)
class EncoderSettings:
    """How an encoder is trained. The docstring of each field is the help of its option."""

    steps: int = 2200
    """Training steps."""
    latents_only: int = 1400
    """The first so many steps learn the latents of samples alone; then pictures count too."""
    batch: int = 32
    """Samples a step whose latents are learned."""
    pictures: int = 16
    """Pictures a step that are drawn again from the encoder's latents; half of them are of the outside
    source, if there is one."""
    learning_rate: float = 0.002
    """Of Adam at its largest."""
    pixel_weight: float = 1.0
    """Of the mean squared difference of pixels in [-1, 1]."""
    lpips_weight: float = 1.0
    """Of the perceptual distance."""
    adversarial_weight: float = 0.08
    """Of the discriminator's verdict on pictures drawn again, if there is an outside source. (The paper.)"""
    r1_gamma: float = 1.5
    """Of the discriminator's penalty."""
    class_weight: float = 0.2
    """Of the cross entropy of classes."""
    deviations: bool = True
    """Give each slot a latent of its own, where the generator has several."""
    held_out: int = 128
    """Samples kept out of training."""
    validate_every: int = 200
    """Steps between two validations."""
    seed: int = 0
    """Same seed, same encoder (on one machine, with the same number of threads)."""

    def check(self) -> None:
        """Make sure that these can be followed.

        Raises:
            InputError: a value out of range.
        """
        for name in ("steps", "batch", "pictures", "held_out", "validate_every"):
            if getattr(self, name) < 2:
                raise InputError(f"{name}={getattr(self, name)} must be at least 2.")
        weights = ("pixel_weight", "lpips_weight", "adversarial_weight", "r1_gamma", "class_weight")
        for name in ("latents_only", *weights):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name}={getattr(self, name)} must be at least 0 and finite.")
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"learning_rate={self.learning_rate} must be above 0 and finite.")
