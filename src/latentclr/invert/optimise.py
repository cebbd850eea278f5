"""Inversion by optimisation: latents are moved until their picture is the given one."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentclr.engine.training import Course, Training, adam, resume, run, set_rate
from latentclr.errors import InputError
from latentclr.generators import Latents
from latentclr.invert.newton import newton_step
from latentclr.invert.objective import Differences, Objective, psnr
from latentclr.invert.settings import Settings

Show = Callable[[int, Latents, tuple[int | None, ...]], None]
"""Called with the steps done, the best latents so far and their classes."""

VALIDATE_EVERY = 25
"""Steps from one validation (values for the log, `show`) to the next."""
WARM_UP = 0.05
"""Share of the steps of Adam in which the learning rate rises."""
SMALL = 128
"""Resolution up to which pictures are drawn so fast that hundreds of them for one step are worth it."""
FEW = 256
"""Largest dimension of a latent for which steps of Levenberg and Marquardt are worth their price."""
DAMPING = 0.1
"""Damping of the first step of Levenberg and Marquardt. Infinite: there are no more steps for this photo."""
ENOUGH = 0.01
"""A step that lessens the objective by a smaller share is the last one."""
NOTHING = 1e-4
"""An objective that is as good as 0."""


@dataclass(frozen=True)
class Starts:
    """Latents from which the optimisation begins.

    Attributes:
        latents: of each start of each photo.
        labels: class of each start of each photo; None where there are no classes.
    """

    latents: Float[Tensor, "n starts slots dim"]
    labels: tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True)
class Found:
    """The result of an inversion.

    Attributes:
        latents: the best of each photo.
        labels: their classes.
        differences: of their pictures from the photos.
        steps: number of steps that were done.
    """

    latents: Latents
    labels: tuple[int | None, ...]
    differences: Differences
    steps: int


class _State(nn.Module):
    """Everything that the optimisation changes, for each photo; latents are normalised."""

    best: Tensor
    best_values: Tensor
    best_start: Tensor
    damping: Tensor

    def __init__(self, start: Float[Tensor, "n starts s dim"]) -> None:
        super().__init__()
        n = len(start)
        self.place = nn.Parameter(start.clone())
        self.register_buffer("best", start[:, 0].clone())
        self.register_buffer("best_values", torch.full((n, 3), math.inf, device=start.device))
        self.register_buffer("damping", torch.full((n,), DAMPING))
        self.register_buffer("best_start", torch.zeros(n, dtype=torch.long, device=start.device))

    def note(self, rows: Int[Tensor, " m"], starts: Int[Tensor, " m"], values: Float[Tensor, "m 3"]) -> None:
        """Keep the latents of some starts, given their `Objective.values`, where they are the best so far."""
        for row, start, value in zip(rows.tolist(), starts.tolist(), values, strict=True):
            if value[0] < self.best_values[row, 0]:
                self.best_values[row] = value
                self.best_start[row] = start
                self.best[row] = self.place.detach()[row, start]


def optimise(
    objective: Objective,
    starts: Starts,
    settings: Settings,
    course: Course,
    *,
    show: Show = lambda _step, _latents, _labels: None,
) -> Found:
    """Move latents until their pictures are the given ones.

    Photos do not influence each other: each has its own latents, its own Adam and its own best. The
    generator's noise is fixed.

    Args:
        objective: to minimise.
        starts: of each photo, one or more.
        settings: numbers and sizes of the steps.
        course: its log is given "validation_loss" (mean of the best objectives), "psnr" and "lpips" (means);
            once it stops, the best so far is returned.
        show: called with the best latents so far, now and then.

    Raises:
        InputError: an in-domain term without an encoder, or a checkpoint of another inversion.
    """
    if objective.weights.domain and objective.encoder is None:
        raise InputError("the in-domain term needs an encoder of this generator.")
    search = _Search(objective, starts, settings, show)
    resume(search.training, course)
    run(
        search.training,
        search.learn,
        search.validate,
        course,
        steps=settings.steps,
        validate_every=VALIDATE_EVERY,
    )
    latents, labels = search.best()
    return Found(latents, labels, objective.differences(latents, labels), search.training.step)


def _rate_at(step: int, steps: int, largest: float) -> float:
    """The learning rate of a step: a rise to the largest, then half a cosine down to 0."""
    rise = min(1.0, (step + 1) / max(1.0, WARM_UP * steps))
    return largest * rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))


class _Search:
    def __init__(self, objective: Objective, starts: Starts, settings: Settings, show: Show) -> None:
        self.objective, self.labels, self.settings, self.show = objective, starts.labels, settings, show
        device, generator = starts.latents.device, objective.generator
        self.state = _State(objective.normalize(starts.latents))
        self.optimizer = adam([self.state.place], settings.rate, 0.0, device)
        self.training = Training(
            {"model": self.state},
            {"adam": self.optimizer},
            torch.Generator(),
            torch.zeros((), device=device),
        )
        finish = min(settings.finish, settings.steps // 4) if generator.resolution <= SMALL else 0
        self.adam_steps = settings.steps - finish
        self.finishes = objective.space == "shared" and generator.latent_dim <= FEW

    def learn(self) -> None:
        if self.training.step < self.adam_steps or not self.finishes:
            self.adam_step()
            return
        for row, start in enumerate(self.state.best_start.tolist()):
            if not self.state.damping[row].isinf():
                self.newton_step(row, start)
        self.training.total += self.state.best_values[:, 0].mean()

    def adam_step(self) -> None:
        state = self.state
        set_rate(self.optimizer, _rate_at(self.training.step, self.adam_steps, self.settings.rate))
        self.optimizer.zero_grad()
        rows, starts = torch.arange(len(state.place)), state.best_start.cpu()
        count = state.place.shape[1]
        if self.training.step < self.settings.steps // 10 and count > 1:
            rows, starts = rows.repeat_interleave(count), torch.arange(count).repeat(len(rows))
        for part in torch.arange(len(rows)).split(self.objective.batch):
            some, which = rows[part], starts[part]
            labels = [
                self.labels[row][start] for row, start in zip(some.tolist(), which.tolist(), strict=True)
            ]
            with torch.enable_grad():
                values = self.objective.values(state.place[some, which], labels, some)
                values[:, 0].sum().backward()
            state.note(some, which, values.detach())
            self.training.total += values[:, 0].detach().sum() / len(rows)
        self.optimizer.step()

    @torch.no_grad()
    def newton_step(self, row: int, start: int) -> None:
        """A step of Levenberg and Marquardt from the best latent of a photo."""
        state, objective, label = self.state, self.objective, self.labels[row][start]
        before = float(state.best_values[row, 0])
        residuals = partial(objective.residuals, label=label, row=row)
        place, damping = newton_step(
            residuals, state.best[row, 0], float(state.damping[row]), batch=objective.batch
        )
        state.place.data[row, start, 0] = place
        rows, starts = torch.tensor([row]), torch.tensor([start])
        state.note(rows, starts, objective.values(state.place[rows, starts], [label], rows))
        after = float(state.best_values[row, 0])
        crept = before > after > (1 - ENOUGH) * before
        ended = after < NOTHING or crept or (after == before and damping > 1)
        state.damping[row] = math.inf if ended else damping

    def best(self) -> tuple[Latents, tuple[int | None, ...]]:
        starts = enumerate(self.state.best_start.tolist())
        labels = tuple(self.labels[row][start] for row, start in starts)
        return self.objective.latents(self.state.best).contiguous(), labels

    def validate(self) -> Mapping[str, float]:
        if self.training.step == 0:
            return {"validation_loss": math.inf}
        values = self.state.best_values
        loss, _, lpips = values.mean(0).tolist()
        self.show(self.training.step, *self.best())
        return {"validation_loss": loss, "psnr": float(psnr(values[:, 1]).mean()), "lpips": lpips}
