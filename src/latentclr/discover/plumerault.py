"""Directions of factors of variation, from trajectories of edited pictures.

Plumerault, Le Borgne, Hudelot: Controlling Generative Models with Continuous Factors of Variations (ICLR
2020).

First, trajectories: from a start latent z_0, latents z_t whose pictures are those of z_0 edited by t, for
growing |t| of both signs, each found by descent from the one before. The distance of pictures is blind to
fine detail, which no generator could move along. Then, their model: a direction u and a growing function g
with t = g(<u, z_t>) - g(<u, z_0>).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.directions import Directions, Global
from latentclr.directions.edits import moved, read
from latentclr.discover.axis import fit_axis
from latentclr.discover.base import Discoverer, never, no_log
from latentclr.discover.settings.plumerault import PlumeraultSettings
from latentclr.discover.transforms import (
    UNSEEN,
    Mask,
    Pictures,
    check_transforms,
    one_rate_for_all_entries,
    pictures_at_once,
    refuse_unseen,
    squared_error,
)
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.precision import products
from latentclr.engine.training import Log, Stop, Training, adam, resume, run
from latentclr.engine.world import ALONE, World
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents

FIRST_SHIFT = 1e-3
"""Standard deviations by which trajectories are off their start, so that there is a direction at any time."""
MINIMA = {"trajectories": 2, "held_out": 2, "points": 1, "steps": 1, "ridge": 0.0, "smoothness": 0.0}


class Trajectories(nn.Module):
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
class Ball:
    """Where latents are typical.

    Attributes:
        centre: their mean.
        deviation: of an entry from its mean: root mean square over latents and entries.
    """

    centre: Float[Tensor, " dim"]
    deviation: float

    @property
    def radius(self) -> float:
        """Root mean square distance of a latent from the centre: sqrt(dim) for a standard normal prior."""
        return self.deviation * math.sqrt(len(self.centre))

    def inside(self, points: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """The points, those outside pulled straight to the surface."""
        away = points - self.centre
        length = away.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return torch.where(length > self.radius, self.centre + away * (self.radius / length), points)


@dataclass(frozen=True)
class Plumerault(PlumeraultSettings, Discoverer):
    """Directions that zoom, shift or brighten, from latents that were fitted to edited pictures."""

    def fit(
        self,
        generator: Generator,
        *,
        log: Log = no_log,
        stop: Stop = never,
        keep: Keeper | None = None,
        world: World = ALONE,
    ) -> Directions:
        """Fit trajectories, and a direction to those of each transform; sorted by how well it explains them.

        The score is the r^2 of t on held-out trajectories; it is high for any consistent movement, so the
        record's "shown" tells which share of each edit the pictures at the trajectories' ends do show. Alpha
        = 1 moves t by `largest` (`scale` is from g's mean slope at the start latents), but never further than
        the radius of the ball of typical latents. `log` is told "loss" (squared error for each picture),
        "steps_per_second" and, at each amount that is done, "validation_loss": the share of the edit that the
        pictures do not show, mean over all.

        Raises:
            InputError: a field out of range, an unknown transform or slot, or a transform that does not
                change this generator's pictures.
        """
        self._check()
        generator = generator.at(self.truncation).settled()
        slots = generator.check_slots(self.slots)
        rng = torch.Generator().manual_seed(self.seed)
        n = self.trajectories + self.held_out
        ball = typical(generator)
        latents = generator.sample(n, rng=rng)
        latents = moved(latents, ball.inside(read(latents, slots)) - read(latents, slots), slots)
        paths = Trajectories(self.points, len(self.transforms), n, generator.latent_dim, rng=rng)
        paths = paths.to(generator.device)
        optimizer = adam([paths.shift], self.learning_rate, 0.0, generator.device)
        total = torch.zeros((), device=generator.device)
        training = Training({"model": paths}, {"adam": optimizer}, rng, total)
        course = self.course(generator, log=log, stop=stop, keep=keep, world=world)
        resume(training, course)
        descent = _Descent(self, generator, latents, ball, slots, world)
        descent.refuse_what_nobody_sees()

        def learn() -> None:
            point, done = divmod(training.step, self.steps // self.points)
            if done == 0:
                _forget(optimizer)
            errors, gradient = descent.gradient(paths.shift, point)
            paths.shift.grad = gradient
            one_rate_for_all_entries(optimizer)
            optimizer.step()
            with torch.no_grad():
                paths.shift.copy_(descent.inside(paths.shift))
                paths.found[point] = paths.shift
            training.total += errors.mean()

        def validate() -> Mapping[str, float]:
            point = max(training.step - 1, 0) // (self.steps // self.points)
            errors = descent.errors(paths.shift, point)
            return {"validation_loss": float((errors / descent.still(point).clamp_min(UNSEEN)).mean())}

        with products("float32"):
            run(training, learn, validate, course, steps=self.steps, validate_every=self.steps // self.points)
            reached = max(1, -(-training.step // (self.steps // self.points)))
            if training.step == 0:
                paths.found[0] = paths.shift.detach()
            errors = torch.stack([descent.errors(paths.found[p], p) for p in range(reached)])
            still = torch.stack([descent.still(p) for p in range(reached)])
        return self._modelled(
            generator, descent, paths.found[:reached].cpu(), errors.cpu(), still.cpu(), training
        )

    def amounts(self, point: int) -> tuple[float, float]:
        """The amounts t at one point of a trajectory, of both signs."""
        amount = self.largest * (point + 1) / self.points
        return amount, -amount

    def _modelled(
        self,
        generator: Generator,
        descent: "_Descent",
        found: Float[Tensor, "points transforms 2 n dim"],
        errors: Float[Tensor, "points transforms 2 n"],
        still: Float[Tensor, "points transforms 2 n"],
        training: Training,
    ) -> Directions:
        """The second stage: a direction for each transform."""
        starts = descent.starts.cpu().double()
        ts = torch.tensor([self.amounts(point) for point in range(len(found))]).double()
        axes, scores, scales, means = [], [], [], []
        for i in range(len(self.transforms)):
            fitted, judged = slice(0, self.trajectories), slice(self.trajectories, None)
            ends = (starts + found[:, i].double()).flatten(0, 1)  # (points * 2, n, dim)
            kept = _best(errors[:, i, :, fitted].flatten(), self.drop)
            axis = fit_axis(
                ends[:, fitted].flatten(0, 1)[kept],
                starts[fitted].repeat(len(ends), 1)[kept],
                ts.flatten().repeat_interleave(self.trajectories)[kept],
                ridge=self.ridge,
                smoothness=self.smoothness,
            )
            predicted = axis.amounts(ends[:, judged].flatten(0, 1), starts[judged].repeat(len(ends), 1))
            wanted = ts.flatten().repeat_interleave(self.held_out)
            scores.append(
                1 - float((wanted - predicted).square().sum() / (wanted - wanted.mean()).square().sum())
            )
            radius = math.sqrt(len(axis.direction))  # of the ball, in standard deviations
            slope = axis.slope_at(starts[fitted])
            scales.append(min(self.largest / max(slope, 1e-12), radius))
            means.append(scales[-1] * slope)
            axes.append(axis)
        order = sorted(range(len(axes)), key=lambda i: -scores[i])
        names = [self.transforms[i] for i in order]
        shown = 1 - (errors / still.clamp_min(UNSEEN)).mean((0, 2, 3))
        model = Global.from_state(
            {"theta": torch.stack([axes[i].direction for i in order]).float()},
            k=len(order),
            dim=generator.latent_dim,
        )
        directions = self.result(
            generator,
            model,
            slots=descent.slots,
            scale=torch.tensor([scales[i] * descent.ball.deviation for i in order]),
            scores=torch.tensor([scores[i] for i in order]),
            sorted_by="r^2 of the amount on held-out trajectories",
            alpha_1_is={self.transforms[i]: round(means[i], 4) for i in order},
            shown={self.transforms[i]: round(float(shown[i]), 4) for i in order},
            trained_steps=training.step,
            best_step=training.step,
        )
        return directions.rename(dict(enumerate(names)))

    def _check(self) -> None:
        for name, least in MINIMA.items():
            value = getattr(self, name)
            if not value >= least:
                raise InputError(f"{name}={value} must be at least {least}.")
        for name in ("largest", "learning_rate", "blur"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise InputError(f"{name}={value} must be above 0 and finite.")
        if not 0 <= self.drop < 1:
            raise InputError(f"drop={self.drop} must be at least 0 and below 1.")
        if self.steps % self.points:
            raise InputError(
                f"steps={self.steps} cannot be shared equally by points={self.points}; a multiple can."
            )
        check_transforms(self.transforms, self.k)


class _Descent:
    """The first stage: the loss of all trajectories at one point, and its gradient."""

    def __init__(
        self,
        settings: Plumerault,
        generator: Generator,
        latents: Latents,
        ball: Ball,
        slots: tuple[int, ...],
        world: World,
    ) -> None:
        self.settings, self.generator, self.slots, self.ball = settings, generator, slots, ball
        self.latents, self.world = latents, world
        self.transforms = check_transforms(settings.transforms, settings.k)
        self.starts = (read(latents, slots) - ball.centre) / ball.deviation
        self.shape = (len(self.transforms), 2, len(latents))
        self.mine = world.share(math.prod(self.shape))
        self._some = pictures_at_once(generator.resolution)
        with torch.no_grad():
            self._before = torch.cat([generator(part) for part in latents.split(self._some)])
        self._blurs = tuple(
            blur_matrix(size, settings.blur * self._before.shape[-2]).to(latents.device)
            for size in self._before.shape[-2:]
        )
        self._targets_of: tuple[int, Pictures, Mask] | None = None

    def refuse_what_nobody_sees(self) -> None:
        still = self.still(self.settings.points - 1)
        refuse_unseen(self.settings.transforms, still.mean((1, 2)))

    def inside(self, shift: Float[Tensor, "k 2 n dim"]) -> Float[Tensor, "k 2 n dim"]:
        """The shifts, so that no latent leaves the ball."""
        ball = Ball(torch.zeros_like(self.ball.centre), 1.0)
        return ball.inside(self.starts + shift) - self.starts

    @torch.no_grad()
    def still(self, point: int) -> Float[Tensor, "k 2 n"]:
        """Errors without moving."""
        targets, masks = self._targets(point)
        index = torch.arange(len(targets)) % len(self.latents)
        parts = (x.split(self._some) for x in (index, targets, masks))
        errors = [
            self._error(self._before[i.to(targets.device)], target, mask)
            for i, target, mask in zip(*parts, strict=True)
        ]
        return torch.cat(errors).view(self.shape)

    def errors(self, shift: Float[Tensor, "k 2 n dim"], point: int) -> Float[Tensor, "k 2 n"]:
        """Blurred squared error of each picture to its target."""
        return self._run(shift.detach(), point, gradient=False)[0]

    def gradient(
        self, shift: Float[Tensor, "k 2 n dim"], point: int
    ) -> tuple[Float[Tensor, "k 2 n"], Float[Tensor, "k 2 n dim"]]:
        """Errors and the gradient of their sum."""
        return self._run(shift.detach(), point, gradient=True)

    def _run(self, shift: Tensor, point: int, *, gradient: bool) -> tuple[Tensor, Tensor]:
        # Every process draws the pictures of its share; the sum over all puts them together.
        targets, masks = self._targets(point)
        rows = shift.flatten(0, 2)
        errors, gradients = rows.new_zeros(len(rows)), torch.zeros_like(rows)
        n = len(self.latents)
        for start in range(self.mine.start, self.mine.stop, self._some):
            part = slice(start, min(start + self._some, self.mine.stop))
            of = torch.arange(part.start, part.stop, device=rows.device) % n
            leaf = rows[part].clone().requires_grad_(gradient)
            with torch.set_grad_enabled(gradient):
                pictures = self.generator(moved(self.latents[of], self.ball.deviation * leaf, self.slots))
                error = self._error(pictures, targets[part], masks[part])
            errors[part] = error.detach()
            if gradient:
                gradients[part] = torch.autograd.grad(error.sum(), leaf)[0]
        self.world.sum([errors, gradients])
        return errors.view(self.shape), gradients.view(shift.shape)

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
                for t in self.settings.amounts(point)
            ]
            targets, masks = (torch.cat(parts) for parts in zip(*edits, strict=True))
            self._targets_of = (point, targets, masks)
        return self._targets_of[1:]


@torch.no_grad()
def typical(generator: Generator) -> Ball:
    """The ball of typical latents, from a thousand."""
    latents = generator.sample(1024, rng=torch.Generator().manual_seed(0))[:, 0]
    centre = latents.mean(0)
    return Ball(centre, float((latents - centre).square().mean().sqrt()))


def blur_matrix(size: int, sigma: float) -> Float[Tensor, "size size"]:
    """Blur of a line of pixels by a normal distribution; every row sums to 1, also at the borders."""
    place = torch.arange(size, dtype=torch.float32)
    weights = torch.exp(-0.5 * ((place - place.unsqueeze(1)) / sigma).square())
    return weights / weights.sum(1, keepdim=True)


def _best(errors: Float[Tensor, " m"], drop: float) -> Tensor:
    """Numbers of all but the share with the largest errors, in their order."""
    kept = len(errors) - int(drop * len(errors))
    return errors.argsort(stable=True)[:kept].sort().values


def _forget(optimizer: torch.optim.Adam) -> None:
    """Back to Adam's state before its first step."""
    for state in optimizer.state.values():
        for value in state.values():
            value.zero_()
