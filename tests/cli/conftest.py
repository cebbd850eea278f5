"""The command as a person calls it."""

import signal
from collections.abc import Iterator

import pytest
from tests.cli.command import Command, Result

from latentclr.cli import main


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Signals do what they do in a program of one's own; tests in the background ignore Ctrl-C."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def latentclr(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run it in this process."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run
