"""latentclr generators: what there is to work with, and checkpoint files of all kinds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.table import Table

from latentclr.cli.console import out, say
from latentclr.cli.options import parse
from latentclr.errors import InputError, UnsafeFileError, did_you_mean

if TYPE_CHECKING:
    from latentclr.checkpoints import Checkpoint
    from latentclr.generators import Generator

UNSAFE, NOT_UNDERSTOOD = 1, 2
"""Exit codes of `inspect` for a file that is refused as unsafe, and for one that is not understood."""

File = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]


@dataclass(frozen=True)
class List:
    """The zoo and what was imported: name, picture, licence, whether it is here, what it is."""

    def run(self) -> None:
        """Print a line for each."""
        from latentclr.checkpoints import ZOO, cache_folder, imported_names

        table = Table(box=None, pad_edge=False)
        for title in ("name", "pixels", "here", "licence of the weights", "about"):
            table.add_column(title)
        for name, entry in ZOO.items():
            here = "yes" if entry.path.is_file() else "no"  # whole or not there
            table.add_row(name, str(entry.resolution), here, entry.licence, entry.about)
        for name in imported_names():
            table.add_row(name, "", "yes", "", "imported by you")
        out.print(table)
        say(f"kept in {cache_folder()}")


@dataclass(frozen=True)
class Pull:
    """Fetch generators, so that they are here when there is no network."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NAME ...")]
    """Of the zoo."""

    def run(self) -> None:
        """Print the path of each."""
        from latentclr.checkpoints import ZOO, pull

        if unknown := [name for name in self.names if name not in ZOO]:
            hint = did_you_mean(unknown[0], ZOO)
            raise InputError(
                f"there is no generator {unknown[0]!r} in the zoo{hint}: see `latentclr generators list`."
            )
        for name in self.names:
            out.print(str(pull(ZOO[name], log=say)), markup=False)


@dataclass(frozen=True)
class Show:
    """Describe one generator: layers, slots, latent space, size."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """Of the zoo or an import, or the path of a checkpoint file."""

    def run(self) -> None:
        """Print facts, then a table of layers."""
        from latentclr.checkpoints import ZOO, load_generator

        generator = load_generator(self.name, log=say)
        facts = dict(described(generator))
        if self.name in ZOO:
            entry = ZOO[self.name]
            facts |= {"about": entry.about, "licence": entry.licence, "source": entry.source.address}
        tell(facts)
        out.print()
        out.print(layers_table(generator))


@dataclass(frozen=True)
class Inspect:
    """Say what a file is; nothing in it is run. Exit code 0: it loads; 1: unsafe; 2: not understood."""

    file: File
    """Of any kind."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON instead of text."""

    def run(self) -> None:
        """Print the facts; exits with 1 or 2 and one sentence where it does not load."""
        from latentclr.checkpoints import read_checkpoint

        try:
            found = read_checkpoint(self.file)
        except InputError as error:
            code = UNSAFE if isinstance(error, UnsafeFileError) else NOT_UNDERSTOOD
            verdict = "unsafe" if code == UNSAFE else "not understood"
            if self.as_json:
                print(json.dumps({"file": str(self.file), "verdict": verdict, "reason": str(error)}))
            else:
                print(f"latentclr: {verdict}: {error}", file=sys.stderr)
            sys.exit(code)
        if self.as_json:
            print(json.dumps(self.facts(found), indent=2))
            return
        tell(
            {
                "verdict": "loads",
                "container": found.container,
                "layout": found.layout,
                **dict(described(found.generator)),
                "ignored": f"{len(found.ignored)} tensors" + _examples(found.ignored),
                **{f"note: {name}": value for name, value in found.notes.items()},
            }
        )
        out.print()
        out.print(layers_table(found.generator))

    def facts(self, found: Checkpoint) -> dict[str, Any]:
        """What --json prints."""
        generator = found.generator
        return {
            "file": str(self.file),
            "verdict": "loads",
            "container": found.container,
            "layout": found.layout,
            "architecture": type(generator).__name__,
            "settings": generator.settings(),
            "resolution": generator.resolution,
            "space": generator.space,
            "z_dim": generator.z_dim,
            "latent_dim": generator.latent_dim,
            "slots": generator.num_slots,
            "classes": generator.num_classes,
            "sha256": generator.fingerprint(),
            "layers": [
                {
                    "name": layer.name,
                    "slot": layer.slot,
                    "channels": layer.channels,
                    "resolution": layer.resolution,
                    "aliases": list(layer.aliases),
                }
                for layer in generator.layers
            ],
            "ignored": list(found.ignored),
            "notes": dict(found.notes),
        }


