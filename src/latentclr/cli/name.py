"""latentclr name RUN DIRECTION NAME: give a direction a name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from latentclr.cli.console import out, say
from latentclr.cli.options import Run, parse, which
from latentclr.errors import InputError


@dataclass(frozen=True)
class Name:
    """Options of the command."""

    run: Run
    """A run folder, or a directions file."""
    direction: Annotated[str, tyro.conf.Positional]
    """Its number, or the name that it has."""
    name: Annotated[str, tyro.conf.Positional]
    """The new one; an empty name takes the name away."""

    def write(self) -> None:
        """Change the artefact, print the direction's new label."""
        from latentclr.directions import Directions
        from latentclr.directions.change import change
        from latentclr.runs.discovery import directions_file

        path = directions_file(self.run)
        chosen = which(Directions.load(path), self.direction)
        if len(chosen) != 1:
            raise InputError(f"{self.direction!r} is more than one direction; a name belongs to one.")
        renamed = change(path, lambda directions: directions.rename({chosen[0]: self.name}))
        out.print(renamed.label(chosen[0]), markup=False)
        say(f"`latentclr sheet {self.run}` draws the sheet with its names anew.")


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parse(Name, arguments, prog="name", about="Give a direction of a run a name.").write()
