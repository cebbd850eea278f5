"""The two networks that a training trains."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypeVar

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
