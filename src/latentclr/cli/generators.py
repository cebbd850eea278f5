"""latentclr generators: the zoo, and checkpoint files of all kinds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from latentclr.cli.console import out, say, table
from latentclr.cli.parsing import parse
from latentclr.errors import InputError, UnsafeFileError, did_you_mean

if TYPE_CHECKING:
    from latentclr.checkpoints import Checkpoint
    from latentclr.generators import Generator

UNSAFE, NOT_UNDERSTOOD = 1, 2
"""Exit codes of `inspect` for an unsafe file, and for one of an unknown kind."""

File = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]


@dataclass(frozen=True)
class List:
    """List the zoo and your imports: name, resolution, whether it is here, licence, description."""

    def run(self) -> None:
        """Print a line for each generator."""
        from latentclr.checkpoints import ZOO, cache_folder, imported_names

        shown = table("name", "pixels", "here", "licence of the weights", "about")
        for name, entry in ZOO.items():
            here = "yes" if entry.path.is_file() else "no"  # whole or not there
            shown.add_row(name, str(entry.resolution), here, entry.licence, entry.about)
        for name in imported_names():
            shown.add_row(name, "", "yes", "", "imported by you")
        out.print(shown)
        say(f"kept in {cache_folder()}")


@dataclass(frozen=True)
class Pull:
    """Fetch generators of the zoo, for use without a network."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NAME ...")]
    """Names of generators of the zoo."""

    def run(self) -> None:
        """Fetch each generator, and print its path."""
        from latentclr.checkpoints import ZOO, pull

        if unknown := [name for name in self.names if name not in ZOO]:
            hint = did_you_mean(unknown[0], ZOO)
            raise InputError(
                f"there is no generator {unknown[0]!r} in the zoo{hint}: see `latentclr generators list`."
            )
        for name in self.names:
            out.print(str(pull(ZOO[name], log=say)))


@dataclass(frozen=True)
class Show:
    """Describe a generator: layers, slots, latent space, size."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """Name of a generator of the zoo or of an import, or the path of a checkpoint file."""

    def run(self) -> None:
        """Print facts about the generator, and a table of its layers."""
        from latentclr.checkpoints import ZOO, load_generator

        generator = load_generator(self.name, log=say)
        facts = dict(_described(generator))
        if self.name in ZOO:
            entry = ZOO[self.name]
            facts |= {"about": entry.about, "licence": entry.licence, "source": entry.source.address}
        _print_description(facts, generator)


@dataclass(frozen=True)
class Inspect:
    """Describe a checkpoint file; nothing in it is run. Exit code 0: it loads; 1: unsafe; 2: unknown kind."""

    file: File
    """File of any kind."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON instead of text."""

    def run(self) -> None:
        """Print the facts. If the file does not load, end the program with 1 or 2 and the reason."""
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
            print(json.dumps(self._facts(found), indent=2))
            return
        facts = {
            "verdict": "loads",
            "container": found.container,
            "layout": found.layout,
            **dict(_described(found.generator)),
            "ignored": f"{len(found.ignored)} tensors{_examples(found.ignored)}",
            **{f"note: {name}": value for name, value in found.notes.items()},
        }
        _print_description(facts, found.generator)

    def _facts(self, found: Checkpoint) -> dict[str, Any]:
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
    """Convert a checkpoint file to safetensors, which loads in half a second and in which no code can run."""

    file: File
    """File of a known kind."""
    out: Path
    """The .safetensors file to write."""
    name: str | None = None
    """Name by which commands can use it, as in --generator NAME."""
    height: int | None = None
    """Rows in the middle of the picture that have content: 384 for LSUN cars at 512 x 512 (default: all)."""

    def run(self) -> None:
        """Write the file, and print its path."""
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
        out.print(str(self.out))


def _described(generator: Generator) -> Iterator[tuple[str, str]]:
    """Names and values of facts about a generator, as text."""
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


def _print_description(facts: Mapping[str, str], generator: Generator) -> None:
    width = max(map(len, facts)) + 2
    for name, value in facts.items():
        out.print(f"{name + ':':<{width}}{value}")
    layers = table("layer", "slot", "channels", "resolution", "also called")
    for layer in generator.layers:
        row = (layer.name, layer.slot, layer.channels, layer.resolution, ", ".join(layer.aliases))
        layers.add_row(*map(str, row))
    out.print()
    out.print(layers)


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
    """Run the command; its first argument is one of the subcommands above."""
    about = "List, fetch, inspect, import and describe pretrained generators."
    parse(Command, arguments or ["--help"], prog="generators", about=about).run()  # type: ignore[arg-type]
