"""latentclr study: freeze a user study, serve it to participants, and report their answers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro

from latentclr.cli.console import counted, out, say
from latentclr.cli.options import Folder, OverwriteOption, Runs
from latentclr.cli.parsing import parse
from latentclr.cli.runs import SeveralRunsOptions
from latentclr.errors import InputError
from latentclr.ranges import numbers
from latentclr.study.options import DEFAULT, Checks, Options, Sides, Unit
from latentclr.web import HOST, needs, serve

LIBRARIES = ("fastapi", "pydantic", "uvicorn", "sqlalchemy", "alembic")
"""Libraries of the extra `study`."""


@dataclass(frozen=True)
class Create(SeveralRunsOptions, OverwriteOption):
    """Freeze a study: draw its pictures, and write down everything that participants will be asked.

    A study that somebody has answered is never replaced.
    """

    runs: Runs
    """Run folders (or directions files) of one generator."""
    out: Path
    """Folder for the study."""
    title: str = DEFAULT.title
    """Title of all pages."""
    pictures: int = DEFAULT.pictures
    """Random pictures of the generator in the study."""
    per_direction: int = DEFAULT.per_direction
    """Of these, how many one participant sees edited along each direction."""
    unit: Unit = DEFAULT.unit
    """What one answer is about: a direction on all its pictures, as in the paper, or each picture."""
    per_participant: int | None = None
    """Directions that one participant sees (default: all)."""
    directions: str | None = None
    """Directions of each run to show, such as 0-7 (default: all that are not hidden)."""
    sides: Sides = DEFAULT.sides
    """Where -alpha is shown: on a random side, or always on the left, as in the paper."""
    names: bool = False
    """Also ask for a name of each direction (free text)."""
    preference: int = 0
    """Pairs of directions, for every two runs, of which participants choose the clearer one; 0: none."""
    same: int = DEFAULT.checks.same
    """Attention checks with three equal pictures."""
    drastic: int = DEFAULT.checks.drastic
    """Attention checks with three entirely different pictures."""
    repeated: int = DEFAULT.checks.repeated
    """Items that are asked again later, to measure how consistent answers are."""
    alpha: float | None = None
    """Alpha of all edits, in the units of each run (default: all directions at equal visible change)."""
    multiple: float = DEFAULT.multiple
    """How much of that change is shown, as a multiple."""
    size: int | None = None
    """Height of the pictures in pixels (default: that of the generator)."""
    seed: int = 0
    """Seed of everything random: pictures, orders, sides."""

    def run(self) -> None:
        """Write the folder, and print its path."""
        needs("study", "pydantic")
        from latentclr.engine.memory import keep_memory
        from latentclr.runs.discovery import directions_file
        from latentclr.study import create
        from latentclr.study.plan import ANSWERS, CONSENT, INSTRUCTIONS

        create.STUDY_FOLDER.check_place(self.out, overwrite=self.overwrite)
        if (self.out / ANSWERS).exists():
            raise InputError(f"{self.out} holds answers of participants; choose another folder.")
        keep_memory()
        opened, generator = self.open(self.runs)
        wanted = None if self.directions is None else tuple(numbers(self.directions, int, "--directions"))
        sources = [
            create.Source(
                run.name,
                run.directions,
                create.sha256_of(directions_file(path)),
                indices=wanted,
                slots=run.slots,
            )
            for path, run in zip(self.runs, opened, strict=True)
        ]
        create.check(sources, generator, self._options())
        with counted("drawing the pictures", create.picture_count(sources, self._options())) as log:
            create.create(self.out, sources, generator, self._options(), overwrite=self.overwrite, log=log)
        out.print(str(self.out))
        say(f"Before anybody takes part, read and edit {self.out / CONSENT} and {self.out / INSTRUCTIONS}.")
        say(f"Then: latentclr study serve {self.out}")

    def _options(self) -> Options:
        chosen = {one.name: getattr(self, one.name) for one in fields(Options) if one.name != "checks"}
        return Options(**chosen, checks=Checks(self.same, self.drastic, self.repeated))


@dataclass(frozen=True)
class Serve:
    """Show a study to participants, and keep their answers."""

    folder: Folder
    """Folder of the study."""
    database: str | None = None
    """Database for the answers: sqlite:///FILE or postgresql://USER@HOST/NAME (default: a file in the folder
    of the study)."""
    host: str = HOST
    """Address to listen at. One that other machines can reach needs --participants, --codes or
    --open-to-all."""
    port: int | None = None
    """Port to listen at; 0: any free one (default: 7860, or a free one if that is taken)."""
    address: str | None = None
    """Address that participants type, if it differs from --host, such as https://study.example.org."""
    participants: int = 0
    """Number of new codes, which are printed, each with its link; only people with a code may begin."""
    codes_file: Path | None = None
    """New file for these codes (CSV); then they are not printed."""
    codes: bool = False
    """Only people with a code that was made before may begin."""
    open_to_all: bool = False
    """Everybody who finds the page may begin."""

    def run(self) -> None:
        """Serve until Ctrl-C."""
        from latentclr.study.access import Access, codes_csv

        access = Access(
            self.host, self.address, self.participants, self.codes_file, self.codes, self.open_to_all
        )
        needs("study", *LIBRARIES)
        from latentclr.files import write_bytes
        from latentclr.study.plan import Study
        from latentclr.study.server import BODY, CONTENT, application
        from latentclr.study.store import Store

        study = Study.open(self.folder)
        study.verify()
        with Store.open(self.database, study) as store:
            if self.codes and not self.participants and not store.participants():
                raise InputError("there are no codes yet: make some (--participants N).")
            codes = store.invite(self.participants) if self.participants else []

            def ready(url: str) -> None:
                url = (self.address or url).rstrip("/")
                out.print(url, markup=False)
                if codes and self.codes_file is None:
                    out.print(codes_csv(codes, url), markup=False, end="")
                elif self.codes_file is not None:
                    write_bytes(self.codes_file, codes_csv(codes, url).encode())
                    say(f"{len(codes)} codes are in {self.codes_file}. Nobody can look them up again.")
                say(f"Answers go to {store.place}; stop with Ctrl-C.")
                say("Only people with a code may begin." if access.by_code else "Anybody may begin.")

            serve(
                application(
                    study, store, open_to_all=not access.by_code, secure=access.url.scheme == "https"
                ),
                host=self.host,
                port=self.port,
                asks_itself=True,
                names=[access.url.hostname] if access.url.hostname else [],
                body=BODY,
                content=CONTENT,
                ready=ready,
            )
        say(f"Stopped. What people said: latentclr study report {self.folder} --out DIR")


