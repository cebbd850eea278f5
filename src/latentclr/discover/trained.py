"""What all trained methods share: `fit`, with resuming, validation, logging and processes, around a loss."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from latentclr.artefacts import GeneratorRecord
from latentclr.directions import Directions
from latentclr.discover.base import Discoverer
from latentclr.discover.base import Setup as Setup
from latentclr.discover.settings.trained import TrainedSettings as TrainedSettings
from latentclr.engine.graph import Graphed
from latentclr.engine.precision import Precision, products
from latentclr.engine.training import Course, Training, fill, resume, run


class Learner(ABC):
    """What is trained, and by which loss; `Trained.find` does the rest.

    Attributes:
        setup: of the search.
        modules: networks by name, on the generator's device; the best state of "model" is kept.
        optimizers: their optimisers, by name.
        held_out: what `loss` is computed from in a validation; this process's share, on the device.
        validate_every: steps from one validation to the next; None: the method's field of that name.
        precision: of float32 products on a GPU; None: torch's own settings.
        graph: whether a step is recorded and launched as one CUDA graph.
    """

    setup: Setup
    modules: Mapping[str, nn.Module]
    optimizers: Mapping[str, torch.optim.Adam]
    held_out: tuple[Tensor, ...] = ()
    validate_every: int | None = None
    precision: Precision | None = None
    graph: bool = False

    @abstractmethod
    def draw(self, step: int) -> tuple[Tensor, ...]:
        """Draw this process's share of the random inputs of a step, on the CPU, and set the learning rates.

        Args:
            step: steps done.
        """

    def loss(self, *batch: Tensor) -> Tensor:
        """This process's part of the loss: parts of all processes add up to the loss.

        Args:
            batch: what `draw` gave, on the generator's device.
        """
        raise NotImplementedError  # by learners that override `learn` and `validate`

    def learn(self, *batch: Tensor) -> Tensor:
        """Add the gradient of `loss` to that of the networks' parameters; returns the loss, detached.

        Args:
            batch: what `draw` gave, on the generator's device.
        """
        loss = self.loss(*batch)
        loss.backward()
        return loss.detach()

    def apply(self) -> None:
        """Change the parameters by their gradients, which are those of all processes."""
        for optimizer in self.optimizers.values():
            optimizer.step()

    @torch.no_grad()
    def validate(self, step: int) -> dict[str, float]:
        """Values of the model as it is, on held-out latents; "validation_loss" decides which is the best.

        Args:
            step: steps done.
        """
        loss = self.loss(*self.held_out)
        self.setup.world.sum([loss])
        return {"validation_loss": float(loss)}

    @abstractmethod
    def found(self, training: Training) -> Directions:
        """The result of a training that has ended: `training.best` is the state of the best model."""


class Trained(Discoverer):
    """A method that learns its directions step by step: a subclass gives a `Learner`.

    `fit` logs "loss" (the mean since the last time) and "steps_per_second" at every tenth step, and at every
    validation what the learner's `validate` gives.
    """

    may_differ: ClassVar[Collection[str]] = ()
    """Fields that may change from the start of a training to its resumption."""

    # Fields of subclasses.
    steps: int
    validate_every: int

    @abstractmethod
    def learner(self, setup: Setup) -> Learner:
        """What `fit` trains, at its start. Everything random is drawn from `setup.rng`."""

    @final
    def find(self, setup: Setup) -> Directions:
        """Train; the directions are those of the validation with the least loss."""
        learner = self.learner(setup)
        total = torch.zeros((), device=setup.device)
        training = Training(learner.modules, learner.optimizers, setup.rng, total)
        record = GeneratorRecord.of(setup.generator).to_json()
        about = {"method": self.method, "generator": record, **self.hyperparameters()}
        course = Course(about, setup.log, setup.stop, setup.keep, setup.world, self.may_differ)
        resume(training, course)

        def step(*batch: Tensor) -> None:
            for optimizer in learner.optimizers.values():
                optimizer.zero_grad()
            loss = learner.learn(*(value.to(setup.device) for value in batch))
            parameters = [p for module in learner.modules.values() for p in module.parameters()]
            setup.world.sum([loss, *(p.grad for p in parameters if p.grad is not None)])
            learner.apply()
            training.total += loss

        launch = _graphed(step, learner, training, setup) if learner.graph else step

        def learn() -> None:
            launch(*learner.draw(training.step))

        with products(learner.precision) if learner.precision else nullcontext():
            run(
                training,
                learn,
                lambda: learner.validate(training.step),
                course,
                steps=self.steps,
                validate_every=learner.validate_every or self.validate_every,
            )
            return learner.found(training)


def _graphed(step: Callable[..., None], learner: Learner, training: Training, setup: Setup) -> Graphed:
    """The step as one launch. Its warm-up trains; all that this changes is put back."""
    before = {name: value.clone() for name, value in training.tensors().items()}
    examples = learner.draw(training.step)
    setup.rng.set_state(before["rng"])
    with products(learner.precision) if learner.precision else nullcontext():
        return Graphed(step, examples, setup.device, lambda: fill(training.tensors(), before))
