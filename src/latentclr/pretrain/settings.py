"""Settings of a training."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

from latentclr.errors import InputError
from latentclr.limits import NOT_NEGATIVE, POSITIVE, Limit, Limits, at_least, check_settings


@dataclass(frozen=True)
class Settings:
    """Settings of every architecture. The docstring of each field is the help of its option."""

    kind: ClassVar[str]
    """Name of the architecture on the command line."""
    limits: ClassVar[Limits] = {
        **dict.fromkeys(
            ("pictures", "batch", "lr_g", "lr_d", "adam_eps", "ema_half_life", "ema_ramp"), POSITIVE
        ),
        **dict.fromkeys(("r1_every", "log_every", "checkpoint_every", "export_every"), POSITIVE),
        **dict.fromkeys(("r1_gamma", "head_start"), NOT_NEGATIVE),
    }

    resolution: int = 64
    """Height and width of the pictures, a power of two from 8 up."""
    pictures: int = 1_000_000
    """Number of real pictures to see until the end, repetitions counted."""
    batch: int = 16
    """Number of pictures in a step."""
    lr_g: float = 2.5e-3
    """Adam's learning rate for the generator."""
    lr_d: float = 2.5e-3
    """Adam's learning rate for the discriminator."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates of the means of gradients and of their squares."""
    adam_eps: float = 1e-8
    """Adam's epsilon."""
    r1_gamma: float = 0.0
    """Weight of the R1 penalty; 0 is none."""
    r1_every: int = 16
    """Steps from one R1 penalty to the next."""
    ema_half_life: float = 10_000.0
    """Pictures after which half of the moving average is forgotten."""
    ema_ramp: float = 0.05
    """In the beginning, half-life as a share of the pictures seen so far."""
    seed: int = 0
    """Seed of the weights, the latents and the order of the pictures."""
    head_start: int = 0
    """Number of pictures in the beginning from which only the discriminator learns."""
    log_every: int = 50
    """Steps from one line of the log to the next."""
    checkpoint_every: int = 20_000
    """Pictures from one checkpoint to the next."""
    export_every: int = 50_000
    """Pictures from one exported generator and sheet of samples to the next."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of activations; auto: bfloat16 where the device computes with it, otherwise float32."""
    device: str = "cpu"
    """cpu or cuda."""

    def check(self) -> None:
        """Refuse settings that cannot be trained.

        Raises:
            InputError: a value is outside its limits.
        """
        check_settings(self)
        if self.resolution < 8 or self.resolution & (self.resolution - 1):
            raise InputError(f"resolution={self.resolution}: give a power of two from 8 up.")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"betas={self.betas}: each must be at least 0 and below 1.")

    def record(self) -> dict[str, Any]:
        """All settings, as JSON values."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class StyleGAN2Settings(Settings):
    """A small StyleGAN2 (Karras and others, CVPR 2020)."""

    kind: ClassVar[str] = "stylegan2"
    limits: ClassVar[Limits] = {
        **dict.fromkeys(("z_dim", "w_dim", "mapping_layers"), at_least(1)),
        "mixing": Limit(least=0, most=1),
    }

    r1_gamma: float = 1.5
    """Weight of the R1 penalty; 0 is none. (On scenes, 0.3 let the discriminator win too early.)"""
    channels: tuple[int, ...] = (128, 128, 64, 32, 16)
    """Channels of both networks at 4, 8, ... pixels, as many as the resolution needs."""
    z_dim: int = 64
    """Length of z."""
    w_dim: int = 128
    """Length of w."""
    mapping_layers: int = 4
    """Number of layers from z to w."""
    mixing: float = 0.0
    """Share of the pictures that are made of two w. (On scenes, 0.5 kept the pictures alike for long.)"""

    def check(self) -> None:
        """See `Settings.check`; there must be enough channels, too."""
        super().check()
        if 4 << (len(self.channels) - 1) < self.resolution:
            raise InputError(f"channels={self.channels}: give one for each of 4, 8, ... {self.resolution}.")


@dataclass(frozen=True)
class BigGANDeepSettings(Settings):
    """A small BigGAN-deep (Brock and others, ICLR 2019)."""

    kind: ClassVar[str] = "biggan-deep"
    limits: ClassVar[Limits] = dict.fromkeys(("z_dim", "class_dim", "standing"), at_least(1))

    num_classes: int = 0
    """Number of classes of the pictures, at least 1."""
    batch: int = 32
    """Number of pictures in a step."""
    lr_g: float = 2e-4
    """Adam's learning rate for the generator."""
    lr_d: float = 4e-4
    """Adam's learning rate for the discriminator."""
    betas: tuple[float, float] = (0.0, 0.999)
    """Adam's decay rates of the means of gradients and of their squares."""
    width: int = 32
    """Channels before the picture, a multiple of 4; eight times as many at 4 x 4."""
    d_channels: tuple[int, ...] = (128, 128, 64, 32, 16)
    """Channels of the discriminator at 4, 8, ... pixels, as many as the resolution needs."""
    z_dim: int = 64
    """Length of z."""
    class_dim: int = 32
    """Length of the class embedding."""
    standing: int = 128
    """Number of pictures for the batch statistics of each truncation, in the exported generator."""

    def check(self) -> None:
        """See `Settings.check`; there must be enough channels, too."""
        super().check()
        if self.num_classes < 1:
            raise InputError(f"num_classes={self.num_classes}: a BigGAN-deep needs classes; one will do.")
        if self.width < 4 or self.width % 4:
            raise InputError(f"width={self.width}: give a multiple of 4.")
        if 4 << (len(self.d_channels) - 1) < self.resolution:
            raise InputError(
                f"d_channels={self.d_channels}: give one for each of 4, 8, ... {self.resolution}."
            )

    def blocks(self) -> Iterator[tuple[bool, int, int]]:
        """(doubles the resolution, input channels, output channels) of each block of the generator.

        For each doubling there is a block that keeps the resolution and one that doubles it; channels are in
        multiples of `width`.
        """
        doublings = self.resolution.bit_length() - 3
        multiples = [min(8, 1 << max(0, doublings - 1 - i)) for i in range(-1, doublings)]
        for n_in, n_out in pairwise(multiples):
            yield False, n_in, n_in
            yield True, n_in, n_out


ARCHITECTURES: dict[str, type[Settings]] = {
    kind.kind: kind for kind in (StyleGAN2Settings, BigGANDeepSettings)
}
"""The settings of each architecture, by its name on the command line."""
