"""A training: its whole state, and the loop around its steps."""

import json
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from latentclr.engine.checkpoint import Keeper
from latentclr.engine.world import World
from latentclr.errors import InputError

LOG_EVERY = 10
"""Steps between two readings of the loss: reading it waits for the device."""

Log = Callable[[int, Mapping[str, float]], None]
"""Called with (steps done, values); without values, it says that a step is done."""

Stop = Callable[[], bool]
"""Asked between steps; True ends a training early."""

Curves = dict[str, list[list[float]]]
"""The [step, value] pairs of every logged value, by name."""


@dataclass
class Training:
    """Everything that changes while a method trains.

    Attributes:
        modules: networks by name. The best state of "model" is kept.
        optimizers: by name.
        rng: source of all random numbers.
        total: sum of the losses since the loss was last logged; on the device.
        step: steps done.
        best: state of the best model so far.
        values: JSON values beside it: how good it was, and when.
        curves: logged values.
    """

    modules: Mapping[str, nn.Module]
    optimizers: Mapping[str, torch.optim.Adam]
    rng: torch.Generator
    total: Tensor
    step: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    curves: Curves = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give the optimisers their state now, so that a checkpoint of step 0 has the same tensors."""
        for optimizer in self.optimizers.values():
            prepare_adam(optimizer)

    def note(self, values: Mapping[str, float]) -> None:
        """Add a point to the curve of each value."""
        for name, value in values.items():
            self.curves.setdefault(name, []).append([self.step, value])

    def replay(self, log: Log) -> None:
        """Log all values of the curves again, in order, so that the log of a resumed training is complete."""
        points: dict[int, dict[str, float]] = {}
        for name, curve in self.curves.items():
            for step, value in curve:
                points.setdefault(int(step), {})[name] = value
        for step in sorted(points):
            log(step, points[step])

    def tensors(self) -> dict[str, Tensor]:
        """All tensors of the state, by name."""
        tensors = {"rng": self.rng.get_state(), "total": self.total}
        for name, module in self.modules.items():
            tensors |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            tensors |= dict(adam_tensors(name, optimizer))
        return tensors | {f"best.{key}": value for key, value in self.best.items()}

    def header(self) -> dict[str, Any]:
        """The rest of the state, as JSON values. A NaN is written as text: JSON has no such number."""
        curves = {
            name: [[step, value if math.isfinite(value) else str(value)] for step, value in curve]
            for name, curve in self.curves.items()
        }
        return {"step": self.step, "values": self.values, "curves": curves}

    def record(self, *names: str) -> dict[str, Any]:
        """What an artefact says of the training: its steps, and some of the best model's values.

        Args:
            names: of the values to record beside "validation_loss".
        """
        chosen = {name: self.values[name] for name in ("validation_loss", *names)}
        return {"trained_steps": self.step, "best_step": int(self.values["best_step"]), **chosen}

    def restore(self, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
        """Set the state to what `tensors()` and `header()` gave.

        Args:
            tensors: all tensors of the state.
            header: the rest of it.

        Raises:
            InputError: the tensors do not fit these networks.
        """
        self.best = {
            name.removeprefix("best."): value.to(self.total.device, copy=True)
            for name, value in tensors.items()
            if name.startswith("best.")
        }
        fill(self.tensors(), tensors)
        self.rng.set_state(tensors["rng"])
        self.step, self.values = header["step"], header["values"]
        self.curves = {
            name: [[step, float(value)] for step, value in curve] for name, curve in header["curves"].items()
        }


@dataclass(frozen=True)
class Course:
    """What the caller of a training decides.

    Attributes:
        about: see `Keeper.save`.
        log: called at every step; at some with values.
        stop: asked between steps; with several processes, at times.
        keep: where checkpoints go; None: nowhere.
        world: all processes; the first one writes.
        may_differ: keys of `about` that may have changed since a checkpoint was written.
    """

    about: Mapping[str, Any]
    log: Log
    stop: Stop
    keep: Keeper | None
    world: World
    may_differ: Collection[str] = ()


def resume(training: Training, course: Course) -> None:
    """Go on from the last checkpoint, if there is one; the first process reads it and sends it to the others.

    What was logged before is logged again.

    Args:
        training: at its start.
        course: of the training.

    Raises:
        InputError: see `Keeper.load` and `Training.restore`.
    """
    keep, world, found = course.keep, course.world, None
    if keep is not None and world.first:
        found = keep.load(course.about, may_differ=course.may_differ)
    if not world.any(found is not None):
        return
    if found is not None:
        training.restore(*found)
    if world.size > 1:
        _share(training, world)
    training.replay(course.log)


def _share(training: Training, world: World) -> None:
    """Send the state of the first process to all others."""
    text = json.dumps(training.header()).encode() if world.first else b""
    size = world.from_first(torch.tensor(len(text)))
    written = torch.frombuffer(bytearray(text), dtype=torch.uint8) if text else torch.zeros(int(size)).byte()
    header = json.loads(bytes(world.from_first(written).tolist()))
    if not world.first and header["values"]:  # they come with the best model, of which all have the tensors
        training.best = {k: v.clone() for k, v in training.modules["model"].state_dict().items()}
    mine = sorted(training.tensors().items())  # every process in the same order
    training.restore({name: world.from_first(value) for name, value in mine}, header)


def run(
    training: Training,
    learn: Callable[[], None],
    validate: Callable[[], Mapping[str, float]],
    course: Course,
    *,
    steps: int,
    validate_every: int,
) -> None:
    """Do the steps of a training that are left; the best model stands in `training.best`.

    A checkpoint is written when it is due and when the training is to stop. It holds the state before the
    next step, so that what follows is the same whether the training went on at once or later.

    Args:
        training: changes.
        learn: does one step and adds its loss to `training.total`.
        validate: values of the model as it is; the best is the one with the least "validation_loss".
        course: its log, when it stops, where it is kept, and the processes that share it.
        steps: in all.
        validate_every: steps from one validation to the next; there is one at the end too.
    """
    log, keep, world = course.log, course.keep, course.world
    clock = Clock(training.step)
    while True:
        looks = training.step % LOG_EVERY == 0
        stopping = course.stop() if world.size == 1 else looks and world.any(course.stop())
        if keep is not None and world.first and (stopping or keep.due()):
            keep.save(course.about, training.tensors(), training.header())
        if training.step % validate_every == 0 or training.step == steps:
            values = dict(validate())
            training.note(values)
            log(training.step, values)
            if values["validation_loss"] < training.values.get("validation_loss", float("inf")):
                training.values = {**values, "best_step": training.step}
                state = training.modules["model"].state_dict()
                training.best = {name: value.clone() for name, value in state.items()}
        if training.step >= steps or stopping:
            return
        learn()
        training.step += 1
        since = training.step % LOG_EVERY or LOG_EVERY
        if since < LOG_EVERY and training.step < steps:
            log(training.step, {})
            continue
        loss = {"loss": float(training.total) / since}
        training.note(loss)
        log(training.step, {**loss, "steps_per_second": clock.rate(training.step)})
        if since == LOG_EVERY:
            training.total.zero_()


class Clock:
    """Measures steps per second between two calls of `rate`."""

    def __init__(self, step: int) -> None:
        """Start the clock at this step."""
        self._step, self._time = step, time.perf_counter()

    def rate(self, step: int) -> float:
        """Steps per second since the last call, or since the start."""
        now = time.perf_counter()
        rate = (step - self._step) / max(now - self._time, 1e-9)
        self._step, self._time = step, now
        return rate


def adam(
    parameters: Iterable[nn.Parameter], rate: float, weight_decay: float, device: torch.device
) -> torch.optim.Adam:
    """A fused Adam, which on a GPU can be part of a CUDA graph.

    Args:
        parameters: that it changes.
        rate: learning rate; see `set_rate`.
        weight_decay: of torch's Adam (added to the gradient).
        device: of the parameters.
    """
    on_gpu = device.type == "cuda"
    return torch.optim.Adam(
        parameters,
        torch.tensor(rate, device=device) if on_gpu else rate,
        weight_decay=weight_decay,
        fused=True,
        capturable=on_gpu,
    )


def set_rate(optimizer: torch.optim.Adam, rate: float) -> None:
    """Set the learning rate; on a GPU, without waiting for it.

    Args:
        optimizer: made by `adam`.
        rate: the new learning rate.
    """
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def adam_tensors(name: str, optimizer: torch.optim.Adam) -> Iterator[tuple[str, Tensor]]:
    """The tensors of Adam's state with their names; none before its first step.

    Args:
        name: prefix of the names.
        optimizer: whose state.
    """
    for i, parameter in enumerate(optimizer.param_groups[0]["params"]):
        for key, value in optimizer.state.get(parameter, {}).items():
            yield f"{name}.{i}.{key}", value


def prepare_adam(optimizer: torch.optim.Adam) -> None:
    """Give Adam the state that it would make at its first step, zeros, unless it has one."""
    for parameter in optimizer.param_groups[0]["params"]:
        if optimizer.state.get(parameter):
            continue
        optimizer.state[parameter] = {
            "step": torch.zeros((), device=parameter.device),
            "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        }


def fill(mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    """Copy tensors into others of the same names and shapes.

    Args:
        mine: tensors to change.
        theirs: tensors to copy.

    Raises:
        InputError: names or shapes differ.
    """
    if set(mine) != set(theirs) or any(theirs[name].shape != mine[name].shape for name in mine):
        raise InputError("the checkpoint holds other networks than these settings describe.")
    with torch.no_grad():
        for name, tensor in mine.items():
            tensor.copy_(theirs[name])
