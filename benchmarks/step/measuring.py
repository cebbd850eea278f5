"""Jobs done: times, losses and memory of ours and of the reference, and the limits of the machine."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from benchmarks.machine import Peak, best, ceilings, in_child, square_rate
from benchmarks.plain import PlainBigGANDeep, PlainDirections, PlainStyleGAN2, plain_loss
from benchmarks.step.counts import counts_of
from benchmarks.step.jobs import GENERATORS, Job
from torch import Tensor

from latentclr.directions import Nonlinear
from latentclr.discover.budget import LatentCounts, planned
from latentclr.discover.contrast import Contrast
from latentclr.discover.effects import Effects
from latentclr.discover.latentclr import PRESETS, LatentCLR
from latentclr.engine.memory import keep_memory, parse_bytes
from latentclr.engine.precision import Precision, products
from latentclr.engine.training import adam
from latentclr.generators import Generator, StyleGAN2

MODULE = "benchmarks.step"
CEILING: Mapping[Precision, Precision] = {"float32": "float32", "tf32": "tf32", "bfloat16": "tf32"}
"""Whose rate a step is held against: with bfloat16, similarities and networks are still tf32 (on a GPU)."""


def done(job: Job) -> dict[str, Any]:
    """The result of a job: on a CPU from a process of its own, so that its memory is its own."""
    if job.device == "cpu":
        return in_child(MODULE, asdict(job), threads=job.threads)
    gc.collect()
    torch.cuda.empty_cache()
    return work(**asdict(job))


def work(**values: Any) -> dict[str, Any]:
    job = Job(**values)
    if job.keep:
        keep_memory()
    torch.set_num_threads(job.threads)
    device = torch.device(job.device)
    if job.kind == "ceilings":
        return limits_of(job, device)
    if job.kind == "fit":
        return measure_fit(job, device)
    generator = made(job.preset, device)
    return (measure_reference if job.kind == "reference" else measure_ours)(job, generator)


@cache
def made(preset: str, device: torch.device) -> Generator:
    """The generator of a preset, which the rows of one process share."""
    return GENERATORS[preset]().to(device)


def limits_of(job: Job, device: torch.device) -> dict[str, Any]:
    """The limits of the machine, and the operations and bytes of a step."""
    limits = ceilings(device, own_products() if job.preset == "paper-stylegan2" else {})
    generator = made(job.preset, device)
    settings = LatentCLR(**PRESETS[job.preset])
    assert settings.layer is not None
    layer = generator.layer(settings.layer).name
    effects = Effects(generator, layer, generator.check_slots(settings.slots), settings.compare)
    latents = generator.sample(1, rng=torch.Generator().manual_seed(1))
    return {**limits, "counts": asdict(counts_of(settings, effects, latents))}


def own_products() -> dict[str, tuple[int, ...]]:
    """Shapes of the products in a step of "paper-stylegan2", without the small ones."""
    return {
        "networks, a layer": (100, 8, 512, 512),
        "networks, gradient of a layer's weights": (100, 512, 8, 512),
        "first layer forward": (808, 512, 8192),
        "first layer backward": (800, 8192, 512),
        "similarities, a strip of the forward pass": (200, 8192, 800),
        "similarities backward": (800, 800, 8192),
    }


def beginnings(job: Job, generator: Generator) -> tuple[LatentCLR, Nonlinear, Tensor]:
    """Settings, networks and samples of the prior: the same for ours and for the reference."""
    settings = LatentCLR(**PRESETS[job.preset], memory=job.memory, precision=job.precision)
    assert settings.model == "nonlinear"
    model = Nonlinear(
        settings.k,
        generator.latent_dim,
        depth=settings.depth,
        rng=torch.Generator().manual_seed(2),
    ).to(generator.device)
    z = torch.randn(
        job.batch or settings.batch, generator.z_dim, generator=torch.Generator().manual_seed(1)
    ).to(generator.device)
    return settings, model, z


def measure_ours(job: Job, generator: Generator) -> dict[str, Any]:
    """Time, peak memory and loss, and how well the gradient agrees with that in float32."""
    settings = LatentCLR(**PRESETS[job.preset])
    generator = generator.at(settings.truncation).settled()
    peak = Peak(generator.device)
    settings, model, z = beginnings(job, generator)
    assert settings.layer is not None
    layer, slots = generator.layer(settings.layer).name, generator.check_slots(settings.slots)
    optimizer = adam(model.parameters(), settings.learning_rate, settings.weight_decay, generator.device)
    exact = Effects(generator, layer, slots, settings.compare)
    effects, tile = planned(
        replace(exact, bfloat16=settings.precision == "bfloat16", fuse=job.fuse),
        model,
        generator.map(z[:1]),
        LatentCounts(settings.batch, settings.held_out),
        None if settings.memory is None else parse_bytes(settings.memory),
    )
    contrast = Contrast(settings.temperature, settings.similarity, tile=tile)
    alphas = torch.full((settings.k, settings.batch), settings.alpha, device=generator.device)

    def gradient(which: Effects) -> Tensor:
        optimizer.zero_grad()
        return which.backward(model, generator.map(z), alphas, contrast.loss)

    def step() -> Tensor:
        loss = gradient(effects)
        optimizer.step()
        return loss

    with products(settings.precision):
        loss, first = best(step, 1, generator.device)[::-1]
        seconds = best(step, job.steps, generator.device)[0] if job.steps > 1 else first
        taken = peak.values()
        # The machine's best, close in time: what else it does, for others, changes within a minute.
        gemm = square_rate(generator.device, CEILING[job.precision])
        if job.steps > 1:
            seconds = min(seconds, best(step, job.steps, generator.device)[0])
            gemm = max(gemm, square_rate(generator.device, CEILING[job.precision]))
    agreement = {}
    if job.precision != "float32":
        agreement = compared(partial(gradient, exact), partial(gradient, effects), model, job.precision)
    return {
        "seconds": seconds,
        "loss": float(loss),
        "gemm": gemm,
        **taken,
        "chunk": effects.chunk,
        "tile": tile,
        **agreement,
    }


def compared(
    exact: Callable[[], Tensor], other: Callable[[], Tensor], model: Nonlinear, precision: Precision
) -> dict[str, float]:
    """How far another precision changes the loss, and the cosine between the two gradients."""
    found = []
    settings: tuple[tuple[Callable[[], Tensor], Precision], ...] = ((exact, "float32"), (other, precision))
    for call, how in settings:
        with products(how):
            loss = float(call())
        found.append((loss, [p.grad.double().flatten() for p in model.parameters() if p.grad is not None]))
    (loss, gradient), (other_loss, other_gradient) = found

    def inner(a: Sequence[Tensor], b: Sequence[Tensor]) -> float:
        return sum(float(x @ y) for x, y in zip(a, b, strict=True))

    lengths = inner(gradient, gradient) * inner(other_gradient, other_gradient)
    cosine = inner(gradient, other_gradient) / lengths**0.5
    return {"loss_difference": other_loss - loss, "gradient_cosine": cosine}


def measure_reference(job: Job, generator: Generator) -> dict[str, Any]:
    """Time, peak memory and loss of the reference. On a CPU its first step is as fast as any."""
    settings = LatentCLR(**PRESETS[job.preset])
    generator = generator.at(settings.truncation).settled()
    peak = Peak(generator.device)
    settings, model, z = beginnings(job, generator)
    latents = generator.map(z)
    listed = PlainDirections(settings.k, generator.latent_dim).to(generator.device)
    copy_networks(model, listed)
    assert settings.layer is not None
    plain: PlainStyleGAN2 | PlainBigGANDeep
    if isinstance(generator, StyleGAN2):
        plain = PlainStyleGAN2(generator, wasteful=not job.frozen)
    else:
        plain = PlainBigGANDeep(generator)  # type: ignore[arg-type]
        for weight, _, _ in plain.weights.values():
            weight.requires_grad_(not job.frozen)
    optimizer = torch.optim.Adam(listed.parameters(), settings.learning_rate)
    layer = generator.layer(settings.layer).name

    def step() -> Tensor:
        loss = plain_loss(
            plain, listed, latents, layer=layer, alpha=settings.alpha, temperature=settings.temperature
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    seconds, loss = best(step, 1, generator.device)
    if generator.device.type == "cuda":  # libraries have chosen their kernels in the first one
        seconds = best(step, 2, generator.device)[0]
    generator.freeze()  # the next row's is the same
    return {"seconds": seconds, "loss": float(loss), "batch": len(z), **peak.values()}


def copy_networks(model: Nonlinear, listed: PlainDirections) -> None:
    """Give the listed networks the weights of the batched ones."""
    with torch.no_grad():
        for i, network in enumerate(listed.networks):
            linears = (part for part in network.modules() if isinstance(part, torch.nn.Linear))
            for linear, weight, bias in zip(linears, model.weights, model.biases, strict=True):
                linear.weight.copy_(weight[i].T)
                linear.bias.copy_(bias[i])


def measure_fit(job: Job, device: torch.device) -> dict[str, Any]:
    """Seconds of a step in a training, and of the whole training of the preset, if need be extrapolated."""
    times: list[float] = []

    def log(step: int, values: Mapping[str, float]) -> None:
        if step and "loss" in values:  # every tenth step: the device has been waited for
            times.append(time.perf_counter())

    generator = made(job.preset, device)
    peak = Peak(device)
    whole = PRESETS[job.preset]["steps"]
    chosen = {**PRESETS[job.preset], "steps": job.steps, "precision": job.precision, "graph": job.graph}
    started = time.perf_counter()
    directions = LatentCLR(**chosen, memory=job.memory, fuse=job.fuse).fit(generator, log=log)
    wall = time.perf_counter() - started
    seconds = median(after - before for before, after in pairwise(times)) / 10
    return {
        "seconds": seconds,
        "loss": directions.origin["validation_loss"],
        "gemm": square_rate(device, CEILING[job.precision]),
        **peak.values(),
        "accuracy": directions.origin["accuracy"],
        "until_first_steps": times[0] - started,
        "whole_training": wall if job.steps == whole else seconds * whole,
    }
