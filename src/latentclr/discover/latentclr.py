"""LatentCLR: directions whose effects on a layer's features are consistent and distinct.

Yuksel, Simsar, Er, Yanardag: LatentCLR: A Contrastive Learning Approach for Unsupervised Discovery of
Interpretable Directions (ICCV 2021).

One step: draw N latents, move each along all K directions, run the generator to one layer, and take the
contrastive loss of what changed there. All N * K edits go through the generator in one call.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import DirectionModel, Directions, Global, Linear, Nonlinear
from latentclr.discover.base import Discoverer, never, no_log
from latentclr.discover.budget import planned
from latentclr.discover.contrast import Contrast
from latentclr.discover.contrastive import Negatives, Similarity
from latentclr.discover.effects import Compare, Effects, check_visible
from latentclr.discover.ordering import visible_first
from latentclr.discover.pruning import consistency, likeness, most_distinct, places
from latentclr.discover.settings.latentclr import PRESETS as PRESETS
from latentclr.discover.settings.latentclr import LatentCLRSettings
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.fusion import forget_compiled, fused
from latentclr.engine.graph import Graphed
from latentclr.engine.memory import parse_bytes
from latentclr.engine.precision import Precision, products
from latentclr.engine.training import (
    Log,
    Stop,
    Training,
    adam,
    fill,
    prepare_adam,
    resume,
    run,
    set_rate,
)
from latentclr.engine.world import ALONE, World
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents

MINIMA = {
    "k": 2,
    "batch": 2,
    "steps": 1,
    "held_out": 2,
    "validate_every": 1,
    "weight_decay": 0.0,
    "depth": 2,
}
CHOICES = {
    "model": ("global", "linear", "nonlinear"),
    "alpha_per": ("direction", "sample"),
    "compare": get_args(Compare),
    "precision": get_args(Precision),
    "normalization": ("none", "layer"),
    "similarity": get_args(Similarity),
    "negatives": get_args(Negatives),
    "unlike": ("where", "what"),
}

MAY_DIFFER = ("steps", "memory", "graph", "fuse")
"""Fields that may change from the start of a training to its resumption."""


@dataclass(frozen=True)
class LatentCLR(LatentCLRSettings, Discoverer):
    """Contrastive learning on the feature changes that edits cause."""

    def fit(
        self,
        generator: Generator,
        *,
        log: Log = no_log,
        stop: Stop = never,
        keep: Keeper | None = None,
        world: World = ALONE,
    ) -> Directions:
        """Learn k directions; sorted by visible effect, positive alpha the brighter side.

        `log` is told "loss" (the mean since the last time) and "steps_per_second" at every tenth step, and
        "validation_loss" and "accuracy" (of identification) on held-out latents at every validation.

        Raises:
            InputError: a field out of range, an unknown layer or slot, a layer that does not see the edits
                because it runs before the moved slots are read, latents that the processes cannot share
                equally, or a memory budget that is too small.
        """
        self._check()
        generator = generator.at(self.truncation).settled()
        layer = generator.layer(self.layer or first_of_size(generator, 8)).name
        slots = generator.check_slots(self.slots)
        mine = world.even_share(self.batch, "batch")
        mine_held = world.even_share(self.held_out, "held_out")
        device = generator.device
        rng = torch.Generator().manual_seed(self.seed)
        model = self._model(generator.latent_dim, rng).to(device)
        optimizer = adam(model.parameters(), self.learning_rate, self.weight_decay, device)
        z, alphas = self._draw(self.held_out, generator.z_dim, rng)
        held_out = generator.map(z.to(device))
        held_latents, held_alphas = held_out[mine_held], alphas[:, mine_held].to(device)

        fuse = self.fuse and world.size == 1  # what comes from other processes has a gradient of its own
        effects, tile = planned(
            Effects(
                generator,
                layer,
                slots,
                self.compare,
                bfloat16=self.precision == "bfloat16",
                fuse=fuse,
            ),
            model,
            held_out[:1],
            batch=mine.stop - mine.start,
            held_out=len(held_latents),
            budget=None if self.memory is None else parse_bytes(self.memory),
            ranks=world.size,
        )
        mapping = generator.map
        if fuse:
            forget_compiled()
            mapping = fused(mapping)
        contrast = Contrast(self.temperature, self.similarity, world, tile, self.negatives)
        training = Training({"model": model}, {"adam": optimizer}, rng, torch.zeros((), device=device))
        course = self.course(generator, log=log, stop=stop, keep=keep, world=world, may_differ=MAY_DIFFER)
        resume(training, course)

        def step(z: Float[Tensor, "n z_dim"], alphas: Float[Tensor, "k n"]) -> None:
            optimizer.zero_grad()
            latents = mapping(z.to(device))
            loss = effects.backward(model, latents, alphas.to(device), contrast.loss)
            world.sum([loss, *(p.grad for p in model.parameters() if p.grad is not None)])
            optimizer.step()
            training.total += loss

        graph = self.graph and device.type == "cuda" and world.size == 1
        launch = self._graphed(step, generator, training) if graph else step

        def learn() -> None:
            set_rate(optimizer, self.learning_rate * 0.2 ** sum(training.step >= drop for drop in self.drops))
            z, alphas = self._draw(self.batch, generator.z_dim, rng)
            launch(z[mine], alphas[:, mine])

        def validate() -> Mapping[str, float]:
            with torch.no_grad():
                changes = effects.changes(model, held_latents, held_alphas)
            check_visible(changes, layer, slots)
            return {"validation_loss": contrast.total(changes), "accuracy": contrast.accuracy(changes)}

        with products(self.precision):
            run(training, learn, validate, course, steps=self.steps, validate_every=self.validate_every)
            model.load_state_dict(training.best)
            model, kept = self._pruned(generator, model, effects, held_out, alphas)
            model, seen, record = visible_first(generator, model, held_out, shift=self.alpha, slots=slots)
        return self.result(
            generator,
            model,
            slots=slots,
            scale=torch.ones(self.k),
            scores=seen,
            layer=layer,
            trained_steps=training.step,
            best_step=int(training.values["best_step"]),
            validation_loss=training.values["validation_loss"],
            accuracy=training.values["accuracy"],
            **kept,
            **record,
        )

    @torch.no_grad()
    def _pruned(
        self,
        generator: Generator,
        model: DirectionModel,
        effects: Effects,
        latents: Latents,
        alphas: Float[Tensor, "m n"],
    ) -> tuple[DirectionModel, dict[str, Any]]:
        """The k directions to keep, and what to say of them in the record."""
        if model.k == self.k:
            return model, {}
        changes = effects.changes(model, latents, alphas.to(latents.device)).float()
        alike = likeness(
            changes
            if self.unlike == "what"
            else places(generator, model, latents, shift=self.alpha, slots=effects.slots)
        )
        chosen, new = most_distinct(alike.cpu(), consistency(changes).cpu(), self.k)
        return model.select(chosen), {"candidates": model.k, "least_new": round(min(new), 4)}

    def _graphed(
        self, step: Callable[[Tensor, Tensor], None], generator: Generator, training: Training
    ) -> Graphed:
        """The step as one launch. Its warm-up trains; all that this changes is put back."""
        prepare_adam(training.optimizers["adam"])
        before = {name: value.clone() for name, value in training.tensors().items()}
        examples = self._draw(self.batch, generator.z_dim, torch.Generator().manual_seed(self.seed))
        with products(self.precision):
            return Graphed(step, examples, generator.device, lambda: fill(training.tensors(), before))

    def _check(self) -> None:
        for name, least in MINIMA.items():
            value = getattr(self, name)
            if not value >= least:
                raise InputError(f"{name}={value} must be at least {least}.")
        if self.candidates and self.candidates < self.k:
            raise InputError(f"candidates={self.candidates} must be 0, or at least k={self.k}.")
        for name in ("alpha", "temperature", "learning_rate"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise InputError(f"{name}={value} must be above 0 and finite.")
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(f"{name}={value!r} must be one of {', '.join(allowed)}.")

    def _model(self, dim: int, rng: torch.Generator) -> DirectionModel:
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

    def _draw(
        self, n: int, z_dim: int, rng: torch.Generator
    ) -> tuple[Float[Tensor, "n z_dim"], Float[Tensor, "k n"]]:
        """Samples of the prior and the alphas of their edits, on the CPU: the same on every device."""
        k = self.candidates or self.k
        z = torch.randn(n, z_dim, generator=rng)
        # In (0, alpha] with a random sign: never exactly 0, which would be no edit.
        size = (k, n) if self.alpha_per == "sample" else (k, 1)
        length = self.alpha * (1 - torch.rand(size, generator=rng))
        sign = 1 - 2 * torch.randint(2, size, generator=rng)
        return z, (length * sign).expand(k, n)


def first_of_size(generator: Generator, pixels: int) -> str:
    """Name of the first layer of at least that resolution (the last layer, if none has it)."""
    large = (layer.name for layer in generator.layers if layer.resolution >= pixels)
    return next(large, generator.layers[-1].name)