@dataclass(frozen=True)
class Import:
    """Turn a checkpoint file into one of ours: safetensors, half a second to load, nothing in it can run."""

    file: File
    """Of any known kind."""
    out: Path
    """The .safetensors file to write."""
    name: str | None = None
    """Name to use it by from now on, as in --generator NAME."""
    height: int | None = None
    """Rows of the picture that hold content, in its middle (384 for LSUN cars at 512 x 512); none: all."""

    def run(self) -> None:
        """Write the file, print its path."""
        from latentclr.checkpoints import cropped, give_name, read_checkpoint, save_generator

        if self.out.suffix != ".safetensors":
            raise InputError(f"--out {self.out}: give a name that ends in .safetensors.")
        if not self.out.parent.is_dir():
            raise InputError(f"--out {self.out}: there is no folder {self.out.parent}.")
        found = read_checkpoint(self.file)
        generator = found.generator if self.height is None else cropped(found.generator, self.height)
        source = {"file": self.file.name, "container": found.container, "layout": found.layout, **found.notes}
        save_generator(generator, self.out, source=source)
        if self.name is not None:
            give_name(self.name, self.out)
            say(f"use it by its name: --generator {self.name}")
        out.print(str(self.out), markup=False)


def described(generator: Generator) -> Iterator[tuple[str, str]]:
    """Facts about a generator, for people."""
    picture = generator.settings().get("resolution", generator.resolution)
    yield "kind", type(generator).__name__
    yield "picture", f"{generator.resolution} x {picture}"
    yield "latent space", f"{generator.space}, {generator.latent_dim} dimensions"
    if generator.z_dim != generator.latent_dim:
        yield "sampled from", f"z, {generator.z_dim} dimensions"
    yield "slots", str(generator.num_slots)
    if generator.num_classes:
        named = f", named ({generator.class_names[0]} ...)" if generator.class_names else ""
        yield "classes", f"{generator.num_classes}{named}"
    yield "parameters", f"{sum(p.numel() for p in generator.parameters()):,}"
    yield "sha256 of weights", generator.fingerprint()


def layers_table(generator: Generator) -> Table:
    """A line for each layer."""
    table = Table(box=None, pad_edge=False)
    for title in ("layer", "slot", "channels", "resolution", "also called"):
        table.add_column(title)
    for layer in generator.layers:
        row = (layer.name, layer.slot, layer.channels, layer.resolution, ", ".join(layer.aliases))
        table.add_row(*map(str, row))
    return table


def tell(facts: dict[str, str]) -> None:
    """Print a line for each fact."""
    width = max(map(len, facts)) + 2
    for name, value in facts.items():
        out.print(f"{name + ':':<{width}}{value}", markup=False)


def _examples(names: Sequence[str]) -> str:
    return f" ({', '.join(names[:2])}{', ...' if len(names) > 2 else ''})" if names else ""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Pull, tyro.conf.subcommand("pull")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Inspect, tyro.conf.subcommand("inspect")]
    | Annotated[Import, tyro.conf.subcommand("import")]
)


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parse(
        Command,  # type: ignore[arg-type]
        arguments or ["--help"],
        prog="generators",
        about="List, fetch, inspect, import and describe pretrained generators.",
    ).run()
