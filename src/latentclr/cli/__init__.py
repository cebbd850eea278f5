"""The `latentclr` command: one module for each of its subcommands.

The module of a subcommand has either `Command`, a dataclass whose fields are the options, whose docstring is
the help and whose `run` does the work, or `main`, which chooses such a dataclass by the first argument. Both
`run` and `main` return the exit code, or None for 0.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from latentclr import __version__
from latentclr.cli.console import err, out
from latentclr.errors import InputError, unknown

COMMANDS = {
    "generators": "list, fetch and describe pretrained generators",
    "discover": "find directions in a generator",
    "sheet": "draw what the directions of a run do",
    "edit": "edit a picture along directions: a picture, a strip or a video",
    "invert": "find the latents of your own photos, to edit them",
    "explore": "try directions on a page in the browser",
    "name": "give a direction a name",
    "compare": "show what methods found beside each other, at equal strength",
    "evaluate": "measure what directions do, with intervals, and name them",
    "experiment": "answer a question of the paper: figure, table, paragraph",
    "report": "draw the page of an evaluation again",
    "study": "ask people what directions do: freeze, serve and report a user study",
    "encoder": "train an encoder of a generator, for instant inversion",
    "pretrain": "train a small generator from scratch",
    "scenes": "draw pictures of the world whose factors are known",
}
"""Subcommands in the order of their first use. The module of each is imported when it is called."""

HELP = f"""usage: latentclr COMMAND [options]

Find, measure and use interpretable directions in the latent space of a pretrained GAN.

commands:
{chr(10).join(f"  {command:<12}{about}" for command, about in COMMANDS.items())}

first steps:
  latentclr generators list
  latentclr discover latentclr --generator faces --out runs/faces
  latentclr edit runs/faces --seed 3 --edits "0:+3,4:-2" --out edited.png

`latentclr COMMAND --help` describes one command; `latentclr --completion bash` (or zsh, fish) prints
a script with which the shell completes their names and options."""

BAD_INPUT = 2
"""Exit code for errors that the user can correct: that of tyro for an unknown option."""
INTERRUPTED = 130
"""Exit code that shells report for a program ended by SIGINT."""
NOT_READ = 141
"""Exit code that shells report for a program that wrote to a closed pipe."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. Ends the program with a code other than 0 if that fails or is stopped.

    Args:
        arguments: of the command line; None: those of this process.
    """
    _open_closed_streams()
    command, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        code = _run(command, rest)
    except InputError as error:
        if not err.quiet:  # only one of several processes prints
            _complain(f"latentclr: {error}")
        code = BAD_INPUT
    except BrokenPipeError:  # the reader of a pipe (`| head`) has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = NOT_READ
    except OSError as error:  # a full disk, say, which nothing else has reported better
        _complain(f"latentclr: cannot continue: {error}.")
        code = BAD_INPUT
    except KeyboardInterrupt:
        _complain("interrupted; unsaved results are lost.")
        code = INTERRUPTED
    if code:
        sys.exit(code)


def _run(command: str, arguments: Sequence[str]) -> int | None:
    if command in ("-h", "--help", "help"):
        out.print(HELP)
    elif command == "--version":
        out.print(f"latentclr {__version__}")
    elif command == "--completion":
        from latentclr.cli.completion import print_script

        print_script(arguments, COMMANDS)
    elif command not in COMMANDS:
        raise unknown("command", command, COMMANDS)
    else:
        from latentclr.cli.parsing import parse  # slow

        module = import_module(f"latentclr.cli.{command}")
        if hasattr(module, "main"):  # what it does depends on the first argument
            code: int | None = module.main(arguments)
        else:
            code = parse(module.Command, arguments, prog=command, about=module.Command.__doc__).run()
        return code
    return None


def _complain(sentence: str) -> None:
    with suppress(OSError):  # stderr may be closed or full
        print(sentence, file=sys.stderr)


def _open_closed_streams() -> None:
    """Open stdin, stdout and stderr on the null device where they are closed.

    Otherwise the next file that is opened would get the number of the closed one, and what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 (stays open until the end)
