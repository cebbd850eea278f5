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
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
from PIL import Image
from sqlalchemy import text

from latentclr.errors import InputError
from latentclr.files import write_json
from latentclr.study.answers import key_of
from latentclr.study.options import Checks
from latentclr.study.order import steps
from latentclr.study.pictures import PictureFolder
from latentclr.study.plan import CONSENT, INSTRUCTIONS, PICTURES, STUDY, Pictures, Run, ShownDirection, Study
from latentclr.study.questions import usual_questions
from latentclr.study.store import Store
from latentclr.study.store.database import connect, healthy

TWICE = 0.1
"""Share of answers that are sent again at once."""
CHANGED = 0.05
"""Share of answers that are changed later."""
AGAIN = 0.05
"""Seconds until somebody without an acknowledgement sends again."""
PATIENCE = 120.0
"""Seconds after which a server that does not come back is a failure."""


@dataclass(frozen=True)
class Send:
    """One answer to send; `number` is that of the item, from 1."""

    code: str
    number: int
    item: str
    question: str
    value: str


Key = tuple[str, str, str]
Acknowledged = dict[Key, str]


@dataclass
class Outcome:
    """The outcome of a trial. All counts but the first two must be 0."""

    acknowledged: int = 0
    kills: int = 0
    seconds: float = 0.0
    lost: int = 0
    other: int = 0
    doubled: int = 0
    strange: int = 0
    miscounted: int = 0
    unhealthy: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing went wrong."""
        wrong = (self.lost, self.other, self.doubled, self.strange, self.miscounted, self.unhealthy)
        return not any(wrong) and not self.faults


class Target(Protocol):
    """A server or store that is written to, and killed."""

    def run(self, shares: Sequence[Sequence[Send]], kills: Sequence[int], outcome: Outcome) -> Acknowledged:
        """Send all answers, and kill something whenever the next number of `kills` is acknowledged."""
        ...


def plan(folder: Path, directions: int = 32, pictures: int = 10) -> Study:
    """A study with pictures of a single colour."""
    files, rng = PictureFolder(folder / PICTURES), random.Random(0)

    def some() -> tuple[str, ...]:
        colours = [tuple(rng.randrange(256) for _ in range(3)) for _ in range(pictures)]
        return tuple(files.add(Image.new("RGB", (8, 8), colour)) for colour in colours)

    shown = tuple(ShownDirection(i, str(i), 1.0, 1.0, False, some(), some()) for i in range(directions))
    study = Study(
        title=f"Writers {time.time_ns()}",  # a study of its own in a database that holds others
        seed=0,
        unit="direction",
        shown=2,
        per_participant=None,
        sides="random",
        checks=Checks(),
        generator={"name": "none", "sha256": "", "class": None, "truncation": 1.0, "resolution": 8},
        questions=usual_questions(name=False, preference=False),
        runs=(Run("planted", "none", "", "1", (0,), shown),),
        pairs=(),
        pictures=Pictures(
            size=8,
            total_bytes=sum(files.sizes.values()),
            seeds=tuple(range(pictures)),
            originals=some(),
            far=tuple((0, 1) for _ in range(pictures)),
        ),
    )
    (folder / STUDY).write_bytes(study.to_json())
    for name in (CONSENT, INSTRUCTIONS):
        (folder / name).write_text("Agree.\n")
    return Study.open(folder)


def shares(study: Study, store: Store, writers: int, answers: int, seed: int) -> list[list[Send]]:
    """The answers that each writer sends, `answers` different ones in all; some are sent twice or changed."""
    rng = random.Random(seed)
    found: list[list[Send]] = [[] for _ in range(writers)]
    left, number = answers, 0
    while left:
        code = store.join().code
        store.consent(code, study.consent)
        mine, later = found[number % writers], []
        for place, step in enumerate(steps(study, key_of(code)), start=1):
            for question in step.questions[:left]:
                grades = [value for value, _ in study.question(question).choices]
                send = Send(code, place, step.item, question, rng.choice(grades))
                mine += [send] * (2 if rng.random() < TWICE else 1)
                if rng.random() < CHANGED:
                    other = rng.choice([value for value in grades if value != send.value])
                    later.append(Send(code, place, step.item, question, other))
                left -= 1
        mine += later
        number += 1
    return found


class Http:
    """The server as people run it."""

    def __init__(self, study: Study, url: str) -> None:
        self.study, self.url = study, url
        self._server: subprocess.Popen[str] | None = None
        self._address = httpx.URL("http://127.0.0.1:0")

    def run(self, shares: Sequence[Sequence[Send]], kills: Sequence[int], outcome: Outcome) -> Acknowledged:
        """Run the writers, and kill the server."""
        acknowledged: Acknowledged = {}
        done = threading.Event()
        self._start()
        threads = [
            threading.Thread(target=self._write, args=(share, acknowledged, outcome)) for share in shares
        ]
        killer = threading.Thread(target=self._kill, args=(kills, acknowledged, outcome, done))
        for thread in (*threads, killer):
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        killer.join()
        self._end(signal.SIGKILL)
        return acknowledged

    def _write(self, share: Sequence[Send], acknowledged: Acknowledged, outcome: Outcome) -> None:
        try:
            with httpx.Client(timeout=30, trust_env=False) as client:
                for send in share:
                    self._send(client, send)
                    acknowledged[send.code, send.item, send.question] = send.value
        except Exception as error:
            outcome.faults.append(f"{type(error).__name__}: {error}")

    def _send(self, client: httpx.Client, send: Send) -> None:
        """Send an answer until it is acknowledged."""
        form = {f"answer-{send.question}": send.value, "milliseconds": "1234"}
        headers = {"accept": "application/json", "cookie": f"study-{self.study.digest[:12]}={send.code}"}
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with suppress(httpx.TransportError):  # the server has just been killed
                answer = client.post(f"{self._address}/item/{send.number}", data=form, headers=headers)
                if answer.status_code == 200 and answer.json() == {"saved": [send.question]}:
                    return
                if answer.status_code != 503:
                    raise RuntimeError(f"status {answer.status_code}: {answer.content[:200]!r}")
            time.sleep(AGAIN)
        raise RuntimeError("the server did not come back")

    def _kill(
        self, kills: Sequence[int], acknowledged: Acknowledged, outcome: Outcome, done: threading.Event
    ) -> None:
        rng = random.Random(len(kills))
        for at in kills:
            while len(acknowledged) < at and not done.is_set():
                time.sleep(0.002)
            if done.is_set():
                return
            time.sleep(0.05 * rng.random())
            self._end(signal.SIGKILL)
            outcome.kills += 1
            outcome.unhealthy += not _healthy(self.url)
            try:
                self._start()
            except RuntimeError as error:
                outcome.faults.append(str(error))
                return

    def _start(self) -> None:
        command = [sys.executable, "-m", "latentclr", "study", "serve", str(self.study.folder)]
        command += ["--port", str(self._address.port), "--database", self.url]
        log = self.study.folder / "server.log"
        with log.open("w") as told:
            self._server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True)
        assert self._server.stdout is not None
        address = self._server.stdout.readline().strip()
        if not address:
            raise RuntimeError(f"the server did not start: {log.read_text()}")
        self._address = httpx.URL(address)  # the same after each start

    def _end(self, how: signal.Signals) -> None:
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait()
            if self._server.stdout is not None:
                self._server.stdout.close()


class Direct:
    """The store, in processes that are killed and continue at the end of their file of acknowledgements."""

    def __init__(self, study: Study, url: str) -> None:
        self.study, self.url = study, url

    def run(self, shares: Sequence[Sequence[Send]], kills: Sequence[int], outcome: Outcome) -> Acknowledged:
        """Run the writers, and kill some of them."""
        rng, folder = random.Random(len(kills)), self.study.folder
        for i, share in enumerate(shares):
            write_json(folder / f"share-{i}.json", [list(vars(send).values()) for send in share])
        running = [self._start(i) for i in range(len(shares))]
        left = list(kills)
        while any(process.poll() is None for process in running):
            if left and sum(len(_lines(folder, i)) for i in range(len(shares))) >= left[0]:
                left.pop(0)
                time.sleep(0.05 * rng.random())
                alive = [i for i, process in enumerate(running) if process.poll() is None]
                if alive:
                    victim = rng.choice(alive)
                    running[victim].kill()
                    running[victim].wait()
                    outcome.kills += 1
                    outcome.unhealthy += not _healthy(self.url)
                    running[victim] = self._start(victim)
            time.sleep(0.005)
        outcome.faults += [
            f"writer {i} ended with {p.returncode}" for i, p in enumerate(running) if p.returncode
        ]
        acknowledged: Acknowledged = {}
        for i, share in enumerate(shares):
            for send in share[: len(_lines(folder, i))]:
                acknowledged[send.code, send.item, send.question] = send.value
        return acknowledged

    def _start(self, i: int) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "benchmarks.study_writers", "--write", str(i)]
        return subprocess.Popen([*command, "--folder", str(self.study.folder), "--url", self.url])


def write(folder: Path, url: str, i: int) -> None:
    """Send the answers of one writer of `Direct`, and append a byte to its file for each acknowledgement."""
    share = [Send(*values) for values in json.loads((folder / f"share-{i}.json").read_text())]
    handle = os.open(folder / f"acknowledged-{i}", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    with Store.open(url, Study.open(folder)) as store:
        for send in share[len(_lines(folder, i)) :]:
            store.answer(send.code, send.item, send.question, send.value, milliseconds=1234)
            os.write(handle, b".")


def _lines(folder: Path, i: int) -> bytes:
    with suppress(FileNotFoundError):
        return (folder / f"acknowledged-{i}").read_bytes()
    return b""


def judge(
    store: Store, sent: Sequence[Sequence[Send]], acknowledged: Acknowledged, outcome: Outcome
) -> Outcome:
    """Compare the stored answers with those that were acknowledged and sent."""
    number = {one.key: one.number for one in store.participants()}
    known = {
        (number[key_of(code)], item, question): value
        for (code, item, question), value in acknowledged.items()
    }
    changes: Counter[tuple[int, str, str]] = Counter()
    last: dict[tuple[int, str, str], str] = {}
    for send in (send for share in sent for send in share):
        key = (number[key_of(send.code)], send.item, send.question)
        changes[key] += last.get(key, send.value) != send.value
        last[key] = send.value
    stored = [((one.participant, one.item, one.question), one) for one in store.answers()]
    found = dict(stored)
    outcome.acknowledged = len(known)
    outcome.lost = len(known.keys() - found.keys())
    outcome.other = sum(found[key].value != value for key, value in known.items() if key in found)
    outcome.doubled = len(stored) - len(found)
    outcome.strange = len(found.keys() - last.keys())
    outcome.miscounted = sum(one.revisions != changes[key] for key, one in found.items())
    outcome.unhealthy += not store.healthy()
    return outcome


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


def _healthy(url: str) -> bool:
    engine = connect(url)
    try:
        return healthy(engine)
    except InputError:
        return False
    finally:
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
