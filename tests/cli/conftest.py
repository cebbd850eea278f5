"""The command as a person calls it."""

import pytest
from tests.cli.command import Command, Result

from latentclr.cli import main


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
