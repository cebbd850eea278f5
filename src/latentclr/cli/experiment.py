"""latentclr experiment NAME: answer a question of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from latentclr.cli.console import counted, out, say, table
from latentclr.cli.options import ClassName, DeviceOption, OverwriteOption, pick_device
from latentclr.cli.parsing import check_options, chosen, parse
from latentclr.errors import InputError
from latentclr.experiments.questions import EXPERIMENTS, K, Model, Question
from latentclr.limits import at_least
from latentclr.ranges import numbers

if TYPE_CHECKING:
    from latentclr.experiments.answers import Experiment
    from latentclr.experiments.settings import Run, Settings
    from latentclr.generators import Generator

SHOWN = 40
"""Largest number of table rows that are printed; table.csv has all."""


@dataclass(frozen=True)
class Options(DeviceOption, OverwriteOption):
    """Answer a question of the paper with a figure, a table and a paragraph."""

    out: Path
    """Folder for the experiment: figure.png, table.csv, text.md, experiment.json and the runs."""
    generator: str | None = None
    """A name of the zoo, or the path of a checkpoint file (default: that of the first run, or the usual one
    of the question)."""
    runs: tuple[Path, ...] = ()
    """Run folders or directions files to use (default: new directions, which are kept in OUT/runs and used
    again by a repeated command with --overwrite, or after one that was stopped)."""
    small: bool = False
    """Run a form of some seconds, to see that it works; it says nothing about any method."""
    seeds: str = "0,1,2"
    """Seeds of the methods, each of which gives a run."""
    k: int = K
    """Directions of a run."""
    ks: str = "4,8,16,32,64"
    """Numbers of directions that `many` compares."""
    model: Model = "global"
    """LatentCLR's direction model."""
    label: ClassName = None
    """Class in which directions are found, by number or name (default: the generator's own, or 0)."""
    other: str | None = None
    """Class that `class-specific` compares it with (default: the one half of all classes further on)."""
    steps: int | None = None
    """Steps of LatentCLR's training (default: its own)."""
    latents: int | None = None
    """Pictures that effects are measured on (default: 64, or 500 for `rescoring`)."""
    pictures: str = "0,1,2"
    """Seeds of the pictures in the figure."""
    truncation: float = 1.0
    """Truncation of the latents."""
    level: float = 0.95
    """Confidence level of the intervals."""

    def run(self, name: str) -> None:
        """Answer the question of that name, write the folder, and print the text."""
        from latentclr.engine.memory import keep_memory
        from latentclr.evaluate.reading import reading_of
        from latentclr.experiments.bench import Bench
        from latentclr.experiments.finding import find, load
        from latentclr.experiments.folder import RUNS, experiment_folder, write

        question = EXPERIMENTS[name]
        self._check()
        asked = question.load()
        keep_memory()
        generator = self._open(question)
        settings = self._settings(question, generator)
        label = self._label(settings, generator)
        place = generator if label is None else generator.for_class(label)
        generator = place.at(self.truncation).settled()
        generator.from_seeds(settings.pictures)  # so that wrong seeds are refused before the work
        given = load(self.runs, generator) if self.runs else ()
        wanted = () if given else asked.plan(settings, generator)
        with experiment_folder(self.out, overwrite=self.overwrite) as folder:
            runs = given
            if not runs:
                with counted(f"looking for directions: {len(wanted)} runs", len(wanted)) as log:
                    found: list[Run] = []
                    for one in wanted:
                        found += find([one], generator, folder / RUNS, say=say)
                        log(len(found), {})
                runs = tuple(found)
            _remove_others(folder / RUNS, runs)
            reading = reading_of(generator)
            what = f"measuring {len(runs)} runs of {generator.name}, set by set"
            with counted(what, settings.latents) as log:
                answer = asked.run(Bench(generator, reading, settings, log), runs)
            write(
                folder,
                name,
                question.paper,
                answer,
                generator=generator,
                runs=runs,
                settings=self._record(settings),
            )
        self._print(answer)

    def _check(self) -> None:
        from latentclr.experiments.folder import EXPERIMENT

        check_options(self, k=at_least(2), latents=at_least(8), steps=at_least(1))
        EXPERIMENT.check_place(self.out, overwrite=self.overwrite)

    def _open(self, question: Question) -> Generator:
        """The generator that is asked for or that the runs name, in their space."""
        from latentclr.checkpoints import load_generator
        from latentclr.directions import Directions
        from latentclr.runs.discovery import directions_file

        first = Directions.load(directions_file(self.runs[0])) if self.runs else None
        name = self.generator or (first.origin.generator.name if first else None)
        found = load_generator(name or question.generator, device=pick_device(self.device), log=say)
        return found.in_space(first.space) if first else found

    def _settings(self, question: Question, generator: Generator) -> Settings:
        from latentclr.evaluate.intervals import Bootstrap
        from latentclr.experiments.settings import Settings

        ks = tuple(numbers(self.ks, int, "--ks"))
        if min(ks) < 2:
            raise InputError(f"--ks {self.ks}: every K must be at least 2.")
        label, other = (self._class(which, generator) for which in (self.label, self.other))
        settings = Settings(
            seeds=tuple(dict.fromkeys(numbers(self.seeds, int, "--seeds"))),
            k=self.k,
            ks=tuple(sorted(set(ks))),
            model=self.model,
            label=label,
            other=other,
            steps=self.steps,
            latents=self.latents or question.latents,
            pictures=tuple(numbers(self.pictures, int, "--pictures")),
            truncation=self.truncation,
            bootstrap=Bootstrap(level=self.level),
        )
        return settings.small if self.small else settings

    def _class(self, which: str | None, generator: Generator) -> int | None:
        from latentclr.generators.classes import find_class

        if which is None:
            return None
        if not generator.num_classes:
            raise InputError(f"--class {which}: {generator.name or 'this generator'} has no classes.")
        return find_class(which, generator.class_names, generator.num_classes)

    def _label(self, settings: Settings, generator: Generator) -> int | None:
        """The class to measure in: the first run's, unless another is asked for."""
        from latentclr.directions import Directions
        from latentclr.runs.discovery import directions_file

        if self.runs and settings.label is None and generator.num_classes:
            number = Directions.load(directions_file(self.runs[0])).origin.generator.class_number
            if number is not None:
                return number
        return settings.own_class(generator)

    def _record(self, settings: Settings) -> dict[str, Any]:
        return {
            "small": self.small,
            "seeds": settings.seeds,
            "k": settings.k,
            "ks": settings.ks,
            "model": settings.model,
            "class": settings.label,
            "other": settings.other,
            "steps": settings.steps,
            "latents": settings.latents,
            "pictures": settings.pictures,
            "truncation": settings.truncation,
            "level": settings.bootstrap.level,
            "runs": [str(run) for run in self.runs],
        }

    def _print(self, answer: Experiment) -> None:
        columns = [
            name for name in answer.rows[0] if not name.endswith(("_low", "_high")) and name != "about"
        ]
        shown = table(*columns)
        for row in answer.rows[:SHOWN]:
            shown.add_row(*(_cell(row, column) for column in columns))
        out.print(shown)
        if len(answer.rows) > SHOWN:
            say(f"{len(answer.rows) - SHOWN} more rows are in {self.out / 'table.csv'}")
        out.print(f"\n{answer.text}\n")
        out.print(f"figure: {self.out / 'figure.png'}")


