"""What is written to and killed: the server, or the processes that call the store."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import httpx
from benchmarks.study_writers.trial import Acknowledged, Outcome, Send

from latentclr.errors import InputError
from latentclr.files import write_json
from latentclr.study.plan import Study
from latentclr.study.store import Store
from latentclr.study.store.database import connect, healthy

AGAIN = 0.05
"""Seconds until somebody without an acknowledgement sends again."""
PATIENCE = 120.0
"""Seconds after which a server that does not come back is a failure."""


class Target(Protocol):
    """A server or store that is written to, and killed."""

    def run(self, shares: Sequence[Sequence[Send]], kills: Sequence[int], outcome: Outcome) -> Acknowledged:
        """Send all answers, and kill something whenever the next number of `kills` is acknowledged."""
        ...


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


def _healthy(url: str) -> bool:
    engine = connect(url)
    try:
        return healthy(engine)
    except InputError:
        return False
    finally:
        engine.dispose()
