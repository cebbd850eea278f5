"""LatentCLR: directions whose effects on a layer's features are consistent and distinct.

Yuksel, Simsar, Er, Yanardag: LatentCLR: A Contrastive Learning Approach for Unsupervised Discovery of
Interpretable Directions (ICCV 2021).

One step: draw N latents, move each along all K directions, run the generator to one layer, and take the
contrastive loss of what changed there. All N * K edits go through the generator in one call.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import DirectionModel, Directions, Global, Linear, Nonlinear
from latentclr.discover.budget import LatentCounts, planned
from latentclr.discover.contrast import Contrast
from latentclr.discover.effects import Effects, check_visible
from latentclr.discover.ordering import visible_first
from latentclr.discover.pruning import consistency, likeness, most_distinct, places
from latentclr.discover.settings.latentclr import PRESETS as PRESETS
from latentclr.discover.settings.latentclr import LatentCLRSettings
from latentclr.discover.trained import Learner, Setup, Trained
from latentclr.engine.fusion import forget_compiled, fused
from latentclr.engine.memory import parse_bytes
from latentclr.engine.training import Training, adam, set_rate
from latentclr.generators import Generator


@dataclass(frozen=True)
class LatentCLR(LatentCLRSettings, Trained):
    """Contrastive learning on the feature changes that edits cause.

    `fit` learns k directions, sorted by visible effect, positive alpha the brighter side. It logs
    "validation_loss" and "accuracy" (of identification), both on held-out latents.

    `fit` raises InputError for an unknown layer or slot, a layer that does not see the edits because it runs
    before the moved slots are read, latents that the processes cannot share equally, and a memory budget that
    is too small.
    """

    may_differ: ClassVar[Collection[str]] = ("steps", "memory", "graph", "fuse")

    def learner(self, setup: Setup) -> "_ContrastiveLearner":
        """The direction model with its contrastive loss."""
        return _ContrastiveLearner(self, setup)

    def direction_model(self, dim: int, rng: torch.Generator) -> DirectionModel:
        """The directions before training: all candidates, with random parameters.

        Args:
            dim: length of a latent.
            rng: draws the parameters.
        """
        k = self.candidates or self.k
        if self.model == "global":
            return Global(k, dim, rng=rng)
        if self.model == "linear":
            return Linear(k, dim, bias=self.bias, rng=rng)
        return Nonlinear(
            k,
            dim,
            depth=self.depth,
            width=self.width,
            normalization=self.normalization,
            rng=rng,
        )

    def sample(
        self, n: int, z_dim: int, rng: torch.Generator
    ) -> tuple[Float[Tensor, "n z_dim"], Float[Tensor, "k n"]]:
        """Samples of the prior and the alphas of their edits, on the CPU: the same on every device.

        Args:
            n: number of latents.
            z_dim: length of a sample of the prior.
            rng: draws both.
        """
        k = self.candidates or self.k
        z = torch.randn(n, z_dim, generator=rng)
        # In (0, alpha] with a random sign: never exactly 0, which would be no edit.
        size = (k, n) if self.alpha_per == "sample" else (k, 1)
        length = self.alpha * (1 - torch.rand(size, generator=rng))
        sign = 1 - 2 * torch.randint(2, size, generator=rng)
        return z, (length * sign).expand(k, n)


class _ContrastiveLearner(Learner):
    """Directions whose effects on a layer are learnt to be alike for one direction and unlike for two."""

    def __init__(self, method: LatentCLR, setup: Setup) -> None:
        self.method, self.setup = method, setup
        generator, world, device = setup.generator, setup.world, setup.device
        layer = generator.layer(method.layer or first_of_size(generator, 8)).name
        self.mine = world.even_share(method.batch, "batch")
        mine_held = world.even_share(method.held_out, "held_out")
        self.model = method.direction_model(generator.latent_dim, setup.rng).to(device)
        self.optimizer = adam(self.model.parameters(), method.learning_rate, method.weight_decay, device)
        z, self.alphas = method.sample(method.held_out, generator.z_dim, setup.rng)
        self.latents = generator.map(z.to(device))
        self.held_out = self.latents[mine_held], self.alphas[:, mine_held].to(device)

        # What comes from other processes has a gradient of its own, which the compiler does not know.
        fuse = method.fuse and world.size == 1
        bfloat16 = method.precision == "bfloat16"
        self.effects, tile = planned(
            Effects(generator, layer, setup.slots, method.compare, bfloat16=bfloat16, fuse=fuse),
            self.model,
            self.latents[:1],
            LatentCounts(self.mine.stop - self.mine.start, mine_held.stop - mine_held.start, world.size),
            None if method.memory is None else parse_bytes(method.memory),
        )
        self.map = generator.map
        if fuse:
            forget_compiled()
            self.map = fused(self.map)
        self.contrast = Contrast(method.temperature, method.similarity, world, tile, method.negatives)
        self.modules, self.optimizers = {"model": self.model}, {"adam": self.optimizer}
        self.precision = method.precision
        self.graph = method.graph and device.type == "cuda" and world.size == 1

    def draw(self, step: int) -> tuple[Tensor, ...]:
        drops = sum(step >= drop for drop in self.method.drops)
        set_rate(self.optimizer, self.method.learning_rate * 0.2**drops)
        z, alphas = self.method.sample(self.method.batch, self.setup.generator.z_dim, self.setup.rng)
        return z[self.mine], alphas[:, self.mine]

    def learn(self, *batch: Tensor) -> Tensor:
        z, alphas = batch
        return self.effects.backward(self.model, self.map(z), alphas, self.contrast.loss)

    def validate(self, step: int) -> dict[str, float]:
        """Loss and identification accuracy of the edits of all held-out latents."""
        with torch.no_grad():
            changes = self.effects.changes(self.model, *self.held_out)
        check_visible(changes, self.effects.layer, self.effects.slots)
        return {"validation_loss": self.contrast.total(changes), "accuracy": self.contrast.accuracy(changes)}

    def found(self, training: Training) -> Directions:
        """The k directions to keep, sorted by visible effect."""
        method, generator, slots = self.method, self.setup.generator, self.setup.slots
        self.model.load_state_dict(training.best)
        model, kept = self._pruned()
        model, seen, record = visible_first(generator, model, self.latents, shift=method.alpha, slots=slots)
        return method.result(
            self.setup,
            model,
            scale=torch.ones(method.k),
            scores=seen,
            layer=self.effects.layer,
            **training.record("accuracy"),
            **kept,
            **record,
        )

    @torch.no_grad()
    def _pruned(self) -> tuple[DirectionModel, dict[str, Any]]:
        """The k of all candidates to keep, and what the record says of them."""
        model, method = self.model, self.method
        if model.k == method.k:
            return model, {}
        changes = self.effects.changes(model, self.latents, self.alphas.to(self.setup.device)).float()
        alike = likeness(
            changes
            if method.unlike == "what"
            else places(self.setup.generator, model, self.latents, shift=method.alpha, slots=self.setup.slots)
        )
        chosen, new = most_distinct(alike.cpu(), consistency(changes).cpu(), method.k)
        return model.select(chosen), {"candidates": model.k, "least_new": round(min(new), 4)}


def first_of_size(generator: Generator, pixels: int) -> str:
    """Name of the first layer of at least some resolution; of the last layer, if none has it.

    Args:
        generator: whose layers.
        pixels: height of the layer's output.
    """
    large = (layer.name for layer in generator.layers if layer.resolution >= pixels)
    return next(large, generator.layers[-1].name)
