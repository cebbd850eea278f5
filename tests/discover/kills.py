"""Kill a real discovery at random moments, go on with it, and compare what comes out at last.

    python -m tests.discover.kills --kills 200 --seed 0

First the command is left alone. Then it is started again and again with --resume, and killed (SIGKILL) at a
moment that is drawn evenly from the time that it should still take: while it loads, trains, saves, writes
results or moves them to their place. A run that ends before its kill must have left the same bytes as the
one that was left alone; another is begun then. After the last kill the run at hand may end too, so that every
kill was survived by a run that was compared.

Prints one line. Exits with 1 if a file differs, something is left over or a run fails.

Each run is a fork of this process, which has imported everything and has no threads: what is imported in
seconds would otherwise be most of the time.
"""

import argparse
import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: so that there are no threads

import random
import select
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch._dynamo  # which torch imports once an optimizer is made

from latentclr.cli import main as latentclr
from latentclr.engine.checkpoint import CHECKPOINT, CHECKPOINTS, has_state
from latentclr.files import tensors_header
from latentclr.runs.discovery import DIRECTIONS, LOG, SHEET
from latentclr.runs.folders import unfinished

STEPS = 60
COMMAND = (
    *("discover", "latentclr", "--generator", "scenes", "--k", "4", "--steps", str(STEPS), "--batch", "4"),
    *("--held-out", "8", "--validate-every", "5", "--save-every", "0", "--sheet-seeds", "0"),
    *("--device", "cpu"),
)
COMPARED = (DIRECTIONS, SHEET)
PHASES = ("before its first save", "in a save", "training", "writing results", "at the end")


class Process:
    """A run of the command in a process of its own."""

    def __init__(self, out: Path, log: Path) -> None:
        self.log = log
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _run((*COMMAND, "--out", str(out), "--resume"), log)

    def ended(self, seconds: float | None) -> bool:
        """Whether it ends by itself in so many seconds (None: however long it takes)."""
        handle = os.pidfd_open(self.pid)
        try:
            return bool(select.select([handle], [], [], seconds)[0])
        finally:
            os.close(handle)

    def kill(self) -> None:
        """Kill it, if it is still there."""
        os.kill(self.pid, signal.SIGKILL)

    def was_killed(self) -> bool:
        """Wait for its end, whether it was killed; if not, it must have ended well."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if code not in (0, -signal.SIGKILL):
            raise SystemExit(f"a run exited with {code}:\n{self.log.read_text()[-4000:]}")
        return code != 0


def _run(arguments: Sequence[str], log: Path) -> None:
    """The command in a fork; does not return."""
    code = 1
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        for stream in (1, 2):
            os.dup2(handle, stream)
        latentclr(arguments)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@dataclass(frozen=True)
class Durations:
    """Seconds that a run takes which is left alone."""

    before: float
    step: float
    after: float

    def left(self, done: int) -> float:
        """Seconds from the start of a process to its end, where some steps are done."""
        return self.before + self.step * (STEPS - done) + self.after


def text_of(path: Path) -> str:
    """What is in a file that may be moved away at any time."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def left_alone(out: Path, log: Path) -> Durations:
    """Make a whole run."""
    started = time.monotonic()
    process = Process(out, log)
    followed = unfinished(out) / LOG
    moments = []
    for step in (0, STEPS):
        line = f'{{"step": {step},'
        while not (process.ended(0.002) or line in text_of(followed)):
            pass
        moments.append(time.monotonic() - started)
    process.was_killed()
    first, last = moments
    return Durations(first, (last - first) / STEPS, time.monotonic() - started - last)


def steps_done(out: Path) -> int:
    """By the last checkpoint of a run that no process is writing."""
    for path in (unfinished(out) / name for name in CHECKPOINTS):
        if path.exists():
            return int(json.loads(tensors_header(path) or "")["values"]["step"])
    return 0


def times(folder: Path) -> dict[str, int]:
    """When each file was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} if folder.exists() else {}


def phase(out: Path, before: dict[str, int]) -> str:
    """What a process was doing when it was killed, from the files that it wrote."""
    if out.exists():
        return "at the end"
    written = {name for name, when in times(unfinished(out)).items() if before.get(name) != when}
    if any(DIRECTIONS in name or name.startswith(".directions-") for name in written):
        return "writing results"
    if any(name.startswith((".checkpoint-", ".tmp")) for name in written):
        return "in a save"
    return "training" if CHECKPOINT in written else "before its first save"


def differences(out: Path, reference: Path) -> list[str]:
    """Where a run is not what it should be, or something is left in it or beside it."""
    found = [name for name in COMPARED if (out / name).read_bytes() != (reference / name).read_bytes()]
    within = {path.name for path in out.iterdir()} ^ {path.name for path in reference.iterdir()}
    return found + sorted(within) + [path.name for path in out.parent.iterdir() if path != out]


def kill_all(kills: int, seed: int, folder: Path) -> tuple[str, bool]:
    """Do it; returns the line to print, and whether all is well."""
    torch.set_num_threads(1)
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise SystemExit("this process has threads and cannot be forked safely.")
    started = time.monotonic()
    log, reference = folder / "log", folder / "reference" / "run"
    left_alone(reference, log)
    durations = left_alone(folder / "timed" / "run", log)  # the first one finds nothing in the caches
    different = differences(folder / "timed" / "run", reference)
    rng = random.Random(seed)
    killed: Counter[str] = Counter()
    without = longest = chain = runs = identical = 0
    pace = 1.0  # to how busy the machine is: so that about a third of the runs end before their kill
    while killed.total() < kills or chain:
        out = folder / str(runs) / "run"
        before = times(unfinished(out))
        process = Process(out, log)
        last = killed.total() == kills
        moment = None if last else rng.uniform(0, pace * durations.left(steps_done(out)))
        if not process.ended(moment):
            process.kill()
        if process.was_killed():
            killed[phase(out, before)] += 1
            without += not out.exists() and not has_state(unfinished(out))
            chain += 1
            longest, pace = max(longest, chain), pace * 1.05
            continue
        here = differences(out, reference)
        runs, identical, chain = runs + 1, identical + (not here), 0
        different += here
        pace *= 0.9
    where = ", ".join(f"{killed[name]} {name}" for name in PHASES)
    line = (
        f"{kills} kills ({where}; {without} before there was any checkpoint; up to {longest} in one run), "
        f"{runs} finished runs, {identical} identical, {time.monotonic() - started:.0f} s"
    )
    return line + "".join(f"\ndifferent: {name}" for name in different), not different


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        line, well = kill_all(options.kills, options.seed, Path(folder))
    sys.stdout.write(f"{line}\n")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
