"""Answers to a study under fire: many writers at once, and a server that is killed while they write.

    python -m benchmarks.study_writers --writers 8 --answers 20000 --kills 50
    python -m benchmarks.study_writers --target store --url postgresql://USER:PASSWORD@127.0.0.1/NAME

`--target http` runs `latentclr study serve` and kills it (SIGKILL) at random moments; writers are threads of
this process, which stays, and keep what was acknowledged in its memory. `--target store` kills the writers
themselves: processes that call the store, and append what it acknowledged to a file each. Whoever gets no
acknowledgement sends again, as pages do. Some answers are sent twice and some are changed later.

In the end no acknowledged answer may be lost or be another one, none may be there twice or without having
been sent, and no change may be counted twice. SQLite must find no fault in itself, after each kill and in the
end.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.study_writers.targets import Direct, Http, Target, write
from benchmarks.study_writers.trial import Outcome, judge, plan, shares
from sqlalchemy import text

from latentclr.study.plan import Study
from latentclr.study.store import Store
from latentclr.study.store.database import connect


def run(
    target: str, *, url: str | None, writers: int, answers: int, kills: int, seed: int = 0
) -> tuple[Outcome, str]:
    """One trial, in a folder that goes afterwards.

    Args:
        target: "http" or "store".
        url: of the database; None: SQLite in that folder. What the trial wrote into it is deleted.
        writers: at once.
        answers: different ones.
        kills: at random moments.
        seed: of the answers and the moments.

    Returns:
        The outcome, and the database in words.
    """
    with tempfile.TemporaryDirectory() as name:
        study = plan(Path(name))
        place = url or f"sqlite:///{name}/answers.sqlite3"
        with Store.open(place, study) as store, _cleared(place, study):
            sent = shares(study, store, writers, answers, seed)
            moments = sorted(random.Random(seed).sample(range(1, answers), kills)) if kills else []
            driver: Target = Http(study, place) if target == "http" else Direct(study, place)
            outcome, start = Outcome(), time.monotonic()
            acknowledged = driver.run(sent, moments, outcome)
            outcome.seconds = time.monotonic() - start
            return judge(store, sent, acknowledged, outcome), place.partition(":")[0]


@contextmanager
def _cleared(url: str, study: Study) -> Iterator[None]:
    try:
        yield
    finally:
        engine = connect(url)
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM study WHERE digest = :digest"), {"digest": study.digest})
        engine.dispose()


def main(arguments: Sequence[str] | None = None) -> None:
    about: Any = __doc__
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--target", choices=("http", "store"), default="http")
    parser.add_argument("--url")
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--answers", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.write is not None:
        write(given.folder, given.url, given.write)
        return
    outcome, database = run(
        given.target,
        url=given.url,
        writers=given.writers,
        answers=given.answers,
        kills=given.kills,
        seed=given.seed,
    )
    print(json.dumps({"database": database, "target": given.target, **vars(outcome)}, indent=1))
    sys.exit(0 if outcome.good else 1)


if __name__ == "__main__":
    main()
