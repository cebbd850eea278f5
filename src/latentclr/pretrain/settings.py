"""What a training needs to know, and the two networks that it trains."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from latentclr.errors import InputError
from latentclr.generators import Generator

Labels = Int[Tensor, " n"] | None
Pictures = Float[Tensor, "n 3 h w"]

AnyGame = TypeVar("AnyGame", bound="Game")


class Game(ABC):
    """The two networks of a training, and how they meet.

    Attributes:
        generator: in training mode.
        discriminator: in training mode.
        average: the moving average of the generator's weights: a frozen generator of the contract.
    """

    generator: nn.Module
    discriminator: nn.Module
    average: Generator

    def to(self: AnyGame, device: str) -> AnyGame:
        """Move all networks. Returns the game itself."""
        for network in self.networks().values():
            network.to(device)
        return self

    @abstractmethod
    def generate(self, labels: Labels, n: int, rng: torch.Generator) -> Pictures:
        """Pictures of the generator in training, of those classes where there are any."""

    @abstractmethod
    def discriminator_loss(self, real: Pictures, fake: Pictures, labels: Labels) -> Float[Tensor, ""]:
        """What the discriminator minimises."""

    @abstractmethod
    def generator_loss(self, fake: Pictures, labels: Labels) -> Float[Tensor, ""]:
        """What the generator minimises."""

    @abstractmethod
    def update_average(self, kept: float) -> None:
        """Move the average towards the generator."""

    @abstractmethod
    def exported(self, seed: int) -> Generator:
        """The averaged generator, ready to draw; later training does not change it."""

    def networks(self) -> dict[str, nn.Module]:
        """All networks, by name."""
        return {"generator": self.generator, "discriminator": self.discriminator, "average": self.average}

    def tensors(self) -> dict[str, Tensor]:
        """All weights and buffers, as "network.name"; not copies."""
        return {
            f"{network}.{name}": value
            for network, module in self.networks().items()
            for name, value in module.state_dict().items()
        }

    @torch.no_grad()
    def take_over(self, generator: Generator) -> None:
        """Begin with the weights of a finished generator; the discriminator knows nothing yet.

        Raises:
            InputError: it is of another shape.
        """
        if type(generator) is not type(self.average) or generator.settings() != self.average.settings():
            raise InputError(
                f"the generator to start from is a {type(generator).__name__} with "
                f"{generator.settings()}; these settings describe {self.average.settings()}."
            )
        self.average.load_state_dict(generator.state_dict())
        for name, value in generator.state_dict().items():
            layer, _, attribute = name.rpartition(".")
            module = self.generator.get_submodule(layer)
            if is_parametrized(module, attribute):
                setattr(module, attribute, value)
            else:
                getattr(module, attribute).copy_(value)

    def grown(self, before: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What to begin with after a training at half the resolution; tensors that are left out stay.

        Args:
            before: its tensors, as of `tensors`.

        Raises:
            KeyError: it lacks one that is needed.
            InputError: these networks cannot grow.
        """
        raise InputError(
            "these networks cannot grow: start from a training at the same resolution, or from nothing."
        )


@dataclass(frozen=True)
class Settings(ABC):
    """What every architecture is trained with. A subclass gives the defaults."""

    kind: ClassVar[str]
    """Name of the architecture on the command line."""

    resolution: int = 64
    """Height and width of the pictures, a power of two from 8 up."""
    pictures: int = 1_000_000
    """Real pictures to see until the end, repetitions counted."""
    batch: int = 16
    """Pictures of a step."""
    lr_g: float = 2.5e-3
    """Adam's step of the generator."""
    lr_d: float = 2.5e-3
    """Adam's step of the discriminator."""
    betas: tuple[float, float] = (0.0, 0.99)
    """How long Adam remembers gradients and their squares."""
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
    """Of the weights, the latents and the order of the pictures."""
    head_start: int = 0
    """Pictures in the beginning that only the discriminator learns from."""
    log_every: int = 50
    """Steps from one line of the log to the next."""
    checkpoint_every: int = 20_000
    """Pictures from one checkpoint to the next."""
    export_every: int = 50_000
    """Pictures from one exported generator and sheet of samples to the next."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of activations; auto: bfloat16 where the device computes with it, otherwise float32."""
    device: str = "cpu"
    """cpu or cuda."""

    def check(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            InputError: a value outside its range.
        """
        if self.resolution < 8 or self.resolution & (self.resolution - 1):
            raise InputError(f"resolution={self.resolution}: give a power of two from 8 up.")
        positive = ("pictures", "batch", "lr_g", "lr_d", "adam_eps", "r1_every", "ema_half_life", "ema_ramp")
        for name in (*positive, "log_every", "checkpoint_every", "export_every"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name}={getattr(self, name)} must be above 0.")
        for name in ("r1_gamma", "head_start"):
            if getattr(self, name) < 0:
                raise InputError(f"{name}={getattr(self, name)} must not be negative.")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"betas={self.betas}: each must be at least 0 and below 1.")

    def record(self) -> dict[str, Any]:
        """All settings, as JSON values."""
        return {"kind": self.kind, **asdict(self)}

    @abstractmethod
    def start(self, rng: torch.Generator) -> Game:
        """Both networks with random weights, on the CPU."""
