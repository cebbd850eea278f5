"""What can be chosen of an inversion, of tuning, and of the training of an encoder."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from latentclr.errors import InputError
from latentclr.limits import NOT_NEGATIVE, POSITIVE, Limits, at_least, check_settings

Method = Literal["encoder", "optimise", "in-domain"]
METHODS: tuple[Method, ...] = get_args(Method)
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
        domain: of the mean squared distance between the latents and those that the encoder gives for their
            picture (in-domain inversion).
    """

    pixel: float = 1.0
    lpips: float = 1.0
    prior: float = 0.0
    spread: float = 0.0
    domain: float = 0.0


class _Checked:
    """A dataclass that refuses values out of its limits."""

    def __post_init__(self) -> None:
        """Raise an InputError where a value is out of range."""
        check_settings(self)


@dataclass(frozen=True)
class Settings(_Checked):
    """How photos are inverted. The docstring of each field is the help of its option."""

    limits: ClassVar[Limits] = {
        **dict.fromkeys(("steps", "starts", "batch"), at_least(1)),
        **dict.fromkeys(("pixel_weight", "lpips_weight", "prior_weight"), NOT_NEGATIVE),
        **dict.fromkeys(("spread_weight", "domain_weight", "finish"), NOT_NEGATIVE),
        "rate": POSITIVE,
    }

    method: Method = "optimise"
    """The encoder alone, optimisation, or in-domain: optimisation that stays where the encoder agrees."""
    space: Space = "shared"
    """What is free: one latent for all slots of the generator, or one for each."""
    steps: int = 200
    """Steps of the optimisation."""
    finish: int = 10
    """How many of the last steps are those of Levenberg and Marquardt: one costs as much as thirty of Adam,
    but ends where those only tend to. There are none where each slot is free, and none in generators of large
    pictures."""
    starts: int = 3
    """Latents from which the optimisation begins; after a tenth of the steps the best goes on alone."""
    from_encoder: bool = True
    """Begin with the latents that the encoder gives, if there is one; otherwise all starts are samples."""
    rate: float = 0.05
    """Learning rate of Adam at its largest, in units of the latents' standard deviation."""
    pixel_weight: float = 1.0
    """Weight of the mean squared difference of pixels in [-1, 1]."""
    lpips_weight: float = 1.0
    """Weight of the perceptual distance; 0: it is not computed (and its network is not fetched)."""
    prior_weight: float = 0.001
    """Weight of a term that keeps latents as usual as sampled ones."""
    spread_weight: float = 0.001
    """Weight of a term that keeps the slots' latents near to each other."""
    domain_weight: float = 0.2
    """Weight of the distance between the latents and those that the encoder gives for their picture
    (in-domain only; the paper has 2, with latents and features of other sizes)."""
    batch: int = 32
    """Pictures drawn at a time: memory and speed, not the result."""
    seed: int = 0
    """Seed of the starts that are samples."""

    def __post_init__(self) -> None:
        """Refuse values out of range, with an InputError."""
        super().__post_init__()
        if not self.pixel_weight + self.lpips_weight > 0:
            raise InputError("pixel_weight and lpips_weight are both 0: nothing would be compared.")

    def weights(self) -> Weights:
        """The weights of the objective's terms; the domain term is of in-domain inversion only."""
        domain = self.domain_weight if self.method == "in-domain" else 0.0
        return Weights(self.pixel_weight, self.lpips_weight, self.prior_weight, self.spread_weight, domain)


@dataclass(frozen=True)
class Tuning(_Checked):
    """How a generator is tuned. The docstring of each field is the help of its option."""

    limits: ClassVar[Limits] = {
        **dict.fromkeys(("steps", "rank", "batch"), at_least(1)),
        **dict.fromkeys(("pixel_weight", "lpips_weight", "locality_weight", "rate"), NOT_NEGATIVE),
        "locality": at_least(0),
    }

    steps: int = 150
    """Steps of Adam."""
    rank: int = 8
    """Rank of the change of each matrix of weights: file size against exactness."""
    rate: float = 0.003
    """Learning rate of Adam at first; it falls to a tenth."""
    pixel_weight: float = 1.0
    """Weight of the mean squared difference of pixels in [-1, 1]. (The paper.)"""
    lpips_weight: float = 1.0
    """Weight of the perceptual distance. (The paper.)"""
    locality_weight: float = 1.0
    """Weight of how much the pictures of other latents change."""
    locality: int = 4
    """Other latents a step: between each of some pivots and a random latent."""
    batch: int = 16
    """Pictures drawn at a time."""
    seed: int = 0
    """Seed of the other latents."""


@dataclass(frozen=True)
class EncoderSettings(_Checked):
    """How an encoder is trained. The docstring of each field is the help of its option."""

    limits: ClassVar[Limits] = {
        **dict.fromkeys(("steps", "batch", "pictures", "held_out", "validate_every"), at_least(2)),
        **dict.fromkeys(("pixel_weight", "lpips_weight", "adversarial_weight"), NOT_NEGATIVE),
        **dict.fromkeys(("r1_gamma", "class_weight", "latents_only"), NOT_NEGATIVE),
        "learning_rate": POSITIVE,
    }

    steps: int = 2200
    """Training steps."""
    latents_only: int = 1400
    """How many of the first steps learn the latents of samples alone; then pictures count too."""
    batch: int = 32
    """Samples a step whose latents are learned."""
    pictures: int = 16
    """Pictures a step that are drawn again from the encoder's latents; half of them are of the outside
    source, if there is one."""
    learning_rate: float = 0.002
    """Learning rate of Adam at its largest."""
    pixel_weight: float = 1.0
    """Weight of the mean squared difference of pixels in [-1, 1]."""
    lpips_weight: float = 1.0
    """Weight of the perceptual distance."""
    adversarial_weight: float = 0.08
    """Weight of the adversarial loss of pictures drawn again, if there is an outside source. (The paper.)"""
    r1_gamma: float = 1.5
    """Weight of the discriminator's gradient penalty."""
    class_weight: float = 0.2
    """Weight of the cross entropy of classes."""
    deviations: bool = True
    """Give each slot a latent of its own, where the generator has several."""
    held_out: int = 128
    """Samples kept out of training."""
    validate_every: int = 200
    """Steps between two validations."""
    seed: int = 0
    """Same seed, same encoder (on one machine, with the same number of threads)."""
