"""Directions of factors of variation, from trajectories of edited pictures.

Plumerault, Le Borgne, Hudelot: Controlling Generative Models with Continuous Factors of Variations (ICLR
2020).

First, trajectories: from a start latent z_0, latents z_t whose pictures are those of z_0 edited by t, for
growing |t| of both signs, each found by descent from the one before. The distance of pictures is blind to
fine detail, which no generator could move along. Then, their model: a direction u and a growing function g
with t = g(<u, z_t>) - g(<u, z_0>).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.directions import Directions, Global
from latentclr.directions.edits import moved, read
from latentclr.discover.axis import Axis, fit_axis
from latentclr.discover.settings.plumerault import PlumeraultSettings
from latentclr.discover.trained import Learner, Setup, Trained
from latentclr.discover.transforms import (
    UNSEEN,
    Ball,
    Mask,
    Pictures,
    one_rate_for_all_entries,
    pictures_at_once,
    refuse_unseen,
    squared_error,
    transforms_of,
    typical,
)
from latentclr.engine.training import Training, adam

FIRST_SHIFT = 1e-3
"""Standard deviations by which trajectories are off their start, so that there is a direction at any time."""


class _Trajectories(nn.Module):
    """Where descents are, and where they have been.

    Attributes:
        shift: from their starts, for each transform, sign and start, in standard deviations: what descends.
        found: the shift at every amount; zeros where no descent has ended yet.
    """

    found: Float[Tensor, "points transforms 2 n dim"]

    def __init__(self, points: int, transforms: int, n: int, dim: int, *, rng: torch.Generator) -> None:
        super().__init__()
        self.shift = nn.Parameter(FIRST_SHIFT * torch.randn(transforms, 2, n, dim, generator=rng))
        self.register_buffer("found", torch.zeros(points, transforms, 2, n, dim))


@dataclass(frozen=True)
class Plumerault(PlumeraultSettings, Trained):
    """Directions that zoom, shift or brighten, from latents that were fitted to edited pictures.

    `fit` finds trajectories, and fits a direction to those of each transform; sorted by how well it explains
    them. The score is the r^2 of t on held-out trajectories; it is high for any consistent movement, so the
    record's "shown" gives the share of each edit that the pictures at the trajectories' ends show. Alpha = 1
    moves t by `largest` (`scale` is from g's mean slope at the start latents), but never further than the
    radius of the ball of typical latents. `fit` logs "validation_loss" at each amount that is done: the share
    of the edit that the pictures do not show, mean over all.

    `fit` raises InputError for an unknown transform or slot, and a transform that does not change this
    generator's pictures.
    """

    def learner(self, setup: Setup) -> "_TrajectoryLearner":
        """The trajectories, which descend to the edited pictures."""
        return _TrajectoryLearner(self, setup)

    def amounts(self, point: int) -> tuple[float, float]:
        """The amounts t at one point of a trajectory, of both signs."""
        amount = self.largest * (point + 1) / self.points
        return amount, -amount


class _TrajectoryLearner(Learner):
    """Trajectories, one point of all of them after the other; then a direction for each transform."""

    precision = "float32"

    def __init__(self, method: Plumerault, setup: Setup) -> None:
        self.method, self.setup = method, setup
        generator, slots = setup.generator, setup.slots
        self.transforms = transforms_of(method.transforms)
        self.ball = typical(generator)
        n = method.trajectories + method.held_out
        latents = generator.sample(n, rng=setup.rng)
        start = read(latents, slots)
        self.latents = moved(latents, self.ball.inside(start) - start, slots)
        self.starts = (read(self.latents, slots) - self.ball.centre) / self.ball.deviation
        k, dim = len(self.transforms), generator.latent_dim
        self.paths = _Trajectories(method.points, k, n, dim, rng=setup.rng).to(setup.device)
        self.optimizer = adam([self.paths.shift], method.learning_rate, 0.0, setup.device)
        self.modules, self.optimizers = {"model": self.paths}, {"adam": self.optimizer}
        self.steps_per_point = self.validate_every = method.steps // method.points
        self.point = 0
        self._shape = (k, 2, n)
        self._mine = setup.world.share(math.prod(self._shape))
        self._some = pictures_at_once(generator.resolution)
        with torch.no_grad():
            self._before = torch.cat([generator(part) for part in self.latents.split(self._some)])
        self._blurs = tuple(
            _blur_matrix(size, method.blur * self._before.shape[-2]).to(setup.device)
            for size in self._before.shape[-2:]
        )
        self._targets_of: tuple[int, Pictures, Mask] | None = None
        refuse_unseen(method.transforms, self.still(method.points - 1).mean((1, 2)))

    def draw(self, step: int) -> tuple[Tensor, ...]:
        """Nothing is random in a step; where a point begins, Adam starts anew."""
        self.point, done = divmod(step, self.steps_per_point)
        if done == 0:
            for state in self.optimizer.state.values():
                for value in state.values():
                    value.zero_()
        return ()

    def learn(self, *batch: Tensor) -> Tensor:
        errors, self.paths.shift.grad = self.share_of_errors(self.paths.shift, self.point, gradient=True)
        return errors.mean()

    @torch.no_grad()
    def apply(self) -> None:
        """A step along each gradient, which stays in the ball of typical latents."""
        one_rate_for_all_entries(self.optimizer)
        super().apply()
        self.paths.shift.copy_(self.inside(self.paths.shift))
        self.paths.found[self.point] = self.paths.shift

    def inside(self, shift: Float[Tensor, "k 2 n dim"]) -> Float[Tensor, "k 2 n dim"]:
        """The shifts, shortened where a latent would leave the ball of typical latents."""
        ball = Ball(torch.zeros_like(self.ball.centre), 1.0)
        return ball.inside(self.starts + shift) - self.starts

    def validate(self, step: int) -> dict[str, float]:
        point = max(step - 1, 0) // self.steps_per_point
        errors = self.errors(self.paths.shift, point)
        return {"validation_loss": float((errors / self.still(point).clamp_min(UNSEEN)).mean())}

    def found(self, training: Training) -> Directions:
        """The second stage: a direction for each transform, fitted to its trajectories as they are."""
        method = self.method
        reached = max(1, -(-training.step // self.steps_per_point))
        if training.step == 0:
            self.paths.found[0] = self.paths.shift.detach()
        found = self.paths.found[:reached].cpu()
        errors = torch.stack([self.errors(self.paths.found[p], p) for p in range(reached)]).cpu()
        still = torch.stack([self.still(p) for p in range(reached)]).cpu()
        fits = [self._fitted(found[:, i], errors[:, i]) for i in range(len(self.transforms))]
        shown = 1 - (errors / still.clamp_min(UNSEEN)).mean((0, 2, 3))
        return method.named_result(
            self.setup,
            Global.from_state(
                {"theta": torch.stack([fit.axis.direction for fit in fits]).float()},
                k=len(fits),
                dim=self.setup.generator.latent_dim,
            ),
            scale=torch.tensor([fit.scale * self.ball.deviation for fit in fits]),
            scores=torch.tensor([fit.score for fit in fits]),
            names=method.transforms,
            facts={
                "alpha_1_is": [round(fit.scale * fit.slope, 4) for fit in fits],
                "shown": [round(float(share), 4) for share in shown],
            },
            sorted_by="r^2 of the amount on held-out trajectories",
            trained_steps=training.step,
            best_step=training.step,
        )

    def _fitted(
        self, found: Float[Tensor, "points 2 n dim"], errors: Float[Tensor, "points 2 n"]
    ) -> "_Fitted":
        """The direction of one transform, fitted to most of the trajectories and judged on the others."""
        method, starts = self.method, self.starts.cpu().double()
        fitted, judged = slice(0, method.trajectories), slice(method.trajectories, None)
        ends = (starts + found.double()).flatten(0, 1)  # (points * 2, n, dim)
        ts = torch.tensor([method.amounts(point) for point in range(len(found))]).double().flatten()
        kept = _best(errors[..., fitted].flatten(), method.drop)
        axis = fit_axis(
            ends[:, fitted].flatten(0, 1)[kept],
            starts[fitted].repeat(len(ends), 1)[kept],
            ts.repeat_interleave(method.trajectories)[kept],
            ridge=method.ridge,
            smoothness=method.smoothness,
        )
        predicted = axis.amounts(ends[:, judged].flatten(0, 1), starts[judged].repeat(len(ends), 1))
        wanted = ts.repeat_interleave(method.held_out)
        unexplained = (wanted - predicted).square().sum() / (wanted - wanted.mean()).square().sum()
        slope = axis.slope_at(starts[fitted])
        radius = math.sqrt(len(axis.direction))  # of the ball, in standard deviations
        return _Fitted(axis, 1 - float(unexplained), min(method.largest / max(slope, 1e-12), radius), slope)

    @torch.no_grad()
    def still(self, point: int) -> Float[Tensor, "k 2 n"]:
        """Errors of the pictures that are not edited."""
        targets, masks = self._targets(point)
        index = torch.arange(len(targets)) % len(self.latents)
        parts = (x.split(self._some) for x in (index, targets, masks))
        errors = [
            self._error(self._before[i.to(targets.device)], target, mask)
            for i, target, mask in zip(*parts, strict=True)
        ]
        return torch.cat(errors).view(self._shape)

    def errors(self, shift: Float[Tensor, "k 2 n dim"], point: int) -> Float[Tensor, "k 2 n"]:
        """Blurred squared error of each picture to its target, from all processes."""
        errors, _ = self.share_of_errors(shift, point, gradient=False)
        self.setup.world.sum([errors])
        return errors

    def share_of_errors(
        self, shift: Float[Tensor, "k 2 n dim"], point: int, *, gradient: bool
    ) -> tuple[Float[Tensor, "k 2 n"], Float[Tensor, "k 2 n dim"]]:
        """Errors of this process's share of trajectories and the gradient of their sum; zeros for the others.

        The shifts are from the starts, in standard deviations; the point says how far the targets are edited.
        """
        targets, masks = self._targets(point)
        rows = shift.detach().flatten(0, 2)
        errors, gradients = rows.new_zeros(len(rows)), torch.zeros_like(rows)
        for start in range(self._mine.start, self._mine.stop, self._some):
            part = slice(start, min(start + self._some, self._mine.stop))
            of = torch.arange(part.start, part.stop, device=rows.device) % len(self.latents)
            leaf = rows[part].clone().requires_grad_(gradient)
            with torch.set_grad_enabled(gradient):
                edited = moved(self.latents[of], self.ball.deviation * leaf, self.setup.slots)
                error = self._error(self.setup.generator(edited), targets[part], masks[part])
            errors[part] = error.detach()
            if gradient:
                gradients[part] = torch.autograd.grad(error.sum(), leaf)[0]
        return errors.view(self._shape), gradients.view(shift.shape)

    def _error(self, pictures: Pictures, targets: Pictures, masks: Mask) -> Float[Tensor, " m"]:
        rows, columns = self._blurs
        # What is not known counts as equal before the blur, so that nothing of it leaks into what is.
        difference = rows @ (masks * (pictures - targets)) @ columns.T
        return squared_error(difference, torch.zeros_like(difference), masks)

    @torch.no_grad()
    def _targets(self, point: int) -> tuple[Pictures, Mask]:
        """Edited pictures and masks, in the order of the rows of shifts; kept until the next point."""
        if self._targets_of is None or self._targets_of[0] != point:
            edits = [
                transform.apply(self._before, torch.full((len(self._before),), t, device=self._before.device))
                for transform in self.transforms
                for t in self.method.amounts(point)
            ]
            targets, masks = (torch.cat(parts) for parts in zip(*edits, strict=True))
            self._targets_of = (point, targets, masks)
        return self._targets_of[1:]


@dataclass(frozen=True)
class _Fitted:
    """The direction of one transform.

    Attributes:
        axis: the direction and how t grows along it.
        score: r^2 of t on held-out trajectories.
        scale: length of an edit with alpha = 1, in standard deviations of a latent's entries.
        slope: mean growth of t for each standard deviation.
    """

    axis: Axis
    score: float
    scale: float
    slope: float


def _blur_matrix(size: int, sigma: float) -> Float[Tensor, "size size"]:
    """The matrix that blurs a line of pixels by a normal distribution; rows sum to 1, also at the borders."""
    place = torch.arange(size, dtype=torch.float32)
    weights = torch.exp(-0.5 * ((place - place.unsqueeze(1)) / sigma).square())
    return weights / weights.sum(1, keepdim=True)


def _best(errors: Float[Tensor, " m"], drop: float) -> Tensor:
    """Numbers of all but the share with the largest errors, in their order."""
    kept = len(errors) - int(drop * len(errors))
    return errors.argsort(stable=True)[:kept].sort().values
