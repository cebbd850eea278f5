"""The whole state of a training in one file: resumed, it goes on as if it had never stopped."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from latentclr.checkpoints import load_generator
from latentclr.engine.checkpoint import KIND, check_unchanged, read_state, write_state
from latentclr.engine.training import Curves, adam_tensors, fill, prepare_adam
from latentclr.errors import InputError
from latentclr.pretrain.biggan_deep import BigGANDeepGame
from latentclr.pretrain.game import Game
from latentclr.pretrain.losses import lazy_adam
from latentclr.pretrain.settings import Settings
from latentclr.pretrain.stylegan2 import StyleGAN2Game

GAMES: Mapping[str, Callable[..., Game]] = {"stylegan2": StyleGAN2Game, "biggan-deep": BigGANDeepGame}
"""Makes the networks from settings and a random generator, by the kind of settings."""
MAY_DIFFER = ("pictures", "log_every", "checkpoint_every", "export_every", "precision", "device")
"""Settings that may change from the start of a training to its resumption."""


@dataclass
class State:
    """A training that is running.

    Attributes:
        settings: of the training.
        game: both networks and the average.
        adam_g: optimiser of the generator.
        adam_d: optimiser of the discriminator.
        rng: source of all randomness.
        sums: of the losses since the last line of the log: generator, discriminator, R1.
        step: steps done.
        curves: what was logged, over pictures seen.
    """

    settings: Settings
    game: Game
    adam_g: torch.optim.Adam
    adam_d: torch.optim.Adam
    rng: torch.Generator
    sums: Tensor
    step: int = 0
    curves: Curves = field(default_factory=dict)

    @classmethod
    def new(cls, settings: Settings) -> "State":
        """The start of a training."""
        rng = torch.Generator().manual_seed(settings.seed)
        with torch.random.fork_rng(devices=[]):  # PyTorch's layers draw first weights that are replaced
            game = GAMES[settings.kind](settings, rng).to(settings.device)
        lr, betas = settings.lr_d, settings.betas
        if settings.r1_gamma:
            lr, betas = lazy_adam(lr, betas, settings.r1_every)
        return cls(
            settings,
            game,
            _adam(game.generator, settings.lr_g, settings.betas, settings.adam_eps),
            _adam(game.discriminator, lr, betas, settings.adam_eps),
            rng,
            torch.zeros(3, device=settings.device),
        )

    @property
    def seen(self) -> int:
        """Number of real pictures seen so far, repetitions counted."""
        return self.step * self.settings.batch

    def save(self, folder: Path) -> None:
        """Write a checkpoint (see `write_state`) into a folder."""
        about = {"kind": self.settings.kind, "settings": asdict(self.settings)}
        write_state(folder, self._tensors(), {**about, "step": self.step, "curves": self.curves})

    def load(self, folder: Path) -> bool:
        """Become what was saved. Returns whether there was a checkpoint.

        Raises:
            InputError: it is damaged, or of another training.
        """
        found = read_state(folder)
        if found is None:
            return False
        tensors, header = found
        kind = self.settings.kind
        if header.get("kind") != kind:
            raise InputError(f"{folder} is the training of a {header.get('kind')}, not of a {kind}.")
        now = json.loads(json.dumps(asdict(self.settings)))  # tuples are lists there
        check_unchanged(folder, {**now, **header["settings"]}, now, may_differ=MAY_DIFFER)
        fill(self._tensors(), tensors)
        self.rng.set_state(tensors["rng"])
        self.step, self.curves = header["step"], header["curves"]
        return True

    def begin_with(self, start: str | Path) -> None:
        """Take over weights, and nothing else: Adam starts anew.

        Args:
            start: the folder of another training, at the same or half the resolution (the layers that it
                lacks keep their first weights); or a generator, by name or file.

        Raises:
            InputError: neither is there, or its networks do not fit.
        """
        if not Path(start).is_dir():
            self.game.take_over(load_generator(start, device=self.settings.device))
            return
        kind, resolution = self.settings.kind, self.settings.resolution
        found = read_state(Path(start))
        if found is None or found[1].get("kind") != kind:
            raise InputError(f"{start} does not hold {KIND} of a {kind}.")
        tensors, header = found
        before = header["settings"]["resolution"]
        if resolution not in (before, 2 * before):
            raise InputError(
                f"{start} was trained at {before} x {before}: start a training at {before} or {2 * before} "
                f"from it, not at {resolution}."
            )
        mine = self.game.tensors()
        misfit = f"{start} holds other networks than these settings describe."
        try:
            theirs = (
                {name: tensors[name] for name in mine} if before == resolution else self.game.grown(tensors)
            )
        except KeyError as error:
            raise InputError(misfit) from error
        if any(mine[name].shape != tensor.shape for name, tensor in theirs.items()):
            raise InputError(misfit)
        with torch.no_grad():
            for name, tensor in theirs.items():
                mine[name].copy_(tensor)

    def note(self, values: Mapping[str, float]) -> None:
        """Add a point to the curve of each value."""
        for name, value in values.items():
            self.curves.setdefault(name, []).append([self.seen, value])

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {"rng": self.rng.get_state(), "sums": self.sums, **self.game.tensors()}
        return tensors | dict(adam_tensors("adam_g", self.adam_g)) | dict(adam_tensors("adam_d", self.adam_d))


def _adam(module: torch.nn.Module, lr: float, betas: tuple[float, float], eps: float) -> torch.optim.Adam:
    adam = torch.optim.Adam(module.parameters(), lr=lr, betas=betas, eps=eps, fused=True)
    prepare_adam(adam)  # so that a training that was stopped before its first step is whole too
    return adam