def _cell(row: Any, column: str) -> str:
    """A value as text, with its interval where it has one."""
    value, low, high = (row.get(name) for name in (column, f"{column}_low", f"{column}_high"))
    if value is None:
        return "-"
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    return text if low is None or high is None else f"{text} [{low:.2f}, {high:.2f}]"


def _remove_others(folder: Path, runs: Sequence[Run]) -> None:
    """Remove kept directions that were found with other settings."""
    names = {one.name for one in runs}
    for path in folder.glob("*.safetensors"):
        if path.stem not in names:
            path.unlink()


def choices() -> dict[str, Any]:
    """The dataclass of options of each experiment."""
    return dict.fromkeys(EXPERIMENTS, Options)


def main(arguments: Sequence[str]) -> None:
    """Run the command; its first argument is the experiment."""
    found = chosen(arguments, "experiment", EXPERIMENTS, _overview)
    if found is None:
        return
    name, rest = found
    question = EXPERIMENTS[name]
    about = f"{question.about.capitalize()} ({question.paper} of LatentCLR's paper.)"
    parse(Options, rest, prog=f"experiment {name}", about=about, default=Options(out=tyro.MISSING)).run(name)


def _overview() -> str:
    names = "\n".join(
        f"  {name:<16}{question.about}\n{'':<18}{question.paper}; usually of {question.generator}"
        for name, question in EXPERIMENTS.items()
    )
    return (
        "usage: latentclr experiment NAME --out FOLDER [options]\n\n"
        "Answer a question of LatentCLR's paper with a figure, a table and a paragraph.\n\n"
        f"experiments:\n{names}\n\n"
        "`latentclr experiment NAME --help` lists the options; --small runs a form of some seconds."
    )