@dataclass(frozen=True)
class Report(OverwriteOption):
    """Report the answers to a study: report.html, summary.json, and tables as CSV."""

    folder: Folder
    """Folder of the study."""
    out: Path
    """Folder for the report."""
    database: str | None = None
    """Database of the answers (default: in the folder of the study)."""
    mistakes: int = 0
    """Attention checks that a participant may get wrong and still count."""

    def run(self) -> None:
        """Write the report, and print the path of its page."""
        needs("study", *LIBRARIES)
        from latentclr.study.plan import ANSWERS, Study
        from latentclr.study.report import PAGE, report
        from latentclr.study.store import Store

        study = Study.open(self.folder)
        if self.database is None and not (self.folder / ANSWERS).exists():
            raise InputError(
                f"there are no answers in {self.folder}: run latentclr study serve {self.folder}, or say "
                "where they are (--database)."
            )
        with Store.open(self.database, study) as store:
            folder = report(study, store, self.out, mistakes=self.mistakes, overwrite=self.overwrite)
        out.print(str(folder / PAGE))


Command = (
    Annotated[Create, tyro.conf.subcommand("create")]
    | Annotated[Serve, tyro.conf.subcommand("serve")]
    | Annotated[Report, tyro.conf.subcommand("report")]
)


def main(arguments: Sequence[str]) -> None:
    """Run the command; its first argument is one of the subcommands above."""
    about = "Ask people what directions do: freeze a study, serve it, and report the answers."
    parse(Command, arguments or ["--help"], prog="study", about=about).run()  # type: ignore[arg-type]
