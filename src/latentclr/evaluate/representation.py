"""The disentanglement of directions: an encoder is trained on edits, and its codes of renders are scored."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import Directions
from latentclr.discover.base import no_log
from latentclr.engine.training import Log
from latentclr.errors import InputError
from latentclr.evaluate.attributes import Kind
from latentclr.evaluate.disentanglement import (
    FACTOR_BINS,
    Dci,
    FactorVae,
    Mig,
    dci,
    factor_vae,
    mig,
    of_table,
)
from latentclr.evaluate.encoder import PIXELS, EncoderSettings, Pictures, train_encoder
from latentclr.generators import Generator
from latentclr.scenes import BY_NAME, WORLDS, draw, render

DEAD = 0.05
"""A code with a smaller standard deviation, in calibrated lengths, gets no votes (disentanglement_lib's)."""


@dataclass(frozen=True)
class Renders:
    """Pictures of scenes with known factors.

    Attributes:
        pictures: of n scenes.
        factors: values of f factors.
        names: of the factors.
        kinds: of the factors.
    """

    pictures: Pictures
    factors: Float[Tensor, "n f"]
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]

    def without(self, name: str) -> "Renders":
        """The same pictures without one of the factors, if it is among them."""
        kept = [i for i, other in enumerate(self.names) if other != name]
        names, kinds = tuple(self.names[i] for i in kept), tuple(self.kinds[i] for i in kept)
        return Renders(self.pictures, self.factors[:, kept], names, kinds)


@dataclass(frozen=True)
class Disentanglement:
    """How well codes separate factors.

    Attributes:
        mig: mutual information gap.
        dci: disentanglement, completeness, informativeness.
        factor_vae: FactorVAE score.
        factors: names of the factors.
        labels: of the codes.
        left: error of the encoder (see `TrainedEncoder`); NaN: there was none.
    """

    mig: Mig
    dci: Dci
    factor_vae: FactorVae
    factors: tuple[str, ...]
    labels: tuple[str, ...]
    left: float

    def by_factor(self) -> dict[str, dict[str, float]]:
        """For each factor: gap, completeness, informativeness, and the code that knows most about it."""
        return {
            name: {
                "gap": float(self.mig.gaps[i]),
                "completeness": float(self.dci.by_factor[i]),
                "informativeness": float(self.dci.predicted[i]),
                "information": float(self.mig.information[:, i].max()),
                "code": float(self.mig.information[:, i].argmax()),
            }
            for i, name in enumerate(self.factors)
        }


def renders(world: str, *, n: int = 4000, shape: int | None = None, seed: int = 0) -> Renders:
    """Pictures of scenes whose factors have the values of 3D Shapes, or ten values each if it has none.

    Args:
        world: name in `latentclr.scenes.WORLDS`.
        n: number of pictures; 4000 take about 6 seconds of a core.
        shape: number of the only shape; None: all shapes of the world.
        seed: same seed, same pictures.

    Raises:
        InputError: there is no such world.
    """
    if world not in WORLDS:
        raise InputError(f"there is no world {world!r}; there are {', '.join(WORLDS)}.")
    rng, free = torch.Generator().manual_seed(seed), WORLDS[world].free
    drawn = draw(n, rng, free=free, shapes=WORLDS[world].shapes, stepped=True)
    for name in free:
        if not BY_NAME[name].steps:
            drawn[name] = BY_NAME[name].values(FACTOR_BINS)[torch.randint(FACTOR_BINS, (n,), generator=rng)]
    if shape is not None:
        drawn["shape"] = torch.full((n,), float(shape))
    names = tuple(name for name in free if shape is None or name != "shape")
    kinds: tuple[Kind, ...] = tuple(BY_NAME[name].kind for name in names)
    values = torch.stack([drawn[name] for name in names], dim=1)
    return Renders(render(drawn, size=PIXELS), values, names, kinds)


def evaluate_disentanglement(
    generator: Generator,
    directions: Directions,
    settings: EncoderSettings = EncoderSettings(),  # noqa: B008  (a frozen value)
    *,
    shown: Renders | None = None,
    log: Log = no_log,
) -> Disentanglement:
    """MIG, DCI and FactorVAE score of directions: of the codes of an encoder that is trained on their edits.

    Args:
        generator: the directions' generator, trained on the world of `latentclr.scenes` with its name. Its
            classes, if any, are the shapes, which no direction changes: shape is then no factor, and of a
            chosen class only that shape is shown.
        directions: two or more.
        settings: of the encoder's training; the seed is that of trees and votes, too.
        shown: pictures with known factors; None: `renders` of the generator's world. (Give them where many
            directions are compared: the same pictures for all, drawn once.)
        log: see `train_encoder`.

    Raises:
        InputError: fewer than two directions, a generator of no known world where nothing is shown, or see
            `train_encoder`.
    """
    if directions.k < 2:
        raise InputError(f"{directions.k} direction has no gap to a second: give two or more.")
    shown = renders(generator.name, shape=generator.label_number) if shown is None else shown
    if generator.num_classes:
        shown = shown.without("shape")
    trained = train_encoder(generator, directions, settings, log=log)
    codes = trained.encoder.codes(shown.pictures.to(generator.device)).cpu()
    labels = tuple(directions.label(i) for i in range(directions.k))
    return scores(codes, shown, labels=labels, left=trained.left, dead=DEAD, seed=settings.seed)


def scores(
    codes: Float[Tensor, "n d"],
    shown: Renders,
    *,
    labels: tuple[str, ...],
    left: float = math.nan,
    dead: float = 0.0,
    seed: int = 0,
) -> Disentanglement:
    """All three scores of codes of pictures with known factors.

    Args:
        codes: of the pictures, from any encoder.
        shown: the pictures.
        labels: of the codes.
        left: error of the encoder; NaN: not known.
        dead: see `factor_vae`.
        seed: of trees and votes.
    """
    tables = (codes, shown.factors, shown.kinds)
    votes = factor_vae(of_table(*tables), codes.std(0), factors=len(shown.kinds), dead=dead, seed=seed)
    return Disentanglement(mig(*tables), dci(*tables, seed=seed), votes, shown.names, labels, left)
