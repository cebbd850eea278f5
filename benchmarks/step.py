"""One training step of LatentCLR: ours beside the usual formulation, and beside what the machine can do.

    python -m benchmarks.step --threads 2 --out benchmarks/results/step.json

Ours is what the library runs. The reference is that of benchmarks/plain.py: K networks in a loop, K calls of
the generator with weights made for each sample, masks of true and false; its generator's weights want
gradients ("not frozen"), as public code leaves them, or do not ("frozen"). Both compute the same loss, which
is checked. On a CPU every row is a process of its own. Times are the best of some steps, in seconds.

Operations and bytes are counted from shapes. "of GEMM" is the rate over the operations of the formula (all
similarities, though not all are computed), as a share of what a large square product reaches in between. The
bound is the sum over the parts of what each takes at that rate or at the memory's bandwidth, whichever is
longer: no step of these operations and passes is faster on this machine.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from itertools import pairwise, product
from pathlib import Path
from statistics import median
from typing import Any, get_args

import torch
from benchmarks.generators import best, biggan_deep, stylegan2
from benchmarks.machine import Peak, answer, ceilings, facts, in_child, square_rate
from benchmarks.plain import PlainBigGANDeep, PlainDirections, PlainStyleGAN2, plain_step
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from latentclr.directions import Nonlinear
from latentclr.discover.budget import planned
from latentclr.discover.contrast import Contrast
from latentclr.discover.effects import Effects
from latentclr.discover.latentclr import PRESETS, LatentCLR
from latentclr.engine.memory import keep_memory, parse_bytes
from latentclr.engine.precision import Precision, products
from latentclr.engine.training import adam
from latentclr.files import make_folder, write_json
from latentclr.generators import Generator, StyleGAN2
from latentclr.linalg import BLOCKS, WORTH_BLOCKS

MODULE = "benchmarks.step"
GENERATORS: Mapping[str, Callable[[], Generator]] = {
    "paper-stylegan2": stylegan2,
    "paper-biggan": biggan_deep,
}
"""By the preset that is measured."""
TITLES = {
    "paper-stylegan2": "StyleGAN2 1024, conv1, K 100, N 8",
    "paper-biggan": "BigGAN-deep 512, layers.4, K 32, N 16",
}
REFERENCE_BATCH = {"paper-biggan": 8}
"""On a CPU, where all latents would take 16 GB and minutes; the time is scaled to the preset's."""
CEILING: Mapping[Precision, Precision] = {"float32": "float32", "tf32": "tf32", "bfloat16": "tf32"}
"""Whose rate a step is held against: with bfloat16, similarities and networks are still tf32 (on a GPU)."""

NETWORK_PASSES = {"networks forward": 1.0, "networks backward": 1.5}
"""Passes over the networks' weights: read once; gradients written, and half of the weights read again."""
ADAM_PASSES = 7
"""Reads weights, gradients and two moments; writes all but the gradients."""
FEATURE_PASSES = {"features forward": 10, "features backward": 10}
"""Passes over the features of conv1. Forward: written by the product; read and written by demodulation with
bias, noise, activation and difference; read for the lengths. Backward: written by the similarities, three by
the activation, two by the scale, four by the gradient of the scale."""
FUSED_PASSES = {"features forward": 3, "features backward": 4}
"""Where all between two products is one pass. Forward: written; read and written once. Backward: written;
read with the features and written once."""


@dataclass(frozen=True)
class Counts:
    """What a step has to do, by part.

    Attributes:
        operations: multiplications and additions of products, all similarities computed.
        executed: where fewer are computed, how many.
        moved: bytes of passes over memory that no cache holds.
    """

    operations: dict[str, float]
    executed: dict[str, float] = field(default_factory=dict)
    moved: dict[str, float] = field(default_factory=dict)

    def fused(self) -> "Counts":
        """With fewer passes over the features."""
        fewer = {name: FUSED_PASSES[name] / passes for name, passes in FEATURE_PASSES.items()}
        return replace(self, moved={name: fewer.get(name, 1) * moved for name, moved in self.moved.items()})

    @property
    def total(self) -> float:
        """All operations of the formula."""
        return sum(self.operations.values())

    @property
    def total_executed(self) -> float:
        """All operations that are computed."""
        return sum((self.operations | self.executed).values())

    def bounds(self, rate: float, bandwidth: float) -> dict[str, float]:
        """For each part the seconds below which it is not: at the machine's rate, or at its bandwidth."""
        operations = self.operations | self.executed
        return {
            name: max(operations.get(name, 0.0) / rate, self.moved.get(name, 0.0) / bandwidth)
            for name in {**operations, **self.moved}
        }


