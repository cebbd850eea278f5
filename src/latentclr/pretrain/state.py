"""All that a training is at one moment, in one file: resumed, it goes on as if it had never stopped."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latentclr.engine.checkpoint import KIND, read_state, write_state
from latentclr.engine.training import Curves, adam_tensors, fill, prepare_adam
from latentclr.errors import InputError
from latentclr.pretrain import biggan_deep, stylegan2
from latentclr.pretrain.game import Game
from latentclr.pretrain.losses import lazy_adam
from latentclr.pretrain.settings import Settings

STARTS: Mapping[str, Callable[..., Game]] = {"stylegan2": stylegan2.start, "biggan-deep": biggan_deep.start}
"""What makes the networks, by the kind of settings."""
MAY_DIFFER = (
    "pictures",
    "log_every",
    "checkpoint_every",
    "export_every",
    "precision",
    "device",
)
"""Settings that may change from the start of a training to its resumption."""


@dataclass
class State:
    """A training that is running.

    Attributes:
        game: both networks and the average.
        adam_g: of the generator.
        adam_d: of the discriminator.
        rng: everything random comes from here.
        step: steps done.
        sums: of the losses since the last line of the log: generator, discriminator, R1.
        curves: what was logged, over pictures seen.
    """

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
            game = STARTS[settings.kind](settings, rng).to(settings.device)
        lr, betas = settings.lr_d, settings.betas
        if settings.r1_gamma:
            lr, betas = lazy_adam(lr, betas, settings.r1_every)
        return cls(
            game,
            _adam(game.generator, settings.lr_g, settings.betas, settings.adam_eps),
            _adam(game.discriminator, lr, betas, settings.adam_eps),
            rng,
            torch.zeros(3, device=settings.device),
        )

    def save(self, folder: Path, settings: Settings) -> None:
        """Write everything; see `write_state`."""
        about = {"kind": settings.kind, "settings": asdict(settings)}
        write_state(folder, self._tensors(), {**about, "step": self.step, "curves": self.curves})

    def load(self, folder: Path, settings: Settings) -> bool:
        """Become what was saved. Returns whether there was anything.

        Raises:
            InputError: damaged, or of another training.
        """
        found = read_state(folder)
        if found is None:
            return False
        tensors, header = found
        self._check(folder, header, settings)
        fill(self._tensors(), tensors)
        self.rng.set_state(tensors["rng"])
        self.step, self.curves = header["step"], header["curves"]
        return True

    def begin_with(self, folder: Path, settings: Settings) -> None:
        """Take over the weights of another training, at the same or half the resolution, and nothing else.

        At half the resolution, the layers that it lacks keep their first weights. Adam starts anew.

        Args:
            folder: of the other training.
            settings: of this one.

        Raises:
            InputError: no training is there, or its networks do not fit.
        """
        found = read_state(folder)
        if found is None or found[1].get("kind") != settings.kind:
            raise InputError(f"{folder} does not hold {KIND} of a {settings.kind}.")
        tensors, header = found
        before = header["settings"]["resolution"]
        if settings.resolution not in (before, 2 * before):
            raise InputError(
                f"{folder} was trained at {before} x {before}: start a training at {before} or {2 * before} "
                f"from it, not at {settings.resolution}."
            )
        mine = self.game.tensors()
        others = f"{folder} holds other networks than these settings describe."
        try:
            same = before == settings.resolution
            theirs = {name: tensors[name] for name in mine} if same else self.game.grown(tensors)
        except KeyError as error:
            raise InputError(others) from error
        if any(mine[name].shape != tensor.shape for name, tensor in theirs.items()):
            raise InputError(others)
        with torch.no_grad():
            for name, tensor in theirs.items():
                mine[name].copy_(tensor)

    def note(self, pictures: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        for name, value in values.items():
            self.curves.setdefault(name, []).append([pictures, value])

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {"rng": self.rng.get_state(), "sums": self.sums}
        tensors |= self.game.tensors()
        for name, adam in (("adam_g", self.adam_g), ("adam_d", self.adam_d)):
            tensors |= dict(adam_tensors(name, adam))
        return tensors

    def _check(self, folder: Path, header: Mapping[str, Any], settings: Settings) -> None:
        if header.get("kind") != settings.kind:
            raise InputError(f"{folder} is the training of a {header.get('kind')}, not of a {settings.kind}.")
        for name, value in asdict(settings).items():
            now = list(value) if isinstance(value, tuple) else value
            before = header["settings"].get(name, now)
            if name not in MAY_DIFFER and before != now:
                raise InputError(
                    f"{folder} was trained with {name}={before}, now {name}={now} is given: resume with the "
                    "same settings, or start anew in another folder."
                )


def _adam(module: torch.nn.Module, lr: float, betas: tuple[float, float], eps: float) -> torch.optim.Adam:
    adam = torch.optim.Adam(module.parameters(), lr=lr, betas=betas, eps=eps, fused=True)
    prepare_adam(adam)  # so that a training that was stopped before its first step is whole too
    return adam
