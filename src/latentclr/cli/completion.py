"""latentclr --completion SHELL: a script with which the shell completes commands and options."""

import io
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import make_dataclass
from importlib import import_module
from typing import Annotated, Any, Literal, Union, get_args

import tyro

from latentclr.cli.parsing import parse
from latentclr.errors import InputError

Shell = Literal["bash", "zsh", "fish"]
REPLACED = {
    "in completions:\n        print(completion)": (
        "in completions or ['__TYRO_COMPLETE_FILES__']:\n        print(completion.splitlines()[0])"
    ),
    '=($(compgen -f -- "$cur"))': "=()",
    "complete -F": "complete -o default -F",
}
"""Changes to tyro's scripts: files are completed where nothing else fits (a RUN, for example), as bash does
it everywhere; and descriptions have one line."""


def print_script(arguments: Sequence[str], commands: Iterable[str]) -> None:
    """Print the completion script for a shell.

    Args:
        arguments: one word, the shell's name.
        commands: names of all commands.

    Raises:
        InputError: there is no script for such a shell.
    """
    if len(arguments) != 1 or arguments[0] not in get_args(Shell):
        raise InputError(f"--completion needs the name of your shell: {', '.join(get_args(Shell))}.")
    print(script(arguments[0], commands))


def script(shell: str, commands: Iterable[str]) -> str:
    """The text of the completion script for a shell.

    Args:
        shell: one of `Shell`.
        commands: names of all commands.
    """
    choices = _one_of((name, _options(name)) for name in commands)
    others = [("version", bool, False), ("completion", Shell, "bash")]
    command = make_dataclass("command", [("command", choices), *others])
    with redirect_stdout(io.StringIO()) as printed, suppress(SystemExit):
        parse(command, ["--tyro-write-completion", shell, "-"], prog="", about="")
    text = printed.getvalue()
    for old, new in REPLACED.items():
        text = text.replace(old, new)
    return text


def _options(command: str) -> Any:
    module = import_module(f"latentclr.cli.{command}")
    return _one_of(module.choices().items()) if hasattr(module, "choices") else module.Command


def _one_of(commands: Iterable[tuple[str, Any]]) -> Any:
    return Union[tuple(Annotated[kind, tyro.conf.subcommand(name)] for name, kind in commands)]  # noqa: UP007