def counted(
    k: int,
    n: int,
    dim: int,
    width: int,
    features: int,
    style_dim: int,
    *,
    depth: int = 2,
    generator: tuple[float, float] | None = None,
    on_gpu: bool = False,
) -> Counts:
    """Operations and bytes of one step in float32, without the mapping of the latents (a thousandth).

    Args:
        k: directions.
        n: latents.
        dim: length of a latent.
        width: hidden units of the networks.
        features: length of what is compared.
        style_dim: length of the first layer's style, which has an output channel for every 16 features.
        depth: linear layers of the networks.
        generator: operations of another generator up to its layer, for one latent: forward, and backward to
            the latent. None: that of StyleGAN2 up to conv1.
        on_gpu: there all similarities are computed, since one large product is faster.
    """
    edits, runs = k * n, k * n + n
    sizes = [dim, *[width] * (depth - 1), dim]
    layers = [2.0 * edits * a * b for a, b in pairwise(sizes)]
    parameters = k * sum(a * b + b for a, b in pairwise(sizes))
    gram = 2.0 * edits * edits * features
    strips = (BLOCKS + 1) / (2 * BLOCKS) if edits >= WORTH_BLOCKS and not on_gpu else 1.0
    return Counts(
        operations={
            "networks forward": sum(layers),
            "networks backward": sum(layers) + sum(layers[1:]),  # the latents want no gradient
            **(
                _first_layer(edits, runs, dim, features, style_dim)
                if generator is None
                else {"generator forward": runs * generator[0], "generator backward": edits * generator[1]}
            ),
            "similarities forward": gram,
            "similarities backward": gram,
        },
        executed={"similarities forward": strips * gram},
        moved={
            **{name: 4.0 * passes * parameters for name, passes in NETWORK_PASSES.items()},
            "Adam": 4.0 * ADAM_PASSES * parameters,
            **(
                {name: 4.0 * passes * edits * features for name, passes in FEATURE_PASSES.items()}
                if generator is None
                else {}
            ),
        },
    )


def _first_layer(edits: int, runs: int, dim: int, features: int, style_dim: int) -> dict[str, float]:
    """The latents themselves run forward too; nothing goes back to them."""
    affine, demodulation, linear = dim * style_dim, style_dim * features // 16, style_dim * features
    return {
        "affine styles forward": 2.0 * runs * affine,
        "affine styles backward": 2.0 * edits * affine,
        "demodulation forward": 2.0 * runs * demodulation,
        "demodulation backward": 2.0 * edits * demodulation,
        "first layer forward": 2.0 * runs * linear,
        "first layer backward": 2.0 * edits * linear,
    }


def generator_operations(effects: Effects, latent: Tensor) -> tuple[float, float]:
    """Of one latent up to the layer: forward, and backward to the latent."""
    leaf = latent[:1].clone().requires_grad_()
    forward, backward = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with forward:
        features = effects.features(leaf)
    with backward:
        features.sum().backward()
    return forward.get_total_flops(), backward.get_total_flops()


def counts_of(settings: LatentCLR, effects: Effects, latents: Tensor) -> Counts:
    """Of a step with the given settings."""
    generator = effects.generator
    first = isinstance(generator, StyleGAN2)
    return counted(
        settings.k,
        settings.batch,
        generator.latent_dim,
        settings.width or generator.latent_dim,
        effects.features_length(latents),
        generator.style_weight("conv1").shape[0] if first else 0,
        depth=settings.depth,
        generator=None if first else generator_operations(effects, latents),
        on_gpu=generator.device.type == "cuda",
    )


