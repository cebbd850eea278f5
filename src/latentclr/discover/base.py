"""The contract that every method keeps."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar, final

import numpy as np
import safetensors
import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.artefacts import GeneratorRecord, Origin
from latentclr.directions import DirectionModel, Directions
from latentclr.discover.settings.base import MethodSettings
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Log, Stop
from latentclr.engine.world import ALONE, World
from latentclr.generators import Generator


def no_log(step: int, values: Mapping[str, float]) -> None:
    """Ignore what is logged: the default `log`.

    Args:
        step: steps done.
        values: by name.
    """


def never() -> bool:
    """Say that a search goes on to its end: the default `stop`."""
    return False


@dataclass(frozen=True)
class Setup:
    """Where a method searches, and how the search goes.

    Attributes:
        generator: at the method's truncation, frozen; its device is where the work is done.
        slots: that edits move.
        rng: on the CPU. Everything random comes from it, in the same order in every process.
        log: see `Discoverer.fit`, as for the next three.
        stop: asked between steps.
        keep: where checkpoints go.
        world: the processes that share the work.
    """

    generator: Generator
    slots: tuple[int, ...]
    rng: torch.Generator
    log: Log = no_log
    stop: Stop = never
    keep: Keeper | None = None
    world: World = ALONE

    @property
    def device(self) -> torch.device:
        """Where the work is done: the generator's device."""
        return self.generator.device


@dataclass(frozen=True)
class Discoverer(MethodSettings, ABC):
    """A method with its hyperparameters: `fit` finds directions in a generator.

    A subclass is a frozen dataclass with a `find`; the docstring of each field is the help of its option on
    the command line. (Fields in a class of their own in `discover.settings` are read without torch.) Values
    are checked when it is made; what depends on the generator is checked in `find`, before any work.
    """

    # Fields that subclasses declare: the slots that edits move, None for all; and the generator's truncation,
    # of methods that have one.
    slots: ClassVar[Any]
    truncation: ClassVar[Any] = None

    @final
    def fit(
        self,
        generator: Generator,
        *,
        log: Log = no_log,
        stop: Stop = never,
        keep: Keeper | None = None,
        world: World = ALONE,
    ) -> Directions:
        """Find directions.

        The generator is left as it was, and so are the global random states of torch and numpy.

        Args:
            generator: frozen; its device is where the work is done.
            log: called with (step, values) as the search goes on; values may be empty.
            stop: asked between steps; once True, `fit` returns the best so far.
            keep: where a method that trains keeps its checkpoints, and from where it goes on if there is one;
                `log` is then called first with what was logged before. None: nowhere.
            world: the processes that share the work; all of them call `fit`, with equal arguments.

        Raises:
            InputError: this generator cannot serve a hyperparameter.
        """
        slots = generator.check_slots(self.slots)
        if self.truncation is not None:
            generator = generator.at(self.truncation)
        rng = torch.Generator().manual_seed(self.seed)
        return self.find(Setup(generator.settled(), slots, rng, log, stop, keep, world))

    @abstractmethod
    def find(self, setup: Setup) -> Directions:
        """Find directions: the method itself, which `fit` calls.

        Args:
            setup: the generator, the slots, and how the search goes.

        Raises:
            InputError: this generator cannot serve a hyperparameter.
        """

    @final
    def result(
        self,
        setup: Setup,
        model: DirectionModel,
        *,
        scale: Float[Tensor, " k"],
        scores: Float[Tensor, " k"],
        **origin: Any,
    ) -> Directions:
        """What `fit` returns: the model with a record of how it was found.

        Args:
            setup: of the search.
            model: the directions, in their final order.
            scale: length of an edit with alpha = 1.
            scores: that the order goes by, largest first.
            origin: JSON values that the method adds to the record; "sorted_by" says what the scores are.
        """
        return Directions(
            model=model.requires_grad_(False).cpu(),
            space=setup.generator.space,
            num_slots=setup.generator.num_slots,
            slots=setup.slots,
            scale=scale.cpu(),
            scores=scores.cpu(),
            names=("",) * model.k,
            origin=Origin(
                {
                    "method": self.method,
                    "hyperparameters": self.hyperparameters(),
                    "generator": GeneratorRecord.of(setup.generator).to_json(),
                    "versions": {
                        "latentclr": version("latentclr"),
                        "torch": torch.__version__,
                        "numpy": np.__version__,
                        "safetensors": safetensors.__version__,
                    },
                    **origin,
                }
            ),
        )

    @final
    def named_result(
        self,
        setup: Setup,
        model: DirectionModel,
        *,
        scale: Float[Tensor, " k"],
        scores: Float[Tensor, " k"],
        names: Sequence[str],
        facts: Mapping[str, Sequence[Any]],
        **origin: Any,
    ) -> Directions:
        """The result of a method that names each direction after what it changes; the highest score is first.

        Args:
            setup: of the search.
            model: the directions, in the order of `names`.
            scale: length of an edit with alpha = 1.
            scores: that the order goes by.
            names: of the directions.
            facts: what the record says of each direction, in the order of `names`: JSON values.
            origin: other JSON values for the record.
        """
        order = largest_first(scores)
        named = {key: {names[i]: values[i] for i in order} for key, values in facts.items()}
        directions = self.result(
            setup,
            model.select(order),
            scale=scale[order],
            scores=scores[order],
            **named,
            **origin,
        )
        return directions.rename({place: names[i] for place, i in enumerate(order)})


def largest_first(scores: Float[Tensor, " k"]) -> list[int]:
    """Numbers of the directions by score, the largest first; of equal scores, the first stays first."""
    order: list[int] = scores.argsort(descending=True, stable=True).tolist()
    return order
