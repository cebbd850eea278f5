"""The table of experiments: their questions, and the modules that answer them."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal

Model = Literal["global", "linear", "nonlinear"]
K = 12
"""Usual number of directions of a run."""
LATENTS = 64
"""Usual number of pictures on which effects are measured."""


@dataclass(frozen=True)
class Question:
    """One experiment.

    Attributes:
        about: the question in one line.
        paper: figure, table or section of the paper.
        generator: usual generator.
        answer: module of `experiments` that answers it.
        latents: usual number of pictures on which effects are measured.
    """

    about: str
    paper: str
    generator: str
    answer: str
    latents: int = LATENTS

    def load(self) -> ModuleType:
        """Import the module that answers the question.

        It has two functions, which raise InputError where the question cannot be asked: `plan(settings,
        generator)` gives the runs that are needed, `run(bench, runs)` measures these or other runs and gives
        the answer.
        """
        return import_module(f"latentclr.experiments.{self.answer}")


EXPERIMENTS: Mapping[str, Question] = {
    "general": Question(
        "are there directions for general edits?",
        "question 1, Figure 2a",
        "scenes-biggan",
        "general",
    ),
    "transfer": Question(
        "do directions of one class work in others?",
        "question 2, Figure 2b",
        "scenes-biggan",
        "transfer",
    ),
    "class-specific": Question(
        "are there directions that only one class has?",
        "question 3, Figure 3a",
        "scenes-biggan",
        "class_specific",
    ),
    "against": Question(
        "how do they compare with GANSpace and SeFa?",
        "question 4, Figures 3b and 4a",
        "scenes-biggan",
        "against",
    ),
    "layers": Question(
        "what do the same directions do in some layers only?",
        "section 3, layer-wise styles",
        "scenes",
        "layers",
    ),
    "rescoring": Question(
        "what does a scorer say after edits?",
        "section 4.2, Table 1",
        "celebs",
        "rescoring",
        latents=500,  # as many as in the paper; directions are chosen on as many others
    ),
    "many": Question(
        "do too many directions repeat each other?",
        "section 3, choice of K",
        "scenes",
        "many",
    ),
    "models": Question(
        "global, linear or nonlinear directions?",
        "section 3, choice of direction model",
        "scenes",
        "models",
    ),
}
"""Experiments by name."""
