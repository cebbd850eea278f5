"""The training loop: what is the same for every architecture.

It is not `engine.training.run`, which keeps the state with the best validation loss: a GAN has none. And here
logs, exports and checkpoints are due after a number of pictures, so that equal trainings leave equal files.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from latentclr.checkpoints import save_generator
from latentclr.engine.checkpoint import has_state
from latentclr.engine.training import Clock, Log, Stop
from latentclr.errors import InputError
from latentclr.files import make_folder, write_json
from latentclr.generators import Generator
from latentclr.images import save_picture, to_pil
from latentclr.pretrain.average import ema_decay
from latentclr.pretrain.data import Draw
from latentclr.pretrain.losses import r1_penalty
from latentclr.pretrain.settings import Settings
from latentclr.pretrain.state import State

GENERATOR = "generator.safetensors"
RECORD = "training.json"
SAMPLES = "samples"
SIDE = 8
"""Rows and columns of a sheet of samples."""

Measure = Callable[[Generator], Mapping[str, float]]


def train(
    settings: Settings,
    data: Draw,
    out: Path,
    *,
    resume: bool = False,
    start: str | Path | None = None,
    class_names: Sequence[str] = (),
    source: Mapping[str, Any] | None = None,
    measure: Measure | None = None,
    stop: Stop = lambda: False,
    log: Log = lambda _step, _values: None,
) -> Generator:
    """Train a generator, and leave it in a folder.

    The folder has `checkpoint.safetensors` (everything, to resume from) and the one before it,
    `generator.safetensors` (the averaged generator), `samples/` (sheets of its pictures) and `training.json`
    (settings and curves).

    Equal arguments give equal bytes on a CPU with one thread, also if the training was stopped or killed and
    resumed in between.

    Args:
        settings: of an architecture.
        data: a source of pictures of the settings' resolution (see `latentclr.pretrain.data`).
        out: the folder.
        resume: go on from the folder's checkpoint, if there is one.
        start: begin with the weights in this folder of a training, at the same or half the resolution; or
            with those of a generator, by name or file (then give the discriminator a head start).
        class_names: of class 0, 1, ..., written into the generator's file.
        source: JSON values about where the generator comes from, written into its file.
        measure: measures each exported generator (a Fréchet distance, say); for the curves.
        stop: asked after each step; True saves and ends.
        log: called with the number of steps done, losses and speed.

    Returns:
        The averaged generator.

    Raises:
        InputError: settings that are not possible, a folder with another training, or one that diverged.
    """
    settings.check()
    make_folder(out / SAMPLES)
    if has_state(out) and not resume:
        raise InputError(f"{out} holds a training already: resume it, or choose another folder.")
    state = State.new(settings)
    state.game.average.class_names = tuple(class_names)
    if not state.load(out) and start is not None:
        state.begin_with(start)

    def export(*, measured: bool) -> Generator:
        generator = state.game.exported(settings.seed)
        about = {"training": settings.kind, "pictures": state.seen, "seed": settings.seed, **(source or {})}
        save_generator(generator, out / GENERATOR, source=about)
        save_picture(sample_sheet(generator), out / SAMPLES / f"{state.seen:09d}.png")
        if measured and measure is not None:
            values = dict(measure(generator))
            state.note(values)
            log(state.step, {"pictures": state.seen, **values})
        curves = dict(sorted(state.curves.items()))
        write_json(out / RECORD, {"settings": settings.record(), "pictures": state.seen, "curves": curves})
        return generator

    end = math.ceil(settings.pictures / settings.batch)
    clock = Clock(state.step)
    with torch.enable_grad():
        while state.step < end and not stop():
            train_step(state, data)
            if state.step % settings.log_every == 0:
                values = _mean_losses(state)
                state.note(values)
                speed = clock.rate(state.step) * settings.batch
                log(state.step, {**values, "pictures": state.seen, "pictures_per_second": speed})
            if state.step < end and _due(state, settings.export_every):
                export(measured=True)
            if state.step < end and _due(state, settings.checkpoint_every):
                state.save(out)
        finished = state.step == end
        state.save(out)  # first what cannot be made again
        generator = export(measured=finished)
        if finished and measure is not None:
            state.save(out)
    return generator


def train_step(state: State, data: Draw) -> None:
    """One step of the discriminator and one of the generator, on the same latents.

    The generator runs once for both: it has not changed in between. Neither step computes gradients that the
    other needs: the discriminator sees the pictures detached, and the generator's step asks for the gradients
    of the generator alone.

    Args:
        state: changes.
        data: the source of real pictures.

    Raises:
        InputError: the pictures do not have the resolution of the settings.
    """
    game, settings = state.game, state.settings
    real, labels = _real(state, data)
    with _autocast(settings):
        fake = game.generate(labels, settings.batch, state.rng)
        loss_d = game.discriminator_loss(real, fake.detach(), labels)
    loss_d.backward()
    state.adam_d.step()
    state.adam_d.zero_grad()

    if settings.r1_gamma and state.step % settings.r1_every == 0:
        penalty = r1_penalty(lambda x: game.discriminator(x, labels), real, settings.r1_gamma)
        (penalty * settings.r1_every).backward()
        state.adam_d.step()
        state.adam_d.zero_grad()
        state.sums[2] += penalty.detach() * settings.r1_every

    if state.seen >= settings.head_start:
        with _autocast(settings):
            loss_g = game.generator_loss(fake, labels)
        loss_g.backward(inputs=list(game.generator.parameters()))
        state.adam_g.step()
        state.adam_g.zero_grad()
        state.sums[0] += loss_g.detach()

    state.sums[1] += loss_d.detach()
    state.step += 1
    half_life, ramp = settings.ema_half_life, settings.ema_ramp
    game.update_average(ema_decay(settings.batch, state.seen, half_life=half_life, ramp=ramp))


def _real(state: State, data: Draw) -> tuple[Tensor, Tensor | None]:
    settings = state.settings
    pictures, labels = data(settings.batch, state.rng)
    expected = (settings.batch, 3, settings.resolution, settings.resolution)
    if pictures.shape != expected:
        raise InputError(f"the data are pictures {tuple(pictures.shape)}; {expected} are asked for.")
    pictures = pictures.to(settings.device, memory_format=torch.channels_last)
    return pictures, None if labels is None else labels.to(settings.device)


def _mean_losses(state: State) -> dict[str, float]:
    """Mean losses since the last line of the log. The only place that waits for the device."""
    loss_g, loss_d, r1 = (state.sums / state.settings.log_every).tolist()
    state.sums.zero_()
    if not math.isfinite(loss_g + loss_d + r1):
        raise InputError(
            f"the training diverged before step {state.step}: its losses are no numbers any more. The last "
            "checkpoint is kept; try smaller learning rates or a larger r1_gamma."
        )
    values = {"loss_g": loss_g, "loss_d": loss_d}
    return {**values, "r1": r1} if state.settings.r1_gamma else values


def _due(state: State, every: int) -> bool:
    """Whether a multiple of `every` pictures lies in the last batch."""
    return state.seen // every > (state.seen - state.settings.batch) // every


def _autocast(settings: Settings) -> AbstractContextManager[Any]:
    if not _uses_bfloat16(settings.precision, settings.device):
        return nullcontext()
    return torch.autocast(settings.device.split(":")[0], torch.bfloat16)


def _uses_bfloat16(precision: str, device: str) -> bool:
    """Whether activations are bfloat16: "auto" is only where the device multiplies such numbers itself.

    A CPU without such instructions takes ten times as long as with float32.
    """
    if precision != "auto":
        return precision == "bfloat16"
    if device != "cpu":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@torch.inference_mode()
def sample_sheet(generator: Generator) -> Image.Image:
    """A square of pictures, of the seeds 0, 1, ...; if the generator has classes, each row is one of them."""
    size = generator.resolution
    sheet = Image.new("RGB", (SIDE * size, SIDE * size))
    for row in range(SIDE):
        view = generator.for_class(row % generator.num_classes) if generator.num_classes else generator
        pictures = view(view.from_seeds(range(row * SIDE, (row + 1) * SIDE)))
        for column, picture in enumerate(pictures):
            sheet.paste(to_pil(picture), (column * size, row * size))
    return sheet
