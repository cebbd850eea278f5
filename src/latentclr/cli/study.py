"""latentclr study: freeze a user study, serve it to participants, and report what they said."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro

from latentclr.cli.console import counted, out, say
from latentclr.cli.options import parse
from latentclr.cli.runs import OfRuns
from latentclr.cli.study_pages import LIBRARIES, Folder, Serve, answers_of
from latentclr.errors import InputError
from latentclr.ranges import numbers
from latentclr.study.options import DEFAULT, Checks, Options, Sides, Unit
from latentclr.web import needs


@dataclass(frozen=True)
class Create(OfRuns):
    """Freeze a study: draw its pictures once, and write down everything that participants will be asked."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")]
    """Run folders (or directions files) of one generator."""
    out: Path
    """Folder for the study."""
    title: str = DEFAULT.title
    """What participants read above everything."""
    pictures: int = DEFAULT.pictures
    """Pictures of the study, drawn at random by the generator."""
    per_direction: int = DEFAULT.per_direction
    """Of these, how many a participant sees of each direction."""
    unit: Unit = DEFAULT.unit
    """What is answered at once: a direction on all its pictures, as in the paper, or each picture alone."""
    per_participant: int | None = None
    """Directions that one participant sees; none: all."""
    directions: str | None = None
    """Directions of each run to show, such as 0-7; none: all that are not hidden."""
    sides: Sides = DEFAULT.sides
    """Where -alpha stands: on a random side, or always left, as in the paper."""
    names: bool = False
    """Ask for a name of each direction, too (free text)."""
    preference: int = 0
    """Pairs of directions of every two runs of which participants say which is clearer; 0: none."""
    same: int = DEFAULT.checks.same
    """Attention checks with three equal pictures."""
    drastic: int = DEFAULT.checks.drastic
    """Attention checks with three wholly different pictures."""
    repeated: int = DEFAULT.checks.repeated
    """Items that come again later, to see how steady answers are."""
    alpha: float | None = None
    """Of all edits, in each run's own units; none: all directions at equal visible change."""
    multiple: float = DEFAULT.multiple
    """Of that change: how much of it is shown."""
    size: int | None = None
    """Height of the pictures in pixels; none: the generator's own."""
    seed: int = 0
    """Of everything that is random: pictures, orders, sides."""
    overwrite: bool = False
    """Replace the study that is in the folder, as long as nobody has answered it."""

    def run(self) -> None:
        """Write the folder, print its path."""
        needs("study", "pydantic")
        from latentclr.engine.memory import keep_memory
        from latentclr.runs.discovery import directions_file
        from latentclr.study import create
        from latentclr.study.plan import CONSENT, INSTRUCTIONS

        create.STUDY_FOLDER.check_place(self.out, overwrite=self.overwrite)
        if answers_of(self.out).exists():
            raise InputError(f"{self.out} holds answers of participants; choose another folder.")
        keep_memory()
        opened, generator = self.open(self.runs)
        sources = [
            create.Source(
                run.name,
                run.directions,
                create.sha256_of(directions_file(run.path)),
                indices=None
                if self.directions is None
                else tuple(numbers(self.directions, int, "--directions")),
                slots=run.slots,
            )
            for run in opened
        ]
        create.check(sources, generator, self._options())
        with counted("drawing the pictures", create.picture_count(sources, self._options())) as log:
            create.create(self.out, sources, generator, self._options(), overwrite=self.overwrite, log=log)
        out.print(str(self.out), markup=False)
        say(f"Before anybody takes part, read and edit {self.out / CONSENT} and {self.out / INSTRUCTIONS}.")
        say(f"Then: latentclr study serve {self.out}")

    def _options(self) -> Options:
        chosen = {one.name: getattr(self, one.name) for one in fields(Options) if one.name != "checks"}
        return Options(**chosen, checks=Checks(self.same, self.drastic, self.repeated))


@dataclass(frozen=True)
class Report:
    """Write what a study found: report.html, summary.json, and tables as CSV."""

    folder: Folder
    """Folder of the study."""
    out: Path
    """Folder for the report."""
    database: str | None = None
    """Where the answers are; none: in the study's folder."""
    mistakes: int = 0
    """Attention checks that a participant may get wrong and still be counted."""
    overwrite: bool = False
    """Replace the report that is in the folder."""

    def run(self) -> None:
        """Write the report, print its page's path."""
        needs("study", *LIBRARIES)
        from latentclr.study.plan import Study
        from latentclr.study.report import PAGE, report
        from latentclr.study.store import Store

        study = Study.open(self.folder)
        if self.database is None and not answers_of(self.folder).exists():
            raise InputError(
                f"there are no answers in {self.folder}: run latentclr study serve {self.folder}, or say "
                "where they are (--database)."
            )
        with Store.open(self.database, study) as store:
            folder = report(study, store, self.out, mistakes=self.mistakes, overwrite=self.overwrite)
        out.print(str(folder / PAGE), markup=False)


Command = (
    Annotated[Create, tyro.conf.subcommand("create")]
    | Annotated[Serve, tyro.conf.subcommand("serve")]
    | Annotated[Report, tyro.conf.subcommand("report")]
)


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parse(
        Command,  # type: ignore[arg-type]
        arguments or ["--help"],
        prog="study",
        about="Ask people what directions do: freeze a study, serve it, report what they said.",
    ).run()
