"""Inversion by optimisation: latents are moved until their picture is the given one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Course, Log, Stop, Training, adam, resume, run, set_rate
from latentclr.engine.world import ALONE
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.invert.drawing import draw
from latentclr.invert.newton import newton_step
from latentclr.invert.objective import Differences, Target, Weights, psnr
from latentclr.invert.prior import Prior
from latentclr.invert.problem import Guess, Problem, Space
from latentclr.invert.schedule import FEW, Schedule

Show = Callable[[int, Latents, tuple[int | None, ...]], None]
"""Told (steps done, the best latents so far, their classes)."""

DAMPING = 0.1
"""Of the first step of Levenberg and Marquardt; infinite: there are no more for this photo."""
ENOUGH = 0.01
"""A step that lessens the objective by a smaller share is the last one."""
NOTHING = 1e-4
"""An objective that is as good as 0."""


@dataclass(frozen=True)
class Starts:
    """Where the search begins.

    Attributes:
        latents: (n, starts, slots, dim).
        labels: of each start of each photo, its class; None where there are none.
    """

    latents: Float[Tensor, "n starts slots dim"]
    labels: tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True)
class Found:
    """What the search came to.

    Attributes:
        latents: the best of each photo.
        labels: their classes.
        differences: of their pictures from the photos.
        steps: that were done.
    """

    latents: Latents
    labels: tuple[int | None, ...]
    differences: Differences
    steps: int


class Search(nn.Module):
    """All that the search changes; in units of the latents' scale, around their mean.

    Args:
        start: (n, starts, slots, dim); with one slot where one latent is for all.
    """

    best: Tensor
    best_values: Tensor
    best_start: Tensor
    damping: Tensor

    def __init__(self, start: Float[Tensor, "n starts slots dim"]) -> None:
        super().__init__()
        n = len(start)
        self.place = nn.Parameter(start.clone())
        self.register_buffer("best", start[:, 0].clone())
        self.register_buffer("best_values", torch.full((n, 3), float("inf"), device=start.device))
        self.register_buffer("damping", torch.full((n,), DAMPING))
        self.register_buffer("best_start", torch.zeros(n, dtype=torch.long, device=start.device))

    def note(
        self,
        rows: Int[Tensor, " m"],
        starts: Int[Tensor, " m"],
        values: Float[Tensor, "m 3"],
    ) -> None:
        """Keep what is better than before. Values: the objective, then both differences."""
        for row, start, value in zip(rows.tolist(), starts.tolist(), values, strict=True):
            if value[0] < self.best_values[row, 0]:
                self.best_values[row] = value
                self.best_start[row] = start
                self.best[row] = self.place.detach()[row, start]


def optimise(
    generator: Generator,
    target: Target,
    starts: Starts,
    *,
    weights: Weights,
    prior: Prior,
    space: Space = "shared",
    schedule: Schedule | None = None,
    encoder: Guess | None = None,
    about: Mapping[str, Any] | None = None,
    log: Log = lambda _step, _values: None,
    stop: Stop = lambda: False,
    keep: Keeper | None = None,
    show: Show = lambda _step, _latents, _labels: None,
) -> Found:
    """Move latents until their pictures are the given ones.

    Photos do not influence each other: each has its own latents, its own Adam and its own best. The
    generator's noise is fixed.

    Args:
        generator: frozen.
        target: the n photos.
        starts: of each photo, one or more.
        weights: of the objective.
        prior: of the generator's latents.
        space: whether all slots share one latent.
        schedule: how it goes; None is the usual one.
        encoder: for the term "domain" of the objective.
        about: what is searched, as JSON values: a search about something else does not go on from `keep`.
        log: told (step, values): "validation_loss" (mean of the best objectives), "psnr" and "lpips" (means).
        stop: asked between steps; once True, the best so far is returned.
        keep: where the search is kept, and goes on from.
        show: told the best latents as it goes.

    Raises:
        InputError: a number out of range, or a kept search about something else.
    """
    schedule = schedule or Schedule()
    schedule.check()
    if weights.domain and encoder is None:
        raise InputError("the in-domain term needs an encoder of this generator.")
    problem = Problem(generator, weights, prior, space, encoder)
    search = Search(problem.places(starts.latents))
    n, count = starts.latents.shape[:2]
    device = starts.latents.device
    few = space == "shared" and generator.latent_dim <= FEW
    newton_from = schedule.steps - schedule.finish if few else schedule.steps

    def pairs(step: int) -> tuple[Tensor, Tensor]:
        """Photos and starts that are looked at in a step."""
        every = torch.arange(n)
        if step < schedule.explore and count > 1:
            return every.repeat_interleave(count), torch.arange(count).repeat(n)
        return every, search.best_start.cpu()

    optimizer = adam([search.place], schedule.rate, 0.0, device)
    training = Training(
        {"model": search},
        {"adam": optimizer},
        torch.Generator(),
        torch.zeros((), device=device),
    )
    course = Course(dict(about or {}), log, stop, keep, ALONE)
    resume(training, course)

    def label_of(row: int, start: int) -> int | None:
        return starts.labels[row][start]

    def learn() -> None:
        if training.step >= newton_from:
            finish()
            return
        set_rate(optimizer, schedule.rate_at(training.step))
        optimizer.zero_grad()
        rows, which = pairs(training.step)
        with torch.enable_grad():
            for part in torch.arange(len(rows)).split(schedule.batch):
                some, ones = rows[part], which[part]
                labels = list(map(label_of, some.tolist(), ones.tolist()))
                values = problem.values(search.place[some, ones], labels, target.rows(some))
                values[:, 0].sum().backward()
                search.note(some, ones, values.detach())
                training.total += values[:, 0].detach().sum() / len(rows)
        optimizer.step()

    @torch.no_grad()
    def finish() -> None:
        """A step of Levenberg and Marquardt from the best place of each photo."""
        for row, start in enumerate(search.best_start.tolist()):
            if search.damping[row].isinf():
                continue
            before = float(search.best_values[row, 0])
            one, label = target.rows(torch.tensor([row])), label_of(row, start)
            ask = partial(problem.residuals, label=label, target=one)
            place, damping = newton_step(
                ask, search.best[row, 0], float(search.damping[row]), batch=schedule.batch
            )
            search.place.data[row, start, 0] = place
            here = torch.tensor([row]), torch.tensor([start])
            search.note(*here, problem.values(search.place[here], [label], one))
            after = float(search.best_values[row, 0])
            crept = before > after > (1 - ENOUGH) * before
            ended = after < NOTHING or crept or (after == before and damping > 1)
            search.damping[row] = float("inf") if ended else damping
        training.total += search.best_values[:, 0].mean()

    def best() -> tuple[Latents, tuple[int | None, ...]]:
        labels = tuple(map(label_of, range(n), search.best_start.tolist()))
        return problem.latents(search.best).contiguous(), labels

    def validate() -> Mapping[str, float]:
        if training.step == 0:
            return {"validation_loss": float("inf")}
        loss, _, seen = search.best_values.mean(0).tolist()
        show(training.step, *best())
        return {"validation_loss": loss, "psnr": float(psnr(search.best_values[:, 1]).mean()), "lpips": seen}

    run(training, learn, validate, course, steps=schedule.steps, validate_every=schedule.look_every)
    latents, labels = best()
    return Found(latents, labels, measured(generator, latents, labels, target, schedule.batch), training.step)


@torch.no_grad()
def measured(
    generator: Generator, latents: Latents, labels: Sequence[int | None], target: Target, batch: int
) -> Differences:
    """Differences of the pictures of latents from their targets."""
    found = [
        target.rows(rows).differences(draw(generator, latents[rows], [labels[i] for i in rows.tolist()]))
        for rows in torch.arange(len(latents)).split(batch)
    ]
    return Differences(torch.cat([one.pixel for one in found]), torch.cat([one.lpips for one in found]))
