"""Training of an encoder on a generator's own samples, and on pictures that no GAN made if there are some.

The domain-guided encoder of Zhu, Shen, Zhao, Zhou: In-Domain GAN Inversion for Real Image Editing (ECCV
2020): it is trained through the generator, by what its latents look like, on pixels, on LPIPS in place of the
paper's VGG features, and against a discriminator that is trained along. Of the generator's own samples the
latents are known, so the encoder learns them directly as well, which is cheap: the first part of the training
is that alone.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Course, Log, Stop, Training, adam, resume, run, set_rate
from latentclr.engine.world import ALONE
from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.invert.drawing import draw
from latentclr.invert.encoder import SIZE, LatentEncoder, Shape
from latentclr.invert.objective import Target, Weights, psnr
from latentclr.invert.prior import Prior
from latentclr.invert.samples import Samples, draw_samples
from latentclr.invert.settings import EncoderSettings as EncoderSettings
from latentclr.pretrain.data import Pool
from latentclr.pretrain.discriminators import StyleGAN2Discriminator
from latentclr.pretrain.losses import logistic_discriminator, logistic_generator, r1_penalty
from latentclr.scorers.lpips import LPIPS

DISCRIMINATOR = (64, 64, 32, 16, 8)
"""Channels of the discriminator from 4 x 4 up to 64 x 64."""
R1_EVERY = 16
RAISED = 0.05
"""Share of the steps in which the rate rises."""


@dataclass(frozen=True)
class Trained:
    """An encoder and how it went.

    Attributes:
        encoder: frozen.
        values: of the best validation.
        steps: that were done.
    """

    encoder: LatentEncoder
    values: Mapping[str, float]
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
    """Train an encoder of a generator; it is left as it was.

    `log` is told "loss" and "steps_per_second" at every tenth step, and at validations, on held-out samples:
    "validation_loss" (of their pictures and latents), "latent_error" (mean squared, in units of the latents'
    variance), "psnr", "lpips" and "accuracy" (of classes).

    Args:
        generator: frozen.
        settings: how; None: as usual.
        outside: pictures that no GAN made, of the generator's size; of a generator that draws classes, with
            their classes.
        metric: LPIPS; None: pixels only.
        log: see above.
        stop: asked between steps; once True, the best so far is returned.
        keep: where the training is kept, and goes on from.

    Raises:
        InputError: a setting out of range, outside pictures that do not fit, or a kept training that is
            another one.
    """
    settings = settings or EncoderSettings()
    settings.check()
    lesson = _Lesson.new(generator, settings, outside, metric)
    about = {"generator": generator.fingerprint(), "outside": outside is not None, **asdict(settings)}
    course = Course(about, log, stop, keep, ALONE, ("steps", "validate_every"))
    with torch.enable_grad():
        resume(lesson.training, course)
        run(
            lesson.training,
            lesson.learn,
            lesson.validate,
            course,
            steps=settings.steps,
            validate_every=settings.validate_every,
        )
    encoder = lesson.encoder
    encoder.load_state_dict(lesson.training.best)
    encoder.generator_sha256 = generator.fingerprint()
    return Trained(encoder.eval().requires_grad_(False), dict(lesson.training.values), lesson.training.step)


@dataclass
class _Lesson:
    """A training that is going on."""

    generator: Generator
    settings: EncoderSettings
    outside: Pool | None
    metric: LPIPS | None
    encoder: LatentEncoder
    discriminator: StyleGAN2Discriminator | None
    prior: Prior
    training: Training
    held_out: Samples

    @classmethod
    def new(
        cls, generator: Generator, settings: EncoderSettings, outside: Pool | None, metric: LPIPS | None
    ) -> "_Lesson":
        rng = torch.Generator().manual_seed(settings.seed)
        device, prior = generator.device, Prior.of(generator)
        with torch.random.fork_rng(devices=[]):  # PyTorch's layers draw first weights that are replaced
            encoder = LatentEncoder(Shape.of(generator, deviations=settings.deviations)).to(device)
        encoder.initialize(prior, rng)
        modules: dict[str, nn.Module] = {"model": encoder}
        optimizers = {"adam": adam(encoder.parameters(), settings.learning_rate, 0.0, device)}
        judge = None
        if outside is not None and settings.adversarial_weight:
            if tuple(outside.pictures.shape[2:]) != (SIZE, SIZE):
                raise InputError(f"the outside pictures must be {SIZE} x {SIZE} for the discriminator.")
            judge = StyleGAN2Discriminator(DISCRIMINATOR).to(device)
            judge.initialize(rng)
            modules["discriminator"] = judge
            optimizers["adam_discriminator"] = adam(judge.parameters(), 0.0025, 0.0, device)
            optimizers["adam_discriminator"].param_groups[0]["betas"] = (0.0, 0.99)
        held_out = draw_samples(
            generator, settings.held_out, torch.Generator().manual_seed(settings.seed + 1_000_003)
        )
        training = Training(modules, optimizers, rng, torch.zeros((), device=device))
        return cls(generator, settings, outside, metric, encoder, judge, prior, training, held_out)

    def learn(self) -> None:
        settings, training = self.settings, self.training
        set_rate(training.optimizers["adam"], self.rate())
        self.encoder.train()
        own = draw_samples(self.generator, settings.batch, training.rng)
        again = training.step >= settings.latents_only
        pictures, labels = own.pictures, _numbers(own.labels)
        count = settings.pictures if again else 0
        if again and self.outside is not None:
            more, theirs = self.outside(settings.pictures // 2, training.rng)
            pictures = torch.cat([more.to(own.pictures), own.pictures])
            if labels is not None:
                if theirs is None:
                    raise InputError("the outside pictures have no classes, and this generator draws some.")
                labels = torch.cat([theirs, labels])
        extra = len(pictures) - len(own.pictures)
        training.optimizers["adam"].zero_grad()
        found = self.encoder(pictures)
        loss = self.prior.apart(found.latents[extra:], own.latents).mean()
        if labels is not None:
            loss = loss + settings.class_weight * cross_entropy(found.logits, labels.to(found.logits.device))
        if again:
            some = None if labels is None else labels[:count].tolist()
            drawn = draw(self.generator, found.latents[:count], some)
            target = Target(pictures[:count], self.metric)
            differences = target.differences(drawn)
            loss = loss + differences.weighted(self.weights()).mean()
            if self.discriminator is not None:
                loss = loss + settings.adversarial_weight * self.judged(drawn)
        loss.backward(inputs=list(self.encoder.parameters()))
        training.optimizers["adam"].step()
        training.total += loss.detach()
        if again and self.discriminator is not None:
            self.teach_discriminator(pictures[:count], drawn.detach())

    def judged(self, drawn: Tensor) -> Tensor:
        """The encoder's part of the game."""
        assert self.discriminator is not None
        return logistic_generator(self.discriminator(drawn))

    def teach_discriminator(self, real: Tensor, drawn: Tensor) -> None:
        """Its step: pictures against what was drawn again from them."""
        assert self.discriminator is not None
        optimizer = self.training.optimizers["adam_discriminator"]
        optimizer.zero_grad()
        loss = logistic_discriminator(self.discriminator(real), self.discriminator(drawn))
        if self.training.step % R1_EVERY == 0:
            loss = loss + R1_EVERY * r1_penalty(self.discriminator, real, self.settings.r1_gamma)
        loss.backward()
        optimizer.step()

    def weights(self) -> Weights:
        return Weights(self.settings.pixel_weight, self.settings.lpips_weight if self.metric else 0.0)

    def rate(self) -> float:
        """A rise, then half a cosine down to a fiftieth."""
        settings, step = self.settings, self.training.step
        rise = min(1.0, (step + 1) / (RAISED * settings.steps))
        fall = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / settings.steps)).item())
        return settings.learning_rate * rise * (0.02 + 0.98 * fall)

    @torch.no_grad()
    def validate(self) -> Mapping[str, float]:
        self.encoder.eval()
        held, rows = self.held_out, torch.arange(len(self.held_out.pictures))
        sums: dict[str, Tensor] = {}
        for part in rows.split(self.settings.batch):
            found = self.encoder(held.pictures[part])
            labels = [held.labels[i] for i in part.tolist()]
            target = Target(held.pictures[part], self.metric)
            differences = target.differences(draw(self.generator, found.latents, labels))
            values = {
                "validation_loss": differences.weighted(self.weights()).sum(),
                "latent_error": self.prior.apart(found.latents, held.latents[part]).sum(),
                "psnr": psnr(differences.pixel).sum(),
                "lpips": differences.lpips.sum(),
            }
            if (numbers := _numbers(held.labels)) is not None:
                values["accuracy"] = (found.logits.argmax(1).cpu() == numbers[part]).float().sum()
            for name, value in values.items():
                sums[name] = sums.get(name, torch.zeros(())) + value.cpu()
        means = {name: float(value) / len(rows) for name, value in sums.items()}
        means["validation_loss"] += means["latent_error"] * 0.1
        return means


def _numbers(labels: tuple[int | None, ...]) -> Int[Tensor, " n"] | None:
    """Labels as numbers; None: there are no classes."""
    numbers = [label for label in labels if label is not None]
    return torch.tensor(numbers) if len(numbers) == len(labels) else None
