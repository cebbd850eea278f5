"""Where the commands speak: results to stdout, the rest to stderr."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOBase
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from latentclr.engine.training import Log
    from latentclr.engine.world import World

STDERR = 2
"""Number of the file, as every process has it."""
_WIDE = 200
"""Columns where the reader is a file or another program, so that lines stay whole."""


class Output(Console):
    """A console that leaves it to `main` to end where the reader of a pipe has gone."""

    def on_broken_pipe(self) -> None:
        """Raise what happened, in place of an exit with 1."""
        raise BrokenPipeError


out = Output(highlight=False, soft_wrap=True)
if not out.is_terminal:
    out = Output(highlight=False, soft_wrap=True, width=_WIDE)
err = Output(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Tell the user how it goes (stderr)."""
    err.print(message, markup=False)


class Follower:
    """Follows a discovery: a progress bar with time left, a log file, and the curves.

    Where stderr is no terminal, it says a line at each tenth instead of drawing a bar. It is the `log` of
    `Discoverer.fit`.

    Attributes:
        curves: for every value that was logged, its [step, value] pairs.
    """

    def __init__(self, total: int, log_file: TextIOBase, *, what: str = "discovering") -> None:
        """Follow a search of `total` steps; every call is a JSON line in `log_file`."""
        self.curves: dict[str, list[list[float]]] = {}
        self._log_file = log_file
        self._total = total
        self._latest: dict[str, float] = {}
        self._said = -1
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[values]}"),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._task = self._progress.add_task(what, total=total, values="")

    def __enter__(self) -> Follower:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        """Take note of one call of `log`."""
        if values:
            for name, value in values.items():
                self.curves.setdefault(name, []).append([step, value])
            self._log_file.write(json.dumps({"step": step, **values}) + "\n")
            self._log_file.flush()
        self._latest.update(values)
        self._progress.update(self._task, completed=step, values=self.summary())
        tenth = 10 * step // max(self._total, 1)
        if not err.is_terminal and tenth > self._said:
            self._said = tenth
            say(f"step {step} of {self._total}: {self.summary()}")

    def summary(self) -> str:
        """The latest values in one line."""
        shown = {
            "loss": "loss {:.3f}",
            "accuracy": "accuracy {:.3f}",
            "psnr": "PSNR {:.1f} dB",
            "lpips": "LPIPS {:.3f}",
            "steps_per_second": "{:.1f} steps/s",
        }
        return "  ".join(
            text.format(self._latest[name]) for name, text in shown.items() if name in self._latest
        )


@contextmanager
def counted(what: str, total: int) -> Iterator[Log]:
    """A bar for work of known size, as a `log` that is told how much is done.

    Where stderr is no terminal, it says a line at the start instead.
    """
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=total)
        if not err.is_terminal:
            say(what)
        yield lambda done, _: progress.update(task, completed=done)


@contextmanager
def one_voice(world: World) -> Iterator[None]:
    """Only the first of several processes talks, unless they lose each other."""
    from latentclr.engine.watchdog import RankLostError

    err.quiet = not world.first
    try:
        yield
    except RankLostError:
        err.quiet = False
        raise


class Interrupted:
    """Whether the user has asked to stop, and by which signal (0: not)."""

    signal: int = 0

    def __call__(self) -> bool:
        """The `stop` of `Discoverer.fit`."""
        return self.signal != 0

    @property
    def exit_code(self) -> int:
        """As a shell reports a program that a signal ended; 0 where there was none."""
        return 128 + self.signal if self.signal else 0


@contextmanager
def stop_on_interrupt() -> Iterator[Interrupted]:
    """Let the first Ctrl-C (or SIGTERM) finish the step that is running; a second one ends at once."""
    interrupted = Interrupted()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _: FrameType | None) -> None:
        interrupted.signal = number
        if not err.quiet:
            with suppress(OSError):  # not by `say`, in the middle of which the signal may have come
                os.write(STDERR, b"stopping after this step; once more ends at once without saving.\n")
        for which, handler in before.items():
            signal.signal(which, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
