"""latentclr --completion SHELL: a script with which the shell completes what is typed."""

import io
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import make_dataclass
from importlib import import_module
from typing import Annotated, Any, Literal, Union, get_args

import tyro

from latentclr.cli import COMMANDS
from latentclr.cli.options import parse
from latentclr.errors import InputError

Shell = Literal["bash", "zsh", "fish"]
MENDED = {
    "in completions:\n        print(completion)": (
        "in completions or ['__TYRO_COMPLETE_FILES__']:\n        print(completion.splitlines()[0])"
    ),
    '=($(compgen -f -- "$cur"))': "=()",
    "complete -F": "complete -o default -F",
}
"""In tyro's scripts: where nothing else fits, files do (as a RUN, say); of a description, one line; and bash
completes files as it usually does."""


def main(arguments: Sequence[str]) -> None:
    """Print the script."""
    if len(arguments) != 1 or arguments[0] not in get_args(Shell):
        raise InputError(f"--completion needs the name of your shell: {', '.join(get_args(Shell))}.")
    print(script(arguments[0]))


def script(shell: str) -> str:
    """What the shell has to read: tyro's script for all commands."""
    commands = _one_of((name, _options(name)) for name in COMMANDS)
    others = [("version", bool, False), ("completion", Shell, "bash")]
    command = make_dataclass("command", [("command", commands), *others])
    with redirect_stdout(io.StringIO()) as printed, suppress(SystemExit):
        parse(command, ["--tyro-write-completion", shell, "-"], prog="", about="")
    text = printed.getvalue()
    for theirs, ours in MENDED.items():
        text = text.replace(theirs, ours)
    return text


def _options(command: str) -> Any:
    """The type that a command's arguments fill."""
    module = import_module(f"latentclr.cli.{command}")
    if hasattr(module, "subcommands"):
        return _one_of(module.subcommands())
    return vars(module).get("Command") or vars(module)[command.capitalize()]


def _one_of(commands: Iterable[tuple[str, Any]]) -> Any:
    return Union[tuple(Annotated[kind, tyro.conf.subcommand(name)] for name, kind in commands)]  # noqa: UP007
