"""latentclr name RUN DIRECTION NAME: give a direction a name."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from latentclr.cli.console import out, say
from latentclr.cli.options import Run, find_directions
from latentclr.errors import InputError


@dataclass(frozen=True)
class Command:
    """Give a direction of a run a name."""

    path: Run
    """A run folder, or a directions file."""
    direction: Annotated[str, tyro.conf.Positional]
    """Number or current name of the direction."""
    name: Annotated[str, tyro.conf.Positional]
    """The new name; an empty one removes the name."""

    def run(self) -> None:
        """Change the directions file, and print the direction's new label."""
        from latentclr.directions import Directions, change
        from latentclr.runs.discovery import directions_file

        path = directions_file(self.path)
        chosen = find_directions(Directions.load(path), self.direction)
        if len(chosen) != 1:
            raise InputError(f"{self.direction!r} is more than one direction; name one at a time.")
        renamed = change(path, lambda directions: directions.rename({chosen[0]: self.name}))
        out.print(renamed.label(chosen[0]))
        say(f"`latentclr sheet {self.path}` draws the contact sheet again, with the new name.")
