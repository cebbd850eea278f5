"""The `latentclr` command: one module for each of its subcommands."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version

COMMANDS = {
    "generators": "list, fetch and describe pretrained generators",
    "discover": "find directions in a generator",
    "sheet": "draw what the directions of a run do",
    "edit": "edit a picture along directions: a picture, a strip or a video",
    "name": "give a direction a name",
}
"""Subcommands in the order of a first use. Each is a module of this package with `main(arguments)`."""

HELP = f"""usage: latentclr COMMAND [options]

Find, measure and use interpretable directions in the latent space of a pretrained GAN.

commands:
{chr(10).join(f"  {name:<12}{about}" for name, about in COMMANDS.items())}

first steps:
  latentclr generators list
  latentclr discover latentclr --generator faces --out runs/faces
  latentclr edit runs/faces --seed 3 --edits "0:+3,4:-2" --out edited.png

`latentclr COMMAND --help` describes one command.
"""

BAD_INPUT = 2
"""Exit code for what the user can mend: the same as for an unknown option."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits with 2 after one sentence if what was given cannot be used."""
    command, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("-h", "--help", "help"):
        print(HELP, end="")
        return
    if command == "--version":
        print(f"latentclr {version('latentclr')}")
        return
    if command not in COMMANDS:
        near = get_close_matches(command, COMMANDS, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        fail(f"there is no command {command!r}{hint}; commands are {', '.join(COMMANDS)}.")
    from latentclr.errors import InputError  # imports torch: not before help and typos are dealt with

    try:
        import_module(f"latentclr.cli.{command}").main(rest)
    except InputError as error:
        fail(str(error))
    except KeyboardInterrupt:
        print("interrupted; nothing was written.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output, say `head`, has seen enough
        sys.stderr.close()
        sys.exit(0)


def fail(sentence: str) -> None:
    """Say what is wrong and leave."""
    print(f"latentclr: {sentence}", file=sys.stderr)
    sys.exit(BAD_INPUT)
