"""Settings of experiments, and the runs that they plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from latentclr.directions import Directions
from latentclr.discover import Discoverer, GANSpace, LatentCLR, Random, SeFa
from latentclr.evaluate.intervals import Bootstrap
from latentclr.experiments.questions import LATENTS, K
from latentclr.experiments.questions import Model as Model
from latentclr.generators import Generator

Method = Literal["latentclr", "ganspace", "sefa", "random"]
OURS: Method = "latentclr"
CHANCE: Method = "random"
"""The method that others are compared with, and the one that shows what the latent space gives by itself."""

MODELS: Mapping[Model, Mapping[str, Any]] = {
    "global": {},
    "linear": {"bias": True},
    "nonlinear": {"learning_rate": 1e-3},
}
"""LatentCLR's direction models, with the settings that differ from the defaults (docs/methods.md)."""


@dataclass(frozen=True)
class Settings:
    """Size of an experiment.

    Attributes:
        seeds: of the methods; one run for each.
        k: number of directions of a run.
        ks: numbers of directions that the experiment `many` compares.
        model: LatentCLR's direction model, where it is not what is compared.
        label: class in which directions are looked for; None: the generator's own, or 0.
        other: class that it is compared with; None: the one half way round.
        steps: of LatentCLR's training; None: its default.
        samples: latents that GANSpace analyses; None: its default.
        latents: number of pictures on which effects are measured.
        population: number of pictures whose standard deviations are the units of effects.
        matching: number of pictures on which strengths are matched.
        classes: largest number of classes that are compared.
        pictures: seeds of the pictures in the figure.
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
        """A version that takes a few seconds: it shows that everything runs, but its results mean nothing."""
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
        """LatentCLR with these settings.

        Args:
            seed: of the method.
            k: number of directions; None: `self.k`.
            model: direction model; None: `self.model`.
        """
        chosen = model or self.model
        steps = {} if self.steps is None else {"steps": self.steps, "validate_every": self.steps}
        more = {"truncation": self.truncation, **MODELS[chosen], **steps}
        return LatentCLR(k=k or self.k, seed=seed, model=chosen, **more)

    def own_class(self, generator: Generator) -> int | None:
        """The class in which directions are looked for: the given one, the generator's, or the first."""
        if not generator.num_classes:
            return None
        return (generator.label_number if self.label is None else self.label) or 0

    def plan(self, generator: Generator, *methods: Method) -> tuple["Wanted", ...]:
        """Runs of some methods in `own_class`: one for each seed; one of SeFa, which is deterministic.

        Args:
            generator: in which directions are looked for.
            methods: by name.
        """
        few: dict[str, Any] = {}
        if self.samples is not None:
            few = {"samples": self.samples, "regression_samples": self.samples}
        wanted: dict[Method, Sequence[Discoverer]] = {
            "latentclr": [self.latentclr(seed) for seed in self.seeds],
            "ganspace": [
                GANSpace(k=self.k, seed=seed, truncation=self.truncation, **few) for seed in self.seeds
            ],
            "sefa": [SeFa(k=self.k)],
            "random": [Random(k=self.k, seed=seed) for seed in self.seeds],
        }
        label = self.own_class(generator)
        return tuple(Wanted(method, label) for name in methods for method in wanted[name])


@dataclass(frozen=True)
class Wanted:
    """A run that an experiment needs.

    Attributes:
        method: with its settings.
        label: class in which it looks for directions; None: the generator has no classes.
    """

    method: Discoverer
    label: int | None = None

    @property
    def name(self) -> str:
        """Name of the run, and of its file."""
        model = getattr(self.method, "model", "")
        where = "" if self.label is None else f"class{self.label}"
        parts = (self.method.method, model, f"k{self.method.k}", where, f"seed{self.method.seed}")
        return "-".join(part for part in parts if part)


@dataclass(frozen=True)
class Run:
    """Directions that a method found.

    Attributes:
        name: unique among the runs of an experiment.
        directions: with the record of how they were found.
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
        """Seed of the method."""
        return int(self.directions.origin.hyperparameters.get("seed", 0))

    @property
    def label(self) -> int | None:
        """Number of the class in which they were found; None: no class, or a mixture."""
        return self.directions.origin.generator.class_number
