"""latentclr generators: what there is to work with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.table import Table

from latentclr.checkpoints import ZOO, cache_folder, load_generator, pull
from latentclr.cli.console import out, say
from latentclr.cli.options import parse
from latentclr.errors import InputError


@dataclass(frozen=True)
class List:
    """The zoo: name, licence, whether it is here, what it is."""

    def run(self) -> None:
        """Print a line for each."""
        table = Table(box=None, pad_edge=False)
        for title in ("name", "licence", "here", "about"):
            table.add_column(title)
        for name, entry in sorted(ZOO.items()):
            table.add_row(name, entry.licence, "yes" if entry.is_here else "no", entry.about)
        out.print(table)
        say(f"kept in {cache_folder()}")


@dataclass(frozen=True)
class Pull:
    """Fetch generators, so that they are here when there is no network."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NAME ...")]
    """Of the zoo."""

    def run(self) -> None:
        """Print the path of each."""
        if unknown := [name for name in self.names if name not in ZOO]:
            raise InputError(f"there is no generator {unknown[0]!r} in the zoo: give {', '.join(ZOO)}.")
        for name in self.names:
            out.print(str(pull(ZOO[name], log=say)), markup=False)


@dataclass(frozen=True)
class Show:
    """Describe one generator: layers, slots, latent space, size."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """Of the zoo, or the path of a checkpoint file."""

    def run(self) -> None:
        """Print facts, then a table of layers."""
        generator = load_generator(self.name, log=say)
        facts = {
            "kind": type(generator).__name__,
            "picture": f"{generator.resolution} x {generator.resolution}",
            "latent space": f"{generator.space}, {generator.latent_dim} dimensions",
            "slots": generator.num_slots,
            "parameters": f"{sum(p.numel() for p in generator.parameters()):,}",
            "sha256 of weights": generator.fingerprint(),
        }
        if self.name in ZOO:
            entry = ZOO[self.name]
            facts |= {"about": entry.about, "licence": entry.licence, "source": entry.source.address}
        for name, value in facts.items():
            out.print(f"{name + ':':<20}{value}", markup=False)
        table = Table(box=None, pad_edge=False)
        for title in ("layer", "slot", "channels", "resolution", "also called"):
            table.add_column(title)
        for layer in generator.layers:
            row = (layer.name, layer.slot, layer.channels, layer.resolution, ", ".join(layer.aliases))
            table.add_row(*map(str, row))
        out.print()
        out.print(table)


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Pull, tyro.conf.subcommand("pull")]
    | Annotated[Show, tyro.conf.subcommand("show")]
)


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parse(
        Command,  # type: ignore[arg-type]
        arguments or ["--help"],
        prog="generators",
        about="List, fetch and describe pretrained generators.",
    ).run()
