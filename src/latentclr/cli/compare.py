"""latentclr compare RUN RUN ...: what methods found, beside each other at equal strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import tyro
from rich.table import Table

from latentclr.cli.console import out, say
from latentclr.cli.options import parse
from latentclr.cli.runs import OfRuns
from latentclr.errors import InputError
from latentclr.evaluate.settings import LONGEST, MeasureName
from latentclr.ranges import numbers

if TYPE_CHECKING:
    from latentclr.generators import Generator
    from latentclr.report.comparison import Comparison

SAMPLES = {True: 16, False: 4}
"""Pictures that are edited to measure, where they are cheap to draw and where they are not."""
SAMPLE_SEED = 2021
"""Of these pictures: the same for every comparison."""
TILE = (72, 96)
"""Least and largest size of a picture on the sheets."""


@dataclass(frozen=True)
class Compare(OfRuns):
    """Options of the command."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN RUN ...")]
    """Two or more run folders (or directions files) of one generator; the first is the reference."""
    out: Path
    """Folder for the comparison: pictures, heat maps, tables and comparison.json."""
    seeds: str = "0,1,2"
    """Pictures to edit on the sheets."""
    strength: float | None = None
    """Change to which every direction is brought (root mean square; of pictures: white is 1, black -1);
    none: the median over all directions of what edits of length 3 change."""
    measure: MeasureName = "picture"
    """What the change is of: the picture, or the features of --layer."""
    layer: str | None = None
    """Layer of --measure features."""
    rows: int = 8
    """Directions of the first run to draw, beside those of the others that match them."""
    samples: int | None = None
    """Pictures that are edited to measure; none: 16, or 4 of a generator above 128 pixels."""
    longest: float = LONGEST
    """Longest edit to try, as a length in latent space: a direction that needs a longer one is too weak."""
    overwrite: bool = False
    """Replace the comparison that is in the folder."""

    def run(self) -> None:
        """Compare, write the folder, print the table."""
        import torch

        from latentclr.discover.ordering import SMALL
        from latentclr.files import write_bytes, write_json
        from latentclr.report.comparison import Entry, as_csv, as_markdown, compare, record, table
        from latentclr.runs.discovery import run_seconds
        from latentclr.runs.folders import COMPARISON

        seeds = tuple(numbers(self.seeds, int, "--seeds"))
        self._check()
        opened, generator = self.open(self.runs)
        if self.layer is not None:
            generator.layer(self.layer)
        generator.from_seeds(seeds)  # refused now rather than after the work
        entries = [Entry(run.name, run.directions, run.slots, run_seconds(run.path)) for run in opened]
        samples = self.samples or SAMPLES[generator.resolution <= 2 * SMALL]
        latents = generator.sample(samples, rng=torch.Generator().manual_seed(SAMPLE_SEED))
        with COMPARISON.new(self.out, overwrite=self.overwrite) as folder:
            total = sum(run.directions.k for run in opened)
            say(f"matching the strengths of {total} directions on {samples} pictures, both ways")
            comparison = compare(
                entries,
                generator,
                latents,
                layer=self.layer,
                strength=self.strength,
                longest=self.longest,
            )
            facts = record(comparison, self._settings(generator, seeds, samples))
            write_json(folder / COMPARISON.mark, facts)
            write_bytes(folder / "table.csv", as_csv(table(comparison)).encode())
            write_bytes(folder / "table.md", as_markdown(table(comparison)).encode())
            say("drawing")
            _draw(comparison, generator, seeds, self.rows, folder)
        self._tell(comparison, facts)

    def _check(self) -> None:
        from latentclr.runs.folders import COMPARISON

        if len(self.runs) < 2:
            raise InputError(f"compare needs at least two runs, not {len(self.runs)}: give their folders.")
        for name, value in (("rows", self.rows), ("samples", self.samples)):
            if value is not None and value < 1:
                raise InputError(f"--{name} {value} must be at least 1.")
        for name, number in (("strength", self.strength), ("longest", self.longest)):
            if number is not None and not 0 < number < float("inf"):
                raise InputError(f"--{name} {number:g} must be above 0 and finite.")
        if self.measure not in get_args(MeasureName) or (self.measure == "features") != bool(self.layer):
            raise InputError(
                f"--measure {self.measure} with --layer {self.layer}: give `--measure features --layer NAME` "
                "for a layer's features, and neither for the picture."
            )
        COMPARISON.check_place(self.out, overwrite=self.overwrite)

    def _settings(self, generator: Generator, seeds: Sequence[int], samples: int) -> dict[str, Any]:
        return {
            "runs": [str(run) for run in self.runs],
            "seeds": list(seeds),
            "slots": "each run's own" if self.slots is None else numbers(self.slots, int, "--slots"),
            "measure": self.measure,
            "layer": self.layer,
            "strength": self.strength,
            "longest": self.longest,
            "samples": samples,
            "truncation": generator.truncation,
            "class": None if generator.label is None else generator.label_number,
        }

    def _tell(self, comparison: Comparison, facts: dict[str, Any]) -> None:
        from latentclr.report.comparison import ALONE, table

        for note in facts["notes"]:
            say(f"note: {note}")
        what = "picture" if self.layer is None else f"features of {self.layer}"
        say(f"every edit changes the {what} by {facts['settings']['target']:.4g} (root mean square)")
        say(
            "seen in: mean |cos| between changes of the picture, of the best one-to-one pairs (any pair: of "
            "all pairs; two runs of `random` say what chance gives); vectors in: the same of the directions "
            f"themselves; found alone: directions whose best match in any other run is below {ALONE:g}"
        )
        shown = Table(box=None, pad_edge=False)
        shown.add_column("")
        by_run = table(comparison)
        for name in by_run:
            shown.add_column(name, justify="right", overflow="fold")
        for fact in next(iter(by_run.values())):
            shown.add_row(fact, *(about[fact] for about in by_run.values()))
        out.print(shown, markup=False)
        out.print(f"\nside by side: {self.out / 'side-by-side.png'}", markup=False)


def _draw(
    comparison: Comparison, generator: Generator, seeds: tuple[int, ...], rows: int, folder: Path
) -> None:
    from latentclr.images import save_picture
    from latentclr.report.side_by_side import Shown, heat_map

    least, largest = TILE
    tile = min(max(generator.resolution, least), largest)
    shown = Shown(comparison, generator, seeds, tile)
    wanted = range(min(rows, comparison.entries[0].directions.k))
    blocks = shown.blocks(wanted)
    save_picture(shown.side_by_side(blocks), folder / "side-by-side.png")
    for i, row in enumerate(wanted):
        save_picture(shown.match(row, blocks, i), folder / "matches" / f"{row:02}.png")
    alone = shown.alone(rows)
    if alone is not None:
        save_picture(alone, folder / "alone.png")
    for (a, b), overlap in comparison.overlaps.items():
        names = comparison.entries[a].name, comparison.entries[b].name
        for kind in ("visible", "latent"):
            picture = heat_map(overlap, names, latent=kind == "latent")
            save_picture(picture, folder / "overlaps" / f"{kind}-{a + 1}-{b + 1}.png")


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    about = (
        "Show what methods found beside each other: every direction at the alpha where it changes the "
        "picture as much as the others, the directions that match, and what each method found alone."
    )
    parse(Compare, arguments, prog="compare", about=about).run()
