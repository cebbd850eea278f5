"""Steerability: walks in latent space that do to pictures what an edit of pictures does.

Jahanian, Chai, Isola: On the "Steerability" of Generative Adversarial Networks (ICLR 2020).

A walk w of an edit is trained so that G(z + alpha w) is edit(G(z), alpha), wherever the edited picture is
known (section 3). How near it comes says what the generator can do, and what its data varied in.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentclr.directions import DirectionModel, Directions, Global, Nonlinear
from latentclr.directions.edits import moved, read
from latentclr.discover.settings.steerability import SteerabilitySettings
from latentclr.discover.trained import Learner, Setup, Trained
from latentclr.discover.transforms import (
    one_rate_for_all_entries,
    pictures_at_once,
    refuse_unseen,
    squared_error,
    transforms_of,
    typical,
)
from latentclr.engine.training import Training, adam, set_rate
from latentclr.generators import Latents

LEVELS = {"l2": 1, "pyramid": None}
"""Of `squared_error`, by the name of a loss."""
START = 0.01
"""Standard deviation of a linear walk's first entries, in standard deviations of a latent's. (The authors'
code has 0.1; where pictures do not change, what it starts with is what it ends with.)"""
FIRST_LENGTH = 0.1
"""Of a nonlinear walk, for each entry."""


class _LinearWalks(nn.Module):
    """A vector for each edit; alpha times it is added."""

    def __init__(self, k: int, dim: int, unit: float, *, rng: torch.Generator) -> None:
        super().__init__()
        self.unit = unit
        self.walks = nn.Parameter(START * torch.randn(k, dim, generator=rng))

    def walk(self, latents: Latents, alphas: Float[Tensor, "k n"], slots: tuple[int, ...]) -> Tensor:
        """Latents (k, n, slots, dim) at the end of each walk."""
        return moved(latents, alphas.unsqueeze(-1) * self.unit * self.walks.unsqueeze(1), slots)

    def found(self) -> tuple[DirectionModel, Float[Tensor, " k"]]:
        """Directions, and their lengths for alpha = 1."""
        k, dim = self.walks.shape
        model = Global.from_state({"theta": self.walks.detach()}, k=k, dim=dim)
        return model, self.unit * self.walks.detach().norm(dim=1)


class _NonlinearWalks(nn.Module):
    """A field of directions and a length for each edit, walked along in equal steps.

    What is trained is the walk that `Directions.edit(..., steps=steps)` takes, from its start to its end.
    (The authors' networks have one size of step, and one network for each way; they scale latents back to
    their first length after each step, which an edit with these directions would not do: so not here.)
    """

    def __init__(self, k: int, dim: int, unit: float, *, steps: int, rng: torch.Generator) -> None:
        super().__init__()
        self.steps, self.unit = steps, unit
        self.fields = Nonlinear(k, dim, rng=rng)
        self.lengths = nn.Parameter(torch.full((k,), FIRST_LENGTH * dim**0.5).log())

    def walk(self, latents: Latents, alphas: Float[Tensor, "k n"], slots: tuple[int, ...]) -> Tensor:
        """Latents (k, n, slots, dim) at the end of each walk."""
        k, n = alphas.shape
        stride = alphas * (self.unit * self.lengths.exp() / self.steps).unsqueeze(1)  # (k, n)
        own = torch.arange(k, device=alphas.device)
        shift = torch.zeros(k, n, latents.shape[-1], device=alphas.device)
        for step in range(self.steps):
            if step == 0:  # all walks begin at the same latents
                directions = self.fields(read(latents, slots))
            else:  # every field is asked at every walk's place; only its own answers count
                asked = self.fields((read(latents, slots) + shift).flatten(0, 1)).unflatten(1, (k, n))
                directions = asked[own, own]
            shift = shift + stride.unsqueeze(-1) * directions
        return moved(latents, shift, slots)

    def found(self) -> tuple[DirectionModel, Float[Tensor, " k"]]:
        """Directions, and their lengths for alpha = 1."""
        state = {name: value.detach().clone() for name, value in self.fields.state_dict().items()}
        model = Nonlinear.from_state(state, k=self.fields.k, dim=self.fields.dim, **self.fields.settings())
        return model, self.unit * self.lengths.detach().exp()


@dataclass(frozen=True)
class Steerability(SteerabilitySettings, Trained):
    """Walks that zoom, shift, turn or recolour pictures, learnt from edited pictures.

    `fit` learns a walk for each transform, sorted by how much of the edit they explain. The score is
    1 - loss(walk) / loss(not moving) on held-out latents: 1 is the edit itself, 0 or less says that the
    generator does not follow. Alpha = 1 is the largest edit of the training. `fit` logs "validation_loss"
    (the mean of loss(walk) / loss(not moving)) and each transform's score by its name.

    `fit` raises InputError for an unknown transform or slot, latents that the processes cannot share equally,
    and a transform that does not change this generator's pictures.
    """

    def learner(self, setup: Setup) -> "_WalkLearner":
        """A walk for each transform."""
        return _WalkLearner(self, setup)


class _WalkLearner(Learner):
    """Walks whose pictures learn to be the edited pictures."""

    precision = "float32"

    def __init__(self, method: Steerability, setup: Setup) -> None:
        self.method, self.setup = method, setup
        generator, rng, device = setup.generator, setup.rng, setup.device
        self.transforms = transforms_of(method.transforms)
        self.amounts = [method.reach * transform.reach for transform in self.transforms]
        self.mine = setup.world.even_share(method.batch, "batch")
        mine_held = setup.world.even_share(method.held_out, "held_out")
        latents = generator.sample(method.held_out, rng=rng)[mine_held]
        alphas = self._alphas(method.held_out).to(device)[:, mine_held]
        self.held_out = latents, alphas
        k, dim, unit = len(self.transforms), generator.latent_dim, typical(generator).deviation
        walks: _LinearWalks | _NonlinearWalks
        if method.model == "linear":
            walks = _LinearWalks(k, dim, unit, rng=rng)
        else:
            walks = _NonlinearWalks(k, dim, unit, steps=method.walk_steps, rng=rng)
        self.walks = walks.to(device)
        self.optimizer = adam(walks.parameters(), method.learning_rate, 0.0, device)
        self.modules, self.optimizers = {"model": self.walks}, {"adam": self.optimizer}
        self.still, _ = self._losses(latents, alphas, None)
        setup.world.sum([self.still])
        refuse_unseen(method.transforms, self.still / method.held_out)

    def draw(self, step: int) -> tuple[Tensor, ...]:
        # Few latents a step, and each edit by an amount of its own: what is left at the end is the mean.
        set_rate(self.optimizer, self.method.learning_rate * (1 - step / self.method.steps))
        z = torch.randn(self.method.batch, self.setup.generator.z_dim, generator=self.setup.rng)
        return z[self.mine], self._alphas(self.method.batch)[:, self.mine]

    def learn(self, *batch: Tensor) -> Tensor:
        """The distance of the walks' pictures to the edited ones, summed over transforms."""
        z, alphas = batch
        latents = self.setup.generator.map(z)
        ends = self.walks.walk(latents, alphas, self.setup.slots)
        losses, gradient = self._losses(latents, alphas, ends.detach())
        ends.backward(gradient / self.method.batch)
        return losses.sum() / self.method.batch

    def apply(self) -> None:
        if self.method.model == "linear":
            one_rate_for_all_entries(self.optimizer)
        super().apply()

    def validate(self, step: int) -> dict[str, float]:
        """The share of each edit that the walks explain, and the mean of what is left."""
        latents, alphas = self.held_out
        with torch.no_grad():
            ends = self.walks.walk(latents, alphas, self.setup.slots)
            losses, _ = self._losses(latents, alphas, ends, gradient=False)
        self.setup.world.sum([losses])
        left = losses / self.still
        scores = {name: 1 - float(share) for name, share in zip(self.method.transforms, left, strict=True)}
        return {"validation_loss": float(left.mean()), **scores}

    def found(self, training: Training) -> Directions:
        """A direction for each transform, the best explained first."""
        self.walks.load_state_dict(training.best)
        model, scale = self.walks.found()
        names = self.method.transforms
        return self.method.named_result(
            self.setup,
            model,
            scale=scale,
            scores=torch.tensor([training.values[name] for name in names]),
            names=names,
            facts={"alpha_1_is": [round(amount, 4) for amount in self.amounts]},
            sorted_by="share of the edit that the walk explains: 1 - loss / loss of not moving, held out",
            **training.record(),
        )

    def _alphas(self, n: int) -> Float[Tensor, "k n"]:
        """Uniform in [-1, 1], one for each edit, on the CPU: the same on every device."""
        return 2 * torch.rand(len(self.transforms), n, generator=self.setup.rng) - 1

    def _losses(
        self, latents: Latents, alphas: Float[Tensor, "k n"], ends: Tensor | None, *, gradient: bool = True
    ) -> tuple[Float[Tensor, " k"], Tensor]:
        """Each walk's loss, summed over the latents, and the gradient of their sum at the walks' ends.

        The pictures of a few ends (k, n, slots, dim) at a time go through the generator, so that memory does
        not grow with the number of transforms; the gradient is then handed on to the walks in one go. It is
        empty where it is not asked for; without ends the walks do not move.
        """
        generator, levels = self.setup.generator, LEVELS[self.method.loss]
        some = pictures_at_once(generator.resolution)
        with torch.no_grad():
            before = torch.cat([generator(part) for part in latents.split(some)])
            edits = [
                transform.apply(before, row * amount)
                for transform, row, amount in zip(self.transforms, alphas, self.amounts, strict=True)
            ]
        targets, masks = (torch.cat(parts) for parts in zip(*edits, strict=True))
        if ends is None:
            pictures = before.repeat(len(self.transforms), 1, 1, 1)
            losses = squared_error(pictures, targets, masks, levels=levels)
            return losses.view_as(alphas).sum(1), losses.new_empty(0)
        errors, gradients = [], []
        parts = (x.split(some) for x in (ends.detach().flatten(0, 1), targets, masks))
        for part, target, mask in zip(*parts, strict=True):
            leaf = part.requires_grad_(gradient)
            with torch.set_grad_enabled(gradient):
                error = squared_error(generator(leaf), target, mask, levels=levels)
            errors.append(error.detach())
            if gradient:
                gradients.append(torch.autograd.grad(error.sum(), leaf)[0])
        losses = torch.cat(errors).view_as(alphas).sum(1)
        return losses, torch.cat(gradients).view_as(ends) if gradient else losses.new_empty(0)
