"""The two networks of a training, whatever their architecture."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.pretrain.losses import logistic_discriminator, logistic_generator

Labels = Int[Tensor, " n"] | None
Pictures = Float[Tensor, "n 3 h w"]

AnyGame = TypeVar("AnyGame", bound="Game")


class Game(ABC):
    """A generator and its discriminator in training, with their losses: here, the logistic ones.

    A subclass makes the networks from settings and a random generator, with random weights.

    Attributes:
        generator: in training mode.
        discriminator: in training mode.
        average: the moving average of the generator's weights, as a frozen generator.
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
        """Pictures of the generator in training.

        Args:
            labels: the class of each; None: there are none.
            n: number of pictures.
            rng: for the latents.
        """

    def discriminator_loss(self, real: Pictures, fake: Pictures, labels: Labels) -> Float[Tensor, ""]:
        """The loss that the discriminator minimises.

        Args:
            real: real pictures.
            fake: as many generated pictures, without gradients.
            labels: the class of each pair; None: there are none.
        """
        return logistic_discriminator(self.discriminator(real, labels), self.discriminator(fake, labels))

    def generator_loss(self, fake: Pictures, labels: Labels) -> Float[Tensor, ""]:
        """The loss that the generator minimises.

        Args:
            fake: generated pictures, with gradients.
            labels: the class of each; None: there are none.
        """
        return logistic_generator(self.discriminator(fake, labels))

    @abstractmethod
    def update_average(self, decay: float) -> None:
        """Move the average towards the generator (see `average.update_average`)."""

    @abstractmethod
    def exported(self, seed: int) -> Generator:
        """A copy of the averaged generator, ready for use; the seed is for statistics that it may need."""

    def networks(self) -> dict[str, nn.Module]:
        """The three networks by the names of their attributes."""
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
        """Begin with the weights of a finished generator; the discriminator keeps its first ones.

        Raises:
            InputError: the generator has other settings than the average.
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
        """The tensors to begin with after a training at half the resolution; those left out stay as they are.

        Args:
            before: the tensors of that training, as of `tensors`.

        Raises:
            KeyError: one that is needed is missing.
            InputError: these networks cannot grow.
        """
        raise InputError(
            "these networks cannot grow: start from a training at the same resolution, or from nothing."
        )