@dataclass(frozen=True)
class Job:
    """What one process measures.

    Attributes:
        kind: "ours" or "reference"; "fit" is a whole training, for its rate; "ceilings" are the machine's.
        preset: settings of LatentCLR, and with them the generator.
        keep: let the process keep the memory that it frees, as the command does.
        memory: budget of ours.
        precision: of ours.
        graph: launch each step of a fit as one CUDA graph.
        fuse: compile the step.
        frozen: the reference's generator wants no gradients.
        batch: latents of the reference; None: those of the preset.
        steps: of a training; of ours, that are timed twice, or 1 for a single one.
        threads: of the process.
        device: "cpu" or "cuda".
    """

    kind: str
    preset: str
    keep: bool = True
    memory: str | None = None
    precision: Precision = "float32"
    graph: bool = True
    fuse: bool = False
    frozen: bool = False
    batch: int | None = None
    steps: int = 1
    threads: int = 1
    device: str = "cpu"


def work(**values: Any) -> dict[str, Any]:
    """Do a job; the result is JSON."""
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
    """The generator of a preset; the rows of a GPU, which are of one process, share it."""
    return GENERATORS[preset]().to(device)


def limits_of(job: Job, device: torch.device) -> dict[str, Any]:
    """What the machine can do, and what the step asks for."""
    limits = ceilings(device, own_products() if job.preset == "paper-stylegan2" else {})
    generator = made(job.preset, device)
    settings = LatentCLR(**PRESETS[job.preset])
    assert settings.layer is not None
    layer = generator.layer(settings.layer).name
    effects = Effects(generator, layer, generator.check_slots(settings.slots), settings.compare)
    latents = generator.sample(1, rng=torch.Generator().manual_seed(1))
    return {**limits, "counts": asdict(counts_of(settings, effects, latents))}


def own_products() -> dict[str, tuple[int, ...]]:
    """The products of the step of "paper-stylegan2", but for the small ones."""
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
    """Time, peak memory, loss, and the gradient's agreement with that of all numbers in float32."""
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
        batch=settings.batch,
        held_out=settings.held_out,
        budget=None if settings.memory is None else parse_bytes(settings.memory),
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
    """How far another precision moves the loss, and the cosine between the two gradients."""
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
        found = plain_step(
            plain,
            listed,
            optimizer,
            latents,
            layer=layer,
            alpha=settings.alpha,
            temperature=settings.temperature,
        )
        return torch.tensor(found)

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
    """Seconds of a step in a training, and of the preset's whole training, at that rate or as it was."""
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


@dataclass(frozen=True)
class Row:
    """One way to compute a step.

    Attributes:
        what: in words.
        seconds: of one step.
        loss: of the first step (of a training: of its best validation).
        peak: bytes of the process, on a GPU of its tensors.
        growth: what of this came after the generator was there.
        ratio: times as fast as the reference that is not frozen.
        rate: operations of the formula, a second.
        gemm: what a large square product reached in the same process.
        of_gemm: the rate as a share of that.
        bound: seconds below which no such step is.
        of_bound: the bound as a share of the time.
        more: what only this row has.
    """

    what: str
    seconds: float
    loss: float
    peak: int
    growth: int
    ratio: float | None = None
    rate: float | None = None
    gemm: float | None = None
    of_gemm: float | None = None
    bound: float | None = None
    of_bound: float | None = None
    more: dict[str, Any] = field(default_factory=dict)


REFERENCE = "reference, generator not frozen"


def jobs(preset: str, *, device: str, threads: int, batch: int | None) -> Iterator[tuple[str, Job]]:
    """What is measured, by its name; the reference with fewer latents if so many are given."""
    on_gpu, small = device == "cuda", preset == "paper-stylegan2"
    any_job = Job("ours", preset, threads=threads, device=device)
    reference = replace(any_job, kind="reference", keep=False, batch=batch)
    if not on_gpu and preset in REFERENCE_BATCH:
        yield REFERENCE, replace(reference, batch=batch or REFERENCE_BATCH[preset])
        ours = replace(any_job, memory="6GB", keep=False)
        yield "ours, memory 6 GB", ours
        yield "ours, memory 6 GB, fused", replace(ours, fuse=True, steps=2)
        return
    ours = replace(any_job, steps=8)
    yield REFERENCE, reference
    yield "reference, generator frozen", replace(reference, frozen=True)
    yield "ours", ours
    if not on_gpu:
        yield "ours, fused", replace(ours, fuse=True)
        yield "ours, memory given back at once", replace(ours, keep=False)
    else:
        yield "ours, tf32", replace(ours, precision="tf32")
    yield "ours, bfloat16", replace(ours, precision="bfloat16", steps=5 if on_gpu else 1)
    budget = "2GB" if small else "6GB"
    yield f"ours, memory {budget[0]} GB", replace(ours, memory=budget, keep=False, steps=2)
    if on_gpu:
        fit = replace(ours, kind="fit", steps=300 if small else 60)
        for precision, fuse in product(get_args(Precision), (False, True)):
            if fuse and precision == "float32" and not small:  # half a minute, for what products limit
                continue
            how = f"{precision}, fused" if fuse else precision
            yield f"training, {how}, one launch a step", replace(fit, precision=precision, fuse=fuse)
        if small:
            yield "training, float32, step by step", replace(fit, graph=False)
            whole = replace(fit, precision="tf32", fuse=True, steps=PRESETS[preset]["steps"])
            yield "whole training, tf32, fused, one launch a step", whole


