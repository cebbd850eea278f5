"""What every experiment is made of: what is asked for, the runs that answer it, and the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from PIL import Image

from latentclr.directions import Directions
from latentclr.discover import Discoverer, GANSpace, LatentCLR, Random, SeFa
from latentclr.evaluate.intervals import Bootstrap, Interval
from latentclr.experiments.questions import LATENTS, K
from latentclr.experiments.questions import Model as Model
from latentclr.tables import Cell as Cell

Thing = TypeVar("Thing")

MODELS: Mapping[Model, Mapping[str, Any]] = {
    "global": {},
    "linear": {"bias": True},
    "nonlinear": {"learning_rate": 1e-3},
}
"""LatentCLR's direction models, with the settings that differ from the defaults (docs/methods.md)."""


@dataclass(frozen=True)
class Settings:
    """How large an experiment is.

    Attributes:
        seeds: of the methods; one run each.
        k: directions of a run.
        ks: of the experiment that varies it.
        model: LatentCLR's direction model, where it is not what is compared.
        label: class in which directions are looked for; None: the generator's own, or 0.
        other: class that it is compared with; None: the one half way round.
        steps: of LatentCLR's training; None: its default.
        samples: latents that GANSpace analyses; None: its default.
        latents: pictures that effects are measured on.
        population: pictures whose deviations are the units of effects.
        matching: pictures that strengths are matched on.
        classes: at most so many are looked at.
        pictures: numbers of those that are drawn.
        truncation: of all latents.
        bootstrap: of the intervals.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    k: int = K
    ks: tuple[int, ...] = (4, 8, 16, 32, 64)
    model: Model = "global"
    label: int | None = None
    other: int | None = None
    steps: int | None = None
    samples: int | None = None
    latents: int = LATENTS
    population: int = 512
    matching: int = 8
    classes: int = 8
    pictures: tuple[int, ...] = (0, 1, 2)
    truncation: float = 1.0
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    @property
    def small(self) -> "Settings":
        """A form of a few seconds: it shows that everything runs, and says nothing about any method."""
        return replace(
            self,
            seeds=self.seeds[:2],
            k=3,
            ks=(2, 4),
            steps=5,
            samples=4096,
            latents=8,
            population=32,
            matching=2,
            classes=3,
            pictures=self.pictures[:1],
            bootstrap=replace(self.bootstrap, draws=100),
        )

    def latentclr(self, seed: int, *, k: int | None = None, model: Model | None = None) -> LatentCLR:
        """LatentCLR with these settings."""
        chosen = model or self.model
        steps = {} if self.steps is None else {"steps": self.steps, "validate_every": self.steps}
        more = {"truncation": self.truncation, **MODELS[chosen], **steps}
        return LatentCLR(k=k or self.k, seed=seed, model=chosen, **more)

    def ganspace(self, seed: int) -> GANSpace:
        """GANSpace with as many directions."""
        few: dict[str, Any] = {}
        if self.samples is not None:
            few = {"samples": self.samples, "regression_samples": self.samples}
        return GANSpace(k=self.k, seed=seed, truncation=self.truncation, **few)

    def sefa(self) -> SeFa:
        """SeFa with as many directions; it draws nothing."""
        return SeFa(k=self.k)

    def random(self, seed: int) -> Random:
        """As many random directions: what chance gives."""
        return Random(k=self.k, seed=seed)


@dataclass(frozen=True)
class Wanted:
    """A run that an experiment needs.

    Attributes:
        method: with its settings.
        label: class in which it looks; None: the generator has none.
    """

    method: Discoverer
    label: int | None = None

    @property
    def name(self) -> str:
        """Of its file."""
        model = getattr(self.method, "model", "")
        where = "" if self.label is None else f"class{self.label}"
        parts = (self.method.method, model, f"k{self.method.k}", where, f"seed{self.method.seed}")
        return "-".join(part for part in parts if part)


@dataclass(frozen=True)
class Run:
    """Directions that a method found, which say themselves how.

    Attributes:
        name: unique among the runs of an experiment.
        directions: that were found.
    """

    name: str
    directions: Directions

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.directions.origin.method or "?"

    @property
    def model(self) -> str:
        """LatentCLR's direction model; "" of other methods."""
        return str(self.directions.origin.hyperparameters.get("model", ""))

    @property
    def seed(self) -> int:
        """Of the method."""
        return int(self.directions.origin.hyperparameters.get("seed", 0))

    @property
    def label(self) -> int | None:
        """Number of the class in which they were found; None: there was none, or a mixture."""
        return self.directions.origin.generator.class_number


@dataclass(frozen=True)
class Experiment:
    """An answer.

    Attributes:
        rows: of the table; all have the same columns.
        figure: what one sees.
        text: what was found, in plain words.
    """

    rows: Sequence[Mapping[str, Cell]]
    figure: Image.Image
    text: str


def cells(name: str, interval: Interval) -> dict[str, Cell]:
    """A value with its interval as three cells; what is not known is empty.

    >>> cells("effect", Interval(0.5, 0.25, float("nan")))
    {'effect': 0.5, 'effect_low': 0.25, 'effect_high': None}
    """
    parts = {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {key: rounded(value) for key, value in parts.items()}


def rounded(value: float) -> float | None:
    """Five digits are more than any of this is exact to; None: not known."""
    return float(f"{value:.5g}") if abs(value) < float("inf") else None


def grouped(things: Sequence[Thing], by: Sequence[str]) -> dict[str, list[Thing]]:
    """Runs, or what was found of them, by what is compared, in the order in which they come.

    Args:
        things: to group.
        by: for each the name of its group.
    """
    found: dict[str, list[Thing]] = {}
    for thing, name in zip(things, by, strict=True):
        found.setdefault(name, []).append(thing)
    return found


def listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> listed(["a", "b", "c"]), listed([])
    ('a, b and c', 'none')
    """
    if len(names) < 2:
        return "".join(names) or "none"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def plural(count: int, noun: str) -> str:
    """A number with its noun.

    >>> plural(1, "class"), plural(3, "class"), plural(2, "seed")
    ('1 class', '3 classes', '2 seeds')
    """
    end = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{end}"
