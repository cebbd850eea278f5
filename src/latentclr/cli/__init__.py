"""The `latentclr` command: one module for each of its subcommands."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from latentclr.cli.console import err, out
from latentclr.errors import InputError, did_you_mean

COMMANDS = {
    "generators": "list, fetch and describe pretrained generators",
    "discover": "find directions in a generator",
    "sheet": "draw what the directions of a run do",
    "edit": "edit a picture along directions: a picture, a strip or a video",
    "invert": "find the latents of your own photos, to edit them",
    "explore": "try directions on a page in the browser",
    "name": "give a direction a name",
    "compare": "what methods found, beside each other at equal strength",
    "evaluate": "measure what directions do, with intervals, and name them",
    "experiment": "answer a question of the paper: figure, table, paragraph",
    "report": "draw the page of an evaluation again",
    "study": "ask people what directions do: freeze, serve and report a user study",
    "encoder": "train an encoder of a generator, for instant inversion",
    "pretrain": "train a small generator from scratch",
    "scenes": "pictures of the world whose factors are known",
}
"""Subcommands in the order of a first use; the module of each is imported when it is chosen."""

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
"""Exit code for what the user can mend: the same as for an unknown option."""
INTERRUPTED = 130
NOT_READ = 141
"""As a shell reports a program that wrote to a closed pipe."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits with 2 after one sentence if what was given cannot be used."""
    _open_closed_streams()
    command, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        if command in ("-h", "--help", "help"):
            out.print(HELP, markup=False)
        elif command == "--version":
            from importlib.metadata import version  # slow

            out.print(f"latentclr {version('latentclr')}")
        elif command in COMMANDS or command == "--completion":
            import_module(f"latentclr.cli.{command.removeprefix('--')}").main(rest)
        else:
            hint = did_you_mean(command, COMMANDS)
            raise InputError(f"there is no command {command!r}{hint}; commands are {', '.join(COMMANDS)}.")
    except InputError as error:
        if not err.quiet:  # of several processes, one talks
            _complain(f"latentclr: {error}")
        sys.exit(BAD_INPUT)
    except BrokenPipeError:  # the reader of a pipe (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(NOT_READ)
    except OSError as error:  # a full disk, say, where no better sentence was at hand
        _complain(f"latentclr: cannot go on: {error}.")
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        _complain("interrupted; what was not saved before is lost.")
        sys.exit(INTERRUPTED)


def _complain(sentence: str) -> None:
    """Print to stderr, where that can be written."""
    with suppress(OSError):
        print(sentence, file=sys.stderr)


def _open_closed_streams() -> None:
    """Send to nowhere what would go to a closed stdout or stderr.

    Otherwise the next file to be opened would have its number, and get what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 (until the program ends)