def done(job: Job) -> dict[str, Any]:
    """The result of a job: of a process of its own, but on a GPU, which counts what its tensors take."""
    if job.device == "cpu":
        return in_child(MODULE, asdict(job), threads=job.threads)
    gc.collect()
    torch.cuda.empty_cache()
    return work(**asdict(job))


def measure(what: str, job: Job, limits: Mapping[str, Any]) -> Row:
    """Do one job and hold it against the machine's limits."""
    found = done(job)
    common = {key: found.pop(key) for key in ("loss", "peak", "growth")}
    seconds, batch = found.pop("seconds"), LatentCLR(**PRESETS[job.preset]).batch
    if job.kind == "reference":
        if found["batch"] != batch:
            found["measured_seconds"] = seconds
            seconds *= batch / found["batch"]
            what += f" (measured at N {found['batch']}, scaled)"
        return Row(what, seconds, **common, more=found)
    counts, gemm = Counts(**limits["counts"]), found.pop("gemm")
    counts = counts.fused() if job.fuse else counts
    bound = sum(counts.bounds(gemm, max(limits["bandwidth"].values())).values())
    rate = counts.total / seconds
    kept = {key: value for key, value in found.items() if value is not None}
    return Row(
        what,
        seconds,
        **common,
        rate=rate,
        gemm=gemm,
        of_gemm=rate / gemm,
        bound=bound,
        of_bound=bound / seconds,
        more=kept,
    )


