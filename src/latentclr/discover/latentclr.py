"""LatentCLR: directions whose effects on a layer's features are consistent and distinct.

Yuksel, Simsar, Er, Yanardag: LatentCLR: A Contrastive Learning Approach for Unsupervised Discovery of
Interpretable Directions (ICCV 2021).

One step: draw N latents, move each along all K directions, run the generator to one layer, and take the
contrastive loss of what changed there. All N * K edits go through the generator in one call.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import DirectionModel, Directions, Global, Linear, Nonlinear
from latentclr.directions.edits import moved, read
from latentclr.discover.base import Discoverer, Log, Stop, never, no_log
from latentclr.discover.contrastive import Similarity, contrastive_loss, identification_accuracy
from latentclr.discover.ordering import visible_first
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.linalg import unit

PRESETS: dict[str, Mapping[str, Any]] = {
    "quick": {},
    "paper-stylegan2": {
        "k": 100,
        "batch": 8,
        "layer": "conv1",
        "truncation": 0.7,
        "model": "nonlinear",
        "similarity": "cosine",
        "temperature": 2.0,
        "alpha": 7.0,
        "alpha_per": "direction",
        "steps": 50_000,
        "learning_rate": 1e-3,
        "validate_every": 1000,
    },
    "paper-biggan": {
        "k": 32,
        "batch": 16,
        "layer": "generator.layers.4",
        "truncation": 0.4,
        "model": "nonlinear",
        "similarity": "cosine",
        "temperature": 2.0,
        "alpha": 7.0,
        "alpha_per": "direction",
        "steps": 300_000,
        "learning_rate": 1e-3,
        "validate_every": 1000,
    },
    "released": {
        "k": 100,
        "batch": 8,
        "layer": "conv1",
        "truncation": 0.7,
        "model": "linear",
        "bias": True,
        "similarity": "absolute",
        "temperature": 2.0,
        "alpha": 7.0,
        "alpha_per": "direction",
        "compare": "unit-features",
        "steps": 10_000,
        "learning_rate": 1e-3,
        "weight_decay": 1e-3,
        "drops": (1000, 5000),
        "validate_every": 1000,
    },
}
"""Settings by name.

- "quick": the defaults, tuned on small face GANs.
- "paper-stylegan2", "paper-biggan": section 4.3 of the paper, and its equation. What the paper leaves out
  (temperature, alpha, optimiser, learning rate) is the authors' released code's.
- "released": what the authors' released StyleGAN2 models were trained with; their networks of depth 1 are
  the linear model with a bias.
