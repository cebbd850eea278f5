"""latentclr study: freeze a user study, serve it to participants, and report their answers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

import tyro

from latentclr.cli.console import counted, out, say
from latentclr.cli.options import Folder, OverwriteOption, Runs
from latentclr.cli.parsing import parse
from latentclr.cli.runs import SeveralRunsOptions
from latentclr.errors import InputError
from latentclr.ranges import numbers
from latentclr.study.options import DEFAULT, Checks, Options
from latentclr.tables import csv_text
from latentclr.web import HOST, needs, serve
from latentclr.web.server import EVERYWHERE, is_loopback

LIBRARIES = ("fastapi", "pydantic", "uvicorn", "sqlalchemy", "alembic")
"""Libraries of the extra `study`."""


@dataclass(frozen=True, kw_only=True)
class Create(Options, SeveralRunsOptions, OverwriteOption):
    """Freeze a study: draw its pictures, and write down everything that participants will be asked.

    A study that somebody has answered is never replaced.
    """

    runs: Runs
    """Run folders (or directions files) of one generator."""
    out: Path
    """Folder for the study."""
    directions: str | None = None
    """Directions of each run to show, such as 0-7 (default: all that are not hidden)."""
    checks: Annotated[Checks, tyro.conf.arg(name="")] = DEFAULT.checks
    """Attention checks."""

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
                hashlib.sha256(directions_file(path).read_bytes()).hexdigest(),
                indices=wanted,
                slots=run.slots,
            )
            for path, run in zip(self.runs, opened, strict=True)
        ]
        create.check(sources, generator, self)
        with counted("drawing the pictures", create.picture_count(sources, self)) as log:
            create.create(self.out, sources, generator, self, overwrite=self.overwrite, log=log)
        out.print(str(self.out))
        say(f"Before anybody takes part, read and edit {self.out / CONSENT} and {self.out / INSTRUCTIONS}.")
        say(f"Then: latentclr study serve {self.out}")


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
        """Serve the study's pages until Ctrl-C."""
        self._check_codes()
        self._check_address()
        needs("study", *LIBRARIES)
        from latentclr.study.pages.app import POLICY, application
        from latentclr.study.plan import Study
        from latentclr.study.store import Store

        study = Study.open(self.folder)
        study.verify()
        with Store.open(self.database, study) as store:
            if self.codes and not self.participants and not store.participants():
                raise InputError("there are no codes yet: make some (--participants N).")
            codes = store.invite(self.participants) if self.participants else []

            serve(
                application(study, store, open_to_all=not self._by_code, secure=self._url.scheme == "https"),
                POLICY,
                host=self.host,
                port=self.port,
                names=[self._url.hostname] if self._url.hostname else [],
                ready=lambda url: self._announce(url, codes, store.place),
            )
        say(f"Stopped. What people said: latentclr study report {self.folder} --out DIR")

    @property
    def _by_code(self) -> bool:
        """Whether people need a code to begin."""
        return self.codes or self.participants > 0

    @property
    def _url(self) -> SplitResult:
        return urlsplit(self.address or "")

    def _announce(self, url: str, codes: Sequence[str], place: str) -> None:
        from latentclr.files import write_bytes

        url = (self.address or url).rstrip("/")
        out.print(url, markup=False)
        listed = csv_text([("code", "link"), *((code, f"{url}/j/{code}") for code in codes)])
        if self.codes_file is not None:
            write_bytes(self.codes_file, listed.encode())
            say(f"{len(codes)} codes are in {self.codes_file}. Nobody can look them up again.")
        elif codes:
            out.print(listed, markup=False, end="")
        say(f"Answers go to {place}; stop with Ctrl-C.")
        say("Only people with a code may begin." if self._by_code else "Anybody may begin.")

    def _check_codes(self) -> None:
        if self.participants < 0:
            raise InputError(f"--participants {self.participants}: give the number of codes to make.")
        if self._by_code and self.open_to_all:
            raise InputError("--open-to-all lets everybody in: leave out --codes and --participants.")
        public = self.address is not None or not is_loopback(self.host)
        if public and not (self._by_code or self.open_to_all):
            raise InputError(
                f"others can reach {self.address or self.host}: let people in by codes (--participants N "
                "makes some, --codes takes earlier ones), or everybody (--open-to-all)."
            )
        if self.codes_file is None:
            return
        if not self.participants:
            raise InputError("--codes-file is for new codes: say how many (--participants N).")
        if self.codes_file.exists():
            raise InputError(
                f"{self.codes_file} exists, and codes cannot be made again; choose another file."
            )
        if not self.codes_file.absolute().parent.is_dir():
            raise InputError(f"there is no folder for {self.codes_file}; make it first.")

    def _check_address(self) -> None:
        if self.address is None:
            if self.participants and self.host in EVERYWHERE:
                raise InputError(
                    f"with --host {self.host}, say what participants type to come here (--address), so that "
                    "the links of codes lead here."
                )
        elif self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise InputError(f"--address {self.address!r} must be like https://study.example.org.")
        elif self._url.path.strip("/"):
            raise InputError(f"--address {self.address!r} must be a host without a path.")


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