def merged(old: Sequence[Mapping[str, Any]], new: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of an earlier run and those that were measured again, with their ratios to the reference."""
    rows = {row["what"]: dict(row) for row in old} | {row.what: asdict(row) for row in new}
    reference = [row for what, row in rows.items() if what.startswith(REFERENCE)]
    for row in rows.values():
        row["ratio"] = reference[0]["seconds"] / row["seconds"] if reference else None
    return sorted(rows.values(), key=lambda row: not row["what"].startswith("reference"))


def check_losses(rows: Sequence[Mapping[str, Any]], batch: int) -> None:
    """Make sure that ours and the reference found the same loss at the same latents."""
    exact = [row for row in rows if row["what"].startswith("ours") and "gradient_cosine" not in row["more"]]
    same = [row for row in rows if row["more"].get("batch") == batch]
    for ours, theirs in product(exact, same):
        difference = abs(ours["loss"] / theirs["loss"] - 1)
        assert difference < 1e-3, f"{ours['what']}: loss {ours['loss']}, {theirs['what']}: {theirs['loss']}"


HEADER = (
    f"{'':<58}{'seconds':>10}{'ratio':>8}{'GFLOP/s':>9}{'of GEMM':>9}{'bound':>9}{'of bound':>10}"
    f"{'growth':>9}{'peak':>8}"
)


def line(row: Mapping[str, Any]) -> str:
    """A row of the table."""
    cells = f"{row['what']:<58}{row['seconds']:>10.4f}"
    cells += f"{row['ratio']:>8.1f}" if row["ratio"] else f"{'':>8}"
    if row["rate"]:
        cells += (
            f"{row['rate'] / 1e9:>9.1f}{row['of_gemm']:>9.1%}{row['bound']:>9.4f}{row['of_bound']:>10.1%}"
        )
    else:
        cells += f"{'':>37}"
    return f"{cells}{row['growth'] / 1e9:>6.2f} GB{row['peak'] / 1e9:>5.2f} GB"


def describe(title: str, limits: Mapping[str, Any]) -> None:
    """Print what the machine can do and what the step asks for."""
    counts = Counts(**limits["counts"])
    rates = ", ".join(f"{name} {rate / 1e9:.1f}" for name, rate in limits["products"].items())
    passes = ", ".join(f"{name} {rate / 1e9:.1f}" for name, rate in limits["bandwidth"].items())
    print(f"\n{title}")
    print(f"square product, GFLOP/s: {rates}; memory, GB/s: {passes}")
    for name, rate in limits["shapes"].items():
        print(f"  {name:<56}{rate / 1e9:>8.1f} GFLOP/s")
    bounds = counts.bounds(limits["products"]["float32"], max(limits["bandwidth"].values()))
    for name, seconds in bounds.items():
        operations, moved = counts.operations.get(name, 0.0), counts.moved.get(name, 0.0)
        print(f"  {name:<42}{operations / 1e9:>10.3f} GFLOP{moved / 1e9:>8.3f} GB{seconds:>9.4f} s")
    total, executed = counts.total / 1e9, counts.total_executed / 1e9
    print(f"  {'all':<42}{total:>10.3f} GFLOP, of which {executed:.3f} are computed")


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Seconds of every row, and where the bound of each preset comes from."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    parts, colours = results["parts"], colormaps["tab20"]
    heights = [len(part["rows"]) for part in parts.values()]
    figure = Figure(figsize=(12, 2.2 + 0.45 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(parts), 2, squeeze=False, height_ratios=[height + 2 for height in heights])
    for (bars, stack), part in zip(axes, parts.values(), strict=True):
        rows = part["rows"][::-1]
        kinds = ["tab:grey" if row["what"].startswith("reference") else "tab:blue" for row in rows]
        drawn = bars.barh([row["what"] for row in rows], [row["seconds"] for row in rows], color=kinds)
        bars.bar_label(drawn, [f" {row['seconds']:.3g} s" for row in rows])
        bars.set(title=part["title"], xlabel="seconds a step", xscale="log")
        bars.xaxis.set_minor_formatter(NullFormatter())
        bars.margins(x=0.25)
        left = 0.0
        bounds = Counts(**part["ceilings"]["counts"]).bounds(
            part["ceilings"]["products"]["float32"], max(part["ceilings"]["bandwidth"].values())
        )
        for i, (name, seconds) in enumerate(bounds.items()):
            stack.barh(["bound"], [seconds], left=left, label=name, color=colours(i))
            left += seconds
        ours = [row for row in part["rows"] if row["what"].startswith("training, float32, fused")][:1]
        ours = ours or [row for row in part["rows"] if row["what"].startswith("ours")][:1]
        for row in ours:
            stack.barh(["measured"], [row["seconds"]], color="tab:blue")
        stack.set(
            xlabel="seconds", title="bound by parts, float32" + (f"; {ours[0]['what']}" if ours else "")
        )
        stack.legend(fontsize="x-small", ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    figure.suptitle(", ".join(f"{key} {results[key]}" for key in ("gpu", "cpu", "threads") if key in results))
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure and print; write JSON and a plot if asked to. Rows of an earlier run stay in the file."""
    if answer(work):
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--presets", nargs="+", default=list(GENERATORS), choices=list(GENERATORS))
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    parser.add_argument("--reference-batch", type=int, help="latents of the reference; its time is scaled")
    options = parser.parse_args()
    here = facts(options.threads, torch.device(options.device))
    print(", ".join(f"{name} {value}" for name, value in here.items()))
    before = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    parts: dict[str, Any] = before.get("parts", {})
    for preset in options.presets:
        common = Job("ceilings", preset, threads=options.threads, device=options.device)
        limits = done(common)
        describe(TITLES[preset], limits)
        rows = parts.get(preset, {}).get("rows", [])
        wanted = jobs(preset, device=options.device, threads=options.threads, batch=options.reference_batch)
        for what, job in wanted:
            if options.only in what:
                rows = merged(rows, [measure(what, job, limits)])
                check_losses(rows, LatentCLR(**PRESETS[preset]).batch)
                parts[preset] = {"title": TITLES[preset], "ceilings": limits, "rows": rows}
                print(f"  done: {what}", flush=True)
                if options.out:
                    write_json(make_folder(options.out.parent) / options.out.name, {**here, "parts": parts})
        print("\n".join([HEADER, *map(line, rows)]), flush=True)
    if options.out and parts:
        plot({**here, "parts": parts}, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