"""

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
    "compare": ("difference", "unit-features"),
    "normalization": ("none", "layer"),
    "similarity": get_args(Similarity),
}


@dataclass(frozen=True)
class LatentCLR(Discoverer):
    """Contrastive learning on the feature changes that edits cause."""

    method: ClassVar[str] = "latentclr"
    paper: ClassVar[str] = "Yuksel et al., LatentCLR, ICCV 2021"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    layer: str | None = None
    """Layer whose features are compared, by name or alias; none: the first of at least 8 x 8 pixels."""
    model: Literal["global", "linear", "nonlinear"] = "global"
    """One fixed direction each, or one that depends on the latent by a matrix or by a network."""
    depth: int = 2
    """Linear layers of the nonlinear model. (The paper gives no figure.)"""
    width: int | None = None
    """Hidden units of the nonlinear model; none: the length of a latent. (Not in the paper.)"""
    normalization: Literal["none", "layer"] = "none"
    """Of the nonlinear model's hidden units."""
    bias: bool = False
    """Give the linear model a bias: M z + b, as the authors' released models have."""
    slots: tuple[int, ...] | None = None
    """Slots of the generator that edits move, in training and in use (the paper's layer-wise styles);
    none: all."""
    similarity: Similarity = "absolute"
    """Of feature changes: cosine (the paper) or its absolute value (the authors' released code)."""
    temperature: float = 0.2
    """tau, a divisor. (Not in the paper; the released code multiplies by 0.5, which is tau = 2.)"""
    alpha: float = 3.0
    """Largest edit in training, as a length in latent space; either sign. (Not in the paper.)"""
    alpha_per: Literal["direction", "sample"] = "sample"
    """Each step draws an alpha for each direction (as the released code does), or for each edit."""
    compare: Literal["difference", "unit-features"] = "difference"
    """Feature change: h' - h (the paper), or h'/|h'| - h/|h| (the authors' released code)."""
    batch: int = 8
    """Latents a step (N); each is edited along all k directions."""
    steps: int = 300
    """Training steps."""
    learning_rate: float = 0.02
    """Of Adam. (Not in the paper; the released code has 0.001.)"""
    weight_decay: float = 0.0
    """Of Adam. (The released code has 0.001. The length of theta means nothing to the direction.)"""
    drops: tuple[int, ...] = ()
    """Steps at which the learning rate is multiplied by 0.2."""
    truncation: float = 1.0
    """Of the generator, in training and in validation."""
    held_out: int = 32
    """Latents kept out of training; the directions of the step that does best on them are returned."""
    validate_every: int = 25
    """Steps between two validations."""

    def fit(self, generator: Generator, *, log: Log = no_log, stop: Stop = never) -> Directions:
        """Learn k directions; sorted by visible effect, positive alpha the brighter side.

        `log` is told "loss" and "steps_per_second" at every step, and at every validation also
        "validation_loss" and "accuracy" (of identification, on held-out latents).

        Raises:
            InputError: a field out of range, an unknown layer or slot, or a layer that does not see the
                edits because it runs before the moved slots are read.
        """
        self._check()
        generator = generator.at(self.truncation)
        layer = generator.layer(self.layer or first_of_size(generator, 8)).name
        slots = generator.check_slots(self.slots)
        rng = torch.Generator().manual_seed(self.seed)
        model = self._model(generator.latent_dim, rng).to(generator.device)
        optimizer = torch.optim.Adam(
            model.parameters(),
            self.learning_rate,
            weight_decay=self.weight_decay,
            fused=True,  # one pass: with 100 networks of 512 x 512, a third of the step's time otherwise
        )
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(self.drops), gamma=0.2)
        held_out = generator.sample(self.held_out, rng=rng)
        held_out_alphas = self._draw_alphas(self.held_out, rng).to(generator.device)

        def changes(latents: Latents, alphas: Float[Tensor, "k n"]) -> Float[Tensor, "k n f"]:
            return divergences(
                generator, model, latents, alphas, layer=layer, slots=slots, compare=self.compare
            )

        best_loss, best_step, best_accuracy = float("inf"), 0, 0.0
        best = {name: value.clone() for name, value in model.state_dict().items()}
        started, step = time.perf_counter(), 0
        for step in range(self.steps + 1):
            if step % self.validate_every == 0 or step == self.steps:
                with torch.no_grad():
                    seen = changes(held_out, held_out_alphas)
                _check_visible(seen, layer, slots)
                loss, accuracy = float(self._loss(seen)), float(self._accuracy(seen))
                log(step, {"validation_loss": loss, "accuracy": accuracy})
                if loss < best_loss:
                    best_loss, best_step, best_accuracy = loss, step, accuracy
                    best = {name: value.clone() for name, value in model.state_dict().items()}
            if step == self.steps or stop():
                break
            latents = generator.sample(self.batch, rng=rng)
            alphas = self._draw_alphas(self.batch, rng).to(generator.device)
            loss_now = self._loss(changes(latents, alphas))
            optimizer.zero_grad()
            loss_now.backward()
            optimizer.step()
            schedule.step()
            speed = (step + 1) / (time.perf_counter() - started)
            log(step + 1, {"loss": loss_now.item(), "steps_per_second": speed})

        model.load_state_dict(best)
        model, effects, record = visible_first(generator, model, held_out, shift=self.alpha, slots=slots)
        return self.result(
            generator,
            model,
            slots=slots,
            scale=torch.ones(self.k),
            scores=effects,
            layer=layer,
            trained_steps=step,
            best_step=best_step,
            validation_loss=best_loss,
            accuracy=best_accuracy,
            **record,
        )

    def _check(self) -> None:
        for name, least in MINIMA.items():
            value = getattr(self, name)
            if not value >= least:
                raise InputError(f"{name}={value} must be at least {least}.")
        for name in ("alpha", "temperature", "learning_rate"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise InputError(f"{name}={value} must be above 0 and finite.")
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(f"{name}={value!r} must be one of {', '.join(allowed)}.")

    def _model(self, dim: int, rng: torch.Generator) -> DirectionModel:
        if self.model == "global":
            return Global(self.k, dim, rng=rng)
        if self.model == "linear":
            return Linear(self.k, dim, bias=self.bias, rng=rng)
        return Nonlinear(
            self.k,
            dim,
            depth=self.depth,
            width=self.width,
            normalization=self.normalization,
            rng=rng,
        )

    def _draw_alphas(self, n: int, rng: torch.Generator) -> Float[Tensor, "k n"]:
        # In (0, alpha] with a random sign: never exactly 0, which would be no edit.
        size = (self.k, n) if self.alpha_per == "sample" else (self.k, 1)
        length = self.alpha * (1 - torch.rand(size, generator=rng))
        sign = 1 - 2 * torch.randint(2, size, generator=rng)
        return (length * sign).expand(self.k, n)

    def _loss(self, changes: Float[Tensor, "k n f"]) -> Float[Tensor, ""]:
        return contrastive_loss(changes, temperature=self.temperature, similarity=self.similarity)

    def _accuracy(self, changes: Float[Tensor, "k n f"]) -> Float[Tensor, ""]:
        return identification_accuracy(changes, similarity=self.similarity)


def divergences(
    generator: Generator,
    model: DirectionModel,
    latents: Latents,
    alphas: Float[Tensor, "k n"],
    *,
    layer: str,
    slots: Sequence[int],
    compare: Literal["difference", "unit-features"] = "difference",
) -> Float[Tensor, "k n f"]:
    """f_i^k = G_f(z_i + alpha_i^k d_k(z_i)) - G_f(z_i), flattened, for all k and i at once.

    Gradients reach the direction model, not the generator's weights.
    """
    shift = alphas.unsqueeze(-1) * model(read(latents, slots))  # (k, n, dim)
    edited = moved(latents, shift, slots).flatten(0, 1)  # (k * n, slots, dim)
    with torch.no_grad():
        before = generator.features(latents, layer).flatten(1)
    after = generator.features(edited, layer).flatten(1).view(*alphas.shape, -1)
    if compare == "unit-features":
        before, after = unit(before), unit(after)
    return after - before


def first_of_size(generator: Generator, pixels: int) -> str:
    """Name of the first layer of at least that resolution (the last layer, if none has it)."""
    large = (layer.name for layer in generator.layers if layer.resolution >= pixels)
    return next(large, generator.layers[-1].name)


def _check_visible(changes: Float[Tensor, "k n f"], layer: str, slots: Sequence[int]) -> None:
    if not bool((changes != 0).any(-1).all()):
        moving = "slot" if len(slots) == 1 else "slots"
        raise InputError(
            f"layer {layer!r} does not see edits of {moving} {', '.join(map(str, slots))}: its features do "
            "not change at all; choose a later layer or earlier slots."
        )
