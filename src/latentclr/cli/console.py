"""Output of the commands: results to stdout, progress and advice to stderr; and stopping by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOBase
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from latentclr.engine.training import Log
    from latentclr.engine.world import World

STDERR = 2
"""File descriptor of stderr."""
_WIDE = 200
"""Line length where stdout is a file or a pipe, so that lines are not broken."""
VALUES = {
    "loss": "loss {:.3f}",
    "accuracy": "accuracy {:.3f}",
    "psnr": "PSNR {:.1f} dB",
    "lpips": "LPIPS {:.3f}",
    "steps_per_second": "{:.1f} steps/s",
}
"""Logged values that a progress bar shows, and how."""


class Output(Console):
    """A console that prints text as it is (no markup) and reports a closed pipe to `main`."""

    def __init__(self, *, stderr: bool = False) -> None:
        """Write to stdout, or to stderr."""
        super().__init__(stderr=stderr, markup=False, highlight=False, soft_wrap=True)
        if not (stderr or self.is_terminal):
            self.width = _WIDE

    def on_broken_pipe(self) -> None:
        """Raise the error; rich would exit with 1."""
        raise BrokenPipeError


out = Output()
err = Output(stderr=True)


def say(message: str) -> None:
    """Print progress or advice to stderr."""
    err.print(message)


def table(*columns: str, right: Collection[str] = ()) -> Table:
    """A table without borders.

    Args:
        columns: headings.
        right: those of the columns that are aligned to the right.
    """
    made = Table(box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def _progress(*columns: ProgressColumn) -> Progress:
    """A progress bar on stderr that disappears when it is done; nothing where stderr is no terminal."""
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *columns)
    return Progress(*shown, TimeRemainingColumn(), console=err, transient=True, disable=not err.is_terminal)


class Follower:
    """Progress of a training: a bar with the time left, a log file, and the curves of all values.

    Where stderr is no terminal, a line is printed at each tenth of the way. An instance is the `log` of
    `Discoverer.fit`.

    Attributes:
        curves: [step, value] pairs of every value that was logged.
    """

    def __init__(self, total: int, log_file: TextIOBase, *, what: str = "discovering") -> None:
        """Follow a training.

        Args:
            total: number of steps.
            log_file: gets a JSON line for each call.
            what: label of the bar.
        """
        self.curves: dict[str, list[list[float]]] = {}
        self._log_file = log_file
        self._total = total
        self._latest: dict[str, float] = {}
        self._said = -1
        self._progress = _progress(TextColumn("{task.fields[values]}"))
        self._task = self._progress.add_task(what, total=total, values="")

    def __enter__(self) -> Follower:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        """Record the values of a step, and show them."""
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
        return "  ".join(
            text.format(self._latest[name]) for name, text in VALUES.items() if name in self._latest
        )


@contextmanager
def counted(what: str, total: int) -> Iterator[Log]:
    """A progress bar for work of known size; where stderr is no terminal, one line at the start.

    Args:
        what: label of the bar.
        total: size of the work.

    Yields:
        A `log` whose first argument is how much is done.
    """
    with _progress() as progress:
        task = progress.add_task(what, total=total)
        if not err.is_terminal:
            say(what)
        yield lambda done, _: progress.update(task, completed=done)


@contextmanager
def one_voice(world: World) -> Iterator[None]:
    """Silence stderr in all processes but the first, except for the error that a process was lost."""
    from latentclr.engine.watchdog import RankLostError

    err.quiet = not world.first
    try:
        yield
    except RankLostError:
        err.quiet = False
        raise


class Interrupted:
    """Whether the user has asked to stop.

    Attributes:
        signal: number of the signal that asked for it; 0: none.
    """

    signal: int = 0

    def __call__(self) -> bool:
        """Whether to stop, as `Discoverer.fit` asks between steps."""
        return self.signal != 0

    @property
    def exit_code(self) -> int:
        """128 + the signal, as shells report it; 0 if there was none."""
        return 128 + self.signal if self.signal else 0


@contextmanager
def stop_on_interrupt() -> Iterator[Interrupted]:
    """Let the first Ctrl-C (or SIGTERM) finish the running step; a second one ends the program at once."""
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
