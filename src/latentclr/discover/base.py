"""The contract that every method keeps."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, final

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
    """Ignore what is logged."""


def never() -> bool:
    """Never stop early."""
    return False


@dataclass(frozen=True)
class Discoverer(MethodSettings, ABC):
    """A method with its hyperparameters: `fit` finds directions in a generator.

    A subclass is a frozen dataclass; the docstring of each field is the help of its option on the
    command line. (Fields in a class of their own in `discover.settings` are read without torch.) Values are
    checked when it is made; what depends on the generator is checked in `fit`, before any work.
    """

    @abstractmethod
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
            log: told (step, values) as it goes; values may be empty.
            stop: asked between steps; once True, `fit` returns the best so far.
            keep: where a method that trains keeps itself, and goes on from if it was there before; `log` is
                then told first what it was told before. None: nowhere.
            world: the processes that share the work; all of them call `fit`, with equal arguments.

        Raises:
            InputError: a hyperparameter that is out of range or that this generator cannot serve.
        """

    @final
    def result(
        self,
        generator: Generator,
        model: DirectionModel,
        *,
        slots: tuple[int, ...],
        scale: Float[Tensor, " k"],
        scores: Float[Tensor, " k"],
        **origin: Any,
    ) -> Directions:
        """What `fit` returns: the model with a record of how it was found.

        Args:
            generator: in which the directions were found.
            model: the directions, in their final order.
            slots: that edits move by default.
            scale: length of an edit with alpha = 1.
            scores: that the order goes by, largest first.
            origin: JSON values that the method adds to the record; "sorted_by" says what the scores are.
        """
        return Directions(
            model=model.requires_grad_(False).cpu(),
            space=generator.space,
            num_slots=generator.num_slots,
            slots=slots,
            scale=scale.cpu(),
            scores=scores.cpu(),
            names=("",) * model.k,
            origin=Origin(
                {
                    "method": self.method,
                    "hyperparameters": self.hyperparameters(),
                    "generator": GeneratorRecord.of(generator).to_json(),
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
        generator: Generator,
        model: DirectionModel,
        *,
        slots: tuple[int, ...],
        scale: Float[Tensor, " k"],
        scores: Float[Tensor, " k"],
        names: Sequence[str],
        facts: Mapping[str, Sequence[Any]],
        **origin: Any,
    ) -> Directions:
        """The result of a method that names each direction after what it changes; the highest score is first.

        Args:
            generator: in which the directions were found.
            model: the directions, in the order of `names`.
            slots: that edits move by default.
            scale: length of an edit with alpha = 1.
            scores: that the order goes by.
            names: of the directions.
            facts: what the record says of each direction, in the order of `names`: JSON values.
            origin: other JSON values for the record.
        """
        order = largest_first(scores)
        named = {key: {names[i]: values[i] for i in order} for key, values in facts.items()}
        directions = self.result(
            generator,
            model.select(order),
            slots=slots,
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
