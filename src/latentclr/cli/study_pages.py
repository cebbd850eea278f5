"""latentclr study serve: a study's pages for participants."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

import tyro

from latentclr.cli.console import out, say
from latentclr.errors import InputError
from latentclr.web import HOST, needs, serve
from latentclr.web.server import EVERYWHERE, is_loopback

LIBRARIES = ("fastapi", "pydantic", "uvicorn", "sqlalchemy", "alembic")
"""That the extra `study` installs."""

Folder = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]


@dataclass(frozen=True)
class Serve:
    """Show a study to participants, and keep their answers."""

    folder: Folder
    """Folder of the study."""
    database: str | None = None
    """Where answers go: sqlite:///FILE or postgresql://USER@HOST/NAME; none: into the study's folder."""
    host: str = HOST
    """Address to listen at. One that others can reach needs --participants, --codes or --open-to-all."""
    port: int | None = None
    """None: 7860, or a free one if that is taken; 0: any that is free."""
    address: str | None = None
    """What participants type to come here, where that is something else (https://study.example.org)."""
    participants: int = 0
    """Make so many codes, and let nobody in without a code. They are printed, each with its link."""
    codes_file: Path | None = None
    """A new file for these codes (CSV) instead."""
    codes: bool = False
    """Let only people in who have a code that was made before."""
    open_to_all: bool = False
    """Let everybody begin who finds the page."""

    def run(self) -> None:
        """Serve until Ctrl-C."""
        everybody = self._everybody()
        self._check()
        needs("study", *LIBRARIES)
        from latentclr.study.plan import Study
        from latentclr.study.server import BODY, CONTENT, application
        from latentclr.study.store import Store

        study = Study.open(self.folder)
        study.verify()
        with Store.open(self.database, study) as store:
            if self.codes and not self.participants and not store.participants():
                raise InputError("there are no codes yet: make some (--participants N).")
            codes = store.invite(self.participants) if self.participants else []
            app = application(study, store, open_to_all=everybody, secure=self._called.scheme == "https")

            def ready(url: str) -> None:
                url = (self.address or url).rstrip("/")
                out.print(url, markup=False)
                self._give(codes, url)
                say(f"Answers go to {self._place()}; stop with Ctrl-C.")
                say("Anybody may begin." if everybody else "Only people with a code may begin.")

            serve(
                app,
                host=self.host,
                port=self.port,
                asks_itself=True,
                names=[self._called.hostname] if self._called.hostname else [],
                body=BODY,
                content=CONTENT,
                ready=ready,
            )
        say(f"Stopped. What people said: latentclr study report {self.folder} --out DIR")

    @property
    def _called(self) -> SplitResult:
        return urlsplit(self.address or "")

    def _everybody(self) -> bool:
        """Whether people may begin who have no code.

        Raises:
            InputError: it was not decided and others can reach the page, or decided both ways.
        """
        by_code = self.codes or self.participants > 0
        if by_code and self.open_to_all:
            raise InputError("--open-to-all lets everybody in: leave out --codes and --participants.")
        public = self.address is not None or not is_loopback(self.host)
        if public and not (by_code or self.open_to_all):
            raise InputError(
                f"others can reach {self.address or self.host}: let people in by codes (--participants N "
                "makes some, --codes takes earlier ones), or everybody (--open-to-all)."
            )
        return not by_code

    def _check(self) -> None:
        """Refuse what could only fail later."""
        if self.participants < 0:
            raise InputError(f"--participants {self.participants}: give the number of codes to make.")
        if self.address is not None and (
            self._called.scheme not in ("http", "https") or not self._called.hostname
        ):
            raise InputError(f"--address {self.address!r} must be like https://study.example.org.")
        if self.address is not None and self._called.path.strip("/"):
            raise InputError(f"--address {self.address!r} must be a host without a path.")
        if self.participants and self.address is None and self.host in EVERYWHERE:
            raise InputError(
                f"with --host {self.host}, say what participants type to come here (--address), so that the "
                "links of codes lead here."
            )
        if self.codes_file is not None and not self.participants:
            raise InputError("--codes-file is for new codes: say how many (--participants N).")
        if self.codes_file is not None and self.codes_file.exists():
            raise InputError(
                f"{self.codes_file} exists, and codes cannot be made again; choose another file."
            )
        if self.codes_file is not None and not self.codes_file.absolute().parent.is_dir():
            raise InputError(f"there is no folder for {self.codes_file}; make it first.")

    def _give(self, codes: Sequence[str], url: str) -> None:
        """Say new codes; nobody can look them up again."""
        from latentclr.files import write_bytes

        if not codes:
            return
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("code", "link"))
        writer.writerows((code, f"{url}/j/{code}") for code in codes)
        if self.codes_file is None:
            out.print(table.getvalue(), markup=False, end="")
        else:
            write_bytes(self.codes_file, table.getvalue().encode())
            say(f"{len(codes)} codes are in {self.codes_file}. Nobody can look them up again.")

    def _place(self) -> str:
        """Where answers go, without a password."""
        if self.database is None:
            return str(answers_of(self.folder))
        from sqlalchemy import make_url

        return make_url(self.database).render_as_string(hide_password=True)


def answers_of(folder: Path) -> Path:
    """The file of a study's answers, where they are not in another database."""
    return folder / "answers.sqlite3"
