"""Training of an encoder on a generator's own samples, and on pictures that no GAN made if there are some.

The domain-guided encoder of Zhu, Shen, Zhao, Zhou: In-Domain GAN Inversion for Real Image Editing (ECCV
2020): it is trained through the generator, by what its latents look like, on pixels, on LPIPS in place of the
paper's VGG features, and against a discriminator that is trained along. Of the generator's own samples the
latents are known, so the encoder learns them directly as well, which is cheap: the first part of the training
is that alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Course, Log, Stop, Training, adam, resume, run, set_rate
from latentclr.engine.world import ALONE
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.invert.drawing import draw
from latentclr.invert.encoder import SIZE, LatentEncoder, Shape
from latentclr.invert.objective import Target, psnr
from latentclr.invert.prior import Prior
from latentclr.invert.settings import EncoderSettings as EncoderSettings
from latentclr.invert.settings import Weights
from latentclr.pretrain.data import Pool, pool
from latentclr.pretrain.discriminators import StyleGAN2Discriminator
from latentclr.pretrain.losses import logistic_discriminator, logistic_generator, r1_penalty
from latentclr.scenes import sample
from latentclr.scorers.lpips import LPIPS

CHANNELS = (64, 64, 32, 16, 8)
"""Channels of the discriminator from 4 x 4 up to 64 x 64."""
R1_EVERY = 16
"""Steps from one gradient penalty to the next."""
WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""
VALUES = ("validation_loss", "latent_error", "psnr", "lpips", "accuracy")
"""What a validation measures."""


@dataclass(frozen=True)
class Samples:
    """Pictures of a generator, with the latents and classes that they were drawn from."""

    pictures: Float[Tensor, "n 3 h w"]
    latents: Latents
    labels: tuple[int | None, ...]


def draw_samples(generator: Generator, n: int, rng: torch.Generator) -> Samples:
    """Random pictures of a generator, of all its classes, clamped to [-1, 1].

    Args:
        generator: frozen.
        n: number of pictures.
        rng: draws latents and classes.
    """
    with torch.no_grad():
        latents = generator.sample(n, rng=rng)
        labels: tuple[int | None, ...] = (None,) * n
        if Shape.of(generator).num_classes:
            labels = tuple(torch.randint(generator.num_classes, (n,), generator=rng).tolist())
        return Samples(draw(generator, latents, labels).clamp(-1, 1), latents, labels)


def outside_scenes(world: str, n: int, *, seed: int = 0, log: Callable[[str], None] = lambda _: None) -> Pool:
    """Renders of a world of scenes, with their shapes as classes: pictures that no GAN made.

    Args:
        world: its name.
        n: number of renders.
        seed: of the scenes; those of tests and benchmarks have others.
        log: called with a sentence.
    """
    log(f"drawing {n} scenes")

    def source(count: int, rng: torch.Generator) -> tuple[Tensor, Tensor | None]:
        pictures, factors = sample(count, rng, world=world)
        return pictures, factors["shape"].long()

    return pool(source, n, torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Trained:
    """An encoder and how its training went.

    Attributes:
        encoder: frozen.
        values: of the best validation; see `train_encoder`.
        best_step: step of that validation.
        steps: number of steps that were done.
    """

    encoder: LatentEncoder
    values: Mapping[str, float]
    best_step: int
    steps: int


def train_encoder(
    generator: Generator,
    settings: EncoderSettings | None = None,
    *,
    outside: Pool | None = None,
    metric: LPIPS | None = None,
    log: Log = lambda _step, _values: None,
    stop: Stop = lambda: False,
    keep: Keeper | None = None,
) -> Trained:
    """Train an encoder of a generator; the generator is not changed.

    `log` gets "loss" and "steps_per_second" at every tenth step, and at validations, on held-out samples:
    "validation_loss" (of their pictures and latents), "latent_error" (mean squared, in units of the latents'
    variance), "psnr", "lpips" and "accuracy" (of classes).

    Args:
        generator: frozen.
        settings: of the training; None: the defaults.
        outside: pictures that no GAN made, of the generator's size; for a generator that draws classes, with
            their classes.
        metric: LPIPS; None: pixels only.
        log: called with a step and values.
        stop: asked between steps; once True, the best so far is returned.
        keep: where checkpoints are kept, and from which the training goes on.

    Raises:
        InputError: outside pictures that do not fit, or a checkpoint of another training.
    """
    settings = settings or EncoderSettings()
    learner = _Learner(generator, settings, outside, metric)
    training, encoder = learner.training, learner.encoder
    about = {"generator": generator.fingerprint(), "outside": outside is not None, **asdict(settings)}
    course = Course(about, log, stop, keep, ALONE, ("steps", "validate_every"))
    with torch.enable_grad():
        resume(training, course)
        run(
            training,
            learner.learn,
            learner.validate,
            course,
            steps=settings.steps,
            validate_every=settings.validate_every,
        )
    encoder.load_state_dict(training.best)
    encoder.generator_sha256 = generator.fingerprint()
    # A checkpoint does not keep the order of the values.
    values = {name: training.values[name] for name in VALUES if name in training.values}
    best_step = int(training.values["best_step"])
    return Trained(encoder.eval().requires_grad_(False), values, best_step, training.step)


class _Learner:
    def __init__(
        self, generator: Generator, settings: EncoderSettings, outside: Pool | None, metric: LPIPS | None
    ) -> None:
        self.generator, self.settings, self.outside, self.metric = generator, settings, outside, metric
        self.weights = Weights(settings.pixel_weight, settings.lpips_weight if metric else 0.0)
        self.prior, rng = Prior.of(generator), torch.Generator().manual_seed(settings.seed)
        device = generator.device
        with torch.random.fork_rng(devices=[]):  # PyTorch's layers draw first weights that are replaced
            self.encoder = LatentEncoder(Shape.of(generator, deviations=settings.deviations)).to(device)
        self.encoder.initialize(self.prior, rng)
        modules: dict[str, nn.Module] = {"model": self.encoder}
        optimizers = {"adam": adam(self.encoder.parameters(), settings.learning_rate, 0.0, device)}
        self.discriminator: StyleGAN2Discriminator | None = None
        if outside is not None and settings.adversarial_weight:
            if tuple(outside.pictures.shape[2:]) != (SIZE, SIZE):
                raise InputError(f"the outside pictures must be {SIZE} x {SIZE} for the discriminator.")
            self.discriminator = StyleGAN2Discriminator(CHANNELS).to(device)
            self.discriminator.initialize(rng)
            modules["discriminator"] = self.discriminator
            optimizers["adam_discriminator"] = adam(self.discriminator.parameters(), 0.0025, 0.0, device)
            optimizers["adam_discriminator"].param_groups[0]["betas"] = (0.0, 0.99)
        other = torch.Generator().manual_seed(settings.seed + 1_000_003)
        self.held_out = draw_samples(generator, settings.held_out, other)
        self.training = Training(modules, optimizers, rng, torch.zeros((), device=device))

    def learn(self) -> None:
        settings, training = self.settings, self.training
        optimizer = training.optimizers["adam"]
        set_rate(optimizer, self.rate())
        self.encoder.train()
        own = draw_samples(self.generator, settings.batch, training.rng)
        pictures, labels = own.pictures, _classes(own.labels)
        redraws = training.step >= settings.latents_only
        if redraws and self.outside is not None:
            others, theirs = self.outside(settings.pictures // 2, training.rng)
            pictures = torch.cat([others.to(pictures), pictures])
            if labels is not None and theirs is None:
                raise InputError("the outside pictures have no classes, and this generator draws some.")
            labels = None if labels is None or theirs is None else torch.cat([theirs, labels])
        optimizer.zero_grad()
        found = self.encoder(pictures)
        loss = self.prior.distance(found.latents[-len(own.latents) :], own.latents).mean()
        if labels is not None:
            loss = loss + settings.class_weight * cross_entropy(found.logits, labels.to(found.logits.device))
        real = pictures[: settings.pictures]
        if redraws:
            chosen = None if labels is None else labels[: len(real)].tolist()
            drawn = draw(self.generator, found.latents[: len(real)], chosen)
            differences = Target(real, self.metric).differences(drawn)
            loss = loss + differences.weighted(self.weights).mean()
            if self.discriminator is not None:
                judged = logistic_generator(self.discriminator(drawn))
                loss = loss + settings.adversarial_weight * judged
        loss.backward(inputs=list(self.encoder.parameters()))
        optimizer.step()
        training.total += loss.detach()
        if redraws and self.discriminator is not None:
            self.learn_to_judge(self.discriminator, real, drawn.detach())

    def learn_to_judge(self, discriminator: StyleGAN2Discriminator, real: Tensor, drawn: Tensor) -> None:
        """A step of the discriminator: pictures against what was drawn again from them."""
        optimizer = self.training.optimizers["adam_discriminator"]
        optimizer.zero_grad()
        loss = logistic_discriminator(discriminator(real), discriminator(drawn))
        if self.training.step % R1_EVERY == 0:
            loss = loss + R1_EVERY * r1_penalty(discriminator, real, self.settings.r1_gamma)
        loss.backward()
        optimizer.step()

    def rate(self) -> float:
        """A rise, then half a cosine down to a fiftieth."""
        settings, step = self.settings, self.training.step
        rise = min(1.0, (step + 1) / (WARM_UP * settings.steps))
        fall = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / settings.steps)).item())
        return settings.learning_rate * rise * (0.02 + 0.98 * fall)

    @torch.no_grad()
    def validate(self) -> Mapping[str, float]:
        self.encoder.eval()
        held, n = self.held_out, len(self.held_out.pictures)
        sums: dict[str, Tensor] = {}
        classes = _classes(held.labels)
        for rows in torch.arange(n).split(self.settings.batch):
            found = self.encoder(held.pictures[rows])
            labels = [held.labels[i] for i in rows.tolist()]
            drawn = draw(self.generator, found.latents, labels)
            differences = Target(held.pictures[rows], self.metric).differences(drawn)
            values = {
                "validation_loss": differences.weighted(self.weights),
                "latent_error": self.prior.distance(found.latents, held.latents[rows]),
                "psnr": psnr(differences.pixel),
                "lpips": differences.lpips,
            }
            if classes is not None:
                values["accuracy"] = (found.logits.argmax(1).cpu() == classes[rows]).float()
            for name, value in values.items():
                sums[name] = sums.get(name, torch.zeros(())) + value.sum().cpu()
        means = {name: float(value) / n for name, value in sums.items()}
        means["validation_loss"] += means["latent_error"] * 0.1
        return means


def _classes(labels: tuple[int | None, ...]) -> Int[Tensor, " n"] | None:
    """Labels as a tensor; None: there are no classes."""
    numbers = [label for label in labels if label is not None]
    return torch.tensor(numbers) if len(numbers) == len(labels) else None
